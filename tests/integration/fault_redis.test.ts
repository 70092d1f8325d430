// Redis fails in every way that networks and servers do, while numbered publications go to fifty clients on three
// nodes. Whoever is there at the end has the stream, in order and once, or was told that it may not; which never
// happens where the history was kept. GATECAST_SEED draws other faults of the same kinds.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from '../harness/client.ts'
import { Crowd, type Counts } from '../harness/crowd.ts'
import { Dice, FaultProxy } from '../harness/fault_proxy.ts'
import { done, inTouch, startNodes } from '../harness/nodes.ts'
import { appToken } from '../harness/realtime.ts'
import { startRedis, type Redis } from '../harness/redis.ts'
import { startCluster } from '../harness/redis_cluster.ts'
import { startSentinel } from '../harness/redis_sentinel.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'

const kSeed = Number(process.env.GATECAST_SEED ?? 1)
const kMembers = 48
const kDurable = {
  namespace: [
    { name: 'sure', durable: true, allow_subscribe_for_client: true, history_size: 1000, history_ttl: '5m', force_recovery: true },
  ],
}

let made = 0
const channels = (space = 'long') => ['a', 'b', 'c'].map((name) => `${space}:${name}${++made}`)
const steady = (counts: Counts) => assert.deepEqual([counts.told, counts.lost], [0, 0], 'the history was kept')

describe(`connections to Redis fail, seed ${kSeed}`, () => {
  const suite = new Suite()
  let redis: Redis
  let proxies: FaultProxy[]
  let nodes: Server[]
  before(async () => {
    redis = await startRedis(suite)
    proxies = await Promise.all([0, 1, 2].map((i) => FaultProxy.open(suite, redis.port, kSeed * 10 + i)))
    nodes = await startNodes(suite, 3, { broker: redis.url, node: (i) => ({ broker: redis.urlAt(proxies[i]!.port) }) })
  })
  after(() => suite.close())

  const heal = async () => {
    for (const proxy of proxies) proxy.heal()
    await Promise.all(nodes.map((node) => inTouch(node)))
  }
  const gather = (through?: Server[]) => Crowd.gather(suite, nodes, channels(), kMembers, through)

  test('slow: every piece of bytes is up to 60 ms late', async () => {
    const crowd = await gather()
    for (const proxy of proxies) proxy.suffer({ delay: { least: 5, most: 60 } })
    await crowd.each((publisher) => publisher.many(20))
    await heal()
    const counts = await crowd.judge('slow')
    steady(counts)
    assert.equal(counts.uncertain, 0, 'slow is not gone')
  })

  test('refused for a while', async () => {
    const crowd = await gather()
    await crowd.each((publisher) => publisher.many(10))
    for (const proxy of proxies) {
      proxy.suffer({ refuse: true })
      proxy.cut()
    }
    await Promise.all([crowd.each((publisher) => publisher.many(3)), ...nodes.map((node) => inTouch(node, false))])
    await heal()
    await crowd.each((publisher) => publisher.many(10))
    steady(await crowd.judge('refused'))
  })

  test('cut in the middle of replies, again and again', async () => {
    const crowd = await gather()
    const [first] = proxies
    const before = first!.accepted
    for (const proxy of proxies) proxy.suffer({ cutAfter: { least: 50, most: 6000 } })
    await crowd.each((publisher) => publisher.during(until('twelve connections to be cut', () => first!.accepted >= before + 12, 60_000)))
    await heal()
    await crowd.each((publisher) => publisher.many(10))
    steady(await crowd.judge('cut mid-reply'))
  })

  test('one node is gone without a word: what it missed is there once it is back', async () => {
    const crowd = await gather(nodes.slice(1))
    await crowd.each((publisher) => publisher.many(5))
    proxies[0]!.suffer({ lose: ['toServer', 'toClient'] })
    await crowd.each((publisher) => publisher.during(inTouch(nodes[0]!, false), 100))
    await heal()
    await crowd.each((publisher) => publisher.many(5))
    steady(await crowd.judge('half open'))
  })

  test('one direction is gone: the node hears nothing, though it is heard', async () => {
    const crowd = await gather(nodes.slice(1))
    proxies[0]!.suffer({ lose: ['toClient'] })
    await crowd.each((publisher) => publisher.during(inTouch(nodes[0]!, false), 100))
    await heal()
    steady(await crowd.judge('deaf'))
  })

  test('one node is cut off by a network that then delivers what it held', async () => {
    const crowd = await gather()
    proxies[2]!.partition()
    const cutOff = Promise.all([inTouch(nodes[2]!, false), crowd.publishers[0]!.many(9)])
    await crowd.each((publisher) => (publisher === crowd.publishers[0] ? cutOff : publisher.during(cutOff, 30)))
    await heal()
    steady(await crowd.judge('partitioned'))
  })

  test('Redis stands still and goes on', async () => {
    const crowd = await gather()
    redis.pause()
    await Promise.all([crowd.each((publisher) => publisher.many(2)), ...nodes.map((node) => inTouch(node, false))])
    redis.resume()
    await heal()
    steady(await crowd.judge('frozen'))
  })

  test('every kind of fault, drawn by the seed', async () => {
    const dice = new Dice(kSeed)
    const crowd = await gather()
    for (let round = 0; round < 6; round++) {
      const proxy = dice.pick(proxies)
      const told = dice.pick(['delay', 'throttle', 'cut', 'reset', 'lose', 'deaf', 'hold', 'refuse'])
      const before = proxy.accepted
      if (told === 'delay') proxy.suffer({ delay: { least: 0, most: dice.between(10, 200) } })
      if (told === 'throttle') proxy.suffer({ bytesPerSecond: dice.between(20_000, 200_000) })
      if (told === 'cut') proxy.suffer({ cutAfter: { least: 1, most: dice.between(100, 5000) } })
      if (told === 'reset') proxy.cut()
      if (told === 'lose') proxy.suffer({ lose: ['toServer', 'toClient'] })
      if (told === 'deaf') proxy.suffer({ lose: [dice.pick(['toServer', 'toClient'] as const)] })
      if (told === 'hold') proxy.partition()
      if (told === 'refuse') (proxy.suffer({ refuse: true }), proxy.cut())
      await crowd.each((publisher) => publisher.many(dice.between(1, 12)))
      if (told === 'cut') await until('a cut', () => proxy.accepted > before, 30_000)
      proxy.heal()
    }
    await heal()
    steady(await crowd.judge(`seed ${kSeed}`))
  })
})

describe('Redis itself fails', () => {
  test('started again empty: everyone with a place is told, and goes on from there', async (t) => {
    const redis = await startRedis(t)
    const nodes = await startNodes(t, 3, { broker: redis.url })
    const crowd = await Crowd.gather(t, nodes, channels(), kMembers)
    const roomy = await Promise.all(
      nodes.map(async (node, i) => new Client(t, node.websocket, { token: await appToken(`roomy${i}`) }).connect()),
    )
    for (const client of roomy) await client.subscription('room:empty').on()
    await crowd.each((publisher) => publisher.many(10))
    await redis.restart({ empty: true })
    await Promise.all(nodes.map((node) => inTouch(node)))
    await crowd.flows()
    await crowd.each((publisher) => publisher.many(10))
    const counts = await crowd.judge('restarted empty')
    assert.equal(counts.told, kMembers, 'everyone had ten publications that no server knows any more')
    await until(
      'presence to be entered again',
      async () => (await done(nodes[1]!, 'presence_stats', { channel: 'room:empty' })).num_clients === 3,
    )
  })

  test('started again with what it had: nobody is told anything', async (t) => {
    const redis = await startRedis(t, { persistent: true })
    const nodes = await startNodes(t, 3, { broker: redis.url })
    const crowd = await Crowd.gather(t, nodes, channels(), kMembers)
    await crowd.each((publisher) => publisher.many(10))
    await crowd.each((publisher) =>
      publisher.during(publisher === crowd.publishers[0] ? redis.restart({ empty: false }) : Promise.resolve(), 50),
    )
    await Promise.all(nodes.map((node) => inTouch(node)))
    await crowd.each((publisher) => publisher.many(10))
    steady(await crowd.judge('restarted with its data'))
  })

  test('fails over under Sentinels while everyone publishes', async (t) => {
    const sentinel = await startSentinel(t)
    const nodes = await startNodes(t, 3, { broker: sentinel.url })
    const crowd = await Crowd.gather(t, nodes, channels(), kMembers)
    await crowd.each((publisher) => publisher.many(10))
    const taken = sentinel.failOver()
    await crowd.each((publisher) => publisher.during(taken))
    await Promise.all(nodes.map((node) => inTouch(node)))
    await crowd.each((publisher) => publisher.many(10))
    await crowd.judge('failed over')
  })

  test('durable: nothing that was acknowledged is lost across a failover', async (t) => {
    const sentinel = await startSentinel(t)
    const nodes = await startNodes(t, 3, { broker: sentinel.url, config: kDurable })
    const crowd = await Crowd.gather(t, nodes, channels('sure'), kMembers)
    await crowd.each((publisher) => publisher.many(10))
    const taken = sentinel.failOver()
    await crowd.each((publisher) => publisher.during(taken))
    // The one that is left has no replica that could confirm anything, so only the fallen one's return ends that.
    const fallen = sentinel.servers.find(({ daemon }) => !daemon.running)!
    await fallen.start()
    await until('the fallen one to follow', async () => (await fallen.info('master_link_status')) === 'up')
    await Promise.all(nodes.map((node) => inTouch(node)))
    await crowd.flows()
    const counts = await crowd.judge('durable, failed over')
    assert.equal(counts.lost, 0)
    assert(counts.acknowledged >= 33)
  })

  test('a replica five publications behind takes over: nobody silently misses one', async (t) => {
    const sentinel = await startSentinel(t)
    const nodes = await startNodes(t, 3, { broker: sentinel.url })
    const crowd = await Crowd.gather(t, nodes, channels(), kMembers)
    await crowd.each((publisher) => publisher.many(10))
    const [former, replica] = sentinel.servers
    // Away since before the five, so it has nothing that the next server does not know.
    const away = await new Client(t, nodes[0]!.websocket, {
      token: await appToken('away'),
      minReconnectDelay: 60_000,
      maxReconnectDelay: 60_000,
    }).connect()
    const log = await away.subscription(crowd.publishers[0]!.channel).on()
    away.cut()
    await until('it to be away', () => away.drops.length === 1)
    await replica!.caughtUp(former!)
    await former!.forsakeReplicas()
    await until('the replica to be alone', async () => (await replica!.info('master_link_status')) === 'down')
    await crowd.each((publisher) => publisher.many(5))
    await until('the five to be delivered', () => crowd.members.every(({ numbers }) => numbers.length === 15))
    await sentinel.failOver()
    await Promise.all(nodes.map((node) => inTouch(node)))
    await crowd.flows()
    const counts = await crowd.judge('promoted five behind')
    assert.equal(counts.lost, 15, 'five of each channel were acknowledged by a server that is gone')
    assert.equal(counts.told, kMembers, 'each had them, and was told')
    away.centrifuge.disconnect()
    away.centrifuge.connect()
    assert.equal((await log.subscribed(2)).recovered, true, 'what it had is known to the new server')
  })

  test('a master of a Cluster is gone, and slots move', async (t) => {
    const cluster = await startCluster(t, { replicas: 1 })
    const nodes = await startNodes(t, 3, { broker: cluster.url })
    const crowd = await Crowd.gather(t, nodes, channels(), kMembers)
    await crowd.each((publisher) => publisher.many(10))
    const keys = (await Promise.all(cluster.masters.map((master) => master.cli('KEYS', '*')))).flatMap((text) => text.split('\n'))
    const slots = await Promise.all(
      crowd.publishers.map(({ channel }) => cluster.slotOf(keys.find((key) => key.endsWith(`:${channel}`))!)),
    )
    const moves = (async () => {
      for (const slot of slots) {
        const from = await cluster.owner(slot)
        await cluster.move(slot, cluster.masters.find((master) => master !== from)!)
      }
    })()
    await crowd.each((publisher) => publisher.during(moves))
    await crowd.flows()
    const owner = await cluster.owner(slots[0]!)
    await owner.kill()
    await crowd.each((publisher) => publisher.during(cluster.promoted(slots[0]!, owner)))
    await crowd.judge('cluster')
  })
})
