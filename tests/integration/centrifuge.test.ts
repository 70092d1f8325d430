// The client protocol with the official client for JavaScript: connections, channels, tokens, ends.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { Centrifuge, type Options, type PublicationContext } from 'centrifuge'
import WebSocket from 'ws'
import { api, get, post } from '../harness/api.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { nowSeconds, resigned } from '../harness/token.ts'
import { until, within } from '../harness/until.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

interface Ended {
  code: number
  reason: string
}

/** A client whose events are kept; it is disconnected with its test. */
class Client {
  readonly centrifuge: Centrifuge
  readonly messages: PublicationContext[] = []
  readonly personal: { channel: string; data: unknown }[] = []
  readonly channels: string[] = []
  readonly ends: Ended[] = []
  readonly drops: Ended[] = []
  readonly errors: number[] = []

  constructor(t: TestContext, server: Server, options: Partial<Options>, query = '') {
    this.centrifuge = new Centrifuge(server.websocket + query, { websocket: WebSocket, minReconnectDelay: 10, ...options })
    this.centrifuge.on('disconnected', ({ code, reason }) => this.ends.push({ code, reason }))
    this.centrifuge.on('connecting', ({ code, reason }) => code !== 0 && this.drops.push({ code, reason }))
    this.centrifuge.on('error', ({ error }) => this.errors.push(error.code))
    this.centrifuge.on('subscribed', ({ channel }) => this.channels.push(channel))
    this.centrifuge.on('publication', ({ channel, data }) => this.personal.push({ channel, data }))
    onEnd(t, () => this.centrifuge.disconnect())
  }

  async connect(): Promise<this> {
    this.centrifuge.connect()
    await within('the client to connect', this.centrifuge.ready())
    return this
  }

  async end(): Promise<Ended> {
    return until('the client to be disconnected', () => this.ends[0])
  }

  async subscribe(channel: string) {
    const subscription = this.centrifuge.newSubscription(channel)
    subscription.on('publication', (publication) => this.messages.push(publication))
    const outcome = new Promise<void>((resolve, reject) => {
      subscription.on('subscribed', () => resolve())
      subscription.on('unsubscribed', ({ code, reason }) => reject(Object.assign(new Error(reason), { code })))
    })
    subscription.subscribe()
    await within('the subscription', outcome)
    return subscription
  }
}

describe('connecting', () => {
  test('the token in the connect command; the personal channel', async (t) => {
    const server = await startServer(t)
    const { token, user } = await signIn(server)
    const client = await new Client(t, server, { token }).connect()
    assert.deepEqual(client.channels, [`#${user.id}`])
    const sent = await api(server, 'publish', { channel: `#${user.id}`, data: { text: 'hello' } })
    assert.equal(sent.status, 200, JSON.stringify(sent.body))
    const message = await until('the message', () => client.personal[0])
    assert.deepEqual(message, { channel: `#${user.id}`, data: { text: 'hello' } })
  })

  test('the token in Authorization, and in the query', async (t) => {
    const server = await startServer(t)
    const { token, user } = await signIn(server)
    class WithHeader extends WebSocket {
      constructor(address: string) {
        super(address, { headers: { Authorization: `Bearer ${token}` } })
      }
    }
    const byHeader = await new Client(t, server, { websocket: WithHeader }).connect()
    assert.deepEqual(byHeader.channels, [`#${user.id}`])
    const byQuery = await new Client(t, server, {}, `?token=${token}`).connect()
    assert.deepEqual(byQuery.channels, [`#${user.id}`])
    assert(!server.output.includes(token), 'a token stands in the log')
  })

  test('the short path /ws is the same', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const client = new Centrifuge(`ws://127.0.0.1:${server.port}/ws`, { token, websocket: WebSocket })
    onEnd(t, () => client.disconnect())
    client.connect()
    await within('the client to connect', client.ready())
  })

  test('a query token is refused where http.query_token is off', async (t) => {
    const server = await startServer(t, { config: { http: { query_token: 'off' } } })
    const { token } = await signIn(server)
    const client = new Client(t, server, {}, `?token=${token}`)
    client.centrifuge.connect()
    assert.equal((await client.end()).code, 3501)
  })

  test('without a token: 3501 and no reconnect', async (t) => {
    const server = await startServer(t)
    const client = new Client(t, server, {})
    client.centrifuge.connect()
    assert.deepEqual(await client.end(), { code: 3501, reason: 'no token' })
  })

  test('a bad token: 3500 with the reason, and no reconnect', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const [head, body, signature = ''] = token.split('.')
    const turned = `${head}.${body}.${(signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)}`
    for (const [bad, reason] of [
      ['nonsense', 'invalid token: not a JWT'],
      [turned, 'invalid token: wrong signature'],
    ] as const) {
      const client = new Client(t, server, { token: bad })
      client.centrifuge.connect()
      assert.deepEqual(await client.end(), { code: 3500, reason })
    }
  })

  test('the token of an ended session: 4501 and no reconnect', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    await post(server, '/api/v2/auth/logout', {}, token)
    let asked = 0
    const client = new Client(t, server, { token, getToken: async () => (asked++, token) })
    client.centrifuge.connect()
    assert.deepEqual(await client.end(), { code: 4501, reason: 'signed out' })
    assert.equal(asked, 0)
  })

  test('an expired token: error 109, the client gets a new one and connects', async (t) => {
    const server = await startServer(t)
    const wallet = new Wallet()
    const { token } = await signIn(server, wallet)
    let asked = 0
    const client = new Client(t, server, {
      token: resigned(server, token, { exp: nowSeconds() - 1 }),
      getToken: async () => {
        asked++
        return (await signIn(server, wallet)).token
      },
    })
    await client.connect()
    assert.equal(asked, 1)
    assert.deepEqual([client.errors.includes(109), client.ends], [true, []])
  })

  test('an expired token and no way to a new one: error 109', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const socket = await RawWebSocket.open(t, server.port)
    socket.command({ id: 7, connect: { token: resigned(server, token, { exp: nowSeconds() - 1 }) } })
    assert.deepEqual(await socket.message(), { id: 7, error: { code: 109, message: 'token expired' } })
  })

  test('a token renewed while connected, in its session and in a new one: the connection stays', async (t) => {
    const server = await startServer(t)
    const wallet = new Wallet()
    const first = await signIn(server, wallet)
    const brief = (token: string) => resigned(server, token, { exp: nowSeconds() + 2 })
    let asked = 0
    const client = new Client(t, server, {
      token: brief(first.token),
      getToken: async () => brief(++asked === 1 ? first.token : (await signIn(server, wallet)).token),
    })
    await client.connect()
    await until('three renewals', () => asked >= 3)
    await api(server, 'publish', { channel: `#${first.user.id}`, data: 1 })
    await until('a message after the renewals', () => client.personal.length === 1)
    assert.deepEqual([client.drops, client.ends], [[], []])

    // The connection belongs to the session of its last token now: the end of the first one is not its end.
    await post(server, '/api/v2/auth/logout', {}, first.token)
    await api(server, 'publish', { channel: `#${first.user.id}`, data: 2 })
    await until('a message after the end of the first session', () => client.personal.length === 2)
    assert.deepEqual([client.drops, client.ends], [[], []])
  })

  test("another user's token on a connection: 3500", async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const client = new Client(t, server, {
      token: resigned(server, token, { exp: nowSeconds() + 1 }),
      getToken: async () => (await signIn(server)).token,
    })
    await client.connect()
    assert.deepEqual(await client.end(), { code: 3500, reason: 'token belongs to another user' })
  })
})

describe('channels', () => {
  test('subscribe, publish, receive: in order, by every subscriber, with the publisher named', async (t) => {
    const server = await startServer(t)
    const [first, second] = [await signIn(server), await signIn(server)]
    const writer = await new Client(t, server, { token: first.token }).connect()
    const readers = await Promise.all(
      Array.from({ length: 12 }, () => new Client(t, server, { token: second.token }).connect()),
    )
    const subscription = await writer.subscribe('chat:lobby')
    for (const reader of readers) await reader.subscribe('chat:lobby')
    const count = 50
    for (let i = 0; i < count; i++) await subscription.publish({ i })
    for (const reader of [writer, ...readers]) {
      await until('all messages', () => reader.messages.length >= count)
      assert.deepEqual(reader.messages.map(({ data }) => data.i), Array.from({ length: count }, (_, i) => i))
      assert.equal(reader.messages[0]?.info?.user, first.user.id)
    }
  })

  test('after unsubscribing nothing comes; other channels are apart', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const client = await new Client(t, server, { token }).connect()
    const left = await client.subscribe('chat:left')
    await client.subscribe('chat:kept')
    left.unsubscribe()
    await until('the unsubscription', () => left.state === 'unsubscribed')
    for (const channel of ['chat:left', 'chat:other', 'chat:kept']) {
      await until(`${channel} to be published`, async () => (await api(server, 'publish', { channel, data: channel })).status === 200)
    }
    await until('the message of the kept channel', () => client.messages.length > 0)
    assert.deepEqual(client.messages.map(({ data }) => data), ['chat:kept'])
  })

  test('what the namespace does not allow', async (t) => {
    const server = await startServer(t)
    const [own, other] = [await signIn(server), await signIn(server)]
    const client = await new Client(t, server, { token: own.token }).connect()
    await assert.rejects(client.subscribe('nowhere:x'), { code: 102 })
    await assert.rejects(client.subscribe(`#${other.user.id}`), { code: 103 })
    await assert.rejects(client.centrifuge.publish(`#${own.user.id}`, {}), { code: 103 })
    const news = await client.subscribe('news:today')
    await assert.rejects(news.publish({}), { code: 103 })
    await assert.rejects(client.centrifuge.publish('chat:not-subscribed', {}), { code: 103 })
    await assert.rejects(client.centrifuge.rpc('anything', {}), { code: 108 })
    assert.deepEqual(client.ends, [])
  })

  test('a connection has as many channels as limits.channels allows', async (t) => {
    const server = await startServer(t, { config: { limits: { channels: 3 } } })
    const { token } = await signIn(server)
    const client = await new Client(t, server, { token }).connect()
    const opened = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => client.subscribe(`chat:${name}`)))
    const refused = opened.filter((one): one is PromiseRejectedResult => one.status === 'rejected')
    assert(refused.length >= 1)
    assert(refused.every((one) => one.reason.code === 106))
  })
})

describe('the end of a session', () => {
  test('log-out closes every open connection of the session with 4501, and no other', async (t) => {
    const server = await startServer(t)
    const wallet = new Wallet()
    const [ending, staying] = [await signIn(server, wallet), await signIn(server, wallet)]
    const clients = await Promise.all(
      Array.from({ length: 4 }, () => new Client(t, server, { token: ending.token }).connect()),
    )
    const other = await new Client(t, server, { token: staying.token }).connect()
    const start = performance.now()
    const ends = Promise.all(clients.map((client) => client.end()))
    const out = await post(server, '/api/v2/auth/logout', {}, ending.token)
    assert.equal(out.status, 200)
    for (const end of await ends) assert.deepEqual(end, { code: 4501, reason: 'signed out' })
    // Milliseconds on an idle machine; the bound leaves room for sanitisers and a busy one.
    assert(performance.now() - start < 2000, 'connections outlived their session')
    assert.deepEqual([other.ends, other.drops], [[], []])
    assert.equal((await get(server, '/api/v2/auth/check', staying.token)).status, 200)
  })

  test('a server that stops tells its clients to come back', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const client = await new Client(t, server, { token }).connect()
    await server.stop()
    const drop = await until('the client to be told', () => client.drops[0])
    assert.deepEqual(drop, { code: 3001, reason: 'shutdown' })
    const again = await startServer(t, { again: server })
    await within('the client to be back', client.centrifuge.ready())
    assert(!again.exited)
  })
})
