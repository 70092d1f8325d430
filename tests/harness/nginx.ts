// The real nginx with the files of deploy/nginx/, in a folder and on a port of its own. Only addresses and the places of
// its logs are other than shipped; a file without the line that a test replaces is a failure.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onEnd, type Scope } from './scope.ts'
import { assertNoSecrets } from './secrets.ts'
import { freePort, type Server } from './server.ts'
import { until, within } from './until.ts'

const shipped = path.resolve(import.meta.dirname, '../../deploy/nginx')
const kStopMs = 20_000

export interface NginxOptions {
  /** gatecast; started with `http.trusted_proxies = ["127.0.0.1"]`. */
  upstream: { port: number }
  /** Port of an application at /, with gatecast under its paths beside it; without one the whole host is gatecast's. */
  application?: number
  /** Where it is to listen: sign-in messages name the host with its port, which gatecast has to know before. */
  port?: number
  /** With the lines for TLS in gatecast.conf, which are comments as shipped; plain HTTP is then at `redirectPort`. */
  tls?: { cert: string; key: string; redirectPort: number }
  /** Lines of the shipped files replaced by others: `{'proxy_read_timeout 75s': 'proxy_read_timeout 1s'}`. */
  replace?: Record<string, string>
}

export interface Nginx {
  readonly port: number
  readonly origin: string
  readonly websocket: string
  /** All that it has logged: requests and errors. */
  logText(): string
  /** The access log's lines. */
  requests(): Record<string, unknown>[]
  /** The server as one sees it through this nginx: for helpers that take a server. */
  seen(server: Server): Server
  stop(): Promise<void>
}

/** Replaces in one of the files; what is not in any of them is named. */
function adapt(files: Map<string, string>, from: string, to: string): void {
  let found = false
  for (const [name, text] of files) {
    if (!text.includes(from)) continue
    found = true
    files.set(name, text.replaceAll(from, to))
  }
  assert(found, `deploy/nginx has no "${from}"`)
}

/** Makes the comments of gatecast.conf that are configuration the configuration they are. */
function uncomment(files: Map<string, string>, port: number, tls: NonNullable<NginxOptions['tls']>): void {
  const inner = files.get('gatecast.conf')!.replaceAll(/^    # (?=(listen|server_name|ssl_\w+|add_header) .*;$)/gm, '    ')
  const site = new Map([['gatecast.conf', inner.replace(/^# server \{\n(# .*\n)+# \}/m, (block) => block.replaceAll(/^# /gm, ''))]])
  adapt(site, '    listen 80;\n    server_name _;\n', '')
  adapt(site, 'listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
  adapt(site, '    listen 80;', `    listen 127.0.0.1:${tls.redirectPort};`)
  adapt(site, 'server_name app.example;', 'server_name localhost;')
  adapt(site, '/etc/letsencrypt/live/app.example/fullchain.pem', tls.cert)
  adapt(site, '/etc/letsencrypt/live/app.example/privkey.pem', tls.key)
  files.set('gatecast.conf', site.get('gatecast.conf')!)
}

function mainConfig(dir: string, site: string): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${dir}/tmp/${kind};`)
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/logs/error.log info;
events { worker_connections 1024; }
http {
${folders.join('\n')}
  access_log off;
  include ${site};
}
`
}

export async function startNginx(scope: Scope, options: NginxOptions): Promise<Nginx> {
  const dir = mkdtempSync(path.join(tmpdir(), 'gatecast-nginx-'))
  const port = options.port ?? (await freePort())
  for (const folder of ['logs', 'tmp', 'gatecast']) mkdirSync(path.join(dir, folder))

  const files = new Map(readdirSync(shipped).map((name) => [name, readFileSync(path.join(shipped, name), 'utf8')]))
  adapt(files, 'server 127.0.0.1:3002;', `server 127.0.0.1:${options.upstream.port};`)
  adapt(files, 'server 127.0.0.1:3000;', `server 127.0.0.1:${options.application ?? 1};`)
  if (options.tls) uncomment(files, port, options.tls)
  adapt(files, '    listen 80;\n    server_name _;', `    listen 127.0.0.1:${port};\n    server_name _;`)
  adapt(files, '/var/log/nginx/', `${dir}/logs/`)
  for (const [from, to] of Object.entries(options.replace ?? {})) adapt(files, from, to)
  for (const [name, text] of files) writeFileSync(path.join(dir, 'gatecast', name), text)
  const config = path.join(dir, 'nginx.conf')
  writeFileSync(config, mainConfig(dir, options.application === undefined ? 'gatecast/gatecast.conf' : 'gatecast/application.conf'))

  const check = spawnSync('nginx', ['-t', '-q', '-p', dir, '-c', config], { encoding: 'utf8' })
  if (check.error) throw new Error(`nginx is missing (./dev setup test): ${check.error.message}`)
  assert.equal(check.status, 0, check.stderr)
  const process_ = spawn('nginx', ['-p', dir, '-c', config], { stdio: ['ignore', 'inherit', 'pipe'] })
  const nginx = new Running(dir, port, process_, options.tls ? 's' : '')
  onEnd(scope, async () => {
    try {
      await nginx.stop()
      assertNoSecrets("nginx' logs", nginx.logText())
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
  await until('nginx to listen', async () => {
    if (process_.exitCode !== null) throw new Error(`nginx ended: ${nginx.errors}${nginx.logText()}`)
    return fetch(`http://localhost:${port}/`).then(() => true, () => false)
  })
  return nginx
}

class Running implements Nginx {
  readonly port: number
  errors = ''
  readonly #dir: string
  readonly #process: ChildProcess
  readonly #closed: Promise<void>
  readonly #s: string

  /** `s` of https and wss, or empty. */
  constructor(dir: string, port: number, process: ChildProcess, s: string) {
    this.#dir = dir
    this.#s = s
    this.port = port
    this.#process = process
    process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.#closed = new Promise((resolve) => process.on('close', () => resolve()))
  }

  get origin(): string {
    return `http${this.#s}://localhost:${this.port}`
  }
  get websocket(): string {
    return `ws${this.#s}://localhost:${this.port}/connection/websocket`
  }

  logText(): string {
    const folder = path.join(this.#dir, 'logs')
    return readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n')
  }

  requests(): Record<string, unknown>[] {
    const folder = path.join(this.#dir, 'logs')
    const files = readdirSync(folder).filter((file) => file.endsWith('.access.log'))
    const lines = files.flatMap((file) => readFileSync(path.join(folder, file), 'utf8').split('\n'))
    return lines.filter((line) => line).map((line) => JSON.parse(line))
  }

  seen(server: Server): Server {
    const over: Record<string, unknown> = {
      port: this.port,
      origin: this.origin,
      websocket: this.websocket,
      domain: `localhost:${this.port}`,
    }
    return new Proxy(server, {
      get: (target, name) => {
        if (typeof name === 'string' && name in over) return over[name]
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
      set: (target, name, value) => Reflect.set(target, name, value),
    })
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill('SIGTERM')
    await within('nginx to end', this.#closed, kStopMs)
  }
}
