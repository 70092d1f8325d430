// Notifications over the wire: made by the server API, seen live in every tab, read in pages, changed in one tab and
// told to the others. Tabs are the official client's.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { api, assertRefused, bearer, call, type Reply } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { metric } from '../harness/realtime.ts'
import { Suite, type Scope } from '../harness/scope.ts'
import { remember } from '../harness/secrets.ts'
import { hasFailpoints, launch, startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn, Wallet, type Tokens } from '../harness/wallet.ts'

const kPath = '/api/user/notifications'

interface Notification {
  id: string
  kind: string
  data: unknown
  createdAt: string
  readAt: string | null
}
interface Told {
  type: string
  unread: number
  version?: number
  notification?: Notification
  ids?: string[]
  all?: boolean
  read?: boolean
}

/** Without the inbox's version, of which only the order says something. */
function plain<T extends { version?: number }>(said: T): Omit<T, 'version'> {
  const { version, ...rest } = said
  assert(version === undefined || (Number.isSafeInteger(version) && version >= 0), JSON.stringify(said))
  return rest
}

async function done(server: Server, method: string, params: object, headers: Record<string, string> = {}): Promise<any> {
  const reply = await call(`${server.ops}/api/${method}`, 'POST', params, { 'X-API-Key': server.apiKey, ...headers })
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  assert.equal(reply.body.error, undefined, `${method}: ${JSON.stringify(reply.body)}`)
  return plain(reply.body.result)
}

async function refused(server: Server, method: string, params: object, key?: string): Promise<string> {
  const reply = await api(server, method, params, key)
  return reply.body.error?.name ?? reply.body.code
}

const list = async (server: Server, token: string, query = '') => {
  const reply = await call(server.origin + kPath + query, 'GET', undefined, bearer(token))
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body as { notifications: Notification[]; unread: number; next: string | null; success: boolean; version: number }
}
const change = (server: Server, method: 'PATCH' | 'DELETE', token: string, body: unknown) =>
  call(server.origin + kPath, method, body, bearer(token))
const good = (reply: Reply) => (assert.equal(reply.status, 200, JSON.stringify(reply.body)), plain(reply.body))

const notify = (server: Server, user: string, data: unknown = {}, more: object = {}) =>
  done(server, 'notify', { user, kind: 'like', data, ...more })

/** A tab of the user, and what the server tells it of notifications. */
class Tab extends Client {
  get told(): Told[] {
    const messages = this.got.map(({ data }) => data?.gatecast as Told | undefined)
    return messages.filter((message): message is Told => message?.type.startsWith('notification.') ?? false)
  }
  async hears(count: number): Promise<Told[]> {
    await until(`${count} messages`, () => this.told.length >= count).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.told)}`)
    })
    assert.equal(this.told.length, count, JSON.stringify(this.told))
    const versions = this.told.map(({ version }) => version!)
    assert.deepEqual(versions, [...new Set(versions)].sort((a, b) => a - b), 'each is later than the one before')
    return this.told.map((told) => plain(told) as Told)
  }
}
const tab = async (scope: Scope, server: Server, token: string) => {
  const opened = new Tab(scope, server.websocket, { token })
  await opened.connect()
  return opened
}

describe('notifications', () => {
  const suite = new Suite()
  let server: Server
  before(async () => void (server = await startServer(suite)))
  after(() => suite.close())

  test('one that is made is pushed to every tab, as the list has it', async (t) => {
    const tokens = await signIn(server)
    const tabs = [await tab(t, server, tokens.token), await tab(t, server, tokens.token)]
    const stranger = await tab(t, server, (await signIn(server)).token)
    const data = { post: 42, text: 'line\nbreak', deep: [1, { a: null }] }
    assert.deepEqual(await notify(server, tokens.user.id, data), { notified: 1, repeated: 0, unknown: [] })
    const { notifications, unread, next, success, version } = await list(server, tokens.token)
    assert.deepEqual([unread, next, success], [1, null, true])
    const [one] = notifications
    assert.deepEqual([one!.kind, one!.data, one!.readAt], ['like', data, null])
    assert(Math.abs(Date.parse(one!.createdAt) - Date.now()) < 60_000)
    for (const opened of tabs) {
      assert.deepEqual(await opened.hears(1), [{ type: 'notification.added', notification: one, unread: 1 }])
      assert.equal(opened.told[0]!.version, version)
    }
    assert.deepEqual(stranger.told, [])
  })

  test('what is read or removed in one tab is told to the other with the count', async (t) => {
    const { token, user } = await signIn(server)
    const ids: string[] = []
    for (let i = 0; i < 4; i++) await notify(server, user.id, i)
    for (const { id } of (await list(server, token)).notifications) ids.push(id)
    const other = await tab(t, server, token)
    const before = other.told.length
    assert.deepEqual(good(await change(server, 'PATCH', token, { ids: [ids[1], 'no-such', ids[1]] })), { success: true, changed: 1, unread: 3 })
    assert.deepEqual(good(await change(server, 'PATCH', token, { ids: [ids[1]] })), { success: true, changed: 0, unread: 3 })
    assert.deepEqual(good(await change(server, 'DELETE', token, { read: true })), { success: true, removed: 1, unread: 3 })
    assert.deepEqual(good(await change(server, 'DELETE', token, { ids: [ids[0]] })), { success: true, removed: 1, unread: 2 })
    assert.deepEqual(good(await change(server, 'PATCH', token, { all: true })), { success: true, changed: 2, unread: 0 })
    assert.deepEqual(good(await change(server, 'PATCH', token, { ids: [] })), { success: true, changed: 0, unread: 0 })
    assert.deepEqual(good(await change(server, 'DELETE', token, { all: true })), { success: true, removed: 2, unread: 0 })
    const told = (await other.hears(before + 5)).slice(before)
    assert.deepEqual(told, [
      { type: 'notification.read', ids: [ids[1]], unread: 3 },
      { type: 'notification.removed', read: true, unread: 3 },
      { type: 'notification.removed', ids: [ids[0]], unread: 2 },
      { type: 'notification.read', all: true, unread: 0 },
      { type: 'notification.removed', all: true, unread: 0 },
    ])
    assert.deepEqual((await list(server, token)).notifications, [])
  })

  test("another's cannot be read, changed or removed", async () => {
    const ann = await signIn(server)
    const eve = await signIn(server)
    await notify(server, ann.user.id)
    const ids = (await list(server, ann.token)).notifications.map(({ id }) => id)
    assert.equal(good(await change(server, 'PATCH', eve.token, { ids })).changed, 0)
    assert.equal(good(await change(server, 'DELETE', eve.token, { ids })).removed, 0)
    assert.equal((await list(server, eve.token)).notifications.length, 0)
    assert.equal((await list(server, ann.token)).unread, 1)
  })

  test('pages are stable while new ones come and others go', async () => {
    const { token, user } = await signIn(server)
    for (let i = 0; i < 25; i++) await notify(server, user.id, i)
    const seen: unknown[] = []
    let next: string | null = null
    for (let page = 0; page === 0 || next; page++) {
      const got = await list(server, token, `?limit=4${next ? `&after=${next}` : ''}`)
      seen.push(...got.notifications.map(({ data }) => data))
      next = got.next
      await notify(server, user.id, 'new')
      // Of those seen, one goes; of those to come, none.
      await change(server, 'DELETE', token, { ids: [got.notifications.at(-1)!.id] })
    }
    assert.deepEqual(seen, Array.from({ length: 25 }, (_, i) => 24 - i))
    const { notifications } = await list(server, token, '?limit=3&unread=true')
    await change(server, 'PATCH', token, { ids: [notifications[1]!.id] })
    const unread = await list(server, token, '?limit=200&unread=true')
    assert(!unread.notifications.some(({ id }) => id === notifications[1]!.id))
    assert.equal(unread.notifications.length, unread.unread)
  })

  test('parameters and bodies that are not right are refused, and change nothing', async () => {
    const { token, user } = await signIn(server)
    await notify(server, user.id)
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1.5', 'after=0', 'after=-1', 'after=9e9', 'after=', 'unread=1', 'unread=TRUE',
      'cursor=1', 'limit=1&limit=2', 'after=99999999999999999999', 'limit=%zz', 'offset']) {
      assertRefused(await call(`${server.origin}${kPath}?${query}`, 'GET', undefined, bearer(token)), 'field_invalid')
    }
    for (const body of [{}, { ids: 'a' }, { ids: [1] }, { all: false }, { all: true, ids: [] }, { all: 1 }, { id: 'a' },
      { ids: Array.from({ length: 1001 }, (_, i) => `${i}-a`) }]) {
      for (const method of ['PATCH', 'DELETE'] as const) assertRefused(await change(server, method, token, body), 'field_invalid')
    }
    assertRefused(await change(server, 'PATCH', token, { read: true }), 'field_invalid')
    assertRefused(await change(server, 'PATCH', token, '[]'), 'bad_json')
    assertRefused(await change(server, 'DELETE', token, undefined), 'bad_json')
    assertRefused(await change(server, 'DELETE', token, { ids: ['x'.repeat(70_000)] }), 'body_too_large')
    assert.equal((await list(server, token)).unread, 1)
    for (const method of ['GET', 'PATCH', 'DELETE']) assertRefused(await call(server.origin + kPath, method, method === 'GET' ? undefined : { all: true }), 'token_missing')
  })

  test('a key counts once: no second notification, no second push, also when the first is gone', async (t) => {
    const { token, user } = await signIn(server)
    const opened = await tab(t, server, token)
    const order = { key: 'order-17' }
    assert.equal((await notify(server, user.id, 1, order)).notified, 1)
    assert.deepEqual(await notify(server, user.id, 1, order), { notified: 0, repeated: 1, unknown: [] })
    await change(server, 'DELETE', token, { all: true })
    assert.equal((await notify(server, user.id, 1, order)).repeated, 1)
    // The header's key gives the first answer again.
    const header = { 'Idempotency-Key': 'call-1' }
    const first = await done(server, 'notify', { user: user.id, kind: 'like', data: 2 }, header)
    assert.deepEqual(await done(server, 'notify', { user: user.id, kind: 'like', data: 2 }, header), first)
    const told = await opened.hears(3)
    assert.deepEqual(told.map(({ type }) => type), ['notification.added', 'notification.removed', 'notification.added'])
    assert.equal((await list(server, token)).notifications.length, 1)
  })

  test('the server API: what it refuses, and what support sees', async () => {
    const { user, token } = await signIn(server)
    const wish = { user: user.id, kind: 'like', data: {} }
    for (const wrong of [{ kind: '' }, { kind: 'a b' }, { kind: 7 }, { key: 'ä' }, { key: 'x'.repeat(129) }, { users: [user.id] }, { until: 1 }]) {
      assert.equal(await refused(server, 'notify', { ...wish, ...wrong }), 'field_invalid', JSON.stringify(wrong))
    }
    assert.equal(await refused(server, 'notify', { user: user.id, kind: 'like' }), 'field_missing')
    assert.equal(await refused(server, 'notify', { ...wish, data: 'x'.repeat(4095) }), 'body_too_large')
    assert.equal(await refused(server, 'notify', { kind: 'like', data: {} }), 'field_invalid')
    assert.equal(await refused(server, 'notify', { users: Array.from({ length: 10_001 }, (_, i) => `u${i}`), kind: 'like', data: {} }), 'field_invalid')
    assert.deepEqual(await done(server, 'notify', { users: ['nobody', user.id, user.id, 'a b'], kind: 'like', data: null }), {
      notified: 1,
      repeated: 0,
      unknown: ['nobody', 'a b'],
    })
    const seen = await done(server, 'notifications', { user: user.id, limit: 10 })
    assert.deepEqual([seen.notifications.length, seen.unread, seen.next], [1, 1, null])
    assert.equal(await refused(server, 'notifications', { user: user.id, limit: 0 }), 'field_invalid')
    const exported = await done(server, 'user_export', { user: user.id })
    assert.deepEqual(exported.notifications, seen.notifications)
    assert.deepEqual(await done(server, 'notification_remove', { user: user.id, ids: [seen.notifications[0].id] }), { removed: 1, unread: 0 })
    assert.equal((await list(server, token)).notifications.length, 0)
    assert.equal(await refused(server, 'notification_remove', { user: user.id }), 'field_invalid')
    await notify(server, user.id, {}, { key: 'k' })
    await done(server, 'user_delete', { user: user.id })
    assert.deepEqual(await done(server, 'notifications', { user: user.id }), { notifications: [], unread: 0, next: null })
  })

  test('a page of another origin may ask, and the wallet header is none of what it may send', async () => {
    const origin = `http://127.0.0.1:${server.port}`
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const preflight = await call(server.origin + kPath, 'OPTIONS', undefined, { Origin: origin, 'Access-Control-Request-Method': method })
      assert.equal(preflight.status, 204)
      assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization, content-type')
      assert.match(preflight.headers.get('access-control-allow-methods')!, new RegExp(method))
    }
  })
})

test('ten thousand users in one call: all have it, and a publisher waits little meanwhile', { timeout: 120_000 }, async (t) => {
  const server = await startServer(t, { config: { limits: { connection_commands: 0, user_commands: 0 } } })
  const users = Array.from({ length: 10_000 }, (_, i) => `u-${i}`)
  for (let from = 0; from < users.length; from += 1000) {
    const some = users.slice(from, from + 1000).map((id) => ({ id }))
    assert.equal((await done(server, 'user_upsert', { users: some })).created, 1000)
  }
  const token = async (user: string) => (await done(server, 'token_mint', { user })).token
  const last = await tab(t, server, await token(users.at(-1)!))
  const publisher = await tab(t, server, await token(users[0]!))
  const channel = publisher.subscription('chat:1')
  await channel.on()

  let ended = false
  const began = performance.now()
  const told = done(server, 'notify', { users, kind: 'news', data: { text: 'hello' }, key: 'n-1' }).finally(() => (ended = true))
  const waits: number[] = []
  while (!ended) {
    const sent = performance.now()
    await channel.subscription.publish({ n: waits.length })
    await channel.has(waits.length + 1)
    waits.push(performance.now() - sent)
  }
  assert.deepEqual(await told, { notified: 10_000, repeated: 0, unknown: [] })
  const took = performance.now() - began
  waits.sort((a, b) => a - b)
  const worst = waits.at(-1)!
  t.diagnostic(`10,000 notified in ${took.toFixed(0)} ms; ${waits.length} publications beside it, the slowest round ${worst.toFixed(1)} ms`)
  assert(waits.length >= 10, `only ${waits.length} publications came through in ${took} ms`)
  assert(worst < Math.max(1000, took / 4), `a publisher waited ${worst} ms of ${took}`)
  assert.equal((await last.hears(1))[0]!.unread, 1)
  assert.equal((await list(server, await token(users[5_000]!))).unread, 1)
  assert.equal(await metric(server, 'notifications_created_total'), 10_000)
  // Again, as a back end does that had no answer: nobody is told twice.
  assert.deepEqual(await done(server, 'notify', { users, kind: 'news', data: { text: 'hello' }, key: 'n-1' }), {
    notified: 0,
    repeated: 10_000,
    unknown: [],
  })
  assert.equal(await metric(server, 'notification_pushes_total'), 10_000)
  assert.equal(last.told.length, 1)
})

test('an inbox is bounded: the oldest go', async (t) => {
  const server = await startServer(t, { config: { limits: { notifications_user: 3 } } })
  const { token, user } = await signIn(server)
  for (let i = 0; i < 5; i++) await notify(server, user.id, i)
  const held = await list(server, token)
  assert.deepEqual(held.notifications.map(({ data }) => data), [4, 3, 2])
  assert.equal(held.unread, 3)
})

test("a trusted issuer's user has notifications without being one of ours", async (t) => {
  const secret = randomBytes(36).toString('base64url')
  remember('secret of the issuer', secret)
  const issuer = { name: 'app', issuer: 'https://app.example', audience: 'chat', secret }
  const server = await startServer(t, { config: { token: { trusted: [issuer] } } })
  const token = await new SignJWT({ sub: 'eve' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(issuer.issuer)
    .setAudience(issuer.audience)
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret))
  const opened = await tab(t, server, token)
  assert.deepEqual(await done(server, 'notify', { users: ['app:eve', 'other:eve', 'app:', 'eve'], kind: 'like', data: 1 }), {
    notified: 1,
    repeated: 0,
    unknown: ['other:eve', 'app:', 'eve'],
  })
  await opened.hears(1)
  const { notifications } = await list(server, token)
  assert.equal(notifications.length, 1)
  assert.equal(good(await change(server, 'DELETE', token, { ids: [notifications[0]!.id] })).removed, 1)
})

describe("a wallet's address instead of a token", () => {
  const suite = new Suite()
  let off: Server
  let on: Server
  before(async () => {
    off = await startServer(suite)
    on = await startServer(suite, { config: { compat: { unsigned_wallet: true } } })
  })
  after(() => suite.close())
  const asking = (server: Server, method: string, query: string, headers: Record<string, string>) =>
    call(server.origin + kPath + query, method, method === 'GET' ? undefined : { all: true }, headers)
  const ways = (wallet: string): [string, Record<string, string>][] => [
    ['', { 'x-user-wallet': wallet }],
    [`?wallet=${wallet}`, {}],
  ]
  const own = async (server: Server): Promise<{ wallet: Wallet; tokens: Tokens }> => {
    const wallet = new Wallet()
    const tokens = await signIn(server, wallet)
    await notify(server, tokens.user.id)
    return { wallet, tokens }
  }

  test('off, it is refused by name, and nothing is counted', async () => {
    const { wallet } = await own(off)
    for (const [query, headers] of ways(wallet.address)) {
      for (const method of ['GET', 'PATCH', 'DELETE']) assertRefused(await asking(off, method, query, headers), 'wallet_unproven')
    }
    assert.equal(await metric(off, 'unsigned_wallet_total'), 0)
    assert(!off.output.includes('unsigned_wallet'))
  })

  test('on, header and query name the caller; each use is counted and logged', async () => {
    const { wallet, tokens } = await own(on)
    const before = await metric(on, 'unsigned_wallet_total')
    for (const [query, headers] of ways(wallet.address)) {
      const seen = good(await asking(on, 'GET', query, headers))
      assert.deepEqual([seen.notifications.length, seen.unread], [1, 1])
    }
    assert.equal(good(await asking(on, 'PATCH', ...ways(wallet.address)[0]!)).changed, 1)
    assert.equal(good(await asking(on, 'DELETE', ...ways(wallet.address)[1]!)).removed, 1)
    assert.equal(await metric(on, 'unsigned_wallet_total'), before + 4)
    await on.says(/unsigned_wallet/)
    assert.equal((await list(on, tokens.token)).notifications.length, 0)
    assert.equal(await metric(on, 'unsigned_wallet_total'), before + 4, 'a token is no such use')
  })

  test('on, the header goes before the query', async () => {
    const [ann, bob] = [await own(on), await own(on)]
    await notify(on, bob.tokens.user.id)
    const seen = good(await asking(on, 'GET', `?wallet=${ann.wallet.address}`, { 'x-user-wallet': bob.wallet.address }))
    assert.equal(seen.unread, 2)
  })

  test('on, a bad bearer never becomes a wallet, and a good one goes before it', async () => {
    const [ann, bob] = [await own(on), await own(on)]
    const wallet = ann.wallet.address
    for (const Authorization of ['Bearer nonsense', 'Bearer ', 'Basic YTpi', `bearer ${ann.tokens.token}x`]) {
      for (const [query, headers] of ways(wallet)) {
        const reply = await asking(on, 'GET', query, { ...headers, Authorization })
        assert.equal(reply.status, 401, Authorization)
        assert.notEqual(reply.body.code, 'wallet_unproven')
      }
    }
    await change(on, 'PATCH', bob.tokens.token, { all: true })
    const seen = good(await asking(on, 'GET', `?wallet=${wallet}`, { 'x-user-wallet': wallet, ...bearer(bob.tokens.token) }))
    assert.equal(seen.unread, 0, "the bearer's, not the wallet's")
  })

  test('on, a wallet that nobody has is an empty inbox; what is no address is refused; a blocked user stays blocked', async () => {
    for (const [query, headers] of ways(new Wallet().address)) {
      assert.deepEqual(good(await asking(on, 'GET', query, headers)), { success: true, notifications: [], unread: 0, next: null })
      assert.deepEqual(good(await asking(on, 'PATCH', query, headers)), { success: true, changed: 0, unread: 0 })
    }
    for (const [query, headers] of ways('nonsense')) assertRefused(await asking(on, 'GET', query, headers), 'address_invalid')
    const { wallet, tokens } = await own(on)
    assertRefused(await asking(on, 'GET', `?wallet=${wallet.address}&wallet=${wallet.address}`, {}), 'field_invalid')
    await done(on, 'user_block', { user: tokens.user.id })
    for (const [query, headers] of ways(wallet.address)) assertRefused(await asking(on, 'GET', query, headers), 'user_blocked')
  })

  test('on, pages of other origins may send the header; the start says how dangerous it is', async () => {
    const origin = `http://127.0.0.1:${on.port}`
    const ask = (path: string, method: string) =>
      call(on.origin + path, 'OPTIONS', undefined, { Origin: origin, 'Access-Control-Request-Method': method })
    assert.match((await ask(kPath, 'PATCH')).headers.get('access-control-allow-headers')!, /x-user-wallet/)
    assert.doesNotMatch((await ask('/api/v2/auth/check', 'GET')).headers.get('access-control-allow-headers')!, /x-user-wallet/)
    await on.says(/compat\.unsigned_wallet/)
    await on.says(/without proof/)
  })
})

for (const place of ['store.before_commit', 'store.committed', 'store.before_answer']) {
  const skip = hasFailpoints ? false : 'this tree is built without failpoints; ./dev test runs it in the check tree'
  test(`kill -9 at ${place}: all that was acknowledged is there, and a key makes the repetition one`, { skip }, async (t) => {
    const server = await launch(t, { backends: 'own', env: { GATECAST_FAILPOINT_KILL: `${place}:30` } })
    await server.ready()
    const { token, user } = await signIn(server)
    const acknowledged: number[] = []
    let asked = 0
    for (; ; asked++) {
      const wish = { user: user.id, kind: 'like', data: asked, key: `k-${asked}` }
      const reply = await api(server, 'notify', wish).catch(() => undefined)
      if (!reply) break
      assert.equal(reply.body.result?.notified, 1, JSON.stringify(reply.body))
      acknowledged.push(asked)
    }
    assert.equal((await server.ended()).signal, 'SIGKILL', server.output)
    assert(acknowledged.length > 5)
    const again = await startServer(t, { again: server, env: { GATECAST_FAILPOINT_KILL: '' } })
    // The one that was not answered is asked for again.
    await notify(again, user.id, asked, { key: `k-${asked}` })
    const { notifications, unread } = await list(again, token, '?limit=200')
    assert.deepEqual(notifications.map(({ data }) => data).reverse(), [...acknowledged, asked])
    assert.equal(unread, notifications.length)
  })
}
