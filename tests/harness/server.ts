// The real program in a folder of its own on free ports; stopped and checked when the test ends.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onShared, rowsOf, sharedDeployment, type Backends, type Rows } from './backends.ts'
import { freePort } from './ports.ts'
import { onEnd, type Scope } from './scope.ts'
import { assertNoSecrets, auditText, logText, remember } from './secrets.ts'
import { merged, toToml, type Table } from './toml.ts'
import { until, within } from './until.ts'

export { freePort } from './ports.ts'

const root = path.resolve(import.meta.dirname, '../..')
const program = process.env.GATECAST_BIN ?? path.join(root, 'build/check/gatecast')
const kSanitizer = /(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:/
const kStartMs = 30_000
const kStopMs = 30_000

/** Trees for release have no failpoints. */
export const hasFailpoints = !(process.env.GATECAST_FLAVOUR ?? 'check').startsWith('release')
export const buildFolder = process.env.GATECAST_BUILD ?? path.join(root, 'build')

export interface StartOptions {
  /** No configuration but ports and folder: what someone has who starts for the first time. */
  bare?: boolean
  /** Laid over the harness's own configuration; a function may first write files into the server's folder. */
  config?: Table | ((dir: string, port: number, opsPort: number) => Table)
  env?: Record<string, string>
  args?: string[]
  /** Start again in the folder, and with the ports, of a server that has stopped. */
  again?: Server
  /** One more node of that server's deployment: the same keys, store and broker; ports and a folder of its own. */
  beside?: Server
  /** What it shares with others. `own`: the test is about files of a server alone, whatever the others run on. */
  backends?: Backends | 'own'
}

export class Server {
  readonly dir: string
  readonly port: number
  readonly opsPort: number
  readonly config: Table
  /** Key of the server API with all scopes. */
  readonly apiKey: string
  /** Where its rows are, if not in a file of its own. */
  readonly backends: Backends | undefined
  /** Sign-ins that tests saw succeed. */
  signIns = 0
  #process: ChildProcess
  #output = ''
  #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  #exited = false

  constructor(dir: string, port: number, opsPort: number, apiKey: string, config: Table, backends: Backends | undefined, options: StartOptions) {
    this.dir = dir
    this.port = port
    this.opsPort = opsPort
    this.apiKey = apiKey
    this.backends = backends
    this.config = config
    remember('API key', apiKey)
    remember('session key', ((config.session as Table | undefined)?.key as Table[] | undefined)?.[0]?.secret)
    const file = path.join(dir, 'gatecast.toml')
    writeFileSync(file, toToml(config))
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATECAST_'))
    this.#process = spawn(program, ['serve', '--config', file, ...(options.args ?? [])], {
      cwd: dir,
      env: { ...Object.fromEntries(inherited), UBSAN_OPTIONS: 'print_stacktrace=1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    }
    this.#exit = new Promise((resolve, reject) => {
      this.#process.on('error', reject)
      this.#process.on('close', (code, signal) => {
        this.#exited = true
        resolve({ code, signal })
      })
    })
    this.#exit.catch(() => (this.#exited = true))
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }
  get ops(): string {
    return `http://127.0.0.1:${this.opsPort}`
  }
  get websocket(): string {
    return `ws://127.0.0.1:${this.port}/connection/websocket`
  }
  /** The domain that sign-in messages name. */
  get domain(): string {
    return `localhost:${this.port}`
  }
  get pid(): number {
    return this.#process.pid ?? 0
  }
  get output(): string {
    return this.#output
  }
  /** What it prints comes a little after what it does. */
  async says(pattern: RegExp): Promise<void> {
    await until(`the server to say ${pattern}`, () => pattern.test(this.#output))
  }
  get exited(): boolean {
    return this.#exited
  }

  async ready(): Promise<void> {
    await until(
      'the server to be ready',
      async () => {
        if (this.#exited) throw new Error(`the server ended before it was ready: ${JSON.stringify(await this.#exit)}`)
        return fetch(`${this.ops}/readyz`).then((reply) => reply.ok, () => false)
      },
      kStartMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output}`)
    })
  }

  /** Its store by SQL. */
  get rows(): Rows {
    const rows = rowsOf(this.dir, this.backends)
    if (!rows) throw new Error('the server has no database')
    return rows
  }

  /** Waits for the process to end by itself. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return within('the server to end', this.#exit, kStopMs)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#process.kill(signal)
  }

  /** Asks the server to stop; it must do so in order and with nothing for a sanitiser to say. */
  async stop(): Promise<void> {
    if (!this.#exited) {
      this.kill('SIGTERM')
      const outcome = await this.ended().catch((error: Error) => {
        this.kill()
        throw new Error(`${error.message}\n${this.#output}`)
      })
      assert.deepEqual(outcome, { code: 0, signal: null }, `the server did not stop in order:\n${this.#output}`)
    }
    this.assertClean()
  }

  /** Nothing confidential in what it printed, showed its operators or wrote to the audit. */
  assertDiscreet(shown: string): void {
    assertNoSecrets('the output', this.#output)
    assertNoSecrets('/stats or /metrics', shown)
    assertNoSecrets('the audit', auditText(rowsOf(this.dir, this.backends)))
    assertNoSecrets('the log files', logText(this.dir))
  }

  /** What operators see of a server that runs. */
  async shown(): Promise<string> {
    if (this.#exited) return ''
    const texts = ['/stats', '/metrics'].map((page) =>
      fetch(this.ops + page, { headers: { 'X-API-Key': this.apiKey } }).then((reply) => reply.text(), () => ''),
    )
    return (await Promise.all(texts)).join('\n')
  }

  assertClean(): void {
    assert.doesNotMatch(this.#output, kSanitizer)
  }
}

function bareConfig(dir: string, port: number, opsPort: number): Table {
  return {
    http: { address: `127.0.0.1:${port}` },
    ops: { address: `127.0.0.1:${opsPort}` },
    data: { dir: path.join(dir, 'data') },
  }
}

/** A complete configuration, as a deployment would write it; secrets are made anew for each server. */
function baseConfig(dir: string, port: number, opsPort: number, apiKey: string): Table {
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(path.join(dir, 'token.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return {
    ...bareConfig(dir, port, opsPort),
    api: { key: [{ name: 'tests', secret: apiKey, scopes: ['all'] }] },
    token: {
      issuer: 'tests.example',
      audience: 'tests',
      key: [{ kid: 't1', algorithm: 'EdDSA', file: path.join(dir, 'token.pem') }],
    },
    // No jitter: tests know how long a token lives.
    session: { jitter: 0, key: [{ id: 's1', secret: randomBytes(32).toString('base64'), secret_encoding: 'base64' }] },
    signin: { solana: { enabled: true, domain: [`localhost:${port}`], uri: [`http://localhost:${port}`] } },
    realtime: { shards: process.env.GATECAST_FLAVOUR === 'tsan' ? 4 : 2 },
    namespace: [
      { name: 'chat', allow_subscribe_for_client: true, allow_publish_for_subscriber: true },
      { name: 'news', allow_subscribe_for_client: true },
    ],
    // Tests sign in many times from one address; the limits have tests of their own.
    limits: { rate_strict: 0, rate_liberal: 0, rate_connect: 0, drain_time: '2s', drain_spread: '0s' },
    log: { level: 'debug', dir: 'logs' },
  }
}

async function backendsFor({ again, beside, bare, backends }: StartOptions): Promise<Backends | undefined> {
  const former = again ?? beside
  if (former) return former.backends
  if (onShared && backends === 'own') console.log('this test is about one process with its SQLite file')
  if (backends !== undefined) return backends === 'own' ? undefined : backends
  return onShared && !bare ? sharedDeployment() : undefined
}

/** Starts without waiting: for servers that are to refuse their start. */
export async function launch(scope: Scope, options: StartOptions = {}): Promise<Server> {
  if (!existsSync(program)) throw new Error(`${program} is missing: build it, or name another in GATECAST_BIN`)
  const { again, beside } = options
  const dir = again?.dir ?? mkdtempSync(path.join(tmpdir(), 'gatecast-test-'))
  const port = again?.port ?? (await freePort())
  const opsPort = again?.opsPort ?? (await freePort())
  const apiKey = (again ?? beside)?.apiKey ?? randomBytes(32).toString('base64url')
  const backends = await backendsFor(options)
  const own = () => (options.bare ? { ...bareConfig(dir, port, opsPort), log: { dir: '' } } : baseConfig(dir, port, opsPort, apiKey))
  const base = again?.config ?? (beside ? merged(beside.config, bareConfig(dir, port, opsPort)) : merged(own(), backends?.config ?? {}))
  const over = typeof options.config === 'function' ? options.config(dir, port, opsPort) : (options.config ?? {})
  const server = new Server(dir, port, opsPort, apiKey, merged(base, over), backends, options)
  onEnd(scope, async () => {
    try {
      const shown = await server.shown()
      await server.stop()
      server.assertDiscreet(shown)
    } finally {
      if (!again) rmSync(dir, { recursive: true, force: true })
      if (!again && !beside) await backends?.postgres.drop(backends.database)
    }
  })
  return server
}

export async function startServer(scope: Scope, options: StartOptions = {}): Promise<Server> {
  const server = await launch(scope, options)
  await server.ready()
  return server
}
