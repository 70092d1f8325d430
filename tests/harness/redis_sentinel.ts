// A master with replicas under three real sentinels, which judge and fail over within a second or two.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Daemon } from './daemon.ts'
import { freePort } from './ports.ts'
import { startRedis, type Redis, type RedisOptions } from './redis.ts'
import { onEnd, type Scope } from './scope.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const kMaster = 'main'
const kQuorum = 2
const kFailoverMs = 30_000

export interface SentinelOptions {
  replicas?: number
  redis?: RedisOptions
}

export class Sentinel {
  readonly ports: number[]
  readonly servers: Redis[]

  constructor(ports: number[], servers: Redis[]) {
    this.ports = ports
    this.servers = servers
  }

  /** As `broker.url` has it. */
  get url(): string {
    const { password } = this.servers[0]!.options
    const who = password === undefined ? '' : `:${encodeURIComponent(password)}@`
    return `redis+sentinel://${who}${this.ports.map((port) => `127.0.0.1:${port}`).join(',')}/${kMaster}`
  }

  async ask(index: number, ...words: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', `${this.ports[index]}`, ...words])
    return stdout.trim()
  }

  /** The server that most sentinels call the master. */
  async master(): Promise<Redis> {
    const named = await Promise.all(this.ports.map((_, i) => this.ask(i, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', kMaster).catch(() => '')))
    const found = this.servers.find(({ port }) => named.filter((each) => each.endsWith(`\n${port}`)).length >= kQuorum)
    if (!found) throw new Error(`the sentinels do not agree: ${JSON.stringify(named)}`)
    return found
  }

  /** Until another server than this one is the master, for the sentinels and for itself. */
  async promoted(former: Redis): Promise<Redis> {
    return until(
      'another master',
      async () => {
        const now = await this.master().catch(() => former)
        return now !== former && (await now.role().catch(() => '')) === 'master' ? now : undefined
      },
      kFailoverMs,
    )
  }

  /** Kills the master; the one that takes over. */
  async failOver(): Promise<Redis> {
    const former = await this.master()
    await former.kill()
    return this.promoted(former)
  }
}

export async function startSentinel(scope: Scope, { replicas = 1, redis = {} }: SentinelOptions = {}): Promise<Sentinel> {
  const master = await startRedis(scope, redis)
  const others = await Promise.all(Array.from({ length: replicas }, () => startRedis(scope, { ...redis, replicaOf: master })))
  const { password } = redis
  const ports = await Promise.all(Array.from({ length: 3 }, () => freePort()))
  await Promise.all(
    ports.map(async (port) => {
      const dir = mkdtempSync(path.join(tmpdir(), 'gatecast-sentinel-'))
      onEnd(scope, () => rmSync(dir, { recursive: true, force: true }))
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${dir}`,
        `sentinel monitor ${kMaster} 127.0.0.1 ${master.port} ${kQuorum}`,
        `sentinel down-after-milliseconds ${kMaster} 500`,
        `sentinel failover-timeout ${kMaster} 3000`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${kMaster} ${password}`]),
      ]
      // It writes what it learns into its configuration.
      writeFileSync(path.join(dir, 'sentinel.conf'), lines.join('\n') + '\n')
      const daemon = new Daemon(scope, { name: 'redis-sentinel', program: 'redis-sentinel', args: [path.join(dir, 'sentinel.conf')], cwd: dir })
      await daemon.up(() => run('redis-cli', ['-p', `${port}`, 'PING']).then(({ stdout }) => stdout.startsWith('PONG'), () => false))
    }),
  )
  const sentinel = new Sentinel(ports, [master, ...others])
  await until('the sentinels to know each other and the replicas', async () => {
    const told = await Promise.all(ports.map((_, i) => sentinel.ask(i, 'SENTINEL', 'MASTER', kMaster)))
    const number = (text: string, name: string) => Number(new RegExp(`${name}\n(\\d+)`).exec(text)?.[1])
    return told.every((text) => number(text, 'num-other-sentinels') === 2 && number(text, 'num-slaves') === replicas)
  })
  return sentinel
}
