// The demo page in a real browser, from a key to the close code of an ended session.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { giveLedger, startBrowser } from '../harness/browser.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { Wallet } from '../harness/wallet.ts'
import { buildFolder, startServer, type Server } from '../harness/server.ts'

const run = promisify(execFile)
const shots = path.join(buildFolder, 'screenshots')

describe('the demo page', () => {
  const suite = new Suite()
  let server: Server
  let browser: Browser
  before(async () => {
    mkdirSync(shots, { recursive: true })
    server = await startServer(suite, { config: { pages: { enabled: true } } })
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  /** The page in a fresh profile, with everything noted that must not happen. */
  async function open(t: Scope, options: BrowserContextOptions = {}, prepare?: (page: Page) => Promise<void>) {
    const context = await browser.newContext(options)
    context.setDefaultTimeout(15_000)
    onEnd(t, () => context.close())
    const page = await context.newPage()
    await prepare?.(page)
    const complaints: string[] = []
    const hosts = new Set<string>()
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => hosts.add(new URL(request.url()).host))
    page.on('websocket', (socket) => hosts.add(new URL(socket.url()).host))
    const response = await page.goto(`http://${server.domain}/demo`)
    assert.equal(response?.status(), 200)
    return { page, complaints, hosts, headers: response.headers() }
  }

  const text = (page: Page, id: string) => page.getByTestId(id).innerText()

  async function connect(page: Page): Promise<void> {
    await page.getByTestId('make-key').click()
    await page.getByTestId('sign-in').click()
    await page.locator('[data-testid=verdict-signin][data-verdict=good]').waitFor()
    await page.getByTestId('connect').click()
    await page.locator('[data-testid=verdict-connect][data-verdict=good]').waitFor()
  }

  test('sign in, connect, receive what curl publishes, log out, see the close code', async (t) => {
    const { page, complaints, hosts } = await open(t)
    await connect(page)
    assert.match(await text(page, 'challenge'), new RegExp(`^${server.domain} wants you to sign in with your Solana account:`))
    assert.match(await text(page, 'address'), /^[1-9A-HJ-NP-Za-km-z]{32,44}$/)
    assert.equal(await text(page, 'state'), 'connected')
    assert.match(await text(page, 'client'), /^[0-9a-f-]{36}$/)
    assert.equal(await text(page, 'personal'), `#${await text(page, 'user')}`)

    await page.getByTestId('api-address').fill(server.ops)
    const command = await text(page, 'curl')
    assert.match(command, /\$KEY/)
    const { stdout } = await run('bash', ['-c', `${command} -sS`], { env: { ...process.env, KEY: server.apiKey } })
    assert.equal(JSON.parse(stdout).result.offset, 1)
    await page.getByTestId('messages').getByText('hello from a terminal').waitFor()
    await page.screenshot({ path: path.join(shots, 'demo-message.png'), fullPage: true })

    await page.getByTestId('logout').click()
    await page.getByTestId('close-code').getByText('4501').waitFor()
    assert.equal(await text(page, 'close-reason'), 'signed out')
    assert.equal(await text(page, 'state'), 'disconnected')
    assert.match(await text(page, 'verdict-connect'), /signed_out/)
    await page.screenshot({ path: path.join(shots, 'demo-logout.png'), fullPage: true })
    assert.deepEqual(complaints, [])
    assert.deepEqual([...hosts], [server.domain])
  })

  test('a channel in two tabs: what one publishes the other shows; a refusal names its code', async (t) => {
    const [one, two] = [await open(t), await open(t)]
    for (const { page } of [one, two]) {
      await connect(page)
      await page.getByTestId('subscribe').click()
      await page.getByText('Subscribed to chat:lobby.').waitFor()
    }
    await one.page.getByTestId('text').fill('between tabs')
    await one.page.getByTestId('publish').click()
    for (const { page } of [one, two]) await page.getByTestId('messages').getByText('between tabs').waitFor()

    await one.page.getByTestId('channel').fill('nowhere:x')
    await one.page.getByTestId('subscribe').click()
    await one.page.locator('[data-testid=verdict-messages][data-verdict=bad]').waitFor()
    assert.match(await text(one.page, 'verdict-messages'), /unknown_channel[\s\S]*namespace/)
    assert.deepEqual([...one.complaints, ...two.complaints], [])
  })

  test('an installed wallet signs, also one that wraps the text before it signs', async (t) => {
    const wallet = new Wallet()
    const { page, complaints } = await open(t, {}, async (fresh) => {
      await giveLedger(fresh, wallet)
    })
    await page.getByRole('button', { name: 'Test Wallet' }).click()
    await page.getByTestId('sign-in').click()
    await page.locator('[data-testid=verdict-signin][data-verdict=good]').waitFor()
    assert.equal(await text(page, 'address'), wallet.address)
    assert.deepEqual(complaints, [])
  })

  test('on a phone, in the dark: nothing is cut off', async (t) => {
    const { page } = await open(t, { viewport: { width: 360, height: 740 }, colorScheme: 'dark', deviceScaleFactor: 2 })
    await connect(page)
    const { wide, dark } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      dark: getComputedStyle(document.body).backgroundColor,
    }))
    assert.equal(wide, 0, 'the page scrolls sideways')
    assert.notEqual(dark, 'rgb(246, 247, 245)')
    await page.screenshot({ path: path.join(shots, 'demo-phone-dark.png'), fullPage: true })
  })

  test('the page may load and call nothing but its own origin, and is in no frame', async (t) => {
    const { page, headers, hosts } = await open(t)
    const policy = headers['content-security-policy'] ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /script-src 'self'(;|$)/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(await page.locator('[style], script:not([src]), style').count(), 0)
    assert.deepEqual([...hosts], [server.domain])
  })

  test('an asset is kept by the browser for ever, the page is asked for again', async (t) => {
    const { page, headers } = await open(t)
    const script = await page.locator('script[src]').getAttribute('src')
    const asset = await fetch(new URL(script ?? '', `${server.origin}/demo`))
    assert.equal(asset.status, 200)
    assert.match(asset.headers.get('cache-control') ?? '', /immutable/)
    assert.match(headers['cache-control'] ?? '', /no-cache/)
    const again = await fetch(`${server.origin}/demo`, { headers: { 'If-None-Match': headers['etag'] ?? '' } })
    assert.equal(again.status, 304)
  })
})
