// examples/telegram-mini-app in Chromium: opened as Telegram opens it, with initData that Telegram's library signed.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { api } from '../harness/api.ts'
import { startBrowser } from '../harness/browser.ts'
import { buildMiniApp, kAppLink, serveMiniApp, startWorker } from '../harness/mini_app.ts'
import { metric } from '../harness/realtime.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { remember } from '../harness/secrets.ts'
import { startServer, type Server } from '../harness/server.ts'
import { bot, initData, person, type Person } from '../harness/telegram.ts'
import { shots } from '../harness/test_page.ts'
import { until } from '../harness/until.ts'

const profile = path.resolve(import.meta.dirname, '../../deploy/profiles/unifarm.toml')
const ours = bot(7_200_000_001)
const apiKey = randomBytes(32).toString('base64url')
const kHourMs = 3_600_000
const kSilentMs = 40_000

/** A server of the profile that Mini Apps take, and the app in front of it. */
async function start(scope: Scope, dist: string, more: object = {}): Promise<{ server: Server; origin: string }> {
  remember('API key', apiKey)
  remember('bot token', ours.token)
  const server = await startServer(scope, {
    bare: true,
    config: {
      include: [profile],
      http: { trusted_proxies: ['127.0.0.1'] },
      api: { key: [{ name: 'worker', secret: apiKey, scopes: ['all'] }] },
      session: { jitter: 0, key: [{ secret: randomBytes(32).toString('hex') }] },
      limits: { rate_strict: 0 },
      ...more,
    },
    env: { JWT_SECRET: randomBytes(36).toString('base64'), TELEGRAM_BOT_TOKEN: ours.token },
  })
  return { server, origin: await serveMiniApp(scope, dist, server) }
}

/** The address that Telegram opens: the app's, and behind the # what it says about the user and itself. */
function launched(origin: string, data: string): string {
  remember('initData', data)
  const parameters = new URLSearchParams({ tgWebAppData: data, tgWebAppVersion: '8.0', tgWebAppPlatform: 'ios', tgWebAppThemeParams: '{}' })
  return `${origin}/#${parameters}`
}

describe('the Mini App', () => {
  const suite = new Suite()
  let dist: string
  let server: Server
  let origin: string
  let browser: Browser
  before(async () => {
    mkdirSync(shots, { recursive: true })
    dist = buildMiniApp(suite)
    ;({ server, origin } = await start(suite, dist))
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  /** Somebody's telephone. */
  async function phone(t: Scope): Promise<BrowserContext> {
    const context = await browser.newContext({ viewport: { width: 390, height: 780 }, deviceScaleFactor: 2 })
    context.setDefaultTimeout(20_000)
    onEnd(t, () => context.close())
    return context
  }

  interface Opened {
    page: Page
    calls: string[]
  }

  async function open(context: BrowserContext, address: string, state = 'open'): Promise<Opened> {
    const page = await context.newPage()
    const calls: string[] = []
    page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (pathname.startsWith('/api/v2/')) calls.push(`${request.method()} ${pathname}`)
    })
    page.on('pageerror', (error) => assert.fail(String(error)))
    await page.goto(address)
    await page.locator(`#app[data-state=${state}]`).waitFor()
    return { page, calls }
  }

  const idOf = async (page: Page) => (await page.getByTestId('app').getAttribute('data-user')) ?? ''
  const sessions = async (user: string, of = server): Promise<{ id: string; how: string }[]> =>
    (await api(of, 'sessions', { user }, apiKey)).body.result.sessions
  const userOf = async (user: string) => (await api(server, 'user_get', { user }, apiKey)).body.result.user
  const live = (page: Page) => page.getByTestId('live').getByText(/^live/).waitFor()
  const data = (who: Person, more: object = {}) => initData(ours, who, more)

  test('opened in Telegram: signed in by what Telegram signed, connected, with a link of one’s own', async (t) => {
    const ada = person()
    const { page, calls } = await open(await phone(t), launched(origin, data(ada)))
    assert.deepEqual(calls, ['POST /api/v2/auth/telegram'])
    assert.equal(await page.getByTestId('greeting').innerText(), 'Hello, Ada.')
    await live(page)
    const user = await idOf(page)
    assert.deepEqual((await sessions(user)).map(({ how }) => how), ['telegram'])
    assert.equal((await api(server, 'connections', { user }, apiKey)).body.result.total, 1)
    const { ref_code } = await userOf(user)
    assert.equal(await page.getByTestId('link').inputValue(), `${kAppLink}?startapp=ref_${ref_code}`)
    await page.getByTestId('copy').click()
    await page.getByTestId('copy').getByText('Copied').waitFor()
    await page.screenshot({ path: path.join(shots, 'telegram-mini-app.png') })
  })

  test('a reload is no replay: nobody signs in again, and where the storage was lost it is the same session', async (t) => {
    const { page, calls } = await open(await phone(t), launched(origin, data(person())))
    const user = await idOf(page)
    const [{ id } = { id: '' }] = await sessions(user)
    await page.reload()
    await page.locator('#app[data-state=open]').waitFor()
    assert.deepEqual(calls, ['POST /api/v2/auth/telegram'], 'the kept session does')
    await page.evaluate(() => localStorage.clear())
    await page.reload()
    await page.locator('#app[data-state=open]').waitFor()
    assert.equal(calls.filter((line) => line.endsWith('/telegram')).length, 2)
    assert.deepEqual((await sessions(user)).map((one) => one.id), [id], 'the same initData is the same session')
  })

  test('another account of the same telephone gets its own session, not the stored one', async (t) => {
    const context = await phone(t)
    const first = await open(context, launched(origin, data(person())))
    const ada = await idOf(first.page)
    await first.page.close()
    const second = await open(context, launched(origin, data(person())))
    assert.notEqual(await idOf(second.page), ada)
    assert.equal((await sessions(await idOf(second.page))).length, 1)
  })

  test('a token of ten seconds is renewed in silence; the connection stays', async (t) => {
    const short = await start(t, dist, { token: { access_ttl: '10s' } })
    const { page } = await open(await phone(t), launched(short.origin, data(person())))
    await live(page)
    const user = await idOf(page)
    const connections = async () => (await api(short.server, 'connections', { user }, apiKey)).body.result.connections.map((one: { client: string }) => one.client)
    const before = await connections()
    await page.getByTestId('live').getByText(/renewed [12]×/).waitFor({ timeout: kSilentMs })
    assert((await metric(short.server, 'renewals_total')) >= 1)
    assert.equal(await page.getByTestId('app').getAttribute('data-state'), 'open')
    assert.deepEqual(await connections(), before)
    assert.equal((await sessions(user, short.server)).length, 1)
  })

  test('a friend comes by the link: counted once, seen at once, whatever comes after', async (t) => {
    startWorker(t, server, apiKey)
    const ada = await open(await phone(t), launched(origin, data(person())))
    await live(ada.page)
    assert.equal(await ada.page.getByTestId('count').innerText(), '0')
    const code = (await ada.page.getByTestId('link').inputValue()).split('startapp=')[1]!
    const grace = await open(await phone(t), launched(origin, data(person())))
    const other = (await grace.page.getByTestId('link').inputValue()).split('startapp=')[1]!

    const [bob, telephone] = [person(), await phone(t)]
    const first = await open(telephone, launched(origin, data(bob, { start_param: code })))
    const invited = await idOf(first.page)
    await ada.page.getByTestId('count').getByText(/^1$/).waitFor()
    assert.equal((await userOf(invited)).referrer, await idOf(ada.page))

    // Opened again by the link, and by another's: the account is there already.
    await telephone.clearCookies()
    await first.page.evaluate(() => localStorage.clear())
    await first.page.close()
    for (const param of [code, other]) {
      const again = await open(telephone, launched(origin, data(bob, { start_param: param })))
      assert.equal(await idOf(again.page), invited)
      await again.page.evaluate(() => localStorage.clear())
      await again.page.close()
    }
    // One more friend shows that the worker has been past all of that.
    await open(await phone(t), launched(origin, data(person(), { start_param: code })))
    await ada.page.getByTestId('count').getByText(/^2$/).waitFor()
    assert.equal((await userOf(invited)).referrer, await idOf(ada.page))
    await ada.page.reload()
    await ada.page.getByTestId('count').getByText(/^2$/).waitFor()
    assert.equal(await grace.page.getByTestId('count').innerText(), '0')
  })

  test('not Telegram’s: another bot’s data, old data, none; each says what to do', async (t) => {
    const context = await phone(t)
    const forged = await open(context, launched(origin, initData(bot(7_200_000_002), person())), 'failed')
    assert.equal(await forged.page.getByTestId('app').getAttribute('data-code'), 'initdata_signature')
    const old = await open(context, launched(origin, initData(ours, person(), {}, new Date(Date.now() - kHourMs))), 'failed')
    assert.match(await old.page.getByTestId('greeting').innerText(), /open it again in Telegram/)
    const plain = await open(context, `${origin}/`, 'failed')
    assert.deepEqual(plain.calls, [])
    assert.match(await plain.page.getByTestId('greeting').innerText(), /Open this app in Telegram/)
  })

  test('signed out: the session ends at the server; ended by an operator: the open app says so', async (t) => {
    const one = await open(await phone(t), launched(origin, data(person())))
    await live(one.page)
    const user = await idOf(one.page)
    await one.page.getByTestId('leave').click()
    await one.page.locator('#app[data-state=out]').waitFor()
    assert.match(await one.page.getByTestId('greeting').innerText(), /^Signed out/)
    await until('the session to end at the server', async () => (await sessions(user)).length === 0)

    const two = await open(await phone(t), launched(origin, data(person())))
    await live(two.page)
    const [{ id } = { id: '' }] = await sessions(await idOf(two.page))
    await api(server, 'session_end', { session: id }, apiKey)
    await two.page.locator('#app[data-state=out]').waitFor()
    assert.match(await two.page.getByTestId('greeting').innerText(), /Your session has ended/)
  })
})
