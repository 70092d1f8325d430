// WebSocket on the wire: frames no client library sends, peers that stop reading, writing or answering.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { api, call } from '../harness/api.ts'
import { opcodes, RawSocket, RawWebSocket } from '../harness/raw.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'
import type { Table } from '../harness/toml.ts'

/** A connection that has sent its connect command and read the reply. */
async function connected(t: TestContext, config: Table = {}) {
  const server = await startServer(t, { config })
  const tokens = await signIn(server)
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token: tokens.token } })
  const reply = await socket.message()
  assert.equal(reply.id, 1, JSON.stringify(reply))
  return { server, socket, reply: reply.connect, user: tokens.user.id, token: tokens.token }
}

const handshake = (server: Server, lines: string) =>
  `GET /connection/websocket HTTP/1.1\r\nHost: localhost:${server.port}\r\n${lines}\r\n`

test('the connect reply names client, personal channel, ping', async (t) => {
  const { reply, user } = await connected(t)
  assert.match(reply.client, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert(reply.version)
  assert.deepEqual(Object.keys(reply.subs), [`#${user}`])
  assert.deepEqual([reply.ping, reply.pong], [25, true])
  assert.deepEqual([reply.expires, reply.ttl > 1700], [true, true])
})

test('handshakes that are none', async (t) => {
  const server = await startServer(t)
  const key = `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n`
  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n'
  for (const [lines, status, code] of [
    ['', 426, 'upgrade_required'],
    [`${upgrade}${key}Sec-WebSocket-Version: 8\r\n`, 426, 'websocket_version'],
    [`${upgrade}Sec-WebSocket-Version: 13\r\n`, 400, 'websocket_key'],
    [`${upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n`, 400, 'websocket_key'],
    [`${upgrade}${key}Sec-WebSocket-Version: 13\r\nOrigin: https://evil.example\r\n`, 403, 'origin_denied'],
  ] as const) {
    const socket = await RawSocket.open(t, server.port)
    socket.send(handshake(server, lines))
    const reply = await socket.reply()
    assert.deepEqual([reply.status, JSON.parse(reply.body).code], [status, code])
    if (code === 'websocket_version') assert.equal(reply.headers.get('sec-websocket-version'), '13')
  }
})

test('the accept key is the one RFC 6455 computes; a page of the same host may connect', async (t) => {
  const server = await startServer(t)
  const socket = await RawSocket.open(t, server.port)
  socket.send(
    handshake(
      server,
      'Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://localhost:${server.port}\r\n`,
    ),
  )
  const reply = await socket.reply()
  assert.equal(reply.status, 101)
  assert.equal(reply.headers.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

const broken: [string, number, (socket: RawWebSocket) => void][] = [
  ['an unmasked frame', 1002, (socket) => socket.send(opcodes.text, '{}', { masked: false })],
  ['a reserved bit', 1002, (socket) => socket.send(opcodes.text, '{}', { bits: 0x40 })],
  ['a reserved opcode', 1002, (socket) => socket.send(3, '')],
  ['a continuation of nothing', 1002, (socket) => socket.send(opcodes.continuation, 'x')],
  ['a control frame in parts', 1002, (socket) => socket.send(opcodes.ping, 'x', { fin: false })],
  ['a control frame over 125 bytes', 1002, (socket) => socket.send(opcodes.ping, 'x'.repeat(126))],
  ['a close frame of one byte', 1002, (socket) => socket.send(opcodes.close, 'x')],
  ['text that is not UTF-8', 1007, (socket) => socket.send(opcodes.text, Buffer.from([0x22, 0xc3, 0x28, 0x22]))],
  ['a binary frame', 1003, (socket) => socket.send(opcodes.binary, '{}')],
  ['a message over limits.message_bytes', 1009, (socket) => socket.send(opcodes.text, 'x'.repeat(65_537))],
]
for (const [what, code, send] of broken) {
  test(`closed with ${code}: ${what}`, async (t) => {
    const { socket } = await connected(t)
    send(socket)
    assert.equal((await socket.close()).code, code)
  })
}

test('a length that is announced and never sent costs nothing: 1009 from the head alone', async (t) => {
  const { socket } = await connected(t)
  socket.raw.send(Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]))
  assert.equal((await socket.close()).code, 1009)
})

test('a message in parts, with a ping between them; commands a line', async (t) => {
  const { socket } = await connected(t)
  socket.send(opcodes.text, '{"id":2,"subscribe":{"chan', { fin: false })
  socket.send(opcodes.ping, 'here')
  socket.send(opcodes.continuation, 'nel":"chat:a"}}\n{"id":3,"subscribe":{"channel":"chat:b"}}')
  const pong = await socket.next()
  assert.deepEqual([pong.opcode, pong.payload.toString()], [opcodes.pong, 'here'])
  assert.deepEqual([(await socket.message()).id, (await socket.message()).id], [2, 3])
})

test('the closing handshake: the code comes back, then the socket closes', async (t) => {
  const { socket } = await connected(t)
  socket.send(opcodes.close, Buffer.from([0x03, 0xe8]))
  assert.equal((await socket.close()).code, 1000)
  await socket.raw.closedByPeer()
})

const badCommands: [string, string][] = [
  ['not JSON', '{'],
  ['an array', '[]'],
  ['no method', '{"id":2}'],
  ['a second connect', '{"id":2,"connect":{}}'],
  ['a pong nobody asked for', '{}'],
  ['no channel', '{"id":2,"subscribe":{}}'],
  ['nothing', ''],
]
for (const [what, text] of badCommands) {
  test(`disconnected with 3501: ${what}`, async (t) => {
    const { socket } = await connected(t)
    socket.send(opcodes.text, text)
    assert.equal((await socket.close()).code, 3501)
  })
}

test('a command before connect: 3501', async (t) => {
  const server = await startServer(t)
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, subscribe: { channel: 'chat:a' } })
  assert.deepEqual(await socket.close(), { code: 3501, reason: 'bad request' })
})

test('a connection that never says connect: 3502', async (t) => {
  const server = await startServer(t, { config: { limits: { stale_time: '1s' } } })
  const socket = await RawWebSocket.open(t, server.port)
  assert.deepEqual(await socket.close(), { code: 3502, reason: 'stale' })
  // A peer that does not answer the close frame either is not waited for.
  await socket.raw.closedByPeer()
})

test('a client that does not answer a ping: 3012; one that does stays', async (t) => {
  const { server, socket, token } = await connected(t, { realtime: { ping: '1s', pong: '900ms' } })
  const living = await RawWebSocket.open(t, server.port)
  living.command({ id: 1, connect: { token } })
  assert.equal((await living.message()).connect.ping, 1)
  for (let pings = 0; pings < 3; pings++) {
    assert.deepEqual(await living.message(), {})
    living.command({})
  }
  assert.deepEqual(await socket.close(), { code: 3012, reason: 'no pong' })
  assert(!living.raw.closed)
})

test('a client that never reads is cut as slow; the others get everything', async (t) => {
  const { server, socket: reader, token, user } = await connected(t, { limits: { queue_bytes: 65_536 } })
  const sleeper = await RawWebSocket.open(t, server.port)
  sleeper.command({ id: 1, connect: { token } })
  await sleeper.message()
  for (const socket of [reader, sleeper]) {
    socket.command({ id: 2, subscribe: { channel: 'news:flood' } })
    assert.deepEqual((await socket.message()).id, 2)
  }
  sleeper.raw.socket.pause()

  const text = 'x'.repeat(16_000)
  const slow = async () => (await call(`${server.ops}/stats`, 'GET')).body.slowConsumers
  let sent = 0
  // The kernel's buffers take the first megabytes; how many is the machine's affair.
  await until(
    'the sleeper to be cut',
    async () => {
      for (let i = 0; i < 16; i++) {
        const reply = await api(server, 'publish', { channel: 'news:flood', data: { i: sent++, text } })
        assert.equal(reply.status, 200)
        const message = await reader.message()
        assert.equal(message.push.pub.data.i, sent - 1)
      }
      return (await slow()) === 1
    },
    60_000,
  )
  sleeper.raw.socket.resume()
  await sleeper.raw.closedByPeer()
  assert(!reader.raw.closed)
  const line = await until('a line of the log', () =>
    server.output.split('\n').find((one) => one.includes('"event":"limited"') && one.includes('"reason":"slow"')),
  )
  const { ip, user: who, queued } = JSON.parse(line)
  assert.deepEqual([ip, who], ['127.0.0.1', user])
  assert(queued > 65_536, line)
})
