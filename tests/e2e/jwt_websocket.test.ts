// The page /test/jwt-websocket: every button, and what it did at the server.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { api } from '../harness/api.ts'
import { startBrowser } from '../harness/browser.ts'
import { publish } from '../harness/client.ts'
import { metric } from '../harness/realtime.ts'
import { Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { shots, TestPage } from '../harness/test_page.ts'
import { until } from '../harness/until.ts'

const kLobby = 'chat:lobby'

describe('/test/jwt-websocket', () => {
  const suite = new Suite()
  let server: Server
  let browser: Browser
  before(async () => {
    mkdirSync(shots, { recursive: true })
    server = await startServer(suite, {
      config: {
        pages: { enabled: true },
        limits: { rate_strict: 0 },
        realtime: { ping: '1s', pong: '500ms' },
        namespace: [
          {
            name: 'chat', allow_subscribe_for_client: true, allow_publish_for_subscriber: true, allow_history_for_subscriber: true,
            history_size: 100, history_ttl: '5m', force_recovery: true,
          },
          { name: 'bare', allow_subscribe_for_client: true, allow_publish_for_subscriber: true },
        ],
      },
    })
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  const open = (t: Scope, options = {}) => TestPage.open(t, browser, server, 'jwt-websocket', options)
  const listed = async (at: TestPage, more: object = {}): Promise<{ client: string }[]> =>
    (await api(server, 'connections', { user: await at.user(), ...more })).body.result.connections
  const connections = async (at: TestPage, more: object = {}) => (await listed(at, more)).map(({ client }) => client)
  const newest = async (channel = kLobby) => (await api(server, 'history', { channel, limit: 1, reverse: true })).body.result

  /** Signed in, and connected with the token in the message. */
  async function connected(t: Scope, options = {}): Promise<TestPage> {
    const at = await open(t, options)
    await at.good('sign-in')
    await at.good('open')
    await at.good('connect')
    return at
  }

  test('the socket, the connect command, a subscription, a publication that comes back: step by step', async (t) => {
    const at = await open(t)
    assert.match((await at.bad('connect')).text, /sign in first|open the socket first/)
    await at.good('sign-in')
    assert.match((await at.good('open')).text, /101 after \d+ ms/)
    assert.deepEqual(await connections(at), [], 'nobody has said who they are')
    assert.match((await at.bad('subscribe')).text, /connect first/)
    await at.good('connect')
    assert.deepEqual(await connections(at), [await at.text('client')])
    assert.match(await at.text('verdict-connect'), new RegExp(`The server subscribed it to #${await at.user()}`))
    await at.good('subscribe')
    assert.deepEqual(await connections(at, { channel: kLobby }), [await at.text('client')])
    await at.at('text').fill('by the page')
    await at.good('publish')
    assert.deepEqual((await newest()).publications[0].data, { text: 'by the page' })
    const { text } = await at.good('receive')
    assert.equal(Number(/Its offset is (\d+)/.exec(text)?.[1]), (await newest()).offset)
    assert.match((await at.good('ping')).text, /\d+\.\d ms there and back; the server says 2\d{3}-/)
    assert.match((await at.good('history')).text, /2 publications; newest offset 2/)
    await publish(server, kLobby, { text: 'by the back end' })
    await at.at('log').getByText('by the back end').waitFor()
    await at.good('disconnect')
    await until('the connection to be gone', async () => (await connections(at)).length === 0)
    assert.equal(await at.at('last-close').getAttribute('data-code'), '1000')
    await at.assertSound(server)
  })

  test('all steps at once; away and back: what was missed comes once and in order', async (t) => {
    const at = await open(t)
    await at.good('sign-in')
    assert.match((await at.good('run-all')).text, /all 6 steps went well/)
    const first = await at.text('client')
    assert.deepEqual(await connections(at), [first])
    const { offset } = await newest()
    await at.good('drop')
    await until('the connection to be gone', async () => (await connections(at)).length === 0)
    await at.good('publish-away')
    assert.equal((await newest()).offset, offset + 3)
    assert.match((await at.good('come-back')).text, /recovered: 3 missed/)
    assert.notEqual(await at.text('client'), first)
    assert.match((await at.good('run-recovery')).text, /all 3 steps went well/)
    assert.match(await at.text('verdict-come-back'), /recovered: 3 missed/, 'what came by recovery is not asked for again')
    assert.equal((await newest()).offset, offset + 6)
    await at.shoot('jwt-websocket-light')

    await at.good('drop')
    await api(server, 'history_remove', { channel: kLobby })
    await publish(server, kLobby, { text: 'after the history was removed' })
    await api(server, 'history_remove', { channel: kLobby })
    assert.match((await at.bad('come-back')).text, /not recovered/)
    await at.assertSound(server)
  })

  test('a channel without a history, one of no namespace: the verdict says which option is missing', async (t) => {
    const at = await connected(t)
    await at.at('channel').fill('bare:x')
    assert.match((await at.good('subscribe')).text, /keeps no history/)
    assert.match((await at.bad('drop')).text, /history_size, history_ttl/)
    assert.match((await at.bad('history')).text, /not_available/)
    await at.at('channel').fill('nowhere:x')
    assert.match((await at.bad('subscribe')).text, /unknown_channel[\s\S]*\[\[namespace\]\]/)
    await at.assertSound(server)
  })

  test('the token in the query, a ticket in the query, and the header that browsers cannot set', async (t) => {
    const at = await open(t)
    await at.good('sign-in')
    await at.good('connect-query')
    assert.deepEqual(await connections(at), [await at.text('client')])
    assert.deepEqual((await at.good('connect-ticket')).calls.slice(0, 1), ['POST /api/v2/auth/ticket 200'])
    await until('one connection', async () => (await connections(at)).join() === (await at.text('client')))
    const { text, calls } = await at.say('warn', 'connect-header')
    assert.match(text, /not possible in a browser[\s\S]*Authorization: Bearer \$TOKEN/)
    assert.deepEqual(calls, [])
    assert.doesNotMatch(await at.text('log'), /[?&]token=[^•]/, 'the log shows what was in the query')
    await at.assertSound(server)
  })

  test('pings are answered; left unanswered the server closes with 3012', async (t) => {
    const at = await connected(t)
    assert.match((await at.good('server-ping')).text, /a ping after \d\.\d s, answered/)
    assert.match((await at.good('stop-answering')).text, /closed with 3012, no pong/)
    await until('the connection to be gone', async () => (await connections(at)).length === 0)
    assert.match(await at.text('last-close'), /3012[\s\S]*no_pong[\s\S]*connect again by themselves/)
    await at.assertSound(server)
  })

  test('a damaged token is refused by name; nobody is connected', async (t) => {
    const at = await open(t)
    await at.good('sign-in')
    const failures = await metric(server, 'auth_failures_total', 'token_signature')
    assert.match((await at.bad('damaged')).text, /token_signature/)
    assert.equal(await metric(server, 'auth_failures_total', 'token_signature'), failures + 1)
    assert.deepEqual(await connections(at), [])
    await at.assertSound(server)
  })

  test('the session ends while connected: 4501, with cause and cure', async (t) => {
    const at = await connected(t)
    const user = await at.user()
    assert.match((await at.good('end-session')).text, /closed with 4501, signed out/)
    assert.deepEqual((await api(server, 'sessions', { user })).body.result.sessions, [])
    assert.match(await at.text('last-close'), /4501[\s\S]*signed_out[\s\S]*do not connect again by themselves/)
    assert.match(await at.text('close-codes'), /signed_out\s+HTTP 401, close 4501/)
    await at.assertSound(server)
  })

  test('each step of signing in, a pasted token, the log: as on the other pages', async (t) => {
    const at = await open(t)
    for (const name of ['make-key', 'get-challenge', 'sign-text', 'send-proof']) await at.good(name)
    const { token } = await at.kept()
    await at.good('forget')
    await at.at('paste-token').fill(token)
    await at.say('warn', 'use-token')
    await at.good('open')
    await at.good('connect')
    assert.equal((await connections(at)).length, 1)
    await at.at('paste-initdata').fill('user=x')
    assert.match((await at.bad('use-initdata')).text, /signin_disabled/)
    await at.click('log-copy')
    await at.click('log-clear')
    assert.equal(await at.text('log'), '')
    await at.assertSound(server)
  })

  test('below a base path the pages, their calls and their sockets find the server', async (t) => {
    const below = await startServer(t, { config: { pages: { enabled: true }, http: { base_path: '/gate' } } })
    const at = await TestPage.open(t, browser, below, 'jwt-websocket', { base: '/gate' })
    assert.deepEqual((await at.good('sign-in')).calls, ['POST /gate/api/v2/auth/wallet/challenge 200', 'POST /gate/api/v2/auth/wallet 200'])
    await at.good('run-all')
    assert.equal((await api(below, 'connections', { user: await at.user() })).body.result.total, 1)
    await at.page.getByRole('link', { name: 'Renewal' }).click()
    await at.page.locator('#token-state[data-state=good]').waitFor()
    assert.equal(new URL(at.page.url()).pathname, '/gate/test/jwt-refresh', 'the pages share the tab’s tokens')
    await at.assertSound(below)
  })

  test('every button has been pressed; on a phone, in the dark, nothing is cut off', async (t) => {
    const at = await connected(t, { viewport: { width: 360, height: 740 }, colorScheme: 'dark', deviceScaleFactor: 2 })
    await at.assertEveryButtonPressed()
    await at.good('end-session')
    await at.assertNothingCutOff()
    await at.shoot('jwt-websocket-phone-dark')
    await at.assertSound(server)
  })
})
