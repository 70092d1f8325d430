// What the stories of faults stand on: that the servers fail as they are told to, and the proxy does to bytes what it
// says.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { faultsOf, type Event } from '../harness/crowd.ts'
import { stateOf } from '../harness/daemon.ts'
import { Dice, FaultProxy } from '../harness/fault_proxy.ts'
import { startPostgres } from '../harness/postgres.ts'
import { startRedis } from '../harness/redis.ts'
import { startCluster } from '../harness/redis_cluster.ts'
import { startSentinel } from '../harness/redis_sentinel.ts'
import { onEnd } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

test('Redis: frozen, killed, started again empty or not, with a replica', async (t) => {
  const redis = await startRedis(t, { password: 'a password of twenty characters' })
  const replica = await startRedis(t, { password: redis.options.password!, replicaOf: redis })
  await redis.cli('SET', 'a', '1')
  await replica.caughtUp(redis)
  assert.equal(await replica.cli('GET', 'a'), '1')
  await assert.rejects(replica.cli('SET', 'a', '2'), /READONLY/)
  redis.pause()
  await until('it to be frozen', () => stateOf(redis.daemon.pid) === 'T')
  redis.resume()
  await redis.restart({ empty: false })
  assert.equal(await redis.cli('GET', 'a'), '1')
  await redis.restart({ empty: true })
  assert.equal(await redis.cli('GET', 'a'), '')
})

test('Sentinel: the replica that fell behind takes over without what it missed', async (t) => {
  const sentinel = await startSentinel(t)
  const former = await sentinel.master()
  await former.cli('RPUSH', 'list', '1', '2')
  await sentinel.servers[1]!.caughtUp(former)
  await former.forsakeReplicas()
  await until('the replica to be alone', async () => (await sentinel.servers[1]!.info('master_link_status')) === 'down')
  const now = await sentinel.failOver()
  assert.notEqual(now, former)
  assert.equal(await now.cli('LRANGE', 'list', '0', '-1'), '1\n2')
})

test('Cluster: a slot moves with its keys, a replica takes over', async (t) => {
  const cluster = await startCluster(t, { replicas: 1 })
  const slot = await cluster.slotOf('{7}key')
  const [from, to] = [await cluster.owner(slot), cluster.masters.find((each) => each !== cluster.masters[0])!]
  await from.cli('SET', '{7}key', 'value')
  await cluster.move(slot, from === to ? cluster.masters[0]! : to)
  const owner = await cluster.owner(slot)
  assert.notEqual(owner, from)
  assert.equal(await owner.cli('GET', '{7}key'), 'value')
  await owner.kill()
  const heir = await cluster.promoted(slot, owner)
  assert(cluster.replicas.includes(heir))
})

test('PostgreSQL: a database each, and a replica that lags and is promoted', async (t) => {
  const postgres = await startPostgres(t)
  const [one, two] = [await postgres.database(), await postgres.database()]
  await postgres.psql('CREATE TABLE numbers (n int)', one)
  await postgres.psql('INSERT INTO numbers VALUES (1)', one)
  await assert.rejects(postgres.psql('SELECT * FROM numbers', two), /does not exist/)
  const replica = await postgres.replica()
  await replica.lag()
  await postgres.psql('INSERT INTO numbers VALUES (2)', one)
  await postgres.kill()
  await replica.promote()
  assert.deepEqual(replica.rowsNow('SELECT n FROM numbers', one), [{ n: 1 }])
  await postgres.start()
  assert.equal(await postgres.psql('SELECT count(*) FROM numbers', one), '2')
})

/** A server that repeats what it hears. */
async function echo(t: TestContext): Promise<number> {
  const sockets = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onEnd(t, () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return (listener.address() as AddressInfo).port
}

async function caller(t: TestContext, port: number) {
  const socket = connect(port, '127.0.0.1')
  const state = { text: '', over: false, socket }
  socket.setEncoding('utf8').on('data', (text: string) => (state.text += text))
  socket.on('error', () => {}).on('close', () => (state.over = true))
  onEnd(t, () => void socket.destroy())
  await once(socket, 'connect')
  return state
}

test('the proxy: a partition holds what is on its way, a loss does not, and a cut falls where the seed says', async (t) => {
  const port = await echo(t)
  const proxy = await FaultProxy.open(t, port)
  const one = await caller(t, proxy.port)
  one.socket.write('a')
  await until('the echo', () => one.text === 'a')

  proxy.partition()
  const two = await caller(t, proxy.port)
  one.socket.write('b')
  two.socket.write('c')
  const direct = await caller(t, port)
  direct.socket.write('d')
  await until('the echo beside the proxy', () => direct.text === 'd')
  assert.deepEqual([one.text, two.text], ['a', ''])
  proxy.heal()
  await until('what was held', () => one.text === 'ab' && two.text === 'c')

  proxy.suffer({ lose: ['toServer'] })
  one.socket.write('lost')
  await until('the proxy to have swallowed it', () => one.socket.bytesWritten === 6 && one.socket.writableLength === 0)
  proxy.heal()
  const three = await caller(t, proxy.port)
  three.socket.write('e')
  await until('a new connection to work', () => three.text === 'e')
  assert.deepEqual([one.text, one.over], ['ab', false])

  const cutAt = async (seed: number) => {
    const cutting = await FaultProxy.open(t, port, seed)
    cutting.suffer({ cutAfter: { least: 10, most: 900 } })
    const victim = await caller(t, cutting.port)
    victim.socket.write('x'.repeat(1000))
    await until('the cut', () => victim.over)
    return victim.text.length
  }
  const first = await cutAt(7)
  assert(first >= 10 && first <= 900, `${first}`)
  assert.equal(await cutAt(7), first)

  proxy.suffer({ delay: { least: 1, most: 20 }, bytesPerSecond: 1_000_000 })
  const four = await caller(t, proxy.port)
  const text = Array.from({ length: 2000 }, (_, i) => `${i},`).join('')
  for (const piece of text.match(/.{1,700}/g)!) four.socket.write(piece)
  await until('all of it in its order', () => four.text === text)

  proxy.suffer({ refuse: true })
  const refused = await caller(t, proxy.port).catch(() => undefined)
  if (refused) await until('the reset', () => refused.over)
})

test('a seed tells the same story', () => {
  const story = (seed: number) => Array.from({ length: 20 }, ((dice) => () => dice.between(0, 1000))(new Dice(seed)))
  assert.deepEqual(story(3), story(3))
  assert.notDeepEqual(story(3), story(4))
})

test('the judge: a hole, a double, another order, a strange publication and a lost end are found', () => {
  const begun: Event = { kind: 'subscribed', recovered: false, wasRecovering: false, offset: 0, epoch: 'e' }
  const again = (recovered: boolean, offset: number): Event => ({ ...begun, recovered, wasRecovering: true, offset })
  const got = (...places: [number, number][]): Event[] => places.map(([offset, number]) => ({ kind: 'publication', offset, number }))
  const stream = [1, 2, 3, 4].map((number) => ({ number, offset: number }))
  const judged = (...events: Event[]) => faultsOf([begun, ...events], stream, new Set([1, 2, 3, 4, 5])).length === 0
  assert(judged(...got([1, 1], [2, 2], [3, 3], [4, 4])))
  assert(judged(...got([1, 1]), again(true, 4), ...got([2, 2], [3, 3], [4, 4])))
  assert(judged(...got([1, 1]), again(false, 3), ...got([4, 4])), 'it was told')
  assert(judged(...got([1, 1], [2, 5]), again(false, 1), ...got([2, 2], [3, 3], [4, 4])), 'what a server that is gone had')
  for (const bad of [
    got([1, 1], [2, 2], [4, 4]),
    got([1, 1], [2, 2], [3, 3]),
    got([1, 1], [2, 2], [2, 2], [3, 3], [4, 4]),
    got([1, 1], [3, 3], [2, 2], [4, 4]),
    got([1, 1], [2, 2], [3, 3], [4, 9]),
    got([1, 1], [2, 5], [3, 3], [4, 4]),
    [...got([1, 1]), again(true, 4), ...got([3, 3], [4, 4])],
    [...got([1, 1]), again(false, 2), ...got([4, 4])],
  ]) {
    assert(!judged(...bad), JSON.stringify(bad))
  }
})
