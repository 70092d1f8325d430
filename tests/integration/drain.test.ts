// SIGTERM: what was accepted is answered, clients are told apart in time and lose nothing, and the end is in order.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { api, call, get, post } from '../harness/api.ts'
import { Client, numbers } from '../harness/client.ts'
import { RawSocket, RawWebSocket } from '../harness/raw.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn, trySignIn, challenge, Wallet } from '../harness/wallet.ts'

const drainConfig = (time: string, spread: string, more: Table = {}): Table => ({
  limits: { drain_time: time, drain_spread: spread },
  namespace: [{ name: 'log', allow_subscribe_for_client: true, force_recovery: true, history_size: 5000, history_ttl: '5m' }],
  ...more,
})

const request = (port: number, path = '/api/v2/auth/check') => `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`
const upgrade = (port: number) =>
  `GET /connection/websocket HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`

async function draining(server: Server): Promise<void> {
  await until('/readyz to say so', async () => {
    const reply = await call(`${server.ops}/readyz`, 'GET')
    if (reply.status === 503) assert.equal(reply.body, 'draining\n')
    return reply.status === 503
  })
}

async function stoppedInOrder(server: Server): Promise<void> {
  assert.deepEqual(await server.ended(), { code: 0, signal: null }, server.output)
}

async function connected(t: TestContext, server: Server, token: string): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  assert.equal((await socket.message()).id, 1)
  return socket
}

test('requests that lie in the accept queue, unread, are answered', async (t) => {
  const server = await startServer(t)
  // The kernel takes peers and their bytes while the process stands still; so all of it lies there at the signal.
  server.kill('SIGSTOP')
  const sockets: RawSocket[] = []
  for (let i = 0; i < 200; i++) {
    const socket = await RawSocket.open(t, server.port)
    socket.send(request(server.port))
    sockets.push(socket)
  }
  server.kill('SIGTERM')
  server.kill('SIGCONT')
  for (const socket of sockets) {
    const reply = await socket.reply()
    assert.equal(reply.status, 401, reply.body)
    await socket.closedByPeer()
    assert.equal(socket.broken, '')
  }
  await stoppedInOrder(server)
})

test('a request on a connection that was open before the signal, and one half sent, are answered and end it', async (t) => {
  const server = await startServer(t, { config: drainConfig('10s', '0s') })
  const idle = await RawSocket.open(t, server.port)
  const half = await RawSocket.open(t, server.port)
  const used = await RawSocket.open(t, server.port)
  used.send(request(server.port))
  assert.equal((await used.reply()).headers.get('connection'), undefined)
  half.send(request(server.port).slice(0, 30))
  server.kill('SIGTERM')
  await draining(server)
  for (const socket of [idle, used]) socket.send(request(server.port))
  half.send(request(server.port).slice(30))
  for (const socket of [idle, used, half]) {
    const reply = await socket.reply()
    assert.equal(reply.status, 401)
    assert.equal(reply.headers.get('connection'), 'close')
    await socket.closedByPeer()
    assert.equal(socket.broken, '')
  }
  await stoppedInOrder(server)
})

test('peers that come while it drains are answered or find nobody; none is cut off', async (t) => {
  const server = await startServer(t, { config: drainConfig('5s', '1s') })
  const client = await connected(t, server, (await signIn(server)).token)
  let [answered, refused] = [0, 0]
  let stop = false
  const callers = numbers(1, 8).map(async () => {
    while (!stop) {
      const socket = await RawSocket.open(t, server.port).catch((error: { code: string }) => error)
      if (!(socket instanceof RawSocket)) {
        assert.equal(socket.code, 'ECONNREFUSED')
        refused++
        return
      }
      socket.send(request(server.port))
      assert.equal((await socket.reply()).status, 401)
      assert.equal(socket.broken, '')
      socket.socket.destroy()
      answered++
    }
  })
  await until('the callers to be served', () => answered > 50)
  server.kill('SIGTERM')
  await client.close()
  client.raw.socket.destroy()
  await stoppedInOrder(server)
  stop = true
  await Promise.all(callers)
  assert.equal(refused, 8)
})

test('while it drains: not ready, no upgrade, operators are served, what is published is kept', async (t) => {
  const config = drainConfig('10s', '3s')
  const server = await startServer(t, { config })
  const { token } = await signIn(server)
  const watcher = await new Client(t, server.websocket, { token }).connect()
  const log = await watcher.subscription('log:kept').on()
  for (let i = 0; i < 20; i++) {
    const socket = await connected(t, server, token)
    void socket.close().then(() => socket.raw.socket.destroy())
  }
  const late = await RawSocket.open(t, server.port)
  server.kill('SIGTERM')
  await draining(server)
  late.send(upgrade(server.port))
  const refusal = await late.reply()
  assert.equal(refusal.status, 503)
  assert.equal(refusal.headers.get('retry-after'), '1')
  assert.equal(JSON.parse(refusal.body).code, 'temporarily_unavailable')
  assert.match((await call(`${server.ops}/metrics`, 'GET')).body, /gatecast_connections_open/)
  assert.equal((await call(`${server.ops}/stats`, 'GET', undefined, { 'X-API-Key': server.apiKey })).status, 200)
  // The connections are some of them told already, others not: all of them shall have it, now or when they are back.
  const published = await api(server, 'publish', { channel: 'log:kept', data: { kept: true } })
  assert.equal(published.body.error, undefined, JSON.stringify(published.body))
  await stoppedInOrder(server)

  await startServer(t, { again: server })
  await log.has(1)
  assert.deepEqual(log.data, [{ kept: true }])
  assert.deepEqual(await log.subscribed(2), { recovered: true, wasRecovering: true, positioned: true, recoverable: true })
  assert.equal(watcher.drops[0]?.code, 3001)
})

test('200 clients over a restart under publications: every one, once, in order', async (t) => {
  const config = drainConfig('10s', '500ms')
  // However many it were that a client missed on a busy machine.
  config.limits = { ...(config.limits as Table), history_page: 10_000, recovered_bytes: 1_048_576 }
  const server = await startServer(t, { config })
  const { token } = await signIn(server)
  const clients = await Promise.all(
    numbers(1, 200).map(async () => {
      const client = await new Client(t, server.websocket, { token }).connect()
      return { client, log: await client.subscription('log:all').on() }
    }),
  )
  let stop = false
  let published = 0
  // An acknowledged publication is not sent again, one that found nobody is; one that was cut off could be both.
  const publisher = (async () => {
    while (!stop) {
      const reply = await api(server, 'publish', { channel: 'log:all', data: published + 1 }).catch((error: Error) => {
        const { code } = error.cause as { code: string }
        assert(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT'].includes(code), `a publication was cut off: ${code}`)
      })
      if (!reply) continue
      assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
      published++
    }
  })()
  await until('publications', () => published >= 20)
  server.kill('SIGTERM')
  await stoppedInOrder(server)
  const before = published
  await startServer(t, { again: server })
  await until('publications of the second', () => published >= before + 20)
  stop = true
  await publisher
  for (const { log } of clients) await log.has(published)
  const all = numbers(1, published)
  for (const { client, log } of clients) {
    assert.deepEqual(log.data, all)
    assert.deepEqual([...new Set(log.states.slice(1).map(({ recovered }) => recovered))], [true])
    assert.equal(client.drops[0]?.code, 3001)
  }
})

test('clients are told 3001 one after another, over the spread', async (t) => {
  const server = await startServer(t, { config: drainConfig('10s', '1500ms') })
  const { token } = await signIn(server)
  const sockets = await Promise.all(numbers(1, 100).map(() => connected(t, server, token)))
  const told = sockets.map(async (socket) => {
    const { code, reason } = await socket.close()
    assert.deepEqual([code, reason], [3001, 'shutdown'])
    const at = Date.now()
    socket.raw.socket.destroy()
    return at
  })
  const began = Date.now()
  server.kill('SIGTERM')
  const moments = (await Promise.all(told)).sort((a, b) => a - b)
  const after = moments.map((at) => at - began)
  assert(after.at(-1)! - after[0]! >= 750, `told within ${after.at(-1)! - after[0]!} ms`)
  // Neither all at its begin nor all at its end.
  assert(after[49]! - after[0]! >= 300 && after.at(-1)! - after[50]! >= 300, after.join(' '))
  await stoppedInOrder(server)
  await server.says(/"event":"draining","clients":10\d/)
  await server.says(/"event":"drained","clients":10\d,"left":0/)
})

test('a sign-in that waits for the application is answered, and stands after the restart', async (t) => {
  let release: (() => void) | undefined
  const hook = createServer((_, reply) => {
    release = () => reply.setHeader('Content-Type', 'application/json').end(JSON.stringify({ allow: true }))
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  onEnd(t, () => new Promise<void>((resolve) => (hook.closeAllConnections(), hook.close(() => resolve()))))
  const { port } = hook.address() as AddressInfo
  const config = drainConfig('10s', '0s', {
    signin: { register: 'ask', hook_url: `http://127.0.0.1:${port}/`, hook_secret: randomBytes(32).toString('base64') },
  })
  const server = await startServer(t, { config })
  const wallet = new Wallet()
  const { message } = await challenge(server, wallet)
  const signingIn = trySignIn(server, wallet, message)
  await until('the hook to be asked', () => release)
  server.kill('SIGTERM')
  await draining(server)
  release!()
  const reply = await signingIn
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  assert.equal(reply.headers.get('connection'), 'close')
  await stoppedInOrder(server)
  await startServer(t, { again: server })
  assert.equal((await get(server, '/api/v2/auth/check', reply.body.token)).status, 200)
})

test('many sign-ins at the signal: each is answered, and those that succeeded stand', async (t) => {
  const server = await startServer(t, { config: drainConfig('10s', '0s') })
  const wallets = numbers(1, 40).map(() => new Wallet())
  const messages = await Promise.all(wallets.map(async (wallet) => (await challenge(server, wallet)).message))
  let answered = 0
  const all = wallets.map(async (wallet, i) => {
    const reply = await trySignIn(server, wallet, messages[i]!).catch((error: Error) => {
      const { code } = error.cause as { code: string }
      assert.equal(code, 'ECONNREFUSED', 'a sign-in was cut off')
    })
    answered++
    return reply
  })
  await until('the first answer', () => answered > 0)
  server.kill('SIGTERM')
  const replies = (await Promise.all(all)).filter((reply) => reply !== undefined)
  await stoppedInOrder(server)
  await startServer(t, { again: server })
  for (const reply of replies) {
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    assert.equal((await post(server, '/api/v2/auth/refresh', { refreshToken: reply.body.refreshToken })).status, 200)
  }
})

test('a second signal ends it at once; what was acknowledged is there', async (t) => {
  const server = await startServer(t, { config: drainConfig('60s', '0s') })
  const { token } = await signIn(server)
  // A peer that leaves a request half sent holds the drain until its time-out.
  const half = await RawSocket.open(t, server.port)
  half.send('GET / HTTP/1.1\r\n')
  await get(server, '/api/v2/auth/check', token)
  server.kill('SIGTERM')
  await draining(server)
  const began = Date.now()
  server.kill('SIGTERM')
  assert.deepEqual(await server.ended(), { code: 1, signal: null })
  assert(Date.now() - began < 5000)
  await startServer(t, { again: server })
  assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
})
