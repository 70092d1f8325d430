// Signing in with Telegram: initData signed by Telegram's library for Mini Apps, Login Widgets, reloads and replays.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, bearer, call, get, post, type Reply } from '../harness/api.ts'
import { Suite } from '../harness/scope.ts'
import { launch, startServer, type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig, telegramSignIn, widget } from '../harness/telegram.ts'
import { claimsOf } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'
import type { Code } from '../../sdk/gatecast/src/codes.ts'

const [first, second, foreign] = [bot(7_000_000_001), bot(7_000_000_002), bot(7_000_000_003)]
const kMinute = 60_000
const ago = (ms: number) => new Date(Date.now() - ms)

describe('sign-in with Telegram', () => {
  let server: Server
  const suite = new Suite()
  before(async () => {
    server = await startServer(suite, {
      config: { ...telegramConfig([first, second]), http: { trusted_proxies: ['127.0.0.1'] }, token: { claims: 'unifarm' } },
    })
  })
  after(() => suite.close())

  const send = (body: unknown, from = '198.51.100.7', route = '/api/v2/auth/telegram') =>
    call(server.origin + route, 'POST', body, { 'X-Forwarded-For': from })
  async function good(body: unknown, from?: string): Promise<Reply['body']> {
    const reply = await send(body, from)
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    return reply.body
  }

  test('initData makes an account, and later its session', async () => {
    const ada = person()
    const body = await good({ initData: initData(first, ada) })
    assert.equal(body.created, true)
    assert.equal(body.user.telegram_id, ada.id)
    assert.equal(body.user.username, ada.username)
    assert.equal(body.user.first_name, 'Ada')
    assert.equal(body.user.nickname, ada.username)
    assert.equal(body.user.wallet, undefined)
    assert.match(body.user.ref_code, /^\w{8}$/)
    const { userId, telegram_id, username, first_name, ref_code } = claimsOf(body.token)
    assert.deepEqual([userId, telegram_id, username, first_name, ref_code],
      [body.user.id, ada.id, ada.username, 'Ada', body.user.ref_code])
    const again = await good({ initData: initData(second, ada) })
    assert.equal(again.user.id, body.user.id, 'the other bot knows the same person')
    assert.equal(again.created, false)
    const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: again.refreshToken })
    assert.deepEqual(renewed.body.user, again.user)
    assert.equal(claimsOf(renewed.body.token).telegram_id, ada.id)
    const session = await get(server, '/api/v2/auth/session', again.token)
    assert.equal(session.body.session.how, 'telegram')
    const [identity] = session.body.identities
    assert.equal(identity.telegram_id, ada.id)
    assert.equal(identity.current, true)
  })

  test('register/telegram registers, or signs in who is known', async () => {
    const ada = person()
    const made = await send({ initData: initData(first, ada) }, undefined, '/api/v2/auth/register/telegram')
    assert.equal(made.status, 200, JSON.stringify(made.body))
    assert.equal(made.body.created, true)
    const again = await send({ initData: initData(first, ada) }, undefined, '/api/v2/auth/register/telegram')
    assert.equal(again.body.created, false)
    assert.equal(again.body.user.id, made.body.user.id)
  })

  test("two calls at once, as React's strict mode makes them, get one session", async () => {
    const data = initData(first, person())
    const bodies = await Promise.all(Array.from({ length: 6 }, () => good({ initData: data })))
    for (const name of ['refreshToken', 'session', 'user']) {
      for (const body of bodies) assert.deepEqual(body[name], bodies[0][name])
    }
    assert.equal(bodies.filter((body) => body.created).length, 1)
    const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: bodies[0].refreshToken })
    assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
    const list = await get(server, '/api/v2/auth/sessions', renewed.body.token)
    assert.equal(list.body.sessions.length, 1)
  })

  test('a reload is recognised by its network, a replay from another refused', async () => {
    const four = initData(first, person())
    const made = await good({ initData: four }, '198.51.100.7')
    assert.equal((await good({ initData: four }, '198.51.100.250')).session.id, made.session.id)
    assertRefused(await send({ initData: four }, '198.51.101.7'), 'initdata_replayed')
    assertRefused(await send({ initData: four }, '2001:db8::1'), 'initdata_replayed')
    const six = initData(first, person())
    const other = await good({ initData: six }, '2001:db8:1:2:3:4:5:6')
    assert.equal((await good({ initData: six }, '2001:db8:1:2:ffff::1')).session.id, other.session.id)
    assertRefused(await send({ initData: six }, '2001:db8:1:3::1'), 'initdata_replayed')
    // Another spelling of the same data is the same data.
    const spelled = [...new URLSearchParams(six)].reverse().map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join('&')
    assert.notEqual(spelled, six)
    assertRefused(await send({ initData: spelled }, '2001:db8:1:3::1'), 'initdata_replayed')
    assert.equal((await call(`${server.origin}/api/v2/auth/logout`, 'POST', undefined, bearer(made.token))).status, 200)
    assertRefused(await send({ initData: four }, '198.51.100.7'), 'initdata_replayed')
  })

  const ada = person()
  const hostile: [string, Code, () => unknown][] = [
    ['nothing', 'initdata_missing', () => ({})],
    ['a Telegram id alone', 'initdata_missing', () => ({ telegram_id: ada.id, username: 'ada' })],
    ['initData that is no text', 'field_invalid', () => ({ initData: { user: ada } })],
    ['text that is no initData', 'initdata_malformed', () => ({ initData: 'hello' })],
    ["another bot's signature", 'initdata_signature', () => ({ initData: initData(foreign, ada) })],
    ['a changed user', 'initdata_signature', () => ({ initData: initData(first, ada).replace('Ada', 'Eve') })],
    ['a field added', 'initdata_signature', () => ({ initData: initData(first, ada) + '&start_param=ref_x' })],
    ['a field twice', 'initdata_malformed', () => ({ initData: initData(first, ada) + '&auth_date=1' })],
    ['a hash in capitals', 'initdata_malformed', () => ({ initData: initData(first, ada).replace(/hash=.*/, (h) => h.toUpperCase().replace('HASH', 'hash')) })],
    ['data too old', 'initdata_expired', () => ({ initData: initData(first, ada, {}, ago(16 * kMinute)) })],
    ['data from the future', 'initdata_from_future', () => ({ initData: initData(first, ada, {}, ago(-2 * kMinute)) })],
    ['data without a user', 'initdata_no_user', () => ({ initData: initData(first, undefined as never) })],
    ['a user without an id', 'initdata_malformed', () => ({ initData: initData(first, { first_name: 'Ada' } as never) })],
    ['a user with a negative id', 'initdata_malformed', () => ({ initData: initData(first, { ...ada, id: -5 }) })],
    ['the wrong one of two bots named', 'initdata_signature', () => ({ initData: initData(first, ada), bot_id: second.id })],
    ['a bot that is not here', 'bot_unknown', () => ({ initData: initData(first, ada), bot_id: foreign.id })],
    ['both kinds of data', 'field_invalid', () => ({ initData: initData(first, ada), widget: widget(first, ada) })],
    ['a widget with a changed field', 'widget_signature', () => ({ widget: { ...widget(first, ada), first_name: 'Eve' } })],
    ["a widget of another's bot", 'widget_signature', () => ({ widget: widget(foreign, ada) })],
    ['an old widget', 'widget_expired', () => ({ widget: widget(first, ada, ago(16 * kMinute)) })],
    ['a widget of the future', 'widget_from_future', () => ({ widget: widget(first, ada, ago(-2 * kMinute)) })],
    ['a widget without a hash', 'widget_malformed', () => ({ widget: { id: ada.id, auth_date: 1 } })],
    ['a widget that is a text', 'widget_malformed', () => ({ widget: 'id=1' })],
    ['a widget with an object in it', 'widget_malformed', () => ({ widget: { ...widget(first, ada), id: { a: 1 } } })],
    ["a Mini App's data as a widget's", 'widget_signature', () => ({ widget: Object.fromEntries(new URLSearchParams(initData(first, ada))) })],
  ]
  for (const [what, code, body] of hostile) {
    test(`${what}: ${code}`, async () => assertRefused(await send(body()), code))
  }

  test('after all of that nobody was made', async () => {
    assert.equal((await good({ initData: initData(first, ada) })).created, true)
  })

  test('a Login Widget signs in the same person', async () => {
    const grace = person()
    const made = await good({ widget: widget(first, grace) })
    assert.equal(made.user.telegram_id, grace.id)
    assert.equal((await good({ initData: initData(first, grace) })).user.id, made.user.id)
    const session = await get(server, '/api/v2/auth/session', made.token)
    assert.equal(session.body.session.how, 'telegram_widget')
  })

  test("who referred whom: the signed start parameter, then the client's word, once", async () => {
    const [signed, word] = [await good({ initData: initData(first, person()) }), await good({ initData: initData(first, person()) })]
    const join = async (start_param: string | undefined, ref_code: string | undefined) =>
      (await good({ initData: initData(first, person(), start_param ? { start_param } : {}), ref_code })).referred
    assert.equal(await join(undefined, undefined), false)
    assert.equal(await join(`ref_${signed.user.ref_code}`, undefined), true)
    assert.equal(await join(signed.user.ref_code, 'unknown'), true)
    assert.equal(await join('another_link', word.user.ref_code), true)
    assert.equal(await join('another_link', 'unknown'), false)
    assert.equal(await join('ref_'.repeat(100), 'x'.repeat(5000)), false)
    const late = person()
    assert.equal((await good({ initData: initData(first, late) })).referred, false)
    assert.equal((await good({ initData: initData(first, late), ref_code: word.user.ref_code })).referred, false)
  })

  test('neither token nor initData of anyone stands in the log', () => {
    assert.doesNotMatch(server.output, new RegExp(first.token))
    assert.doesNotMatch(server.output, /auth_date=|hash=[0-9a-f]{64}/)
  })
})

test('where it is not enabled it is refused by name', async (t) => {
  const server = await startServer(t)
  assertRefused(await telegramSignIn(server, { initData: initData(first, person()) }), 'signin_disabled')
  assert((await signIn(server)).token)
})

test('registration without proof is for development alone', async (t) => {
  const config = telegramConfig([first], { direct_registration: true })
  const refused = await launch(t, { config })
  assert.notEqual((await refused.ended()).code, 0)
  assert.match(refused.output, /signin\.telegram\.direct_registration: is allowed only with --dev/)

  const server = await startServer(t, { args: ['--dev'], config })
  await until('the warning', () => /anyone may sign in as any Telegram user/.test(server.output))
  const ada = person()
  const body = { telegram_id: ada.id, username: ada.username, first_name: ada.first_name }
  assertRefused(await telegramSignIn(server, body), 'initdata_missing')
  const made = await telegramSignIn(server, body, '/api/v2/auth/register/telegram')
  assert.equal(made.status, 200, JSON.stringify(made.body))
  assert.equal(made.body.user.telegram_id, ada.id)
  const session = await get(server, '/api/v2/auth/session', made.body.token)
  assert.equal(session.body.session.how, 'direct')
  for (const telegram_id of [0, -1, 1.5, '7', 2 ** 53]) {
    assertRefused(await telegramSignIn(server, { telegram_id }, '/api/v2/auth/register/telegram'), 'field_invalid')
  }
})

const badBots: [string, RegExp, object][] = [
  ['a token in quotes', /bot\[0\]\.token/, { id: first.id, token: `"${first.token}"` }],
  ['a token with a blank', /bot\[0\]\.token/, { id: first.id, token: `${first.token} ` }],
  ["another bot's token", /begins with 7000000001:/, { id: first.id, token: second.token }],
  ['an empty token', /bot\[0\]\.token: is empty/, { id: first.id, token: '' }],
  ['no id', /bot\[0\]\.id/, { token: first.token }],
]
for (const [what, told, table] of badBots) {
  test(`${what} refuses the start, and is not printed`, async (t) => {
    const server = await launch(t, { config: { signin: { telegram: { enabled: true, bot: [table] } } } as never })
    assert.notEqual((await server.ended()).code, 0)
    assert.match(server.output, told)
    assert.doesNotMatch(server.output, /AAH5YkoiEuPk8/)
  })
}
