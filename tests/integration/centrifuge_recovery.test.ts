// Connections that break as networks and servers break them: what the official client has afterwards.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { type Options } from 'centrifuge'
import { api } from '../harness/api.ts'
import { Client, numbers, publish, publishAll, refusedWith, type State } from '../harness/client.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { appToken, kLogSize, metric, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'

const kRecovered: State = { recovered: true, wasRecovering: true, positioned: true, recoverable: true }
const kUnrecovered: State = { ...kRecovered, recovered: false }

async function throughProxy(t: TestContext, server: Server, user: string, options: Partial<Options> = {}) {
  const proxy = await FaultProxy.open(t, server.port)
  const client = await new Client(t, proxy.websocket, { token: await appToken(user), ...options }).connect()
  return { proxy, client }
}

/** Breaks every connection, and none is made until `meanwhile` is done. */
async function away(proxy: FaultProxy, meanwhile: () => Promise<unknown>): Promise<void> {
  proxy.refuse()
  proxy.cut()
  await meanwhile()
  proxy.heal()
}

describe('a connection that breaks', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite)
  })
  after(() => suite.close())

  for (const missed of [0, 1, 50, kLogSize]) {
    test(`with ${missed} publications meanwhile: each arrives once and in order`, async (t) => {
      const channel = `log:missed${missed}`
      const { proxy, client } = await throughProxy(t, server, `missed${missed}`)
      const log = await client.subscription(channel).on()
      await publishAll(server, channel, numbers(1, 3))
      await log.has(3)
      await away(proxy, () => publishAll(server, channel, numbers(4, 3 + missed)))
      assert.deepEqual(await log.subscribed(2), kRecovered)
      await publish(server, channel, 4 + missed)
      await log.has(4 + missed)
      assert.deepEqual(log.data, numbers(1, 4 + missed))
      assert.deepEqual(log.publications.map((p) => p.offset), numbers(1, 4 + missed))
      assert.deepEqual(log.ends, [])
    })
  }

  test('with more meanwhile than is kept: it says so, and goes on with what is new', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'more')
    const log = await client.subscription('log:more').on()
    await publish(server, 'log:more', 0)
    await log.has(1)
    await away(proxy, () => publishAll(server, 'log:more', numbers(1, kLogSize + 1)))
    assert.deepEqual(await log.subscribed(2), kUnrecovered)
    await publish(server, 'log:more', 'new')
    await log.has(2)
    assert.deepEqual(log.data, [0, 'new'])
    // From the new place it recovers again.
    await away(proxy, () => publish(server, 'log:more', 'newer'))
    assert.deepEqual(await log.subscribed(3), kRecovered)
    await log.has(3)
    assert.deepEqual(log.data, [0, 'new', 'newer'])
  })

  test('with subscriptions of every kind: each gets what its namespace promises', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'kinds')
    const few = await client.subscription('log:few').on()
    const many = await client.subscription('log:many').on()
    const none = await client.subscription('log:none').on()
    const over = await client.subscription('log:over').on()
    const value = await client.subscription('value:kinds').on()
    const plain = await client.subscription('plain:kinds').on()
    const positioned = await client.subscription('asked:positioned', { positioned: true }).on()
    const recoverable = await client.subscription('asked:recoverable', { recoverable: true }).on()
    const all = [few, many, none, over, value, plain, positioned, recoverable]
    for (const { subscription } of all) await publish(server, subscription.channel, 'before')
    await Promise.all(all.map((one) => one.has(1)))
    await away(proxy, async () => {
      for (const [one, count] of [[few, 2], [many, 50], [over, kLogSize + 1], [value, 5], [plain, 3], [positioned, 3], [recoverable, 3]] as const) {
        await publishAll(server, one.subscription.channel, numbers(1, count))
      }
      await publishAll(server, '#kinds', ['to', 'you'])
    })
    await Promise.all(all.map((one) => one.subscribed(2)))
    for (const { subscription } of all) await publish(server, subscription.channel, 'after')
    await Promise.all(all.map((one) => until(`the last of ${one.subscription.channel}`, () => one.data.at(-1) === 'after')))
    const middle = all.map((one) => one.data.slice(1, -1))
    assert.deepEqual(middle, [numbers(1, 2), numbers(1, 50), [], [], [5], [], [], numbers(1, 3)])
    assert(all.every((one) => one.data[0] === 'before' && one.ends.length === 0))
    const second = (one: (typeof all)[number]) => one.states[1]
    assert.deepEqual([few, many, none, over, value, recoverable].map(second), [kRecovered, kRecovered, kRecovered, kUnrecovered, kRecovered, kRecovered])
    assert.deepEqual(second(positioned), { recovered: false, wasRecovering: false, positioned: true, recoverable: false })
    assert.deepEqual(second(plain), { recovered: false, wasRecovering: false, positioned: false, recoverable: false })
    assert.deepEqual(client.got.map(({ data }) => data), ['to', 'you'])
    assert.deepEqual(client.subscribed.map(({ recovered }) => recovered), [false, true])
  })

  test('where the newest value counts: nothing is sent to a client that has it', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'value')
    const value = await client.subscription('value:same').on()
    await publish(server, 'value:same', 1)
    await value.has(1)
    await away(proxy, async () => {})
    assert.deepEqual(await value.subscribed(2), kRecovered)
    await away(proxy, () => publishAll(server, 'value:same', [2, 3]))
    assert.deepEqual(await value.subscribed(3), kRecovered)
    await value.has(2)
    await publish(server, 'value:same', 4)
    await value.has(3)
    assert.deepEqual(value.data, [1, 3, 4])
  })

  test('a dozen times while another client publishes without a pause: nothing is lost and nothing comes twice', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'storm')
    const log = await client.subscription('long:storm').on()
    const writer = await new Client(t, server.websocket, { token: await appToken('writer') }).connect()
    const count = 600
    let sent = 0
    const writes = (async () => {
      for (; sent < count; sent += 1) await writer.centrifuge.publish('long:storm', sent + 1)
    })()
    for (let cut = 1; cut <= 12; cut += 1) {
      await until('the next cut', () => sent >= cut * 45)
      proxy.cut()
      // Now and then it breaks again while the client is about to come back.
      if (cut % 3 !== 0) await log.subscribed(log.states.length + 1)
    }
    await within('the publications', writes)
    await log.has(count)
    assert.deepEqual(log.data, numbers(1, count))
    assert(log.states.slice(1).every(({ recovered }) => recovered))
    assert(client.connects.length > 6, `${client.connects.length} connections`)
  })

  test('a slow network: replies and publications keep their order', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'slow')
    proxy.suffer({ delay: { least: 80, most: 80 } })
    const log = client.subscription('log:slow')
    log.subscription.subscribe()
    await publishAll(server, 'log:slow', numbers(1, 20))
    await within('the subscription', log.subscription.ready())
    await publishAll(server, 'log:slow', numbers(21, 40))
    await until('the last', () => log.data.at(-1) === 40)
    const first = log.data[0] as number
    assert.deepEqual(log.data, numbers(first, 40))
    proxy.cut()
    await publishAll(server, 'log:slow', numbers(41, 60))
    assert.deepEqual(await log.subscribed(2), kRecovered)
    await until('the rest', () => log.data.at(-1) === 60)
    assert.deepEqual(log.data, numbers(first, 60))
  })

  test('a server that is away for long: attempts come with growing pauses, and nobody is told that it is over', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'patient', { minReconnectDelay: 100, maxReconnectDelay: 400 })
    const start = performance.now()
    const before = proxy.accepted
    await away(proxy, () => until('eight attempts', () => proxy.accepted - before >= 8))
    assert(performance.now() - start >= 8 * 100, 'attempts came without a pause')
    assert.equal(client.drops[0]!.code, 1)
    assert(client.errors.every(({ type }) => type === 'transport'))
    await client.connected(2)
    assert.deepEqual(client.ends, [])
  })
})

describe('a network that falls silent', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite, { realtime: { ping: '1s', pong: '900ms' } })
  })
  after(() => suite.close())

  test('the client misses the pings and comes back on another connection, with everything; the server drops the dead one', async (t) => {
    const { proxy, client } = await throughProxy(t, server, 'half', { maxServerPingDelay: 500 })
    const log = await client.subscription('log:half').on()
    await publish(server, 'log:half', 1)
    await log.has(1)
    proxy.freeze()
    await publishAll(server, 'log:half', numbers(2, 30))
    assert.deepEqual(await log.subscribed(2), kRecovered)
    assert.deepEqual(client.drops, [{ code: 2, reason: 'no ping' }])
    await publish(server, 'log:half', 31)
    await log.has(31)
    assert.deepEqual(log.data, numbers(1, 31))
    await until('the server to give the dead one up', async () => {
      const { body } = await api(server, 'info', {})
      return body.result.nodes[0].num_clients <= 2 && (await metric(server, 'disconnects_total', '"no_pong"')) >= 1
    })
  })

  test('a client that answers pings stays, interval after interval', async (t) => {
    const client = await new Client(t, server.websocket, { token: await appToken('pings') }).connect()
    let pings = 0
    client.sockets[0]!.on('message', (data) => (pings += data.toString() === '{}' ? 1 : 0))
    await until('four pings', () => pings >= 4)
    await assert.rejects(client.centrifuge.rpc('none', {}), refusedWith(108))
    assert.deepEqual([client.drops, client.ends, client.connects.length], [[], [], 1])
  })
})

describe('a server that goes and comes', { concurrency: true }, () => {
  test('stopped in order: 3001, and what it had accepted arrives once it is back', async (t) => {
    const server = await startRealtime(t)
    const clients = await Promise.all(numbers(1, 5).map(async (n) => new Client(t, server.websocket, { token: await appToken(`stay${n}`) }).connect()))
    const logs = await Promise.all(clients.map((client) => client.subscription('long:stop').on()))
    // While it drains it still takes publications; so many that one recovery gives them all.
    const most = 240
    let accepted = 0
    let refused = false
    const writes = (async () => {
      while (accepted < most && !refused) {
        const reply = await api(server, 'publish', { channel: 'long:stop', data: accepted + 1 }).catch(() => undefined)
        if (reply?.body.result?.offset === accepted + 1) accepted += 1
        else refused = true
      }
    })()
    await until('some publications', () => accepted >= 40)
    await server.stop()
    await within('the publisher to end', writes)
    const again = await startRealtime(t, {}, { again: server })
    for (const log of logs) assert.deepEqual(await log.subscribed(2), kRecovered)
    await publish(again, 'long:stop', 'after')
    for (const log of logs) await until('the last', () => log.data.at(-1) === 'after')
    for (const log of logs) assert.deepEqual(log.data, [...numbers(1, accepted), 'after'])
    for (const client of clients) assert.deepEqual(client.drops[0], { code: 3001, reason: 'shutdown' })
    for (const client of clients) assert.deepEqual(client.ends, [])
  })

  test('killed: clients come back to new epochs, are told that they missed something, and get what is new', async (t) => {
    // With a shared broker the histories outlive it: fault_redis.
    const server = await startRealtime(t, {}, { backends: 'own' })
    const client = await new Client(t, server.websocket, { token: await appToken('kill') }).connect()
    const log = await client.subscription('log:kill').on()
    const { epoch } = await publish(server, 'log:kill', 1)
    await publish(server, '#kill', 1)
    await log.has(1)
    server.kill()
    await server.ended()
    const again = await startRealtime(t, {}, { again: server })
    assert.deepEqual(await log.subscribed(2), kUnrecovered)
    const second = await publish(again, 'log:kill', 2)
    assert.notEqual(second.epoch, epoch)
    assert.equal(second.offset, 1)
    await log.has(2)
    assert.deepEqual(log.data, [1, 2])
    assert.deepEqual(client.subscribed.map(({ recovered, wasRecovering }) => [recovered, wasRecovering]), [[false, false], [false, true]])
    assert.equal(client.drops[0]!.code, 1)
    assert.deepEqual(client.ends, [])
  })
})
