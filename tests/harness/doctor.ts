// `gatecast doctor` as people run it: beside a server, or on a folder with a configuration and nothing else.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onEnd, type Scope } from './scope.ts'
import { assertNoSecrets, remember } from './secrets.ts'
import { freePort } from './server.ts'
import { merged, toToml, type Table } from './toml.ts'
import { within } from './until.ts'

const program = process.env.GATECAST_BIN ?? path.resolve(import.meta.dirname, '../../build/check/gatecast')

export interface Check {
  id: string
  level: 'ok' | 'warn' | 'fail' | 'skip'
  seen: string
  cure?: string
  ms?: number
}

/** What one visit found. */
export class Visit {
  readonly code: number | null
  readonly out: string
  readonly err: string

  constructor(code: number | null, out: string, err: string) {
    this.code = code
    this.out = out
    this.err = err
    assertNoSecrets("the doctor's words", out + err)
    assert.doesNotMatch(out + err, /Sanitizer|runtime error/)
  }

  /** Of --json; its form and its counts are right in every visit. */
  get checks(): Check[] {
    const body = JSON.parse(this.out) as { checks: Check[] } & Record<Check['level'], number>
    assert.deepEqual(Object.keys(body), ['checks', 'fail', 'warn', 'ok', 'skip'])
    const order = ['fail', 'warn', 'ok', 'skip']
    for (const check of body.checks) {
      assert.deepEqual(Object.keys(check).filter((name) => !['id', 'level', 'seen', 'cure', 'ms'].includes(name)), [])
      assert.match(check.id, /^[a-z]+\.[a-z_]+$/)
      assert(order.includes(check.level) && check.seen.length > 0, JSON.stringify(check))
      assert.equal(check.cure !== undefined, check.level === 'warn' || check.level === 'fail', JSON.stringify(check))
    }
    const levels = body.checks.map(({ level }) => level)
    assert.deepEqual(levels, [...levels].sort((a, b) => order.indexOf(a) - order.indexOf(b)), 'what fails stands first')
    for (const level of order) assert.equal(body[level as Check['level']], levels.filter((one) => one === level).length)
    return body.checks
  }
  of(id: string): Check[] {
    return this.checks.filter((check) => check.id === id)
  }
  /** "fail data.folder" of what is not fine. */
  get wrong(): string[] {
    return this.checks.filter(({ level }) => level === 'fail' || level === 'warn').map(({ id, level }) => `${level} ${id}`)
  }
  /** The check is there with that level; gives it. */
  has(line: string): Check {
    const [level, id] = line.split(' ')
    const found = this.of(id!).find((check) => check.level === level)
    assert(found, `${line} is not among:\n${this.checks.map((check) => `${check.level} ${check.id}: ${check.seen}`).join('\n')}\n${this.err}`)
    return found
  }
}

export interface VisitOptions {
  env?: Record<string, string>
  /** A shell's words before the program: `ulimit -n 300;`. */
  before?: string
  limitMs?: number
}

/** `gatecast doctor <words>` to its end, while this process goes on. */
export async function visit(dir: string, words: string[], options: VisitOptions = {}): Promise<Visit> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATECAST_') && !name.endsWith('_SECRET'))
  const env = { ...Object.fromEntries(inherited), UBSAN_OPTIONS: 'print_stacktrace=1', ...options.env }
  const child = spawn('sh', ['-c', `${options.before ?? ''} exec "$0" doctor "$@"`, program, ...words], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  try {
    return new Visit(await within('the doctor to end', ended, options.limitMs ?? 60_000), out, err)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${String(error)}\n${out}\n${err}`)
  }
}

/** A folder with a complete configuration, where no server runs. */
export class Site {
  readonly dir: string
  readonly data: string
  #config: Table

  private constructor(dir: string, config: Table) {
    this.dir = dir
    this.data = path.join(dir, 'data')
    this.#config = config
    this.write({})
  }

  static async make(scope: Scope): Promise<Site> {
    const dir = mkdtempSync(path.join(tmpdir(), 'gatecast-visit-'))
    onEnd(scope, () => rmSync(dir, { recursive: true, force: true }))
    const [secret, session] = [randomBytes(36).toString('base64'), randomBytes(36).toString('base64')]
    remember('token key', secret)
    remember('session key', session)
    mkdirSync(path.join(dir, 'data'), { mode: 0o700 })
    return new Site(dir, {
      http: { address: `127.0.0.1:${await freePort()}` },
      ops: { address: `127.0.0.1:${await freePort()}` },
      data: { dir: path.join(dir, 'data') },
      token: { key: [{ kid: 'h', algorithm: 'HS256', secret }] },
      session: { key: [{ id: 's', secret: session }] },
      realtime: { shards: 1 },
      limits: { connections: 1000 },
    })
  }

  get file(): string {
    return path.join(this.dir, 'gatecast.toml')
  }
  get config(): Table {
    return this.#config
  }

  write(over: Table): void {
    writeFileSync(this.file, toToml(merged(this.#config, over)))
  }

  visit(words: string[] = [], options: VisitOptions = {}): Promise<Visit> {
    return visit(this.dir, ['--config', this.file, '--json', ...words], options)
  }
}
