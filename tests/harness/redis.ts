// A real redis-server in a folder of its own, asked by the real redis-cli.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Daemon, kWholeProcess, type Life } from './daemon.ts'
import { freePort } from './ports.ts'
import { onEnd } from './scope.ts'
import { remember } from './secrets.ts'
import { until } from './until.ts'

const run = promisify(execFile)

export interface RedisOptions {
  /** Port of the master, or of a proxy before it. */
  replicaOf?: { port: number }
  password?: string
  /** The plain port is closed then. */
  tls?: { cert: string; key: string; ca: string }
  /** More lines of redis.conf. */
  config?: Record<string, string | number>
  /** Keeps everything it has acknowledged, also when it is killed. */
  persistent?: boolean
}

export class Redis {
  readonly port: number
  readonly dir: string
  readonly options: RedisOptions
  readonly daemon: Daemon

  constructor(life: Life, port: number, options: RedisOptions) {
    this.port = port
    this.options = options
    this.dir = mkdtempSync(path.join(tmpdir(), 'gatecast-redis-'))
    const remove = () => rmSync(this.dir, { recursive: true, force: true })
    if (life === kWholeProcess) process.on('exit', remove)
    else onEnd(life, remove)
    remember('password of Redis', options.password)
    writeFileSync(path.join(this.dir, 'redis.conf'), this.#lines().join('\n'))
    this.daemon = new Daemon(life, { name: 'redis-server', program: 'redis-server', args: ['redis.conf'], cwd: this.dir })
  }

  #lines(): string[] {
    const { replicaOf, password, tls, config = {}, persistent } = this.options
    const lines = [
      `${tls ? 'tls-port' : 'port'} ${this.port}`,
      'bind 127.0.0.1',
      'save ""',
      'daemonize no',
      'repl-diskless-sync-delay 0',
      'repl-ping-replica-period 1',
      'repl-timeout 5',
    ]
    if (persistent) lines.push('appendonly yes', 'appendfsync always')
    if (password !== undefined) lines.push(`requirepass "${password}"`, `masterauth "${password}"`)
    if (tls) lines.push('port 0', `tls-cert-file ${tls.cert}`, `tls-key-file ${tls.key}`, `tls-ca-cert-file ${tls.ca}`, 'tls-auth-clients no', 'tls-replication yes')
    if (replicaOf) lines.push(`replicaof 127.0.0.1 ${replicaOf.port}`)
    for (const [name, value] of Object.entries(config)) lines.push(`${name} ${value}`)
    return lines
  }

  get scheme(): string {
    return this.options.tls ? 'rediss' : 'redis'
  }
  /** As `broker.url` has it. */
  get url(): string {
    return this.urlAt(this.port)
  }
  /** The same through a proxy on that port. */
  urlAt(port: number, scheme = this.scheme): string {
    const { password } = this.options
    return `${scheme}://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`
  }

  /** What redis-cli prints for the command, without the line's end. */
  async cli(...words: (string | number)[]): Promise<string> {
    const { password, tls } = this.options
    const how = ['-p', `${this.port}`, '--no-auth-warning', ...(password === undefined ? [] : ['-a', password]), ...(tls ? ['--tls', '--cacert', tls.ca] : [])]
    const { stdout } = await run('redis-cli', [...how, ...words.map(String)], { maxBuffer: 64 << 20 })
    const text = stdout.replace(/\n$/, '')
    if (/^\(error\)|^(ERR|NOAUTH|WRONGTYPE|MOVED|CROSSSLOT|READONLY|LOADING|CLUSTERDOWN|NOREPLICAS) /.test(text)) throw new Error(`${words.join(' ')}: ${text}`)
    return text
  }

  /** One field of INFO. */
  async info(field: string): Promise<string> {
    const line = (await this.cli('INFO', 'everything')).split(/\r?\n/).find((each) => each.startsWith(`${field}:`))
    return line?.slice(field.length + 1).trim() ?? ''
  }

  async role(): Promise<string> {
    return this.info('role')
  }

  async start(): Promise<void> {
    await this.daemon.up(() => this.cli('PING').then((reply) => reply === 'PONG', () => false))
    if (this.options.replicaOf) await this.linked()
  }

  /** Until this replica has its master's data and follows it. */
  async linked(): Promise<void> {
    await until('the replica to follow', async () => (await this.info('master_link_status')) === 'up')
  }

  /** Until it has taken everything its master has sent. */
  async caughtUp(master: Redis): Promise<void> {
    await until('the replica to have everything', async () => {
      const [here, there] = await Promise.all([this.info('slave_repl_offset'), master.info('master_repl_offset')])
      return Number(here) >= Number(there)
    })
  }

  /** Of a master: no replica follows any more, and none comes back, while clients notice nothing. */
  async forsakeReplicas(): Promise<void> {
    // Connections that are authenticated stay so; a replica's next one is refused.
    await this.cli('CONFIG', 'SET', 'requirepass', 'forsaken')
    await run('redis-cli', ['-p', `${this.port}`, '--no-auth-warning', '-a', 'forsaken', 'CLIENT', 'KILL', 'TYPE', 'replica'])
  }

  pause(): void {
    this.daemon.pause()
  }
  resume(): void {
    this.daemon.resume()
  }
  async kill(): Promise<void> {
    this.daemon.kill()
    await this.daemon.ended()
  }

  /** Killed and started again, with nothing of what it had or with all of it. */
  async restart({ empty }: { empty: boolean }): Promise<void> {
    if (empty || this.options.persistent) await this.kill()
    else {
      await this.cli('SHUTDOWN', 'SAVE').catch(() => {})
      await this.daemon.ended()
    }
    if (empty) for (const file of ['dump.rdb', 'appendonlydir']) rmSync(path.join(this.dir, file), { recursive: true, force: true })
    await this.start()
  }

  stop(): Promise<void> {
    return this.daemon.stop()
  }
}

export async function startRedis(life: Life, options: RedisOptions = {}): Promise<Redis> {
  const redis = new Redis(life, await freePort(), options)
  await redis.start()
  return redis
}
