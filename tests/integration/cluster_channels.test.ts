// Channels that span nodes: presence, history and recovery, and what the server API says and does to all connections.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { api } from '../harness/api.ts'
import { Client, numbers, publish, publishAll, type Watched } from '../harness/client.ts'
import { done, known, startNodes } from '../harness/nodes.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { appToken } from '../harness/realtime.ts'
import { Suite, type Scope } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'

describe('channels on three nodes', () => {
  const suite = new Suite()
  let nodes: Server[]
  before(async () => {
    nodes = await startNodes(suite, 3)
  })
  after(() => suite.close())
  const node = (i: number) => nodes[i % 3]!
  const connect = async (t: Scope, i: number, user: string, options = {}) =>
    new Client(t, node(i).websocket, { token: await appToken(user), ...options }).connect()

  test('everyone in a channel is present on every node, and is seen to come and go', async (t) => {
    const clients = [await connect(t, 0, 'ann'), await connect(t, 1, 'bob'), await connect(t, 2, 'ann')]
    const rooms: Watched[] = []
    for (const client of clients) rooms.push(await client.subscription('room:hall').on())
    await until('the first to see the others come', () => rooms[0]!.joins.length >= 2)
    for (const server of nodes) {
      const { presence } = await done(server, 'presence', { channel: 'room:hall' })
      assert.deepEqual(Object.keys(presence).sort(), clients.map(({ id }) => id).sort())
      assert.deepEqual(await done(server, 'presence_stats', { channel: 'room:hall' }), { num_clients: 3, num_users: 2 })
    }
    const own = await rooms[2]!.subscription.presence()
    assert.deepEqual(Object.keys(own.clients).sort(), clients.map(({ id }) => id).sort())
    clients[1]!.centrifuge.disconnect()
    await until(
      'the leave',
      () => rooms[0]!.leaves.some(({ user }) => user === 'bob') && rooms[2]!.leaves.some(({ user }) => user === 'bob'),
    )
    assert.equal((await done(node(2), 'presence_stats', { channel: 'room:hall' })).num_clients, 2)
    assert.deepEqual(rooms[0]!.leaves.map(({ user }) => user), ['bob'])
  })

  test('publications of three nodes at once have one order, which everyone sees', async (t) => {
    const clients = await Promise.all([0, 1, 2].map((i) => connect(t, i, `order${i}`)))
    const logs = await Promise.all(clients.map((client) => client.subscription('long:order').on()))
    await Promise.all([0, 1, 2].map((i) => publishAll(node(i), 'long:order', numbers(1, 60).map((n) => `${i}.${n}`))))
    for (const log of logs) await log.has(180)
    for (const log of logs) {
      assert.deepEqual(log.publications.map(({ offset }) => offset), numbers(1, 180))
      assert.deepEqual(log.data, logs[0]!.data)
    }
    for (const i of [0, 1, 2]) {
      const mine = logs[0]!.data.filter((data) => (data as string).startsWith(`${i}.`))
      assert.deepEqual(mine, numbers(1, 60).map((n) => `${i}.${n}`))
    }
  })

  test('a client that publishes is heard on the other nodes', async (t) => {
    const [speaker, listener] = [await connect(t, 0, 'speaker'), await connect(t, 2, 'listener')]
    const log = await listener.subscription('long:talk').on()
    await speaker.subscription('long:talk').on()
    for (const n of numbers(1, 20)) await speaker.centrifuge.publish('long:talk', n)
    await log.has(20)
    assert.deepEqual(log.data, numbers(1, 20))
    assert.equal(log.publications[0]!.info?.user, 'speaker')
  })

  for (const missed of [0, 1, 60, 300]) {
    test(`a client that moves from node to node recovers ${missed} publications, once and in order`, async (t) => {
      const channel = `long:moves${missed}`
      const proxy = await FaultProxy.open(t, node(0).port)
      const client = await new Client(t, proxy.websocket, { token: await appToken(`mover${missed}`) }).connect()
      const log = await client.subscription(channel).on()
      let sent = 0
      const send = async (count: number, from: number) => {
        await publishAll(node(from), channel, numbers(sent + 1, sent + count))
        sent += count
      }
      await send(3, 1)
      await log.has(3)
      for (const next of [1, 2, 0]) {
        proxy.refuse()
        proxy.cut()
        await send(missed, next + 1)
        proxy.redirect(node(next).port)
        proxy.heal()
        await log.subscribed(log.states.length + 1)
        await send(2, next)
        await log.has(sent)
      }
      assert.deepEqual(log.data, numbers(1, sent))
      assert.deepEqual(log.states.map(({ recovered }) => recovered), [false, true, true, true])
    })
  }

  test('history is one, wherever it is read, and cleared for all', async () => {
    const placed = []
    for (const n of numbers(1, 9)) placed.push(await publish(node(n), 'long:kept', n))
    assert.deepEqual(placed.map(({ offset }) => offset), numbers(1, 9))
    assert.equal(new Set(placed.map(({ epoch }) => epoch)).size, 1)
    const pages = await Promise.all(nodes.map((server) => done(server, 'history', { channel: 'long:kept', limit: 5, reverse: true })))
    for (const page of pages) assert.deepEqual(page, pages[0])
    assert.deepEqual(pages[0].publications.map(({ data }: { data: number }) => data), [9, 8, 7, 6, 5])
    await done(node(1), 'history_remove', { channel: 'long:kept' })
    for (const server of nodes) {
      const { publications, offset } = await done(server, 'history', { channel: 'long:kept', limit: -1 })
      assert.deepEqual([publications.length, offset], [0, 9])
    }
  })

  test('the server API asked anywhere means connections everywhere', async (t) => {
    const clients = await Promise.all([0, 1, 2, 0].map((i) => connect(t, i, 'everywhere')))
    await connect(t, 1, 'somebody else')
    for (const server of nodes) {
      const { connections, total } = await done(server, 'connections', { user: 'everywhere', sort: 'age', order: 'asc' })
      assert.equal(total, 4)
      assert.deepEqual(connections.map(({ client }: { client: string }) => client).sort(), clients.map(({ id }) => id).sort())
      const one = await done(server, 'connections', { client: clients[1]!.id })
      assert.equal(one.total, 1)
      const two = await done(server, 'connections', { user: 'everywhere', limit: 2 })
      assert.deepEqual([two.connections.length, two.total], [2, 4])
    }
    await done(node(0), 'subscribe', { user: 'everywhere', channel: 'closed:made' })
    await until('everyone to be subscribed', () =>
      clients.every((client) => client.subscribed.some(({ channel }) => channel === 'closed:made')),
    )
    await publish(node(2), 'closed:made', 'heard')
    await until('everyone to hear it', () => clients.every(({ got }) => got.some(({ data }) => data === 'heard')))
    for (const server of nodes) {
      const { channels } = await done(server, 'channels', { pattern: 'closed:*' })
      assert.equal(channels['closed:made'].num_clients, 4)
    }
    await done(node(1), 'unsubscribe', { user: 'everywhere', channel: 'closed:made' })
    await until('everyone to be unsubscribed', () => clients.every(({ unsubscribed }) => unsubscribed.includes('closed:made')))
    await done(node(2), 'disconnect', {
      user: 'everywhere',
      whitelist: [clients[0]!.id],
      disconnect: { code: 4600, reason: 'enough' },
    })
    for (const client of clients.slice(1)) assert.deepEqual(await client.end(), { code: 4600, reason: 'enough' })
    await done(node(2), 'disconnect', { client: clients[0]!.id, user: 'everywhere' })
    assert.equal((await clients[0]!.end()).code, 3503)
    assert.equal((await done(node(1), 'connections', { user: 'everywhere' })).total, 0)
  })

  test('info has a row for each node, asked anywhere', async () => {
    for (const server of nodes) {
      assert.deepEqual(await known(server), ['n1', 'n2', 'n3'])
      const { body } = await api(server, 'info', {})
      assert.equal(new Set(body.result.nodes.map(({ uid }: { uid: string }) => uid)).size, 3)
    }
  })
})
