// Peers that stop, trickle, do not read or vanish: every phase of a connection has an end, is counted, and costs nobody
// else anything.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { get } from '../harness/api.ts'
import { frame, opcodes, RawSocket, RawWebSocket } from '../harness/raw.ts'
import { metric } from '../harness/realtime.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kAddress = '127.0.0.1'
const kDemo = 'GET /demo HTTP/1.1\r\nHost: x\r\n\r\n'

async function connect(t: TestContext, server: Server, token: string): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  assert((await socket.message()).connect)
  return socket
}

/** Sends one byte after another, faster than any of the server's deadlines. */
function trickle(t: TestContext, socket: RawSocket, bytes: Buffer): void {
  let at = 0
  const timer = setInterval(() => {
    if (at === bytes.length || socket.closed) clearInterval(timer)
    else socket.send(bytes.subarray(at, ++at))
  }, 50)
  onEnd(t, () => clearInterval(timer))
}

const limitedBy = (server: Server, reason: string) =>
  server.output.split('\n').filter((line) => line.includes('"event":"limited"') && line.includes(`"reason":"${reason}"`))

test('a head that trickles, and a body that does: 408 when the request has had its time', async (t) => {
  const server = await startServer(t, { config: { limits: { header_time: '1s' } } })
  const head = 'POST /api/v2/auth/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n'
  const slowHead = await RawSocket.open(t, server.port)
  trickle(t, slowHead, Buffer.from(`GET /${'x'.repeat(2000)} HTTP/1.1\r\n`))
  const slowBody = await RawSocket.open(t, server.port)
  slowBody.send(head)
  trickle(t, slowBody, Buffer.from('{'.repeat(500)))
  for (const socket of [slowHead, slowBody]) {
    assert.equal((await socket.reply()).status, 408)
    await socket.closedByPeer()
  }
  assert.equal(await metric(server, 'refusals_total', 'code="request_timeout"'), 2)
  await until('two lines', () => {
    const lines = limitedBy(server, 'request_timeout')
    return lines.length === 2 && lines.every((line) => line.includes(kAddress))
  })
})

test('hundreds that trickle are gone after their time, and nobody waits for them', async (t) => {
  const server = await startServer(t, { config: { limits: { header_time: '2s' } } })
  const { token } = await signIn(server)
  const honest = await connect(t, server, token)
  const before = await metric(server, 'connections_open')
  const sockets = await Promise.all(Array.from({ length: 300 }, () => RawSocket.open(t, server.port)))
  sockets.forEach((socket, i) => {
    if (i % 3 === 0) trickle(t, socket, Buffer.from('GET / HTTP/1.1\r\n'.repeat(20)))
    if (i % 3 === 1) socket.send('POST /api/v2/auth/validate HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{')
    // The others never say anything.
  })
  for (let id = 2; id < 12; id++) {
    honest.command({ id, rpc: { method: 'gatecast.time' } })
    assert.equal((await honest.message()).id, id)
  }
  await until('all to be closed', () => sockets.every(({ closed }) => closed))
  await until('the gauge to fall', async () => (await metric(server, 'connections_open')) <= before)
  assert.equal(await metric(server, 'connections_cut_total', 'code="request_timeout"'), 100)
  assert.equal(await metric(server, 'refusals_total', 'code="request_timeout"'), 200)
})

test('a WebSocket that stops in the middle of a frame, or trickles one, does not answer its ping: 3012', async (t) => {
  const server = await startServer(t, { config: { realtime: { ping: '1s', pong: '900ms' } } })
  const { token } = await signIn(server)
  const stopped = await connect(t, server, token)
  stopped.raw.send(frame(opcodes.text, 'x'.repeat(200)).subarray(0, 50))
  const trickling = await connect(t, server, token)
  trickle(t, trickling.raw, frame(opcodes.text, 'x'.repeat(2000)))
  const parts = await connect(t, server, token)
  parts.send(opcodes.text, '{', { fin: false })
  const more = setInterval(() => !parts.raw.closed && parts.send(opcodes.continuation, ' ', { fin: false }), 50)
  onEnd(t, () => clearInterval(more))
  for (const socket of [stopped, trickling, parts]) {
    assert.deepEqual(await socket.close(), { code: 3012, reason: 'no pong' })
    await socket.raw.closedByPeer()
  }
  assert.equal(await metric(server, 'disconnects_total', 'code="no_pong"'), 3)
  await until('three lines', () => {
    const ends = server.output.split('\n').filter((line) => line.includes('"disconnection"') && line.includes('3012'))
    return ends.length === 3 && ends.every((line) => line.includes(kAddress))
  })
})

test('one that stops before its connect command is whole: 3502', async (t) => {
  const server = await startServer(t, { config: { limits: { stale_time: '1s' } } })
  const socket = await RawWebSocket.open(t, server.port)
  trickle(t, socket.raw, frame(opcodes.text, JSON.stringify({ id: 1, connect: { token: 'x'.repeat(500) } })))
  assert.deepEqual(await socket.close(), { code: 3502, reason: 'stale' })
  assert.equal(await metric(server, 'disconnects_total', 'code="stale"'), 1)
})

test('a peer that vanishes with bytes under way: no pong, and TCP is cut when the close frame is not taken', async (t) => {
  const server = await startServer(t, { config: { realtime: { ping: '1s', pong: '900ms' } } })
  const { token } = await signIn(server)
  const socket = await connect(t, server, token)
  // It neither reads nor sends any more; for the server it might as well be behind a cut cable.
  socket.raw.socket.pause()
  await until('the end', async () => (await metric(server, 'disconnects_total', 'code="no_pong"')) === 1)
  await until('the cut', async () => (await metric(server, 'connections_cut_total', 'code="write_error"')) === 1)
  const cut = await until('a line', () => server.output.split('\n').find((line) => line.includes('"event":"cut"')))
  assert(cut.includes(kAddress), cut)
})

test('an HTTP peer that does not read its answers is cut when the connection has been idle', async (t) => {
  const config: Table = { pages: { enabled: true }, limits: { queue_bytes: '64MB', idle_time: '1s', connection_commands: 0 } }
  const server = await startServer(t, { config })
  const socket = await RawSocket.open(t, server.port)
  socket.socket.pause()
  // Three times what the kernel's buffers take, and less than the queue may hold.
  socket.send(kDemo.repeat(5000))
  await until('the cut', async () => (await metric(server, 'connections_cut_total', 'code="slow"')) === 1)
  assert.equal((await get(server, '/.well-known/jwks.json')).status, 200)
})

test('an HTTP peer whose unread answers are over limits.queue_bytes is cut at once', async (t) => {
  const server = await startServer(t, { config: { pages: { enabled: true }, limits: { queue_bytes: '64KB', connection_commands: 0 } } })
  const socket = await RawSocket.open(t, server.port)
  socket.socket.pause()
  await until('the cut', async () => {
    if (!socket.closed) socket.send(kDemo.repeat(200))
    return (await metric(server, 'slow_consumers_total')) === 1
  })
  const line = await until('a line', () => limitedBy(server, 'slow')[0])
  assert(line.includes(kAddress) && JSON.parse(line).queued > 65_536, line)
})

test('a client that takes no bytes of its close is reset after five seconds, whatever it goes on sending', async (t) => {
  const server = await startServer(t)
  const socket = await RawWebSocket.open(t, server.port)
  socket.send(opcodes.binary, randomBytes(10))
  assert.equal((await socket.close()).code, 1003)
  const noise = setInterval(() => !socket.raw.closed && socket.send(opcodes.text, 'x'), 50)
  onEnd(t, () => clearInterval(noise))
  await socket.raw.closedByPeer()
  assert.equal(await metric(server, 'connections_cut_total', 'code="write_error"'), 1)
})
