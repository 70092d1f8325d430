// Nodes that fail: killed, cut off from everything, with another clock, beside a neighbour of another version.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { assertRefused, get, post } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { Crowd } from '../harness/crowd.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { done, inTouch, known, startNodes, together } from '../harness/nodes.ts'
import { startPostgres } from '../harness/postgres.ts'
import { appToken, metric } from '../harness/realtime.ts'
import { Receiver } from '../harness/receiver.ts'
import { startRedis } from '../harness/redis.ts'
import { onEnd } from '../harness/scope.ts'
import { hasFailpoints, startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

const kCheck = '/api/v2/auth/check'
/** Of a partition: a minute in ./dev faults, long enough for every rule of time here. */
const kPartitionMs = Number(process.env.GATECAST_PARTITION_MS ?? 8000)
const kBlindMs = 3000

/** What a node says to a token, asked without a pause. */
class Watch {
  readonly statuses: number[] = []
  #over = false
  readonly #done: Promise<void>

  constructor(server: Server, token: string) {
    this.#done = (async () => {
      while (!this.#over) this.statuses.push((await get(server, kCheck, token)).status)
    })()
  }

  async stop(): Promise<number[]> {
    this.#over = true
    await this.#done
    return this.statuses
  }
}

/** A connection that is tried again and again; how often it was made. */
function knocking(t: TestContext, server: Server, token: string): { made: () => number } {
  let made = 0
  const timer = { over: false }
  const knock = async () => {
    while (!timer.over) {
      const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, token, minReconnectDelay: 60_000, timeout: 4000 })
      const end = new Promise<void>((resolve) => {
        centrifuge.on('connected', () => (made++, resolve()))
        centrifuge.on('disconnected', () => resolve())
        centrifuge.on('error', () => resolve())
      })
      centrifuge.connect()
      await end
      centrifuge.disconnect()
    }
  }
  const finished = knock()
  onEnd(t, async () => {
    timer.over = true
    await finished
  })
  return { made: () => made }
}

test(
  `a node cut off from store and broker for ${kPartitionMs / 1000} s while sessions are ended on the others`,
  { timeout: 180_000 },
  async (t) => {
    const [redis, postgres] = await Promise.all([startRedis(t), startPostgres(t)])
    const [toRedis, toPostgres] = [await FaultProxy.open(t, redis.port), await FaultProxy.open(t, postgres.port)]
    const nodes = await startNodes(t, 3, {
      broker: redis.url,
      postgres,
      config: { session: { blind_max: `${kBlindMs}ms` } },
      node: (i) => (i === 2 ? { broker: redis.urlAt(toRedis.port), store: toPostgres } : {}),
    })
    const [first, second, cutOff] = nodes as [Server, Server, Server]
    const ended = await Promise.all(Array.from({ length: 6 }, () => signIn(first)))
    const kept = await Promise.all(Array.from({ length: 2 }, () => signIn(second)))
    const { database } = first.backends!
    const long = await Promise.all(Array.from({ length: 3 }, () => signIn(second)))
    for (const { token } of long) await post(second, '/api/v2/auth/logout', {}, token)
    const patience = { minReconnectDelay: 100, maxReconnectDelay: 500 }
    const sockets = await Promise.all(
      [...ended, ...kept].map(({ token }) => new Client(t, cutOff.websocket, { token, ...patience }).connect()),
    )
    const crowd = await Crowd.gather(t, nodes, ['long:cut'], 12, [first, second])
    await crowd.each((publisher) => publisher.many(5))
    for (const { token } of [...ended, ...kept]) assert.equal((await get(cutOff, kCheck, token)).status, 200)

    const [{ seen }] = first.rows.all('SELECT max(seq) AS seen FROM control_log') as [{ seen: number }]
    assert(seen > 0)
    toRedis.partition()
    toPostgres.partition()
    const began = performance.now()
    const over = new Promise<void>((resolve) => setTimeout(resolve, kPartitionMs))
    const waits: number[] = []
    const watches: Watch[] = []
    const knocks: ReturnType<typeof knocking>[] = []
    for (const { token } of ended) {
      const asked = performance.now()
      assert.equal((await post(first, '/api/v2/auth/logout', {}, token)).status, 200)
      waits.push(performance.now() - asked)
      // From here on, at no moment.
      watches.push(new Watch(cutOff, token))
      if (knocks.length < 2) knocks.push(knocking(t, cutOff, token))
      assertRefused(await get(second, kCheck, token), 'signed_out')
    }
    await until(
      'every old socket to be closed',
      () => sockets.every(({ drops, ends }) => drops.length + ends.length > 0),
      kBlindMs + 10_000,
    )
    const closed = performance.now() - began
    // The log loses its older part meanwhile, with the row that this node had read last.
    postgres.runNow(`DELETE FROM control_log WHERE seq <= ${seen}`, database)
    await crowd.each((publisher) => publisher.during(over))

    toRedis.heal()
    toPostgres.heal()
    const back = performance.now()
    await until('the node to judge those who may stay', async () => (await get(cutOff, kCheck, kept[0]!.token)).status === 200)
    const right = performance.now() - back
    for (const { token } of [...ended, ...long]) assertRefused(await get(cutOff, kCheck, token), 'signed_out')
    const accepted = (await Promise.all(watches.map((watch) => watch.stop()))).map(
      (statuses) => statuses.filter((status) => status === 200).length,
    )
    const asked = watches.reduce((sum, { statuses }) => sum + statuses.length, 0)
    assert.deepEqual(accepted, ended.map(() => 0), 'new work for an ended session')
    assert.deepEqual(knocks.map(({ made }) => made()), knocks.map(() => 0), 'new connections of an ended session')
    for (const socket of sockets.slice(0, ended.length)) assert.equal((await socket.end()).code, 4501)
    for (const socket of sockets.slice(ended.length)) await until('who may stay to be back', () => socket.connects.length >= 2)
    await inTouch(cutOff)
    const counts = await crowd.judge('partitioned')
    assert.deepEqual([counts.told, counts.lost], [0, 0])
    console.log(
      `partitioned ${kPartitionMs} ms: endings answered after ${Math.max(...waits).toFixed()} ms at most, ${asked} questions about ended sessions, ` +
        `none accepted, sockets gone after ${closed.toFixed()} ms, right ${right.toFixed()} ms after the return`,
    )
    assert(Math.max(...waits) < 2500, `an ending waited ${Math.max(...waits)} ms`)
  },
)

test('a node is killed: survivors say who left, and are alone', async (t) => {
  const nodes = await startNodes(t, 3)
  const [first, second, victim] = nodes as [Server, Server, Server]
  const watcher = await new Client(t, first.websocket, { token: await appToken('watcher') }).connect()
  const room = await watcher.subscription('room:killed').on()
  const join = async (user: string) => new Client(t, victim.websocket, { token: await appToken(user), minReconnectDelay: 60_000 }).connect()
  const lost = await Promise.all(Array.from({ length: 12 }, (_, i) => join(`lost${i}`)))
  for (const client of lost) await client.subscription('room:killed').on()
  await until('everyone to be there', () => room.joins.length >= 12)
  victim.kill()
  await victim.ended()
  await until('every leave', () => room.leaves.length >= 12, 30_000)
  assert.deepEqual(room.leaves.map(({ user }) => user).sort(), lost.map((_, i) => `lost${i}`).sort(), 'each once')
  for (const server of [first, second])
    assert.deepEqual(await done(server, 'presence_stats', { channel: 'room:killed' }), { num_clients: 1, num_users: 1 })
  await until('the others to miss it', async () => (await known(second)).join() === 'n1,n2')
  assert.equal((await done(second, 'connections', {})).total, 1)
})

test('nodes are restarted one after the other while everyone publishes: nobody is told of a hole', async (t) => {
  const nodes = await startNodes(t, 3)
  const crowd = await Crowd.gather(t, nodes, ['long:rolling1', 'long:rolling2'], 30)
  await crowd.each((publisher) => publisher.many(5))
  const rolling = (async () => {
    for (const node of nodes) {
      await node.stop()
      await startServer(t, { again: node })
      await together(nodes)
    }
  })()
  await crowd.each((publisher) => publisher.during(rolling))
  const counts = await crowd.judge('restarted one by one')
  assert.deepEqual([counts.told, counts.lost], [0, 0])
  assert(counts.recovered >= 30, 'each was moved once at least')
})

test('the node that sends a webhook is killed: another takes over, and every event comes in order', async (t) => {
  const receiver = await Receiver.open(t)
  const nodes = await startNodes(t, 2, { config: { webhook: [{ name: 'app', url: receiver.url, secret: receiver.secret }] } })
  const names: string[] = []
  const make = async (count: number, server: Server) => {
    for (let i = 0; i < count; i++) {
      const id = `hook-${names.length}`
      await done(server, 'user_upsert', { user: { id } })
      names.push(id)
    }
  }
  await make(10, nodes[0]!)
  await until('the first events', () => receiver.users('user.created').length >= 10)
  const sends = await Promise.all(nodes.map((node) => metric(node, 'webhook_deliveries_total', 'outcome="ok"')))
  assert.equal(sends.filter((count) => count > 0).length, 1, 'one sender at a time')
  const sender = nodes[sends[0]! > 0 ? 0 : 1]!
  const survivor = nodes.find((node) => node !== sender)!
  sender.kill()
  await sender.ended()
  await make(10, survivor)
  const began = performance.now()
  await until('the events since', () => new Set(receiver.users('user.created')).size >= 20, 40_000)
  console.log(`a webhook's sender was killed: another took over within ${((performance.now() - began) / 1000).toFixed(1)} s`)
  const first = [...new Set(receiver.taken.map(({ seq }) => seq))]
  assert.deepEqual(first, [...first].sort((a, b) => a - b))
  assert.deepEqual([...new Set(receiver.users('user.created'))], names)
})

test('messages that no node of this version makes are passed over', async (t) => {
  const redis = await startRedis(t)
  const nodes = await startNodes(t, 2, { broker: redis.url })
  const crowd = await Crowd.gather(t, nodes, ['long:odd'], 6)
  await crowd.each((publisher) => publisher.many(3))
  const topics = (await redis.cli('PUBSUB', 'CHANNELS', '*')).split('\n').filter((topic) => topic)
  assert(topics.length >= 2, topics.join(' '))
  const odd = ['', '{}', '{"v":99,"kind":"of tomorrow","new":[1]}', '9'.repeat(4000), '\xff\xfe', '0:0:', '1:1:{}', `${'5'.repeat(40)}:1:x`]
  for (const topic of topics) for (const text of odd) await redis.cli('PUBLISH', topic, text)
  await crowd.each((publisher) => publisher.many(3))
  const counts = await crowd.judge('odd messages')
  assert.deepEqual([counts.told, counts.uncertain], [0, 0])
  for (const node of nodes) await inTouch(node)
})

test('a store that a newer version has moved on, and still lets this one work with', async (t) => {
  const postgres = await startPostgres(t)
  const nodes = await startNodes(t, 2, { postgres })
  const { backends } = nodes[0]!
  postgres.runNow('UPDATE schema_version SET version = version + 1', backends!.database)
  postgres.runNow('ALTER TABLE users ADD COLUMN of_tomorrow text', backends!.database)
  const tokens = await signIn(nodes[0]!)
  const late = await startServer(t, { beside: nodes[0]!, config: { node: { name: 'late' } } })
  await together([...nodes, late])
  for (const node of [...nodes, late]) assert.equal((await get(node, kCheck, tokens.token)).status, 200)
  await signIn(late)
})

test('clocks a minute apart: sign-ins, renewals and endings hold', { skip: !hasFailpoints && 'needs failpoints' }, async (t) => {
  const nodes = await startNodes(t, 3, { node: (i) => (i === 0 ? {} : { env: { GATECAST_CLOCK_SHIFT: i === 1 ? '30' : '-29' } }) })
  for (const [i, node] of nodes.entries()) {
    const wallet = new Wallet()
    const tokens = await signIn(node, wallet)
    for (const other of nodes) assert.equal((await get(other, kCheck, tokens.token)).status, 200)
    const next = nodes[(i + 1) % 3]!
    const renewed = await post(next, '/api/v2/auth/refresh', { refreshToken: tokens.refreshToken })
    assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
    const tab = await new Client(t, next.websocket, { token: renewed.body.token }).connect()
    await post(nodes[(i + 2) % 3]!, '/api/v2/auth/logout', {}, tokens.token)
    assert.equal((await tab.end()).code, 4501)
    for (const other of nodes) assertRefused(await get(other, kCheck, renewed.body.token), 'signed_out')
    // Who comes back after the end is not taken for who left, whatever its node's clock says.
    const again = await signIn(next, wallet)
    for (const other of nodes) assert.equal((await get(other, kCheck, again.token)).status, 200)
  }
})
