// Histories, recovery, presence, comings and goings, subscription tokens, with the official client for JavaScript.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { Centrifuge, type Options, type PublicationContext, type Subscription, type SubscriptionOptions } from 'centrifuge'
import { SignJWT } from 'jose'
import WebSocket from 'ws'
import { api } from '../harness/api.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server, type StartOptions } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'
import { type Table } from '../harness/toml.ts'
import { until, within } from '../harness/until.ts'
import { signIn, type Tokens } from '../harness/wallet.ts'

const kSecret = 'a secret that only this test has, 48 bytes long!'
const kHistory = { history_size: 20, history_ttl: '5m' }
const kNamespaces: Table[] = [
  { name: 'plain', allow_subscribe_for_client: true },
  { name: 'log', allow_subscribe_for_client: true, allow_publish_for_client: true, allow_history_for_client: true, force_recovery: true, ...kHistory },
  { name: 'asked', allow_subscribe_for_client: true, allow_recovery: true, allow_positioning: true, ...kHistory },
  { name: 'value', allow_subscribe_for_client: true, force_recovery: true, force_recovery_mode: 'cache', history_size: 1, history_ttl: '5m' },
  { name: 'room', allow_subscribe_for_client: true, allow_publish_for_client: true, allow_presence_for_subscriber: true, presence: true, join_leave: true, force_push_join_leave: true },
  { name: 'quiet', allow_subscribe_for_client: true, allow_presence_for_client: true, presence: true, join_leave: true },
  { name: 'closed', ...kHistory },
  { name: 'dialog', allow_user_limited_channels: true },
]
const start = (t: TestContext, more: StartOptions = {}) =>
  startServer(t, {
    ...more,
    config: {
      namespace: kNamespaces,
      token: { key: [{ algorithm: 'HS256', secret: kSecret }] },
    },
  })

class Client {
  readonly centrifuge: Centrifuge
  readonly personal: PublicationContext[] = []
  sockets: WebSocket[] = []

  constructor(t: TestContext, server: Server, session: Tokens, options: Partial<Options> = {}) {
    const sockets = this.sockets
    class Kept extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args)
        sockets.push(this)
      }
    }
    this.centrifuge = new Centrifuge(server.websocket, { token: session.token, websocket: Kept, minReconnectDelay: 20, maxReconnectDelay: 50, ...options })
    this.centrifuge.on('publication', (context) => this.personal.push(context))
    onEnd(t, () => this.centrifuge.disconnect())
  }

  async connect(): Promise<this> {
    this.centrifuge.connect()
    await within('the client to connect', this.centrifuge.ready())
    return this
  }

  /** The connection breaks off as a lost network would; the client comes back by itself. */
  cut(): void {
    this.sockets.at(-1)!.terminate()
  }

  subscription(channel: string, options: Partial<SubscriptionOptions> = {}): Watched {
    return new Watched(this.centrifuge.newSubscription(channel, options))
  }
}

/** A subscription whose events are kept. */
class Watched {
  readonly got: unknown[] = []
  readonly joins: string[] = []
  readonly leaves: string[] = []
  readonly states: { recovered: boolean; wasRecovering: boolean; positioned: boolean; recoverable: boolean }[] = []
  readonly ends: { code: number; reason: string }[] = []
  readonly subscription: Subscription

  constructor(subscription: Subscription) {
    this.subscription = subscription
    subscription.on('publication', ({ data }) => this.got.push(data))
    subscription.on('join', ({ info }) => this.joins.push(info.client))
    subscription.on('leave', ({ info }) => this.leaves.push(info.client))
    subscription.on('subscribed', (c) => this.states.push({ recovered: c.recovered, wasRecovering: c.wasRecovering, positioned: c.positioned, recoverable: c.recoverable }))
    subscription.on('unsubscribed', ({ code, reason }) => this.ends.push({ code, reason }))
  }

  async on(): Promise<this> {
    this.subscription.subscribe()
    await within('the subscription', this.subscription.ready())
    return this
  }
}

async function publish(server: Server, channel: string, data: unknown): Promise<{ offset?: number; epoch?: string }> {
  const reply = await api(server, 'publish', { channel, data })
  assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
  return reply.body.result
}

async function publishMany(server: Server, channel: string, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) await publish(server, channel, n)
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
const refused = (code: number) => (error: { code: number }) => error.code === code

describe('history', () => {
  test('offsets, pages forward and backward, another epoch', async (t) => {
    const server = await start(t)
    const client = await new Client(t, server, await signIn(server)).connect()
    const first = await publish(server, 'log:1', 1)
    assert.equal(first.offset, 1)
    assert.match(first.epoch!, /^[a-zA-Z]{8}$/)
    await publishMany(server, 'log:1', 2, 5)
    const { centrifuge } = client
    const top = await centrifuge.history('log:1', {})
    assert.deepEqual([top.publications, top.offset, top.epoch], [[], 5, first.epoch])
    const data = async (options: Parameters<Centrifuge['history']>[1]) => (await centrifuge.history('log:1', options)).publications.map((p) => p.data)
    assert.deepEqual(await data({ limit: -1 }), numbers(1, 5))
    assert.deepEqual(await data({ limit: 2 }), [1, 2])
    assert.deepEqual(await data({ limit: 2, since: { offset: 2, epoch: first.epoch! } }), [3, 4])
    assert.deepEqual(await data({ limit: 2, reverse: true }), [5, 4])
    assert.deepEqual(await data({ limit: 9, reverse: true, since: { offset: 3, epoch: first.epoch! } }), [2, 1])
    await assert.rejects(data({ limit: 1, since: { offset: 1, epoch: 'elsewher' } }), refused(112))
    await assert.rejects(data({ limit: 1, reverse: true, since: { offset: 0, epoch: first.epoch! } }), refused(107))
  })

  test('who may read it, and where there is none', async (t) => {
    const server = await start(t)
    const session = await signIn(server)
    const { centrifuge } = await new Client(t, server, session).connect()
    await assert.rejects(centrifuge.history('plain:1', { limit: 1 }), refused(108))
    await assert.rejects(centrifuge.history('closed:1', { limit: 1 }), refused(103))
    await assert.rejects(centrifuge.history('nowhere:1', { limit: 1 }), refused(102))
    await assert.rejects(centrifuge.history('#somebody', { limit: 1 }), refused(103))
    await publish(server, `#${session.user.id}`, { n: 1 })
    const own = await centrifuge.history(`#${session.user.id}`, { limit: 5 })
    assert.deepEqual(own.publications.map((p) => p.data), [{ n: 1 }])
  })
})

describe('recovery', () => {
  test('what was published while the connection was gone arrives once and in order', async (t) => {
    const server = await start(t)
    const session = await signIn(server)
    const client = await new Client(t, server, session).connect()
    const log = await client.subscription('log:1').on()
    await publishMany(server, 'log:1', 1, 3)
    await until('the first three', () => log.got.length === 3)
    client.cut()
    await publishMany(server, 'log:1', 4, 9)
    await publish(server, `#${session.user.id}`, { to: 'you' })
    await until('the rest', () => log.got.length === 9)
    await publish(server, 'log:1', 10)
    await until('the live one', () => log.got.length === 10)
    assert.deepEqual(log.got, numbers(1, 10))
    assert.deepEqual(log.states.at(-1), { recovered: true, wasRecovering: true, positioned: true, recoverable: true })
    assert.deepEqual(client.personal.map((p) => p.data), [{ to: 'you' }])
  })

  test('more than the history holds: recovered is false', async (t) => {
    const server = await start(t)
    const client = await new Client(t, server, await signIn(server)).connect()
    const log = await client.subscription('log:1').on()
    await publish(server, 'log:1', 0)
    await until('the first', () => log.got.length === 1)
    client.centrifuge.disconnect()
    await publishMany(server, 'log:1', 1, 25)
    await client.connect()
    await within('the subscription', log.subscription.ready())
    assert.deepEqual(log.states.at(-1), { recovered: false, wasRecovering: true, positioned: true, recoverable: true })
    await publish(server, 'log:1', 26)
    await until('the live one', () => log.got.length === 2)
    assert.deepEqual(log.got, [0, 26])
  })

  test('only where the client asks for it', async (t) => {
    const server = await start(t)
    const client = await new Client(t, server, await signIn(server)).connect()
    const without = await client.subscription('asked:1').on()
    const positioned = await client.subscription('asked:2', { positioned: true }).on()
    const recoverable = await client.subscription('asked:3', { recoverable: true }).on()
    const on = (watched: Watched) => [watched.states[0]!.positioned, watched.states[0]!.recoverable]
    assert.deepEqual(on(without), [false, false])
    assert.deepEqual(on(positioned), [true, false])
    assert.deepEqual(on(recoverable), [true, true])
  })

  test('a new client begins where another stopped, by a position it kept', async (t) => {
    const server = await start(t)
    const client = await new Client(t, server, await signIn(server)).connect()
    const { epoch } = await publish(server, 'log:1', 1)
    await publishMany(server, 'log:1', 2, 4)
    const log = await client.subscription('log:1', { since: { offset: 2, epoch: epoch! } }).on()
    await until('what it missed', () => log.got.length === 2)
    assert.deepEqual(log.got, [3, 4])
  })

  for (const shards of [1, 3]) {
    test(`over a restart, into ${shards} shards; after a crash it says that it cannot`, async (t) => {
      const server = await start(t, { backends: 'own' })
      const client = await new Client(t, server, await signIn(server)).connect()
      const log = await client.subscription('log:1').on()
      await publishMany(server, 'log:1', 1, 3)
      await until('the first three', () => log.got.length === 3)
      await client.sockets.at(-1)!.terminate()
      client.centrifuge.disconnect()
      await publishMany(server, 'log:1', 4, 6)
      await server.stop()
      const again = await startServer(t, { again: server, config: { namespace: kNamespaces, realtime: { shards }, token: { key: [{ algorithm: 'HS256', secret: kSecret }] } } })
      await client.connect()
      await until('what it missed', () => log.got.length === 6)
      assert.deepEqual(log.got, numbers(1, 6))
      assert.equal(log.states.at(-1)!.recovered, true)
      client.centrifuge.disconnect()
      await again.kill()
      await startServer(t, { again, config: { namespace: kNamespaces, token: { key: [{ algorithm: 'HS256', secret: kSecret }] } } })
      await client.connect()
      await within('the subscription', log.subscription.ready())
      assert.equal(log.states.at(-1)!.recovered, false)
    })
  }

  test('cache mode gives the newest value alone', async (t) => {
    const server = await start(t)
    const client = await new Client(t, server, await signIn(server)).connect()
    const value = await client.subscription('value:1').on()
    await publish(server, 'value:1', 'a')
    await until('the first', () => value.got.length === 1)
    client.centrifuge.disconnect()
    for (const v of ['b', 'c', 'd']) await publish(server, 'value:1', v)
    await client.connect()
    await until('the newest', () => value.got.length === 2)
    assert.deepEqual(value.got, ['a', 'd'])
    assert.equal(value.states.at(-1)!.recovered, true)
  })
})

describe('presence', () => {
  test('who is there, and comings and goings', async (t) => {
    const server = await start(t)
    const ann = await signIn(server)
    const one = await new Client(t, server, ann).connect()
    const two = await new Client(t, server, ann).connect()
    const three = await new Client(t, server, await signIn(server)).connect()
    const room = await one.subscription('room:1').on()
    await two.subscription('room:1').on()
    // With a shared broker word of who came may be on its way still.
    await until('both to have been seen coming', () => room.joins.length === 2)
    const last = await three.subscription('room:1').on()
    const stats = await room.subscription.presenceStats()
    assert.deepEqual([stats.numClients, stats.numUsers], [3, 2])
    const there = (await room.subscription.presence()).clients
    assert.equal(Object.keys(there).length, 3)
    assert.equal(Object.values(there).filter((info) => info.user === ann.user.id).length, 2)
    await until('all to have been seen coming', () => room.joins.length === 3)
    assert.equal(last.joins.length, 1, 'its own')
    last.subscription.unsubscribe()
    two.cut()
    await until('both to be seen going', () => room.leaves.length >= 2)
    assert.deepEqual((await room.subscription.presenceStats()).numUsers, 1)
  })

  test('is asked for, and told of, only where the namespace has it', async (t) => {
    const server = await start(t)
    const client = await new Client(t, server, await signIn(server)).connect()
    const quiet = await client.subscription('quiet:1').on()
    const asked = await client.subscription('quiet:2', { joinLeave: true }).on()
    assert.equal((await quiet.subscription.presenceStats()).numClients, 1)
    await until('its own coming', () => asked.joins.length === 1)
    assert.equal(quiet.joins.length, 0)
    await assert.rejects(client.centrifuge.presence('plain:1'), refused(108))
    await assert.rejects(client.centrifuge.presence('room:1'), refused(103))
  })

  test('a hundred quick connections and subscriptions leave nobody behind', async (t) => {
    const server = await start(t)
    const session = await signIn(server)
    const watcher = await new Client(t, server, session).connect()
    const room = await watcher.subscription('room:1').on()
    const client = await new Client(t, server, session).connect()
    const other = client.subscription('room:1')
    for (let n = 0; n < 100; n += 1) {
      other.subscription.subscribe()
      if (n % 3 !== 0) await within('the subscription', other.subscription.ready())
      other.subscription.unsubscribe()
    }
    for (let n = 0; n < 100; n += 1) {
      const quick = new Centrifuge(server.websocket, { token: session.token, websocket: WebSocket })
      const subscription = quick.newSubscription('room:1')
      subscription.subscribe()
      quick.connect()
      if (n % 2 === 0) await within('the subscription', subscription.ready())
      quick.disconnect()
    }
    await until('the room to be empty but for the watcher', async () => (await room.subscription.presenceStats()).numClients === 1)
    await until('as many to have gone as came', () => room.joins.length - 1 === room.leaves.length)
  })
})

describe('subscription tokens', () => {
  const token = (claims: Record<string, unknown>, key = kSecret) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(key))

  test('open the channel that they name, for their user', async (t) => {
    const server = await start(t)
    const session = await signIn(server)
    const client = await new Client(t, server, session).connect()
    const good = await client.subscription('$closed:1', { token: await token({ sub: session.user.id, channel: '$closed:1', info: { seat: 4 } }) }).on()
    await publish(server, '$closed:1', 'x')
    await until('the message', () => good.got.length === 1)
    const bare = client.subscription('closed:2')
    bare.subscription.subscribe()
    assert.equal((await until('the refusal', () => bare.ends[0])).code, 103)
    const forged = client.subscription('closed:3', { token: await token({ sub: session.user.id, channel: 'closed:3' }, 'another secret that nobody gave it') })
    forged.subscription.subscribe()
    assert.equal((await until('the refusal', () => forged.ends[0])).code, 103)
    const access = client.subscription('closed:4', { token: session.token })
    access.subscription.subscribe()
    assert.equal((await until('the refusal', () => access.ends[0])).code, 103)
  })

  for (const [what, claims] of [
    ['channel', { channel: 'closed:other' }],
    ['user', { sub: 'somebody' }],
    ['connection', { client: 'another' }],
  ] as const) {
    test(`one for another ${what} ends the connection`, async (t) => {
      const server = await start(t)
      const session = await signIn(server)
      const client = await new Client(t, server, session).connect()
      const ended = new Promise<number>((resolve) => client.centrifuge.on('disconnected', ({ code }) => resolve(code)))
      client.subscription('closed:1', { token: await token({ sub: session.user.id, channel: 'closed:1', ...claims }) }).subscription.subscribe()
      assert.equal(await within('the end', ended), 3500)
    })
  }

  test('are renewed before they end', async (t) => {
    const server = await start(t)
    const session = await signIn(server)
    const client = await new Client(t, server, session).connect()
    let asked = 0
    const getToken = () => {
      asked += 1
      return token({ sub: session.user.id, channel: 'closed:1', exp: nowSeconds() + 2 })
    }
    const watched = await client.subscription('closed:1', { getToken }).on()
    await until('the token to be renewed twice', () => asked >= 3)
    await publish(server, 'closed:1', 'still there')
    await until('the message', () => watched.got.length === 1)
    assert.equal(watched.states.length, 1)
    assert.equal(watched.ends.length, 0)
  })

  test('one that has ended is asked for anew', async (t) => {
    const server = await start(t)
    const session = await signIn(server)
    const client = await new Client(t, server, session).connect()
    const lives = [-5, 60]
    const watched = client.subscription('closed:1', { getToken: () => token({ sub: session.user.id, channel: 'closed:1', exp: nowSeconds() + lives.shift()! }), minResubscribeDelay: 10 })
    watched.subscription.subscribe()
    await until('the subscription', () => watched.states.length === 1)
    assert.equal(lives.length, 0)
  })
})

test('channels for the users they name', async (t) => {
  const server = await start(t)
  const session = await signIn(server)
  const client = await new Client(t, server, session).connect()
  await client.subscription(`dialog:1#${session.user.id},bob`).on()
  const others = client.subscription('dialog:1#ann,bob')
  others.subscription.subscribe()
  assert.equal((await until('the refusal', () => others.ends[0])).code, 103)
})
