// TLS on both ports: official clients, slow readers, bad files, new certificates.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { type Options } from 'centrifuge'
import WebSocket from 'ws'
import { api } from '../harness/api.ts'
import { Authority, fingerprintOf } from '../harness/authority.ts'
import { gatecast } from '../harness/cli.ts'
import { Client } from '../harness/client.ts'
import { RawSocket } from '../harness/raw.ts'
import { appToken, metric, startRealtime } from '../harness/realtime.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { launch, type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'

const address = (server: Server) => `wss://localhost:${server.port}/connection/websocket`

/** The library `ws`, trusting the authority. */
function socketTrusting(authority: Authority, options: tls.ConnectionOptions = {}): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols, { ca: authority.ca, ...options } as WebSocket.ClientOptions)
    }
  } as typeof WebSocket
}

async function connected(scope: Scope, server: Server, authority: Authority, user: string, options: tls.ConnectionOptions = {}) {
  const token = await appToken(user)
  const client = new Client(scope, address(server), { token, websocket: socketTrusting(authority, options) } as Partial<Options>)
  return client.connect()
}

/** Bare TLS to a port; the promise fails where the handshake does. */
async function handshake(scope: Scope, port: number, authority: Authority, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.ca, ...options })
  onEnd(scope, () => void socket.destroy())
  await within(
    'the handshake',
    new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)),
  )
  return socket
}

const certificateAt = async (scope: Scope, port: number, authority: Authority): Promise<string> => {
  const socket = await handshake(scope, port, authority)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

function get(url: string, authority: Authority, agent?: https.Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    https
      .get(url, { ca: authority.ca, ...(agent ? { agent } : {}) }, (reply) => {
        let body = ''
        reply.setEncoding('utf8').on('data', (text: string) => (body += text))
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body }))
      })
      .on('error', reject)
  })
}

describe('TLS on the public port', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  let authority: Authority
  before(async () => {
    authority = new Authority(suite)
    const files = authority.issue()
    server = await startRealtime(suite, { http: { tls: { ...files } }, realtime: { ping: '1s', pong: '900ms' } })
  })
  after(() => suite.close())

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`the official client by ${version}`, async (t) => {
      const client = await connected(t, server, authority, `official-${version}`, { minVersion: version, maxVersion: version })
      const subscription = client.centrifuge.newSubscription(`plain:${version}`)
      const got: unknown[] = []
      subscription.on('publication', ({ data }) => got.push(data))
      subscription.subscribe()
      await within('the subscription', subscription.ready())
      for (let i = 0; i < 50; i++) await subscription.publish({ i })
      await until('what was published', () => got.length === 50)
      assert.deepEqual(got, Array.from({ length: 50 }, (_, i) => ({ i })))
      // Pings of the server arrive, and pongs with it: it is not cut after three of them.
      let pings = 0
      client.sockets[0]!.on('message', (data) => (pings += String(data) === '{}' ? 1 : 0))
      await until('three pings', () => pings >= 3)
      assert.deepEqual(client.drops, [])
    })
  }

  test('a session that ends closes with its reason', async (t) => {
    const minted = await api(server, 'token_mint', { user: 'ends', create: true })
    assert.equal(minted.status, 200, JSON.stringify(minted.body))
    const client = new Client(t, address(server), { token: minted.body.result.token, websocket: socketTrusting(authority) } as Partial<Options>)
    await client.connect()
    const closed = new Promise<number>((resolve) => client.sockets[0]!.once('close', resolve))
    const reply = await api(server, 'session_end', { user: 'ends' })
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    assert.equal((await client.end()).code, 4502)
    assert.equal(await within('the close frame', closed), 4502)
  })

  test('HTTP on one connection, closed in order', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 5; i++) {
      const reply = await get(`https://localhost:${server.port}/.well-known/jwks.json`, authority, agent)
      assert.equal(reply.status, 200)
      assert(JSON.parse(reply.body).keys)
    }
    agent.destroy()
  })

  test('a last answer, then close_notify', async (t) => {
    const socket = await handshake(t, server.port, authority)
    let got = ''
    socket.setEncoding('utf8').on('data', (text: string) => (got += text))
    const ended = new Promise<void>((resolve, reject) => socket.once('end', resolve).once('error', reject))
    socket.write('GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    await within('the end', ended)
    assert.match(got, /^HTTP\/1\.1 404 /)
  })

  test('a session is taken up again', async (t) => {
    const first = await handshake(t, server.port, authority)
    const session = await within('a ticket', new Promise<Buffer>((resolve) => first.once('session', resolve)))
    const second = await handshake(t, server.port, authority, { session })
    assert(second.isSessionReused())
  })

  test('old versions and other protocols are refused', async (t) => {
    const weak = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
    await assert.rejects(handshake(t, server.port, authority, weak), /alert protocol version|unsupported protocol/)
    await assert.rejects(handshake(t, server.port, authority, { ALPNProtocols: ['h2'] }), /no application protocol/)
    const socket = await handshake(t, server.port, authority, { ALPNProtocols: ['h2', 'http/1.1'] })
    assert.equal(socket.alpnProtocol, 'http/1.1')
  })

  test('plain HTTP is told what this port speaks', async (t) => {
    const raw = await RawSocket.open(t, server.port)
    raw.send('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const reply = await raw.reply()
    assert.equal(reply.status, 400)
    assert.match(reply.body, /speaks TLS/)
    await until('the end', () => raw.closed)
    assert.equal(raw.broken, '')
  })
})

/** Reads when it is told to, on a socket with the least buffer. */
class SlowReader {
  #answers: AsyncIterator<string>
  #write: (line: string) => void
  #complaints = ''

  private constructor(scope: Scope, server: Server, authority: Authority) {
    const script = path.resolve(import.meta.dirname, '../harness/slow_reader.py')
    const python = spawn('/usr/bin/python3', [script, `${server.port}`, authority.file], { stdio: 'pipe' })
    this.#answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]()
    this.#write = (line) => void python.stdin.write(line)
    python.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text))
    onEnd(scope, () => void python.kill())
  }

  static async open(scope: Scope, server: Server, authority: Authority): Promise<SlowReader> {
    return new SlowReader(scope, server, authority)
  }

  async do(command: object): Promise<any> {
    this.#write(`${JSON.stringify(command)}\n`)
    const { value, done } = await within(JSON.stringify(command).slice(0, 80), this.#answers.next(), 60_000)
    if (done) throw new Error(this.#complaints)
    return JSON.parse(value)
  }
}

test('publications through tiny buffers, exactly and in order', async (t) => {
  const authority = new Authority(t)
  // Who does not read does not answer pings either.
  const server = await startRealtime(t, { http: { tls: { ...authority.issue() } }, realtime: { ping: '10m' }, limits: { queue_bytes: 64 << 20 } })
  // Two readers are served from outboxes, twelve from the channel's log.
  for (const readers of [2, 12]) {
    const channel = `plain:slow-${readers}`
    const slow = await SlowReader.open(t, server, authority)
    await slow.do({ send: JSON.stringify({ id: 1, connect: { token: await appToken('slow') } }) })
    await slow.do({ read: 1 })
    await slow.do({ send: JSON.stringify({ id: 2, subscribe: { channel } }) })
    await slow.do({ read: 1 })
    const others = await Promise.all(
      Array.from({ length: readers - 1 }, async (_, i) => {
        const client = await connected(t, server, authority, `other-${readers}-${i}`)
        const subscription = client.centrifuge.newSubscription(channel)
        const got: number[] = []
        subscription.on('publication', ({ data }) => got.push(data.i))
        subscription.subscribe()
        await within('the subscription', subscription.ready())
        return got
      }),
    )
    const sizes = Array.from({ length: 240 }, (_, i) => (i % 7 === 0 ? 10 : 20_000 + i * 97))
    const text = (i: number) => `${i}`.padStart(sizes[i]!, 'abcdefghijklmnopqrstuvwxyz')
    const before = await metric(server, 'bytes_out_total')
    for (let i = 0; i < sizes.length; i++) {
      const reply = await api(server, 'publish', { channel, data: { i, text: text(i) } })
      assert.equal(reply.status, 200, JSON.stringify(reply.body))
    }
    const order = sizes.map((_, i) => i)
    await until('what the others got', () => others.every((got) => got.length === sizes.length))
    for (const got of others) assert.deepEqual(got, order)
    // The slow one's are still with the server, and cost it a torn record or more when they go.
    const published = sizes.reduce((sum, size) => sum + size, 0)
    const written = (await metric(server, 'bytes_out_total')) - before
    assert(written < readers * published, `${written} of ${readers * published} bytes are out`)
    const frames: string[] = await slow.do({ read: sizes.length })
    const pushes = frames.flatMap((frame) => frame.split('\n')).map((line) => JSON.parse(line)).filter((reply) => reply.push)
    assert.deepEqual(pushes.map(({ push }) => push.pub.data.i).slice(0, 5), [0, 1, 2, 3, 4])
    pushes.forEach(({ push }, i) => assert(push.pub.data.i === i && push.pub.data.text === text(i), `publication ${i}`))
    assert(pushes.length >= sizes.length - 10, `${pushes.length} publications`)
  }
})

test('handshakes that are not finished end in time, and are counted', async (t) => {
  const authority = new Authority(t)
  const server = await startRealtime(t, { http: { tls: { ...authority.issue() } }, limits: { header_time: '1s' } })
  const silent = await RawSocket.open(t, server.port)
  const half = await RawSocket.open(t, server.port)
  half.send(Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]))
  const garbage = await RawSocket.open(t, server.port)
  garbage.send('SSH-2.0-x\r\n')
  await until('all of them closed', () => silent.closed && half.closed && garbage.closed)
  assert.equal(await metric(server, 'tls_handshakes_total', 'refused'), 3)
})

test('the operators port by TLS', async (t) => {
  const authority = new Authority(t)
  const files = authority.issue()
  const server = await launch(t, { config: { ops: { tls: { ...files } } } })
  const url = `https://localhost:${server.opsPort}`
  await until('the server to be ready', () => get(`${url}/readyz`, authority).then(({ status }) => status === 200, () => false))
  const { body } = await get(`${url}/metrics`, authority)
  const end = Number(/^gatecast_tls_certificate_expires_seconds (\S+)$/m.exec(body)?.[1])
  assert(Math.abs(end - (Date.now() / 1000 + 30 * 86400)) < 300, `${end}`)
  const config = path.join(server.dir, 'gatecast.toml')
  assert.deepEqual(gatecast(['healthcheck', '--config', config]), { code: 0, out: 'well\n', err: '' })
  assert.equal(gatecast(['healthcheck', '--address', `https://127.0.0.1:${server.opsPort}`]).out, 'well\n')
  assert.match(gatecast(['healthcheck', '--address', `127.0.0.1:${server.opsPort}`]).err, /answered 400/)
  assert.match(server.output, new RegExp(`operators  https://localhost:${server.opsPort}`))
  assert.match(server.output, new RegExp(`clients    http://localhost:${server.port} `))
})

test('config check shows the certificate, and bad files keep the server from starting', async (t) => {
  const authority = new Authority(t)
  const good = authority.issue()
  const other = authority.issue()
  const past = authority.issue(-1)
  const run = (http: { cert: string; key?: string }) => {
    const sets = Object.entries(http).flatMap(([name, file]) => ['--set', `http.tls.${name}=${file}`])
    return gatecast(['config', 'check', '--dev', '--set', `data.dir=${authority.dir}/data`, ...sets])
  }
  const shown = run(good)
  assert.equal(shown.code, 0, shown.out)
  assert.match(shown.out, /^http\.tls names +localhost, 127\.0\.0\.1 /m)
  assert(shown.out.includes(fingerprintOf(good.cert)))
  const cases: [{ cert: string; key?: string }, RegExp][] = [
    [{ cert: good.cert, key: other.key }, /http\.tls\.key: .*is not the key of the certificate/],
    [{ cert: past.cert, key: past.key }, /http\.tls\.cert: .*certificate 1 ended /],
    [{ cert: good.key, key: good.key }, /http\.tls\.cert: .*holds no certificate/],
    [{ cert: `${good.cert}x`, key: good.key }, /http\.tls\.cert: .*No such file/],
    [{ cert: good.cert }, /http\.tls\.key: a TLS certificate without its key/],
  ]
  for (const [files, says] of cases) {
    const refused = run(files)
    assert.equal(refused.code, 1, refused.out)
    assert.match(refused.out, says)
  }
  const server = await launch(t, { config: { http: { tls: { cert: good.cert, key: other.key } } } })
  assert.equal((await server.ended()).code, 1)
  assert.match(server.output, /is not the key of the certificate/)
})

test('a new certificate is for new connections, and a bad one for none', async (t: TestContext) => {
  const authority = new Authority(t)
  const [first, second] = [authority.issue(), authority.issue()]
  const files = { cert: path.join(authority.dir, 'cert.pem'), key: path.join(authority.dir, 'key.pem') }
  const put = (from: { cert: string; key: string }) => {
    copyFileSync(from.cert, files.cert)
    copyFileSync(from.key, files.key)
  }
  put(first)
  const server = await startRealtime(t, { http: { tls: { ...files } } })
  const old = await connected(t, server, authority, 'old')
  assert.equal(await certificateAt(t, server.port, authority), fingerprintOf(first.cert))
  const ticket = await handshake(t, server.port, authority)
  const session = await within('a ticket', new Promise<Buffer>((resolve) => ticket.once('session', resolve)))

  put(second)
  server.kill('SIGHUP')
  await until('the new certificate', async () => (await certificateAt(t, server.port, authority)) === fingerprintOf(second.cert))
  assert(!(await handshake(t, server.port, authority, { session })).isSessionReused(), 'a ticket under the old certificate')
  const subscription = old.centrifuge.newSubscription('plain:old')
  subscription.subscribe()
  await within('a subscription on the old connection', subscription.ready())
  assert.equal(old.connects.length, 1)

  writeFileSync(files.cert, 'not a certificate')
  server.kill('SIGHUP')
  await until('the refusal in the log', () => server.output.includes('holds no certificate'))
  assert.equal(await certificateAt(t, server.port, authority), fingerprintOf(second.cert))
})
