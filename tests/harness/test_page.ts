// A test page of the server in Chromium: buttons pressed by their names, their verdicts, the calls they made.
import assert from 'node:assert/strict'
import path from 'node:path'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { onEnd, type Scope } from './scope.ts'
import { leaksIn, remember } from './secrets.ts'
import { buildFolder, type Server } from './server.ts'
import { claimsOf } from './token.ts'
import { until } from './until.ts'

export const shots = path.join(buildFolder, 'screenshots')

/** What Chromium itself writes for answers that refuse; the pages show those answers. */
const kRefusalLine = /^Failed to load resource: the server responded with a status of 4\d\d/
const kVerdictMs = 40_000

export interface Pressed {
  kind: 'good' | 'warn' | 'bad'
  text: string
  /** "POST /api/v2/auth/refresh 200", in the order of the answers. */
  calls: string[]
}

interface Options extends BrowserContextOptions {
  /** Minutes that the device's clock is ahead. */
  clockAhead?: number
  /** http.base_path of the server. */
  base?: string
  prepare?: (page: Page) => Promise<void>
}

/** Buttons pressed so far, by page. */
const pressed = new Map<string, Set<string>>()

export class TestPage {
  readonly page: Page
  readonly complaints: string[] = []
  readonly hosts = new Set<string>()
  policy = ''
  readonly #name: string
  #calls: string[] = []

  private constructor(page: Page, name: string) {
    this.page = page
    this.#name = name
  }

  static async open(scope: Scope, browser: Browser, server: Server, name: string, options: Options = {}): Promise<TestPage> {
    const { clockAhead, base = '', prepare, ...rest } = options
    const context = await browser.newContext(rest)
    context.setDefaultTimeout(15_000)
    onEnd(scope, () => context.close())
    const opened = new TestPage(await context.newPage(), name)
    const { page, complaints, hosts } = opened
    if (clockAhead !== undefined) {
      await page.addInitScript((ms) => {
        const now = Date.now.bind(Date)
        Date.now = () => now() + ms
      }, clockAhead * 60_000)
    }
    await prepare?.(page)
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type()) || kRefusalLine.test(message.text())) return
      complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => hosts.add(new URL(request.url()).host))
    page.on('websocket', (socket) => hosts.add(new URL(socket.url()).host))
    page.on('response', (response) => {
      const { pathname } = new URL(response.url())
      opened.#calls.push(`${response.request().method()} ${pathname} ${response.status()}`)
    })
    const response = await page.goto(`http://${server.domain}${base}/test/${name}`)
    assert.equal(response?.status(), 200)
    opened.policy = response.headers()['content-security-policy'] ?? ''
    await opened.unfold()
    return opened
  }

  at(id: string): Locator {
    return this.page.getByTestId(id)
  }
  text(id: string): Promise<string> {
    return this.at(id).innerText()
  }

  /** Presses a button and waits for its verdict. */
  async press(name: string): Promise<Pressed> {
    this.#calls = []
    await this.at(name).click()
    const all = pressed.get(this.#name) ?? new Set()
    pressed.set(this.#name, all.add(name))
    const line = this.at(`verdict-${name}`)
    const kind = await until(`the verdict of ${name}`, async () => {
      const shown = await line.getAttribute('data-verdict')
      return shown === 'busy' ? undefined : shown
    }, kVerdictMs)
    await this.#noteTokens()
    return { kind: kind as Pressed['kind'], text: await line.innerText(), calls: [...this.#calls] }
  }

  /** Presses, and the verdict is of this kind. */
  async say(kind: Pressed['kind'], name: string): Promise<Pressed> {
    const said = await this.press(name)
    assert.equal(said.kind, kind, `${name}: ${said.text}`)
    return said
  }
  good(name: string): Promise<Pressed> {
    return this.say('good', name)
  }
  bad(name: string): Promise<Pressed> {
    return this.say('bad', name)
  }

  /** A button without a verdict of its own. */
  async click(name: string): Promise<void> {
    await this.at(name).click()
    pressed.set(this.#name, (pressed.get(this.#name) ?? new Set()).add(name))
  }

  async kept(): Promise<{ token: string; refreshToken: string }> {
    const text = await this.page.evaluate(() => sessionStorage.getItem('gatecast.test-pages'))
    assert(text, 'the tab holds no tokens')
    return JSON.parse(text)
  }
  async user(): Promise<string> {
    return claimsOf((await this.kept()).token).sub
  }
  async session(): Promise<string> {
    return claimsOf((await this.kept()).token).sid
  }

  /** What is folded away can be pressed as well. */
  async unfold(): Promise<void> {
    await this.page.locator('details').evaluateAll((all) => all.forEach((one) => ((one as HTMLDetailsElement).open = true)))
  }

  /** Nothing in the console, no other host, no secret to be read on the page. */
  async assertSound(server: Server): Promise<void> {
    assert.deepEqual(this.complaints, [])
    assert.deepEqual([...this.hosts], [server.domain])
    assert.deepEqual(leaksIn(await this.page.locator('body').innerText()), [], 'the page shows a secret')
  }

  async assertNothingCutOff(): Promise<void> {
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.equal(wide, 0, 'the page scrolls sideways')
  }

  async shoot(name: string): Promise<void> {
    await this.page.locator('details').evaluateAll((all) => all.forEach((one) => ((one as HTMLDetailsElement).open = false)))
    await this.page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true })
    await this.unfold()
  }

  /** Every button there is has been pressed by some test of this page. */
  async assertEveryButtonPressed(): Promise<void> {
    const there = await this.page.locator('main button[id]').evaluateAll((all) => all.map((one) => one.id))
    assert(there.length > 10, String(there))
    assert.deepEqual(there.filter((name) => !pressed.get(this.#name)?.has(name)), [], 'buttons that no test has pressed')
  }

  async #noteTokens(): Promise<void> {
    const text = await this.page.evaluate(() => sessionStorage.getItem('gatecast.test-pages'))
    for (const value of Object.values(JSON.parse(text ?? '{}'))) remember('token of the page', value)
  }
}
