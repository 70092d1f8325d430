// `gatecast doctor` beside a running server: what only the server knows, what it logs of it at its start, and --live
// in every mode.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test, type TestContext } from 'node:test'
import { WebSocketServer, type WebSocket } from 'ws'
import { api, call } from '../harness/api.ts'
import { Authority } from '../harness/authority.ts'
import { Client } from '../harness/client.ts'
import { command } from '../harness/command.ts'
import { Site, visit, type Visit } from '../harness/doctor.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { logText } from '../harness/secrets.ts'
import { startServer, type Server, type StartOptions } from '../harness/server.ts'
import { merged, toToml } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const see = (server: Server, words: string[] = []): Promise<Visit> =>
  visit(server.dir, ['--config', path.join(server.dir, 'gatecast.toml'), '--json', ...words])

const kSteps = ['live.sign_in', 'live.connect', 'live.subscribe', 'live.publish', 'live.receive', 'live.end', 'live.close']

async function users(server: Server): Promise<string[]> {
  const reply = await api(server, 'user_list', {})
  assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
  return reply.body.result.users.map(({ id }: { id: string }) => id)
}

test('a server that runs well: asked for its own part, and its ports are its own', async (t) => {
  const server = await startServer(t)
  const visited = await see(server)
  assert.equal(visited.code, 0, visited.out)
  for (const id of ['server.running', 'store.answers', 'revocation.fresh', 'clock.steps', 'log.dropped', 'limits.connections', 'proxy.untrusted', 'data.lock', 'store.open']) {
    visited.has(`ok ${id}`)
  }
  assert.deepEqual(visited.of('port.public'), [])
})

test('proxy.untrusted: requests forwarded by a stranger', async (t) => {
  const server = await startServer(t)
  await call(`${server.origin}/.well-known/jwks.json`, 'GET', undefined, { 'X-Forwarded-For': '203.0.113.7' })
  const check = (await see(server)).has('warn proxy.untrusted')
  assert.match(check.seen, /^1 request with X-Forwarded-For, the last from 127\.0\.0\.1$/)
  assert.match(check.cure!, /http\.trusted_proxies = \["127\.0\.0\.1"\]/)
  const metrics = await call(`${server.ops}/metrics`, 'GET')
  assert.match(metrics.body, /^gatecast_forwarded_untrusted_total 1$/m)

  const trusting = await startServer(t, { config: { http: { trusted_proxies: ['127.0.0.1'] } } })
  await call(`${trusting.origin}/.well-known/jwks.json`, 'GET', undefined, { 'X-Forwarded-For': '203.0.113.7' })
  ;(await see(trusting)).has('ok proxy.untrusted')
})

test('limits.connections: nearly full', async (t) => {
  const server = await startServer(t, { config: { limits: { connections: 2 }, realtime: { shards: 1 } } })
  const { token } = await signIn(server)
  await Promise.all([1, 2].map(() => new Client(t, server.websocket, { token }).connect()))
  assert.match((await see(server)).has('warn limits.connections').seen, /^2 open of at most 2$/)
})

test('store.answers: another process keeps the database to itself', async (t) => {
  const server = await startServer(t, { backends: 'own' })
  const database = new DatabaseSync(path.join(server.dir, 'data/gatecast.db'))
  onEnd(t, () => database.close())
  database.exec('BEGIN IMMEDIATE')
  ;(await see(server)).has('fail store.answers')
  database.exec('ROLLBACK')
  await until('the store to answer again', async () => (await see(server)).of('store.answers')[0]?.level === 'ok')
})

test('at the start: what is wrong with the machine is logged as `check`', async (t) => {
  const server = await startServer(t, { config: { http: { allowed_origins: ['http://app.example'] } } })
  const lines = await until('the line', () => {
    const found = logText(server.dir).split('\n').filter((line) => line.includes('"event":"check"'))
    return found.length > 0 ? found.map((line) => JSON.parse(line) as Record<string, string>) : undefined
  })
  const line = lines.find(({ id }) => id === 'http.origins')
  assert.equal(line?.level, 'warn', JSON.stringify(lines))
  assert.match(line.seen, /http:\/\/app\.example has no TLS/)
  assert.match(line.cure, /https:\/\/app\.example/)
})

test('the method `checks`: scope doctor, for the console and for back ends', async (t) => {
  const other = 'x9Jk2mQ7vT4bN8pL1sD6gH3fR5wZ0yC7uA2eK9iO4'
  const server = await startServer(t, {
    config: (dir) => ({ api: { key: [{ name: 'tests', secret: keyOf(dir), scopes: ['doctor'] }, { name: 'other', secret: other, scopes: ['publish'] }] } }),
  })
  const reply = await api(server, 'checks', {}, keyOf(server.dir))
  const checks = reply.body.result.checks as { id: string; level: string }[]
  assert(checks.some(({ id, level }) => id === 'store.answers' && level === 'ok'), JSON.stringify(checks))
  assert(checks.some(({ id }) => id === 'data.space'))
  assert.equal((await api(server, 'checks', {}, other)).body.code, 'api_scope')
  assert.equal((await api(server, 'checks', { probe: 'nobody' }, keyOf(server.dir))).body.result.sighting, null)
  assert.match(JSON.stringify((await api(server, 'checks', { what: 1 }, keyOf(server.dir))).body), /field_invalid/)
  // Many at once: one look at the machine serves all.
  const all = await Promise.all(Array.from({ length: 20 }, () => api(server, 'checks', {}, keyOf(server.dir))))
  for (const { body } of all) assert(body.result.checks.length > 15)
})
const keyOf = (dir: string) => `doctor-${path.basename(dir)}-x9Jk2mQ7vT4bN8pL1sD6gH3fR5wZ0yC7uA2e`

test('after a reload: the keys of the new configuration', async (t) => {
  const server = await startServer(t)
  const ends = async () => ((await api(server, 'checks', {})).body.result.checks as { id: string; level: string; seen: string }[]).filter(({ id }) => id === 'keys.use_until')
  assert.deepEqual((await ends()).map(({ level }) => level), ['ok'])
  const soon = new Date(Date.now() + 86_400_000).toISOString()
  const key = { name: 'tests', secret: server.apiKey, scopes: ['all'], use_until: soon }
  writeFileSync(path.join(server.dir, 'gatecast.toml'), toToml(merged(server.config, { api: { key: [key] } })))
  assert.equal((await command(server, ['reload'])).code, 0)
  const [check] = await ends()
  assert.equal(check?.level, 'warn')
  assert.match(check!.seen, /^api\.key tests ends at/)
})

interface Mode {
  name: string
  options?: StartOptions
  words?: (server: Server) => string[]
  how?: RegExp
  /** Steps that have nothing to do in this mode. */
  skipped?: string[]
}

const suite = new Suite()
after(() => suite.close())
const authority = new Authority(suite)

const modes: Mode[] = [
  { name: 'as shipped', how: /a fresh Solana key/ },
  { name: 'under a path', options: { config: { http: { base_path: '/auth' } } } },
  { name: 'by TLS, on its own port', options: { config: () => ({ http: { tls: { ...authority.issue() } } }) } },
  {
    name: 'by TLS, through its name',
    options: { config: () => ({ http: { tls: { ...authority.issue() } }, realtime: { ping: '1s', pong: '500ms' }, outbound: { ca_file: authority.file } }) },
    words: (server) => ['--url', `https://localhost:${server.port}`],
  },
  { name: 'without Solana', options: { config: { signin: { solana: { enabled: false } } } }, how: /the control socket/ },
  { name: 'where registration is closed', options: { config: { signin: { register: 'closed' } } }, how: /the control socket/ },
  { name: 'where clients publish nothing', options: { config: { namespace: [{ name: 'news', allow_subscribe_for_client: true }] } }, skipped: ['live.subscribe'] },
  { name: 'in development, without tokens', options: { args: ['--dev'], config: { realtime: { insecure: true } } }, words: () => ['--dev'] },
]
describe('--live in every mode', { concurrency: 3 }, () => {
for (const { name, options, words, how, skipped = [] } of modes) {
  test(`--live ${name}: from sign-in to the close with 4501, and nobody is left`, async (t) => {
    const server = await startServer(t, options)
    const visited = await see(server, ['--live', ...(words?.(server) ?? [])])
    assert.deepEqual(visited.wrong.filter((line) => line.startsWith('fail')), [], visited.out)
    const steps = visited.checks.filter(({ id }) => id.startsWith('live.'))
    assert.deepEqual(
      steps.filter(({ level }) => level === 'ok').map(({ id }) => id),
      [...kSteps.filter((id) => !skipped.includes(id)), 'live.cleanup'],
    )
    for (const { id, ms } of steps) if (id !== 'live.cleanup' && !skipped.includes(id)) assert(ms! > 0 && ms! < 30_000, `${id} ${ms}`)
    if (how) assert.match(visited.has('ok live.sign_in').seen, how)
    assert.match(visited.has('ok live.close').seen, /4501/)
    assert.deepEqual(await users(server), [])
  })
}
})

test('--live in words: milliseconds for each step', async (t) => {
  const server = await startServer(t)
  const { code, out, err } = await visit(server.dir, ['--config', path.join(server.dir, 'gatecast.toml'), '--live'])
  assert.equal(code, 0, out + err)
  for (const id of kSteps) assert.match(out, new RegExp(`^ok +${id.replace('.', '\\.')} .* \\(\\d+\\.\\d ms\\)$`, 'm'))
  assert.match(err, /… signing in\n[^]*… waiting for the close/)
})

test('--live where no server runs: named, and the later steps are not tried', async (t) => {
  const site = await Site.make(t)
  site.write({ signin: { solana: { enabled: true, domain: ['localhost'] } } })
  const visited = await site.visit(['--live'])
  assert.equal(visited.code, 1)
  visited.has('fail live.sign_in')
  for (const id of kSteps.slice(1)) if (!['live.subscribe', 'live.publish', 'live.receive'].includes(id)) visited.has(`skip ${id}`)
})

test('--live against a server with a namespace for nobody, whose refusal is named', async (t) => {
  const server = await startServer(t, { config: { limits: { connections: 1 }, realtime: { shards: 1 } } })
  const { token } = await signIn(server)
  await new Client(t, server.websocket, { token }).connect()
  const visited = await see(server, ['--live'])
  assert.equal(visited.code, 1)
  assert.match(visited.has('fail live.connect').seen, /connections_full/)
  // With its user the session goes too.
  visited.has('ok live.cleanup')
  assert.equal((await users(server)).length, 1)
})

test('--live from elsewhere: the session is ended, and what remains is said', async (t) => {
  const server = await startServer(t, { config: { realtime: { ping: '2s', pong: '1s' } } })
  const elsewhere = await Site.make(t)
  const visited = await see(server, ['--set', `data.dir=${elsewhere.data}`, '--url', server.origin, '--live'])
  visited.has('ok live.close')
  const left = await users(server)
  const cleanup = visited.has('warn live.cleanup')
  assert(left.some((user) => cleanup.cure === `On the server's machine: gatecast user delete ${user}`), cleanup.cure)
  // Two were there: for the ping and for the session.
  assert.equal(left.length, 2)
  for (const user of left) assert.deepEqual((await api(server, 'sessions', { user })).body.result.sessions, [])
})

/** Answers like a server until the upgrade, and then `bytes`. */
async function liar(t: TestContext, upgrade: (accept: string) => Buffer): Promise<string> {
  const http = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(request.url!.endsWith('challenge') ? { message: 'sign' } : { token: 'a.b.c', user: { id: 'u' } }))
  })
  http.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.on('error', () => {}).write(upgrade(accept))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onEnd(t, () => {
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

test('--live against a server that lies: named in good time', async (t) => {
  const site = await Site.make(t)
  site.write({ signin: { solana: { enabled: true, domain: ['localhost'] } } })
  const head = (accept: string) => `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
  const frames: [string, (accept: string) => Buffer, RegExp][] = [
    ['another key', () => Buffer.from(head('AAAAAAAAAAAAAAAAAAAAAAAAAAA=')), /Sec-WebSocket-Accept/],
    ['a masked frame', (accept) => Buffer.concat([Buffer.from(head(accept)), Buffer.from([0x81, 0x82, 1, 2, 3, 4, 5, 6])]), /cut/],
    ['a frame of exabytes', (accept) => Buffer.concat([Buffer.from(head(accept)), Buffer.from([0x81, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255])]), /cut/],
    ['no protocol', (accept) => Buffer.concat([Buffer.from(head(accept)), Buffer.from([0x81, 2]), Buffer.from('hi')]), /not the client protocol/],
    ['a head without end', () => Buffer.from(`HTTP/1.1 101 Yes\r\nX: ${'x'.repeat(100_000)}`), /no answer/],
  ]
  for (const [name, bytes, seen] of frames) {
    const visited = await site.visit(['--url', await liar(t, bytes), '--live'], { limitMs: 40_000 })
    assert.match(visited.has('fail live.connect').seen, seen, name)
  }
})

type Fault = 'sign_in' | 'connect' | 'subscribe' | 'publish' | 'receive' | 'end' | 'close' | 'wrong close' | 'none'

/** A server of the client protocol with one fault. */
async function faulty(t: TestContext, fault: Fault): Promise<string> {
  let client: WebSocket | undefined
  const http = createServer((request, response) => {
    const step = request.url!.endsWith('challenge') ? 'challenge' : request.url!.endsWith('logout') ? 'end' : 'sign_in'
    response.writeHead(step === fault ? 503 : 200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(step === fault ? { success: false, code: 'store_failed', error: 'no' } : { message: 'sign', token: 'a.b.c', user: { id: 'u' } }))
    if (step === 'end' && fault !== 'end' && fault !== 'close') client?.close(fault === 'wrong close' ? 4502 : 4501, 'over')
  })
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'centrifuge-json' })
  sockets.on('connection', (socket) => {
    client = socket
    socket.on('message', (bytes) => {
      const { id, ...command } = JSON.parse(String(bytes))
      const name = Object.keys(command)[0] ?? ''
      socket.send(JSON.stringify(name === fault ? { id, error: { code: 103, message: 'permission denied' } } : { id, [name]: {} }))
      const data = fault === 'receive' ? { other: true } : command.publish?.data
      if (name === 'publish') socket.send(JSON.stringify({ push: { channel: command.publish.channel, pub: { data } } }))
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onEnd(t, () => {
    for (const socket of sockets.clients) socket.terminate()
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

const faults: [Fault, string, RegExp][] = [
  ['sign_in', 'fail live.sign_in', /503 store_failed/],
  ['connect', 'fail live.connect', /error 103: permission denied/],
  ['subscribe', 'fail live.subscribe', /error 103: permission denied/],
  ['publish', 'fail live.publish', /error 103: permission denied/],
  ['receive', 'fail live.receive', /other bytes/],
  ['end', 'fail live.end', /503 store_failed/],
  ['close', 'fail live.close', /no answer in time/],
  ['wrong close', 'fail live.close', /closed with 4502/],
  ['none', 'ok live.close', /closed with 4501/],
]

for (const [fault, line, seen] of faults) {
  test(`--live against a server with a fault: ${fault}`, async (t) => {
    const site = await Site.make(t)
    site.write({
      signin: { solana: { enabled: true, domain: ['localhost'] } },
      namespace: [{ name: 'chat', allow_subscribe_for_client: true, allow_publish_for_subscriber: true }],
    })
    const visited = await site.visit(['--url', await faulty(t, fault), '--live'])
    assert.match(visited.has(line).seen, seen)
    const failing = visited.wrong.filter((one) => one.startsWith('fail live.'))
    assert.deepEqual(failing, fault === 'none' ? [] : [line])
    if (fault !== 'sign_in') visited.has('warn live.cleanup')
  })
}
