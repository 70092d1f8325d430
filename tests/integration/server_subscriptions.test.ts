// Channels that the server subscribes a client to: by its token, or by the server API; what others see of it.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { SignJWT, type JWTPayload } from 'jose'
import { api } from '../harness/api.ts'
import { Client, numbers, publish, publishAll } from '../harness/client.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kSecret = 'the secret of an application with its own login!'
const kHistory = { history_size: 100, history_ttl: '5m' }

let server: Server
const suite = new Suite()
let users = 0

const token = (user: string, claims: JWTPayload = {}, seconds = 600) =>
  new SignJWT({ ...claims, sub: user, jti: `${user}-${Math.random()}` })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('app')
    .setExpirationTime(nowSeconds() + seconds)
    .sign(new TextEncoder().encode(kSecret))

/** A user of its own for each test, and a client with such a token. */
async function client(t: TestContext, claims: JWTPayload = {}, user = `u${++users}`) {
  const made = new Client(t, server.websocket, { token: await token(user, claims) })
  return Object.assign(made, { user })
}
const call = async (method: string, params: object) => {
  const { body } = await api(server, method, params)
  assert.deepEqual(body, { result: {} })
}
const presence = async (channel: string) => Object.values((await api(server, 'presence', { channel })).body.result.presence) as object[]

before(async () => {
  server = await startServer(suite, {
    config: {
      realtime: { shards: 4 },
      limits: { channels: 8 },
      namespace: [
        { name: 'news' },
        { name: 'log', force_recovery: true, ...kHistory },
        { name: 'room', presence: true, join_leave: true, force_push_join_leave: true, allow_subscribe_for_client: true, allow_publish_for_subscriber: true },
        { name: 'open', allow_subscribe_for_client: true },
      ],
      token: { trusted: [{ name: 'app', issuer: 'app', secret: kSecret, subject: 'same' }] },
    },
  })
})
after(() => suite.close())

describe('by the token', () => {
  test('channels and subs, with what they say', async (t) => {
    const claims = { info: { name: 'Ann' }, channels: ['news:1', 'room:1'], subs: { 'room:1': { info: { seat: 4 }, data: { hello: true } } } }
    const ann = await (await client(t, claims)).connect()
    assert.deepEqual(ann.subscribed.map(({ channel }) => channel).sort(), [`#${ann.user}`, 'news:1', 'room:1'])
    assert.deepEqual(ann.subscribed.find(({ channel }) => channel === 'room:1')!.data, { hello: true })
    const seen = { user: ann.user, client: ann.id, conn_info: { name: 'Ann' }, chan_info: { seat: 4 } }
    await until('its own coming', () => ann.joins.length > 0)
    assert.deepEqual(await presence('room:1'), [seen])
    await publish(server, 'news:1', 'headline')
    await until('the publication', () => ann.got.some(({ data }) => data === 'headline'))
    await ann.centrifuge.publish('room:1', 'hi')
    const said = await until('what it says', () => ann.got.find(({ data }) => data === 'hi'))
    assert.deepEqual(said.info, { user: ann.user, client: ann.id, connInfo: seen.conn_info, chanInfo: seen.chan_info })
    ann.centrifuge.disconnect()
    await until('nobody to be there', async () => (await presence('room:1')).length === 0)
  })

  test('what was missed comes with the next connect', async (t) => {
    const bob = await (await client(t, { channels: ['log:bob'] })).connect()
    await publishAll(server, 'log:bob', numbers(1, 3))
    await until('the first three', () => bob.got.length === 3)
    bob.cut()
    await publishAll(server, 'log:bob', numbers(4, 9))
    await bob.connected(2)
    await publish(server, 'log:bob', 10)
    await until('all ten', () => bob.got.length >= 10)
    assert.deepEqual(bob.got.map(({ data }) => data), numbers(1, 10))
    const again = bob.subscribed.filter(({ channel }) => channel === 'log:bob').at(-1)!
    assert.deepEqual([again.wasRecovering, again.recovered], [true, true])
  })

  test('nothing published while it connects is lost, doubled, or ahead of the reply', async (t) => {
    const channels = numbers(1, 6).map((n) => `log:race${n}`)
    let published = 0
    const stop = new AbortController()
    const publishing = (async () => {
      while (!stop.signal.aborted) await api(server, 'broadcast', { channels, data: ++published })
    })()
    const user = `u${++users}`
    for (const _ of numbers(1, 40)) {
      const socket = await RawWebSocket.open(t, server.port)
      socket.command({ id: 1, connect: { token: await token(user, { channels }) } })
      const { connect } = await socket.message()
      const at = new Map<string, number>(channels.map((channel) => [channel, connect.subs[channel].offset ?? 0]))
      for (const _ of numbers(1, 12)) {
        const { push } = await socket.message()
        assert.equal(push.pub.offset, at.get(push.channel)! + 1, push.channel)
        at.set(push.channel, push.pub.offset)
      }
    }
    stop.abort()
    await publishing
    assert.ok(published > 40)
  })

  const refused: [string, JWTPayload, (ann: Client) => Promise<void>][] = [
    ['an unknown namespace', { channels: ['nowhere:1'] }, async (ann) => assert.equal((await ann.end()).code, 102)],
    ['a name that is none', { channels: ['news:a b'] }, async (ann) => assert.equal((await ann.end()).code, 107)],
    ["somebody else's personal channel", { channels: ['#ann'] }, async (ann) => assert.equal((await ann.end()).code, 103)],
    ['more channels than a connection may have', { channels: numbers(1, 9).map((n) => `news:${n}`) }, async (ann) => assert.equal((await ann.end()).code, 3505)],
    ['claims of another form', { channels: 'news:1' }, async (ann) => assert.equal((await ann.end()).code, 3500)],
    ['a subscription token', { channel: 'news:1' }, async (ann) => assert.equal((await ann.end()).code, 3500)],
  ]
  for (const [what, claims, judged] of refused) {
    test(`refused: ${what}`, async (t) => {
      const ann = await client(t, claims)
      ann.centrifuge.connect()
      await judged(ann)
      assert.equal(ann.connects.length, 0)
    })
  }

  test('its own personal channel may be named', async (t) => {
    const user = `u${++users}`
    const ann = await (await client(t, { channels: [`#${user}`] }, user)).connect()
    assert.deepEqual(ann.subscribed.map(({ channel }) => channel), [`#${user}`])
  })

  test('a connection ends by expire_at, not by exp', async (t) => {
    const socket = await RawWebSocket.open(t, server.port)
    socket.command({ id: 1, connect: { token: await token('long', { expire_at: nowSeconds() + 5000 }) } })
    const { connect } = await socket.message()
    assert.ok(connect.ttl > 4900 && connect.ttl <= 5000)
    const forever = await RawWebSocket.open(t, server.port)
    forever.command({ id: 1, connect: { token: await token('for ever', { expire_at: 0 }) } })
    assert.equal((await forever.message()).connect.expires, undefined)
  })

  test('a refresh with the same channels goes on, with others the client connects anew', async (t) => {
    const user = `u${++users}`
    const socket = await RawWebSocket.open(t, server.port)
    socket.command({ id: 1, connect: { token: await token(user, { channels: ['news:1', 'room:2'] }) } })
    await socket.message()
    const refreshed = await token(user, { channels: ['room:2', 'news:1'], info: 'new' })
    socket.command({ id: 2, refresh: { token: refreshed } })
    for (;;) {
      const message = await socket.message()
      if (message.push?.join !== undefined) continue
      assert.equal(message.id, 2)
      assert.equal(message.refresh.expires, true)
      break
    }
    socket.command({ id: 3, refresh: { token: await token(user, { channels: ['news:1'] }) } })
    assert.equal((await socket.message()).push.disconnect.code, 3010)
  })
})

describe('by the server API', () => {
  test('subscribe: told by a push, publications follow, once', async (t) => {
    const ann = await (await client(t)).connect()
    await call('subscribe', { user: ann.user, channel: 'room:api', info: { role: 'guest' }, data: { topic: 'x' } })
    await until('the subscription', () => ann.subscribed.some(({ channel }) => channel === 'room:api'))
    assert.deepEqual(ann.subscribed.at(-1)!.data, { topic: 'x' })
    await until('its presence', async () => (await presence('room:api')).length === 1)
    assert.deepEqual((await presence('room:api'))[0], { user: ann.user, client: ann.id, chan_info: { role: 'guest' } })
    // Once more changes nothing.
    await call('subscribe', { user: ann.user, channel: 'room:api' })
    await publish(server, 'room:api', 1)
    await publish(server, 'room:api', 2)
    await until('both', () => ann.got.length >= 2)
    assert.deepEqual(ann.got.map(({ data }) => data), [1, 2])
    assert.equal(ann.subscribed.filter(({ channel }) => channel === 'room:api').length, 1)
    await call('unsubscribe', { user: ann.user, channel: 'room:api' })
    await until('its end', () => ann.unsubscribed.includes('room:api'))
    assert.deepEqual(await presence('room:api'), [])
    await publish(server, 'room:api', 3)
    await publish(server, `#${ann.user}`, 'last')
    await until('the last', () => ann.got.at(-1)?.data === 'last')
    assert.equal(ann.got.length, 3)
  })

  test('subscribe gives what was published since', async (t) => {
    await publishAll(server, 'log:since', numbers(1, 5))
    const ann = await (await client(t)).connect()
    await call('subscribe', { user: ann.user, channel: 'log:since', recover_since: { offset: 2, epoch: '' } })
    await publish(server, 'log:since', 6)
    await until('four', () => ann.got.length >= 4)
    assert.deepEqual(ann.got.map(({ data }) => data), [3, 4, 5, 6])
  })

  test('one connection, or those of one session', async (t) => {
    const user = `u${++users}`
    const [one, two] = [await (await client(t, {}, user)).connect(), await (await client(t, {}, user)).connect()]
    await call('subscribe', { user, channel: 'news:one', client: one.id })
    await publish(server, 'news:one', 'x')
    await until('the publication', () => one.got.length === 1)
    await call('disconnect', { user, whitelist: [two.id], disconnect: { code: 4499, reason: 'elsewhere' } })
    await until('the first to be told', () => one.drops.some(({ code, reason }) => code === 4499 && reason === 'elsewhere'))
    await publish(server, `#${user}`, 'still here')
    await until('the other', () => two.got.length === 1)
    assert.deepEqual(two.drops, [])
  })

  test('unsubscribe ends what the client asked for itself', async (t) => {
    const ann = await (await client(t)).connect()
    const mine = await ann.subscription('open:mine').on()
    await call('unsubscribe', { user: ann.user, channel: 'open:mine' })
    assert.equal((await mine.refused()).code, 2000)
  })

  test('refresh moves a connection’s end, or is its end', async (t) => {
    const socket = await RawWebSocket.open(t, server.port)
    const user = `u${++users}`
    socket.command({ id: 1, connect: { token: await token(user) } })
    await socket.message()
    await call('refresh', { user, expire_at: nowSeconds() + 100 })
    const { push } = await socket.message()
    assert.equal(push.refresh.expires, true)
    assert.ok(push.refresh.ttl > 90 && push.refresh.ttl <= 100)
    await call('refresh', { user, expired: true })
    assert.equal((await socket.message()).push.disconnect.code, 3005)
  })

  test('subscription_token lets its user subscribe, and nobody else, wherever the session is from', async (t) => {
    const ann = await (await client(t)).connect()
    const session = await signIn(server)
    const own = new Client(t, server.websocket, { token: session.token })
    await own.connect()
    for (const [member, user] of [[ann, ann.user], [own, session.user.id]] as const) {
      const channel = `$room:${user}`
      const made = (await api(server, 'subscription_token', { user, channel, info: { seat: 1 }, ttl: 60 })).body.result
      assert.ok(made.expires_at > nowSeconds() + 50 && made.expires_at <= nowSeconds() + 60)
      await member.subscription(channel, { token: made.token }).on()
      // It is entered at the channel's home, which may be another shard, behind the reply.
      await until('its presence', async () => (await presence(channel)).length > 0)
      assert.deepEqual(await presence(channel), [{ user, client: member.id, chan_info: { seat: 1 } }])
    }
    const bob = await (await client(t)).connect()
    const { token: stolen } = (await api(server, 'subscription_token', { user: ann.user, channel: '$room:hers' })).body.result
    bob.subscription('$room:hers', { token: stolen }).subscription.subscribe()
    assert.equal((await bob.end()).code, 3500)
  })

  const wrong: [string, string, object, number][] = [
    ['subscription_token', 'a life beyond a year', { user: 'ann', channel: '$news:1', ttl: 40_000_000 }, 107],
    ['subscription_token', 'a personal channel', { user: 'ann', channel: '#bob' }, 103],
    ['subscription_token', 'an unknown namespace', { user: 'ann', channel: '$nowhere:1' }, 102],
    ['subscribe', 'somebody’s personal channel', { user: 'ann', channel: '#bob' }, 103],
    ['unsubscribe', 'a personal channel', { user: 'ann', channel: '#ann' }, 103],
    ['subscribe', 'an unknown namespace', { user: 'ann', channel: 'nowhere:1' }, 102],
    ['subscribe', 'no user', { channel: 'news:1' }, 107],
    ['subscribe', 'an end in the past', { user: 'ann', channel: 'news:1', expire_at: 1000 }, 107],
    ['subscribe', 'data that is no JSON', { user: 'ann', channel: 'news:1', b64data: 'e30' }, 107],
    ['refresh', 'an end in the past', { user: 'ann', expire_at: 1000 }, 107],
    ['disconnect', 'a code of the protocol’s own', { user: 'ann', disconnect: { code: 1000 } }, 107],
  ]
  for (const [method, what, params, code] of wrong) {
    test(`${method} refused: ${what}`, async () => {
      const { body } = await api(server, method, params)
      assert.equal(body.error?.code, code, JSON.stringify(body))
    })
  }
})
