// Three nodes as one: sign in on the first, connect on the second, publish on the third, end on the first. The same on
// one Redis, under Sentinels and on a Cluster.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { assertRefused, get, post } from '../harness/api.ts'
import { Authority } from '../harness/authority.ts'
import { Client, publish } from '../harness/client.ts'
import { Crowd } from '../harness/crowd.ts'
import { done, inTouch, known, startNodes, together } from '../harness/nodes.ts'
import { startRedis } from '../harness/redis.ts'
import { startCluster } from '../harness/redis_cluster.ts'
import { startSentinel } from '../harness/redis_sentinel.ts'
import { type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kKinds: Record<string, (t: TestContext) => Promise<{ broker: string; ca?: string }>> = {
  'one Redis': async (t) => ({ broker: (await startRedis(t, { password: 'pass word/with:signs@and more' })).url }),
  'one Redis by TLS': async (t) => {
    const authority = new Authority(t)
    const { url } = await startRedis(t, { tls: { ...authority.issue(), ca: authority.file } })
    return { broker: url, ca: authority.file }
  },
  Sentinel: async (t) => ({ broker: (await startSentinel(t)).url }),
  Cluster: async (t) => ({ broker: (await startCluster(t)).url }),
}

async function story(t: TestContext, [first, second, third]: [Server, Server, Server]): Promise<void> {
  const tokens = await signIn(first)
  for (const node of [first, second, third]) assert.equal((await get(node, '/api/v2/auth/check', tokens.token)).status, 200)
  const tab = await new Client(t, second.websocket, { token: tokens.token }).connect()
  const room = await tab.subscription('long:room').on()
  const { offset, epoch } = await publish(third, 'long:room', { text: 'hello' })
  await room.has(1)
  assert.deepEqual(room.publications.map(({ data, offset }) => [data, offset]), [[{ text: 'hello' }, offset]])
  assert.equal(room.publications.length, 1)
  const page = await done(first, 'history', { channel: 'long:room', limit: 10 })
  assert.deepEqual([page.offset, page.epoch, page.publications.length], [offset, epoch, 1])
  const began = performance.now()
  await post(first, '/api/v2/auth/logout', {}, tokens.token)
  const answered = performance.now()
  for (const node of [first, second, third]) assertRefused(await get(node, '/api/v2/auth/check', tokens.token), 'signed_out')
  assert.equal((await tab.end()).code, 4501)
  t.diagnostic(`answered after ${(answered - began).toFixed()} ms, closed after ${(performance.now() - began).toFixed()} ms`)
}

describe('the short story', () => {
  for (const [name, start] of Object.entries(kKinds)) {
    test(`on ${name}`, async (t) => {
      const { broker, ca } = await start(t)
      const nodes = await startNodes(t, 3, { broker, ...(ca === undefined ? {} : { config: { broker: { ca_file: ca } } }) })
      await story(t, nodes as [Server, Server, Server])
      const crowd = await Crowd.gather(t, nodes, ['long:a', 'long:b', 'long:c'], 18)
      await crowd.each((publisher) => publisher.many(30))
      const counts = await crowd.judge(name)
      assert.deepEqual([counts.uncertain, counts.told, counts.lost], [0, 0, 0])
    })
  }
})

test('nodes come and go: each knows the others by name', async (t) => {
  const [first, second] = await startNodes(t, 2)
  assert.deepEqual(await known(first!), ['n1', 'n2'])
  await second!.stop()
  // It has said farewell, so nobody waits until it is missed.
  await until('the first to be alone', async () => (await known(first!)).length === 1, 2000)
})

test('a Redis shared by two deployments: neither sees anything of the other', async (t) => {
  const redis = await startRedis(t)
  const [ours, theirs] = await Promise.all([startNodes(t, 2, { broker: redis.url }), startNodes(t, 2, { broker: redis.url })])
  await together(ours)
  await together(theirs)
  const one = await Crowd.gather(t, ours, ['long:same', 'room:same'], 6)
  const two = await Crowd.gather(t, theirs, ['long:same', 'room:same'], 4)
  await one.publishers[0]!.many(3)
  await two.publishers[0]!.many(5)
  assert.deepEqual([(await one.stream('long:same')).length, (await two.stream('long:same')).length], [3, 5])
  assert.equal((await done(ours[0]!, 'presence_stats', { channel: 'room:same' })).num_clients, 2)
  assert.equal((await done(theirs[0]!, 'presence_stats', { channel: 'room:same' })).num_clients, 2)
  const prefixes = new Set((await redis.cli('KEYS', '*')).split('\n').map((key) => key.split(':')[0]))
  assert.equal(prefixes.size, 2, [...prefixes].join())
  for (const node of [...ours, ...theirs]) await inTouch(node)
})
