// Publications as differences, applied by the official client's own decoder.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { type Options, type SubscriptionOptions } from 'centrifuge'
import WebSocket from 'ws'
import { api } from '../harness/api.ts'
import { Client, publishAll, type Watched } from '../harness/client.ts'
import { startServer, type Server } from '../harness/server.ts'
import { type Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kKept = { history_size: 100, history_ttl: '5m', allow_subscribe_for_client: true, allow_publish_for_client: true }
const kNamespaces: Table[] = [
  { name: 'state', ...kKept, force_recovery: true, allowed_delta_types: ['fossil'], delta_publish: true },
  { name: 'asked', ...kKept, force_recovery: true, allowed_delta_types: ['fossil'] },
  { name: 'value', ...kKept, force_recovery: true, force_recovery_mode: 'cache', allowed_delta_types: ['fossil'], delta_publish: true },
  { name: 'whole', ...kKept, force_recovery: true, delta_publish: true },
  { name: 'unkept', allow_subscribe_for_client: true, allowed_delta_types: ['fossil'], delta_publish: true },
]
const start = (t: TestContext, more: Table = {}) => startServer(t, { config: { namespace: kNamespaces, ...more } })

/** Without permessage-deflate. */
class Plain extends WebSocket {
  constructor(address: string | URL, protocols?: string | string[]) {
    super(address, protocols, { perMessageDeflate: false })
  }
}

async function connected(t: TestContext, server: Server, options: Partial<Options> = {}): Promise<Client> {
  const { token } = await signIn(server)
  return new Client(t, server.websocket, { token, ...options }).connect()
}

const kDelta: Partial<SubscriptionOptions> = { delta: 'fossil' }
const stats = (watched: Watched) => {
  const { numFullPayloads, numDeltaPayloads, bytesReceived, bytesDecoded } = (watched.subscription as unknown as { deltaStats(): Record<string, number> }).deltaStats()
  return { full: numFullPayloads, delta: numDeltaPayloads, received: bytesReceived!, decoded: bytesDecoded! }
}

/** About 500 bytes, of which a few change, characters of every length among them. */
const state = (n: number) => ({
  symbol: 'BTC-USD',
  seq: n,
  bid: 64000 + ((n * 37) % 100) / 4,
  venue: ['Köln', '東京', 'Łódź', '😀'][n % 4],
  note: `${'€uro and ünits, "quoted" \\ and so on. '.repeat(4)}`,
  book: Array.from({ length: 20 }, (_, i) => [64000 - i * 5, (i * 7919) % 97]),
})
const states = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => state(from + i))

describe('delta', () => {
  for (const [name, websocket] of [['with compression', WebSocket], ['without compression', Plain]] as const) {
    test(`one publication whole, then differences, ${name}`, async (t) => {
      const server = await start(t)
      const client = await connected(t, server, { websocket })
      const watched = await client.subscription('state:1', kDelta).on()
      const plain = await (await connected(t, server, { websocket })).subscription('state:1').on()
      await publishAll(server, 'state:1', states(1, 12))
      await watched.has(12)
      await plain.has(12)
      assert.deepEqual(watched.data, states(1, 12))
      assert.deepEqual(plain.data, states(1, 12))
      const { full, delta, received, decoded } = stats(watched)
      assert.deepEqual([full, delta], [1, 11])
      assert(received * 3 < decoded, `${received} of ${decoded} bytes`)
    })
  }

  test('twenty subscribers on one shard, two of whom come late', async (t) => {
    const server = await start(t, { realtime: { shards: 1 } })
    const clients = await Promise.all(Array.from({ length: 20 }, () => connected(t, server)))
    const watched = clients.map((client) => client.subscription('state:1', kDelta))
    await Promise.all(watched.slice(0, 18).map((w) => w.on()))
    await publishAll(server, 'state:1', states(1, 5))
    await watched[0]!.has(5)
    await Promise.all(watched.slice(18).map((w) => w.on()))
    await publishAll(server, 'state:1', states(6, 15))
    for (const [i, w] of watched.entries()) {
      const first = i < 18 ? 1 : 6
      await w.has(16 - first)
      assert.deepEqual(w.data, states(first, 15))
      assert.deepEqual([stats(w).full, stats(w).delta], [1, 15 - first])
    }
  })

  test('after a cut connection the missed ones come as differences too, and it goes on with them', async (t) => {
    const server = await start(t)
    const client = await connected(t, server)
    const watched = await client.subscription('state:1', kDelta).on()
    await publishAll(server, 'state:1', states(1, 3))
    await watched.has(3)
    client.centrifuge.disconnect()
    await until('the client to be gone', () => client.ends.length > 0)
    await publishAll(server, 'state:1', states(4, 8))
    client.centrifuge.connect()
    assert.deepEqual(await watched.subscribed(2), { recovered: true, wasRecovering: true, positioned: true, recoverable: true })
    await publishAll(server, 'state:1', states(9, 12))
    await watched.has(12)
    assert.deepEqual(watched.data, states(1, 12))
    assert.deepEqual([stats(watched).full, stats(watched).delta], [2, 10])
  })

  test('nothing missed: the first one after it is whole', async (t) => {
    const server = await start(t)
    const client = await connected(t, server)
    const watched = await client.subscription('state:1', kDelta).on()
    await publishAll(server, 'state:1', states(1, 3))
    await watched.has(3)
    client.cut()
    assert.equal((await watched.subscribed(2)).recovered, true)
    await publishAll(server, 'state:1', states(4, 6))
    await watched.has(6)
    assert.deepEqual(watched.data, states(1, 6))
    assert.deepEqual([stats(watched).full, stats(watched).delta], [2, 4])
  })

  test('the history is gone meanwhile; unsubscribed and subscribed again', async (t) => {
    const server = await start(t)
    const client = await connected(t, server)
    const watched = await client.subscription('state:1', kDelta).on()
    await publishAll(server, 'state:1', states(1, 3))
    await watched.has(3)
    client.centrifuge.disconnect()
    await publishAll(server, 'state:1', states(4, 5))
    assert.equal((await api(server, 'history_remove', { channel: 'state:1' })).status, 200)
    client.centrifuge.connect()
    assert.equal((await watched.subscribed(2)).recovered, false)
    await publishAll(server, 'state:1', states(6, 7))
    await watched.has(5)
    watched.subscription.unsubscribe()
    await publishAll(server, 'state:1', states(8, 8))
    watched.subscription.subscribe()
    await watched.subscribed(3)
    await publishAll(server, 'state:1', states(9, 10))
    await until('the last', () => (watched.data.at(-1) as { seq: number } | undefined)?.seq === 10)
    assert.deepEqual(watched.data.slice(0, 5), [...states(1, 3), ...states(6, 7)])
    assert.deepEqual(watched.data.slice(-2), states(9, 10))
  })

  test('a value: the newest comes whole, what follows as differences', async (t) => {
    const server = await start(t)
    await publishAll(server, 'value:1', states(1, 3))
    const client = await connected(t, server)
    const watched = await client.subscription('value:1', { ...kDelta, since: { offset: 0, epoch: '' } }).on()
    await publishAll(server, 'value:1', states(4, 6))
    await watched.has(4)
    assert.deepEqual(watched.data, states(3, 6))
    assert.deepEqual([stats(watched).full, stats(watched).delta], [1, 3])
  })

  test('published so one by one, by the back end and past the history', async (t) => {
    const server = await start(t)
    const watched = await (await connected(t, server)).subscription('asked:1', kDelta).on()
    const publish = async (n: number, more: object) => {
      const reply = await api(server, 'publish', { channel: 'asked:1', data: state(n), ...more })
      assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
    }
    await publish(1, { delta: true })
    await publish(2, {})
    await publish(3, { delta: true })
    await publish(4, { delta: true, skip_history: true })
    await publish(5, { delta: true })
    await watched.has(5)
    assert.deepEqual(watched.data, states(1, 5))
    assert.deepEqual([stats(watched).full, stats(watched).delta], [2, 3])
  })

  test('published by clients, and what is not alike comes whole', async (t) => {
    const server = await start(t)
    const client = await connected(t, server)
    const watched = await client.subscription('state:1', kDelta).on()
    const all = [state(1), state(2), 'short', 17, null, { '"\\': '\n\u2028\ud83d\ude00' }, state(3), state(4)]
    for (const data of all) await client.centrifuge.publish('state:1', data)
    await watched.has(all.length)
    assert.deepEqual(watched.data, all)
    assert.equal(stats(watched).delta, 2)
  })

  test('not agreed on where the namespace does not have it or keeps no history', async (t) => {
    const server = await start(t)
    const client = await connected(t, server)
    for (const channel of ['whole:1', 'unkept:1']) {
      const watched = await client.subscription(channel, kDelta).on()
      await publishAll(server, channel, states(1, 3))
      await watched.has(3)
      assert.deepEqual(watched.data, states(1, 3))
      assert.deepEqual([stats(watched).full, stats(watched).delta], [0, 0])
    }
  })
})
