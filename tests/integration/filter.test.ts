// Publications that fit a subscriber's filter, with the official client and by hand.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { type FilterNode, type Options, type SubscriptionOptions } from 'centrifuge'
import WebSocket from 'ws'
import { api } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { startServer, type Server } from '../harness/server.ts'
import { type Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kOpen = { allow_subscribe_for_client: true, allow_tags_filter: true }
const kKept = { history_size: 100, history_ttl: '5m', force_recovery: true }
const kNamespaces: Table[] = [
  { name: 'log', ...kOpen, ...kKept, allowed_delta_types: ['fossil'] },
  { name: 'plain', ...kOpen },
  { name: 'value', ...kOpen, ...kKept, force_recovery_mode: 'cache' },
  { name: 'room', ...kOpen, join_leave: true, force_push_join_leave: true },
  { name: 'none', ...kKept, allow_subscribe_for_client: true },
]
const start = (t: TestContext, more: Table = {}) => startServer(t, { config: { namespace: kNamespaces, ...more } })

class Plain extends WebSocket {
  constructor(address: string | URL, protocols?: string | string[]) {
    super(address, protocols, { perMessageDeflate: false })
  }
}

async function connected(t: TestContext, server: Server, options: Partial<Options> = {}): Promise<Client> {
  const { token } = await signIn(server)
  return new Client(t, server.websocket, { token, ...options }).connect()
}

const filtered = (tagsFilter: FilterNode): Partial<SubscriptionOptions> => ({ tagsFilter })
const leaf = (key: string, cmp: string, val: string) => ({ key, cmp, val }) as FilterNode

/** Publication `n`: tags by its number, and a text so that it is worth compressing. */
const tags = (n: number) => ({ kind: ['red', 'green', 'blue'][n % 3]!, n: String(n) })
const data = (n: number) => ({ n, text: 'words that come again '.repeat(20) })
async function publishAll(server: Server, channel: string, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    const reply = await api(server, 'publish', { channel, data: data(n), tags: tags(n) })
    assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
  }
}
const numbersOf = (watched: { data: unknown[] }) => watched.data.map((d) => (d as { n: number }).n)

describe('tags filter', () => {
  for (const [name, websocket] of [['with compression', WebSocket], ['without compression', Plain]] as const) {
    test(`each gets what fits, in a channel without and with a log, ${name}`, async (t) => {
      const server = await start(t, { realtime: { shards: 1 } })
      const filters: [FilterNode | undefined, (n: number) => boolean][] = [
        [undefined, () => true],
        [leaf('kind', 'eq', 'red'), (n) => n % 3 === 0],
        [{ key: 'kind', cmp: 'in', vals: ['green', 'blue'] } as FilterNode, (n) => n % 3 !== 0],
        [{ op: 'and', nodes: [leaf('n', 'gte', '5'), { op: 'not', nodes: [leaf('kind', 'sw', 'b')] }] } as FilterNode, (n) => n >= 5 && n % 3 !== 2],
        [leaf('kind', 'eq', 'black'), () => false],
      ]
      for (const [channel, count] of [['plain:few', 5], ['log:many', 20]] as const) {
        const clients = await Promise.all(
          Array.from({ length: count }, async (_, i) => {
            const [filter, fits] = filters[i % filters.length]!
            const client = await connected(t, server, { websocket })
            return { watched: await client.subscription(channel, filter === undefined ? {} : filtered(filter)).on(), fits }
          }),
        )
        await publishAll(server, channel, 1, 12)
        for (const { watched, fits } of clients) {
          const want = Array.from({ length: 12 }, (_, i) => i + 1).filter(fits)
          await watched.has(want.length)
          assert.deepEqual(numbersOf(watched), want)
        }
      }
    })
  }

  test('after a cut connection: recovered, what was missed is filtered, the position goes on', async (t) => {
    const server = await start(t)
    const client = await connected(t, server)
    const reds = await client.subscription('log:1', filtered(leaf('kind', 'eq', 'red'))).on()
    const late = await client.subscription('log:2', filtered(leaf('n', 'gt', '100'))).on()
    await publishAll(server, 'log:1', 1, 4)
    await publishAll(server, 'log:2', 1, 4)
    await reds.has(1)
    client.centrifuge.disconnect()
    await until('the client to be gone', () => client.ends.length > 0)
    await publishAll(server, 'log:1', 5, 10)
    await publishAll(server, 'log:2', 5, 10)
    client.centrifuge.connect()
    for (const watched of [reds, late]) {
      const { recovered, wasRecovering } = await watched.subscribed(2)
      assert.deepEqual([recovered, wasRecovering], [true, true])
    }
    await publishAll(server, 'log:1', 11, 12)
    await publishAll(server, 'log:2', 101, 101)
    await reds.has(4)
    assert.deepEqual(numbersOf(reds), [3, 6, 9, 12])
    assert.deepEqual(reds.publications.map((p) => p.offset), [3, 6, 9, 12])
    await late.has(1)
    assert.deepEqual(late.publications.map((p) => p.offset), [11])
    // Nothing fitted for long, and it stands at the top all the same.
    client.cut()
    assert.equal((await late.subscribed(3)).recovered, true)
    assert.deepEqual(reds.ends, [])
  })

  test('of one value the newest that fits', async (t) => {
    const server = await start(t)
    await publishAll(server, 'value:1', 1, 8)
    const client = await connected(t, server)
    const watched = await client.subscription('value:1', { ...filtered(leaf('kind', 'eq', 'red')), since: { offset: 0, epoch: '' } }).on()
    await publishAll(server, 'value:1', 9, 10)
    await watched.has(2)
    assert.deepEqual(numbersOf(watched), [6, 9])
  })

  test('comings and goings are not filtered', async (t) => {
    const server = await start(t)
    const watched = await (await connected(t, server)).subscription('room:1', filtered(leaf('kind', 'eq', 'red'))).on()
    const other = await connected(t, server)
    await other.subscription('room:1').on()
    await until('the other one to come', () => watched.joins.some((info) => info.client === other.id))
  })

  test('refused: ill-formed, too large, where the namespace has none, with delta', async (t) => {
    const server = await start(t)
    const { token } = await signIn(server)
    const socket = await RawWebSocket.open(t, server.port)
    socket.command({ id: 1, connect: { token } })
    assert.equal((await socket.message()).id, 1)
    const ex = { key: 'a', cmp: 'ex' }
    const refused: [string, object][] = [
      ['none:1', { tf: ex }],
      ['log:1', { tf: {} }],
      ['log:1', { tf: { key: 'a', cmp: 'like', val: 'x' } }],
      ['log:1', { tf: { key: 'a', cmp: 'gt', val: 'x' } }],
      ['log:1', { tf: { op: 'and', nodes: [] } }],
      ['log:1', { tf: { op: 'or', nodes: Array.from({ length: 64 }, () => ex) } }],
      ['log:1', { tf: { key: 'a', cmp: 'eq', val: 'x'.repeat(5000) } }],
      ['log:1', { tf: ex, delta: 'fossil' }],
    ]
    let id = 1
    for (const [channel, more] of refused) {
      id += 1
      socket.command({ id, subscribe: { channel, ...more } })
      const reply = await socket.message()
      assert.deepEqual([reply.id, reply.error?.code], [id, 107], JSON.stringify(more).slice(0, 200))
    }
    // None of it had an effect, and the connection goes on.
    socket.command({ id: 100, subscribe: { channel: 'log:1', tf: ex } })
    assert.equal((await socket.message()).subscribe.positioned, true)
  })
})
