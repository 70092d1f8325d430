// The page /test/jwt-refresh: every button, and what became of the session at the server.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { api, get } from '../harness/api.ts'
import { startBrowser } from '../harness/browser.ts'
import { metric } from '../harness/realtime.ts'
import { Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { shots, TestPage } from '../harness/test_page.ts'
import { claimsOf } from '../harness/token.ts'
import { until } from '../harness/until.ts'

describe('/test/jwt-refresh', () => {
  const suite = new Suite()
  let server: Server
  let browser: Browser
  before(async () => {
    mkdirSync(shots, { recursive: true })
    server = await startServer(suite, { config: { pages: { enabled: true }, limits: { rate_strict: 0, rate_liberal: 0 }, session: { grace: '1s' } } })
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  const open = (t: Scope, options = {}) => TestPage.open(t, browser, server, 'jwt-refresh', options)
  const sessions = async (user: string): Promise<{ id: string }[]> => (await api(server, 'sessions', { user })).body.result.sessions
  const ids = async (user: string) => (await sessions(user)).map(({ id }) => id)
  /** The reasons by which the user's sessions ended, as the audit has them. */
  const audited = async (user: string): Promise<string> => JSON.stringify((await api(server, 'audit', { user })).body.result.rows)

  async function signedIn(t: Scope, options = {}): Promise<TestPage> {
    const at = await open(t, options)
    await at.good('sign-in')
    return at
  }

  /** Renews until the session has moved to this generation, which within the grace it does not. */
  async function renewTo(at: TestPage, generation: number): Promise<void> {
    await until(`generation ${generation}`, async () => {
      await at.good('renew-http')
      return (await at.text('token-refresh')) === `generation ${generation}`
    })
  }

  test('renewal by HTTP and over the socket: the session moves on, the old access token stays good', async (t) => {
    const at = await signedIn(t)
    const [first, renewals] = [await at.kept(), await metric(server, 'renewals_total')]
    assert.deepEqual((await at.good('renew-http')).calls, ['POST /api/v2/auth/refresh 200'])
    assert.equal(await metric(server, 'renewals_total'), renewals + 1)
    await renewTo(at, 2)
    assert.equal(claimsOf((await at.kept()).token).gen, 2)
    assert.equal((await get(server, '/api/v2/auth/check', first.token)).status, 200)
    assert.match((await at.good('renew-http')).text, /generation stays 2/)

    const socket = await at.good('renew-socket')
    assert.match(socket.text, /generation (stays 2|2 → 3)[\s\S]*the connection was prolonged by \d+ s/)
    assert.deepEqual(socket.calls.filter((line) => line.includes('refresh')), [], 'no renewal by HTTP')
    assert.equal((await get(server, '/api/v2/auth/check', (await at.kept()).token)).status, 200)
    assert.match(await at.text('pairs'), /renewed over the socket/)
    await at.assertSound(server)
  })

  test('two renewals at once: one refresh token, one generation, two good access tokens', async (t) => {
    const at = await signedIn(t)
    const renewals = await metric(server, 'renewals_total')
    assert.match((await at.good('renew-twice')).text, /one refresh token, generation \d; 2 of 2 access tokens are taken/)
    assert.equal(await metric(server, 'renewals_total'), renewals + 2)
    assert.match((await at.good('run-all')).text, /all 3 steps went well/)
    assert.equal((await sessions(await at.user())).length, 1)
    await at.assertSound(server)
  })

  test('an old refresh token within the grace answers alike; one two generations old ends the session as a copy', async (t) => {
    const at = await signedIn(t)
    const user = await at.user()
    assert.match((await at.bad('repeat-last')).text, /renew first/)
    await renewTo(at, 2)
    assert.match((await at.good('repeat-last')).text, /generation 1 gives 2/)
    assert.equal((await sessions(user)).length, 1)
    await renewTo(at, 3)
    assert.match((await at.bad('repeat-first')).text, /generation 1: refresh_reuse/)
    assert.deepEqual(await sessions(user), [])
    assert.match(await audited(user), /refresh_reuse/)
    assert.match((await at.bad('renew-http')).text, /refresh_reuse/)
    await at.assertSound(server)
  })

  test('expiry simulated: a forgotten token and a call that renews; a clock an hour ahead', async (t) => {
    const at = await signedIn(t)
    assert.deepEqual((await at.good('forget-access')).calls, [])
    assert.equal(await at.text('token-state'), 'forgotten')
    const called = await at.good('call')
    assert.deepEqual(called.calls, ['GET /api/v2/auth/check 401', 'POST /api/v2/auth/refresh 200', 'GET /api/v2/auth/check 200'])
    assert.match(called.text, /401 token_missing, renewed, 200 for/)
    assert.equal(await at.text('token-state'), 'good')

    const late = await at.say('warn', 'late-clock')
    assert.match(late.text, /by this clock the token is over since \d+ min.*, but the server takes it for (29|30) min/)
    assert.match(late.text, /its clock is (1 h|59 min 59 s) ahead/)
    assert.deepEqual(late.calls, ['GET /api/v2/auth/check 200'])
    assert.equal(await at.text('token-state'), 'good', 'the page goes by the server’s clock')
    await at.good('right-clock')
    assert.match((await at.say('warn', 'wait-expiry')).text, /from now[\s\S]*access_ttl/)
    assert.equal((await sessions(await at.user())).length, 1)
    await at.assertSound(server)
  })

  test('a session that an operator ends: the call says so and does not renew for ever', async (t) => {
    const at = await signedIn(t)
    await api(server, 'session_end', { session: await at.session() })
    const { text, calls } = await at.bad('call')
    assert.match(text, /ended_by_operator/)
    assert.deepEqual(calls, ['GET /api/v2/auth/check 401', 'POST /api/v2/auth/refresh 401'])
    await at.assertSound(server)
  })

  test('sessions: a second one, the list, each with its end; here, elsewhere, everywhere', async (t) => {
    const at = await signedIn(t)
    const [user, own] = [await at.user(), await at.session()]
    const others = async (count: number) => {
      for (let i = 0; i < count; i++) await at.good('another')
      assert.equal(await at.session(), own, 'the tab stays in its session')
      return (await ids(user)).filter((id) => id !== own)
    }
    const [one] = await others(1)
    assert.match((await at.good('list-sessions')).text, /2 sessions/)
    await at.page.locator(`button[data-session="${one}"]`).click()
    await at.at('session-said').getByText('has ended').waitFor()
    assert.deepEqual(await ids(user), [own])

    await others(2)
    assert.match((await at.good('logout-others')).text, /2 ended/)
    assert.deepEqual(await ids(user), [own])
    await at.shoot('jwt-refresh-light')
    assert.deepEqual((await at.good('logout')).calls, ['POST /api/v2/auth/logout 200'])
    assert.deepEqual(await ids(user), [])
    assert.match((await at.bad('list-sessions')).text, /signed_out/)

    await at.good('sign-in')
    const again = await at.user()
    assert.equal(again, user)
    await at.good('another')
    assert.equal((await ids(user)).length, 2)
    assert.match((await at.good('logout-all')).text, /2 ended/)
    assert.deepEqual(await ids(user), [])
    await at.assertSound(server)
  })

  test('each step of signing in, a pasted refresh token, the log: as on the other pages', async (t) => {
    const at = await open(t)
    for (const name of ['make-key', 'get-challenge', 'sign-text', 'send-proof']) await at.good(name)
    const { refreshToken } = await at.kept()
    await at.good('forget')
    assert.match((await at.bad('renew-http')).text, /sign in first/)
    await at.at('paste-token').fill(refreshToken)
    await at.good('use-token')
    assert.equal((await sessions(await at.user())).length, 1)
    await at.at('paste-initdata').fill('user=x')
    assert.match((await at.bad('use-initdata')).text, /signin_disabled/)
    await at.click('log-copy')
    await at.click('log-clear')
    assert.equal(await at.text('log'), '')
    await at.assertSound(server)
  })

  test('every button has been pressed; on a phone, in the dark, nothing is cut off', async (t) => {
    const at = await signedIn(t, { viewport: { width: 360, height: 740 }, colorScheme: 'dark', deviceScaleFactor: 2 })
    await at.assertEveryButtonPressed()
    await at.good('run-all')
    await at.good('list-sessions')
    await at.assertNothingCutOff()
    await at.shoot('jwt-refresh-phone-dark')
    await at.assertSound(server)
  })

  test('a token of ten seconds: the page counts it down, sees it refused, and renews', async (t) => {
    const short = await startServer(t, { config: { pages: { enabled: true }, token: { access_ttl: '10s' } } })
    const at = await TestPage.open(t, browser, short, 'jwt-refresh')
    await at.good('sign-in')
    assert.match(await at.text('token-left'), /^\d+ s$/)
    const said = await at.good('wait-expiry')
    assert.match(said.text, /it expired: token_expired/)
    assert.deepEqual(said.calls, ['GET /api/v2/auth/check 401'])
    assert.equal(await at.text('token-state'), 'expired')
    assert.match(await at.text('token-left'), /over since/)
    assert.match((await at.good('call')).text, /401 token_expired, renewed, 200/)
    assert.equal(await metric(short, 'renewals_total'), 1)
    await at.assertSound(short)
  })
})
