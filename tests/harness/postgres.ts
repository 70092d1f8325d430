// A real PostgreSQL in a folder of its own – in memory where there is room, so that flushing costs nothing –, with a
// replica where one is wanted, asked by the real psql.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, chownSync, existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Daemon, kWholeProcess, type Life } from './daemon.ts'
import { freePort } from './ports.ts'
import { onEnd } from './scope.ts'
import { remember } from './secrets.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const kBin = process.env.GATECAST_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin'
const kUser = 'gatecast'

/** PostgreSQL refuses to run as root. */
const asItsUser = process.getuid?.() === 0
const through = asItsUser ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []

const kMemory = '/dev/shm'
const kRoomBytes = 2 ** 30
function folder(): string {
  if (!existsSync(kMemory)) return tmpdir()
  const { bavail, bsize } = statfsSync(kMemory)
  return bavail * bsize > kRoomBytes ? kMemory : tmpdir()
}

function idOf(what: '-u' | '-g'): number {
  return Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }))
}

function tool(name: string, args: string[]): void {
  const [program, ...before] = [...through, path.join(kBin, name)]
  const done = spawnSync(program!, [...before, ...args], { encoding: 'utf8', cwd: tmpdir() })
  if (done.error) throw new Error(`${name} is missing (./dev setup test): ${done.error.message}`)
  if (done.status !== 0) throw new Error(`${name}: ${done.stderr}`)
}

export interface PostgresOptions {
  /** Lines of postgresql.conf. */
  config?: Record<string, string | number>
}

export class Postgres {
  readonly port: number
  readonly dir: string
  readonly daemon: Daemon
  readonly password: string
  readonly #life: Life

  constructor(life: Life, port: number, password: string) {
    this.#life = life
    this.port = port
    this.password = password
    this.dir = mkdtempSync(path.join(folder(), 'gatecast-postgres-'))
    if (asItsUser) chownSync(this.dir, idOf('-u'), idOf('-g'))
    const remove = () => rmSync(this.dir, { recursive: true, force: true })
    if (life === kWholeProcess) process.on('exit', remove)
    else onEnd(life, remove)
    // SIGQUIT: at once, without waiting for clients.
    this.daemon = new Daemon(life, {
      name: 'postgres',
      program: path.join(kBin, 'postgres'),
      args: ['-D', this.data],
      cwd: this.dir,
      stopSignal: 'SIGQUIT',
      user: 'postgres',
    })
  }

  get data(): string {
    return path.join(this.dir, 'data')
  }

  /** As `store.url` has it; through a proxy where a port is given. */
  url(database: string, ...ports: number[]): string {
    const hosts = (ports.length > 0 ? ports : [this.port]).map((port) => `127.0.0.1:${port}`).join(',')
    return `postgresql://${kUser}:${this.password}@${hosts}/${database}${ports.length > 1 ? '?target_session_attrs=read-write' : ''}`
  }

  /** What psql prints for the statement: rows in lines, columns divided by `|`. */
  async psql(sql: string, database = 'postgres'): Promise<string> {
    const { stdout } = await run('psql', [...this.#psql(database), sql], { env: this.#env, maxBuffer: 64 << 20 })
    return stdout.replace(/\n$/, '')
  }

  /** The rows of a query in gatecast's schema as objects; for what cannot wait. */
  rowsNow(sql: string, database: string): Record<string, unknown>[] {
    return JSON.parse(this.runNow(`SELECT coalesce(json_agg(found), '[]') FROM (${sql}) AS found`, database))
  }
  runNow(sql: string, database: string): string {
    const env = { ...this.#env, PGOPTIONS: '-c search_path=gatecast,public' }
    return execFileSync('psql', [...this.#psql(database), sql], { env, encoding: 'utf8', maxBuffer: 64 << 20 })
  }

  #psql(database: string): string[] {
    return ['-h', '127.0.0.1', '-p', `${this.port}`, '-U', kUser, '-d', database, '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c']
  }
  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, PGPASSWORD: this.password, PGCONNECT_TIMEOUT: '5' }
  }

  async database(name = `g${randomBytes(6).toString('hex')}`): Promise<string> {
    await this.psql(`CREATE DATABASE ${name}`)
    return name
  }

  async drop(database: string): Promise<void> {
    if (this.daemon.running) await this.psql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
  }

  initialise(options: PostgresOptions): void {
    const passwordFile = path.join(this.dir, 'password')
    writeFileSync(passwordFile, this.password, { mode: 0o644 })
    tool('initdb', ['-D', this.data, '-U', kUser, '--no-sync', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--wal-segsize=1', '-E', 'UTF8', '--locale=C'])
    rmSync(passwordFile)
    appendFileSync(path.join(this.data, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 scram-sha-256\n')
    this.#configure({ ...options.config })
  }

  #configure(more: Record<string, string | number>): void {
    const config: Record<string, string | number> = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      // Its segments go with its folder, also when it is killed.
      dynamic_shared_memory_type: 'mmap',
      unix_socket_directories: '',
      max_connections: 300,
      shared_buffers: '32MB',
      wal_level: 'replica',
      max_wal_senders: 5,
      wal_keep_size: '64MB',
      hot_standby: 'on',
      log_min_messages: 'warning',
      autovacuum: 'off',
      ...more,
    }
    // The last line of a name counts.
    const lines = Object.entries(config).map(([name, value]) => `${name} = '${value}'`)
    appendFileSync(path.join(this.data, 'postgresql.conf'), lines.join('\n') + '\n')
  }

  async start(): Promise<void> {
    await this.daemon.up(() => this.psql('SELECT 1').then((text) => text === '1', () => false))
  }

  pause(): void {
    for (const pid of this.#family()) process.kill(pid, 'SIGSTOP')
  }
  resume(): void {
    for (const pid of this.#family()) process.kill(pid, 'SIGCONT')
  }
  #family(): number[] {
    const children = spawnSync('ps', ['-o', 'pid=', '--ppid', `${this.daemon.pid}`], { encoding: 'utf8' }).stdout
    return [this.daemon.pid, ...children.trim().split(/\s+/).filter((pid) => pid).map(Number)]
  }

  async kill(): Promise<void> {
    this.daemon.kill('SIGQUIT')
    await this.daemon.ended()
  }
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }
  stop(): Promise<void> {
    return this.daemon.stop()
  }

  /** A streaming replica with everything this server has. */
  async replica(): Promise<Replica> {
    const replica = new Replica(this.#life, await freePort(), this.password)
    const from = `host=127.0.0.1 port=${this.port} user=${kUser} password=${this.password}`
    tool('pg_basebackup', ['-D', replica.data, '-d', from, '--no-sync', '-c', 'fast', '-X', 'stream', '-R'])
    replica.#configure({})
    await replica.start()
    await replica.caughtUp(this)
    return replica
  }
}

export class Replica extends Postgres {
  async caughtUp(primary: Postgres): Promise<void> {
    const place = await primary.psql('SELECT pg_current_wal_lsn()')
    await until('the replica to have everything', async () => (await this.psql(`SELECT pg_last_wal_replay_lsn() >= '${place}'`)) === 't')
  }

  /** Takes nothing more from its primary: what is committed there from now on, this server will not have. */
  async lag(): Promise<void> {
    await this.psql("ALTER SYSTEM SET primary_conninfo = ''")
    await this.psql('SELECT pg_reload_conf()')
    await until('the replica to be cut off', async () => (await this.psql('SELECT count(*) FROM pg_stat_wal_receiver')) === '0')
  }

  async promote(): Promise<void> {
    await this.psql('SELECT pg_promote(true, 20)')
    await until('the replica to take writes', async () => (await this.psql('SELECT pg_is_in_recovery()')) === 'f')
  }
}

export async function startPostgres(life: Life, options: PostgresOptions = {}): Promise<Postgres> {
  const password = randomBytes(18).toString('base64url')
  remember('password of PostgreSQL', password)
  const postgres = new Postgres(life, await freePort(), password)
  postgres.initialise(options)
  await postgres.start()
  return postgres
}
