// Three masters of a real Redis Cluster, each with or without a replica, and slots that move.
import { freePort } from './ports.ts'
import { startRedis, type Redis, type RedisOptions } from './redis.ts'
import { type Scope } from './scope.ts'
import { until } from './until.ts'

const kSlots = 16_384
const kMasters = 3
const kFailoverMs = 30_000

export class Cluster {
  readonly masters: Redis[]
  readonly replicas: Redis[]

  constructor(masters: Redis[], replicas: Redis[]) {
    this.masters = masters
    this.replicas = replicas
  }

  /** As `broker.url` has it. */
  get url(): string {
    return `redis+cluster://${this.masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  }

  id(redis: Redis): Promise<string> {
    return redis.cli('CLUSTER', 'MYID')
  }

  slotOf(key: string): Promise<number> {
    return this.masters[0]!.cli('CLUSTER', 'KEYSLOT', key).then(Number)
  }

  /** The master that says it has this slot. */
  async owner(slot: number): Promise<Redis> {
    for (const redis of [...this.masters, ...this.replicas].filter(({ daemon }) => daemon.running)) {
      const own = (await redis.cli('CLUSTER', 'NODES')).split('\n').find((line) => line.includes('myself') && line.includes('master'))
      const ranges = own?.split(' ').slice(8).filter((range) => !range.startsWith('[')) ?? []
      const has = ranges.some((range) => {
        const [from, to = from] = range.split('-').map(Number)
        return slot >= from! && slot <= to!
      })
      if (has) return redis
    }
    throw new Error(`nobody has the slot ${slot}`)
  }

  /** Moves a slot with its keys, as `redis-cli --cluster reshard` does. */
  async move(slot: number, to: Redis): Promise<void> {
    const from = await this.owner(slot)
    const [source, target] = await Promise.all([this.id(from), this.id(to)])
    await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source)
    await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target)
    for (;;) {
      const keys = (await from.cli('CLUSTER', 'GETKEYSINSLOT', slot, 100)).split('\n').filter((key) => key)
      if (keys.length === 0) break
      await from.cli('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys)
    }
    for (const each of [to, from, ...this.masters]) await each.cli('CLUSTER', 'SETSLOT', slot, 'NODE', target)
  }

  /** Until a replica has taken the place of this master, which is gone. */
  async promoted(slot: number, former: Redis): Promise<Redis> {
    return until('a replica to take over', async () => {
      const now = await this.owner(slot).catch(() => former)
      return now === former ? undefined : now
    }, kFailoverMs)
  }
}

export async function startCluster(scope: Scope, { replicas = 0 }: { replicas?: 0 | 1 } = {}): Promise<Cluster> {
  const busPorts = new Map<Redis, number>()
  const start = async () => {
    const bus = await freePort()
    const config: NonNullable<RedisOptions['config']> = {
      'cluster-enabled': 'yes',
      'cluster-port': bus,
      'cluster-node-timeout': 1000,
      'cluster-announce-ip': '127.0.0.1',
      'cluster-allow-replica-migration': 'no',
    }
    const redis = await startRedis(scope, { config })
    busPorts.set(redis, bus)
    return redis
  }
  const masters = await Promise.all(Array.from({ length: kMasters }, start))
  const others = await Promise.all(Array.from({ length: kMasters * replicas }, start))
  const all = [...masters, ...others]
  const share = Math.ceil(kSlots / kMasters)
  for (const [i, redis] of masters.entries()) {
    await redis.cli('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
    await redis.cli('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min(kSlots, (i + 1) * share) - 1)
  }
  for (const redis of all.slice(1)) await redis.cli('CLUSTER', 'MEET', '127.0.0.1', masters[0]!.port, busPorts.get(masters[0]!)!)
  const known = (redis: Redis) =>
    redis.cli('CLUSTER', 'NODES').then((text) => text.split('\n').filter((line) => !/handshake|fail/.test(line)).length)
  await until('the cluster to know its members', async () => (await Promise.all(all.map(known))).every((count) => count === all.length))
  for (const [i, redis] of others.entries()) {
    await redis.cli('CLUSTER', 'REPLICATE', await masters[i]!.cli('CLUSTER', 'MYID'))
  }
  await Promise.all(others.map((redis) => redis.linked()))
  await until('the cluster to be whole', async () =>
    (await Promise.all(all.map((redis) => redis.cli('CLUSTER', 'INFO')))).every((text) => text.includes('cluster_state:ok')))
  return new Cluster(masters, others)
}
