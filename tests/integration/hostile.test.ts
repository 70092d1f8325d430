// Peers that hurry, stop half way, break off, or ask for much at once: what they get, and what it leaves behind.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, test, type TestContext } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { api, call, get, post } from '../harness/api.ts'
import { frame, opcodes, RawSocket, RawWebSocket } from '../harness/raw.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { nowSeconds, resigned } from '../harness/token.ts'
import { until, within } from '../harness/until.ts'
import { challenge, signIn, Wallet } from '../harness/wallet.ts'

const stats = async (server: Server) => (await call(`${server.ops}/stats`, 'GET')).body

/** The value of a series in /metrics; 0 where it was never counted. */
async function metric(server: Server, series: string): Promise<number> {
  const text: string = (await call(`${server.ops}/metrics`, 'GET')).body
  const line = text.split('\n').find((one) => one.startsWith(`gatecast_${series} `))
  return Number(line?.split(' ')[1] ?? 0)
}

async function connect(t: TestContext, server: Server, token: string): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  assert((await socket.message()).connect)
  return socket
}

/** Skips pushes. */
async function reply(socket: RawWebSocket): Promise<any> {
  for (;;) {
    const message = await socket.message()
    if (message.id) return message
  }
}

const line = (command: object) => JSON.stringify(command)
// Enough names that with two shards some have their home on the connection's own shard and some on the other.
const channels = Array.from({ length: 6 }, (_, i) => `chat:hostile-${i}`)

describe('clients that do not wait for replies', () => {
  test('500 publishes in a row, one a frame and all in one: each is answered, in order', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    for (const channel of channels) {
      const socket = await connect(t, server, token)
      socket.command({ id: 2, subscribe: { channel } })
      assert.deepEqual(await reply(socket), { id: 2, subscribe: {} })
      const publish = (id: number) => ({ id, publish: { channel, data: { id } } })
      for (let id = 3; id < 503; id++) socket.command(publish(id))
      for (let id = 3; id < 503; id++) assert.deepEqual(await reply(socket), { id, publish: {} })
      const ids = Array.from({ length: 500 }, (_, i) => 503 + i)
      socket.send(opcodes.text, ids.map((id) => line(publish(id))).join('\n'))
      for (const id of ids) assert.deepEqual(await reply(socket), { id, publish: {} })
      socket.raw.socket.destroy()
    }
  })

  test('large publishes in a row: TCP holds up the client, nothing is refused', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    for (const channel of channels) {
      const socket = await connect(t, server, token)
      socket.command({ id: 2, subscribe: { channel } })
      await reply(socket)
      const publish = (id: number) => line({ id, publish: { channel, data: 'x'.repeat(60_000) } })
      socket.raw.send(Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(opcodes.text, publish(3 + i)))))
      for (let id = 3; id < 13; id++) assert.deepEqual(await reply(socket), { id, publish: {} })
      socket.raw.socket.destroy()
    }
  })

  test('connect and 200 subscribes in one frame: those over limits.channels are told 106', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const socket = await RawWebSocket.open(t, server.port)
    const subscribes = Array.from({ length: 200 }, (_, i) => line({ id: 2 + i, subscribe: { channel: `chat:many-${i}` } }))
    socket.send(opcodes.text, [line({ id: 1, connect: { token } }), ...subscribes].join('\n'))
    assert((await reply(socket)).connect)
    const outcomes: unknown[] = []
    for (let id = 2; id < 202; id++) {
      const one = await reply(socket)
      assert.equal(one.id, id)
      outcomes.push(one.error?.code ?? 'subscribed')
    }
    assert.deepEqual(outcomes, Array.from({ length: 200 }, (_, i) => (i < 128 ? 'subscribed' : 106)))
    // However long each waited behind the one before it, it is one message.
    assert.equal((await stats(server)).messagesByType.subscribe, 200)
    assert.equal(await metric(server, 'messages_in_total{type="subscribe"}'), 200)
  })

  test('what is broken behind a command that waits is still 3501', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    for (const channel of channels) {
      const socket = await connect(t, server, token)
      socket.send(opcodes.text, `${line({ id: 2, subscribe: { channel } })}\n{"id":3,`)
      assert.deepEqual(await reply(socket), { id: 2, subscribe: {} })
      assert.equal((await socket.close()).code, 3501)
    }
  })

  test('an expired token with subscribes behind the connect: the client gets a new one and subscribes', async (t) => {
    const server = await startServer(t)
    const wallet = new Wallet()
    const { token } = await signIn(server, wallet)
    const client = new Centrifuge(server.websocket, {
      websocket: WebSocket,
      minReconnectDelay: 10,
      token: resigned(server, token, { exp: nowSeconds() - 1 }),
      getToken: async () => (await signIn(server, wallet)).token,
    })
    onEnd(t, () => client.disconnect())
    const ends: number[] = []
    client.on('disconnected', ({ code }) => ends.push(code))
    const subscription = client.newSubscription('chat:after')
    subscription.subscribe()
    client.connect()
    await within('the subscription', subscription.ready())
    assert.deepEqual(ends, [])
    // On the wire: the refusal, and nothing for the commands behind it.
    const socket = await RawWebSocket.open(t, server.port)
    const old = resigned(server, token, { exp: nowSeconds() - 1 })
    socket.send(opcodes.text, `${line({ id: 1, connect: { token: old } })}\n${line({ id: 2, subscribe: { channel: 'chat:a' } })}`)
    assert.equal((await socket.message()).error.code, 109)
    socket.send(opcodes.ping, 'still there')
    assert.equal((await socket.next()).opcode, opcodes.pong)
    socket.command({ id: 3, subscribe: { channel: 'chat:a' } })
    assert.equal((await socket.close()).code, 3501)
  })
})

test('more pipelined requests than a read buffer holds: each is answered, in order', async (t) => {
  const server = await startServer(t)
  const socket = await RawSocket.open(t, server.port)
  const targets = Array.from({ length: 6000 }, (_, i) => (i % 2 === 0 ? '/.well-known/jwks.json' : '/nowhere'))
  socket.send(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
  let from = 0
  for (const target of targets) {
    // Not reply(): it copies what is left, and there is much.
    const mark = target === '/nowhere' ? 'HTTP/1.1 404' : 'HTTP/1.1 200'
    const at = await until('the next reply', () => {
      const found = socket.received.indexOf('HTTP/1.1 ', from)
      return found >= 0 && socket.received.length > found + mark.length ? { found } : undefined
    })
    from = at.found + mark.length
    assert.equal(socket.received.toString('latin1', at.found, from), mark)
  }
})

describe('peers that go on sending after they were refused', () => {
  test('a body over the limit: 413 also for a client that sends all of it before it reads', async (t) => {
    const server = await startServer(t)
    const socket = await RawSocket.open(t, server.port)
    const body = 'x'.repeat(16_000_000)
    socket.socket.pause()
    socket.send(
      `POST /api/v2/auth/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    // Still under way when the answer is out: a server that closed now would reset the connection.
    const sent = new Promise<void>((resolve) => socket.socket.write(body, () => resolve()))
    await within('the body to be sent', sent)
    socket.socket.resume()
    assert.equal((await socket.reply()).status, 413)
    await socket.closedByPeer()
    assert.equal(socket.broken, '')
  })

  test('a message over the limit: 1009 and an end in order, however much follows', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const socket = await connect(t, server, token)
    socket.raw.send(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4]))
    assert.equal((await socket.close()).code, 1009)
    await new Promise<void>((resolve) => socket.raw.socket.write(Buffer.alloc(16_000_000, 'x'), () => resolve()))
    await socket.raw.closedByPeer()
    assert.equal(socket.raw.broken, '')
  })
})

describe('peers that stop half way', () => {
  test('a client that has finished sending still gets its answer', async (t) => {
    const server = await startServer(t)
    const wallet = new Wallet()
    const { message } = await challenge(server, wallet)
    const signature = Buffer.from(wallet.sign(message)).toString('base64')
    const body = JSON.stringify({ chain: 'solana', address: wallet.address, message, signature })
    const request = `POST /api/v2/auth/wallet HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const socket = await RawSocket.open(t, server.port)
    socket.socket.end(request)
    const signedIn = await socket.reply()
    assert.equal(signedIn.status, 200)
    assert(JSON.parse(signedIn.body).token)
    await socket.closedByPeer()

    const several = await RawSocket.open(t, server.port)
    const jwks = 'GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n'
    several.socket.end(`${jwks}${request}${jwks}GET / HT`)
    assert.deepEqual([(await several.reply()).status, (await several.reply()).status, (await several.reply()).status], [200, 401, 200])
    await several.closedByPeer()
  })

  test('one that asks for the last answer and does not read it is cut', async (t) => {
    const config = { pages: { enabled: true }, limits: { queue_bytes: 64 * 1024 * 1024 } }
    const server = await startServer(t, { config })
    const socket = await RawSocket.open(t, server.port)
    socket.socket.pause()
    const request = (more: string) => `GET /demo HTTP/1.1\r\nHost: x\r\n${more}\r\n`
    // One read buffer of requests, whose answers are more than the kernel's buffers take.
    socket.send(request('').repeat(1900) + request('Connection: close\r\n'))
    const answered = 'http_requests_total{route="demo",status="200"}'
    await until('the requests to be answered', async () => (await metric(server, answered)) === 1901)
    await until('the connection to be cut', async () => (await metric(server, 'connections_open')) === 1)
  })

  test('a WebSocket that breaks off is counted and logged as gone', async (t) => {
    const server = await startServer(t)
    const { token, user } = await signIn(server)
    const socket = await connect(t, server, token)
    socket.raw.socket.resetAndDestroy()
    await until('the end to be counted', async () => (await metric(server, 'disconnects_total{code="write_error"}')) === 1)
    await until('the end to be logged', () =>
      server.output.split('\n').some((one) => one.includes('"disconnection"') && one.includes('"gone"') && one.includes(user.id)),
    )
    const told = await connect(t, server, token)
    await api(server, 'disconnect', { user: user.id })
    assert.equal((await told.close()).code, 3503)
    assert.equal(await metric(server, 'disconnects_total{code="force_disconnect"}'), 1)
  })

  test('without descriptors to spare nobody is accepted, the shards rest, and it goes on when there are some', async (t) => {
    const server = await startServer(t)
    const { token } = await signIn(server)
    const socket = await connect(t, server, token)
    const ask = async (id: number) => {
      socket.command({ id, rpc: { method: 'x' } })
      assert.equal((await reply(socket)).id, id)
    }
    // The sanitiser looks at the type of an object it meets for the first time through a pipe, which takes descriptors:
    // all that happens without them has happened once before.
    await ask(2)
    const open = readdirSync(`/proc/${server.pid}/fd`).length
    execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${open}:`])
    const start = performance.now()
    const waiting = await Promise.all(Array.from({ length: 8 }, () => RawSocket.open(t, server.port)))
    // Those who are connected are served.
    for (let id = 3; performance.now() - start < 1000; id++) await ask(id)
    const took = performance.now() - start
    execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${open + 64}:`])
    for (const one of waiting) one.socket.destroy()
    assert.equal((await get(server, '/.well-known/jwks.json')).status, 200)
    const refused = await metric(server, 'connections_refused_total{code="overloaded"}')
    // Ten times a second for each shard and port; a shard that spins counts thousands.
    assert(refused >= 1 && refused <= 4 * (2 + took / 100), `${refused} in ${took} ms`)
  })
})

describe('one user on several shards', () => {
  test('is one user, in channels that are counted once', async (t) => {
    const server = await startServer(t, { config: { realtime: { shards: 4 } } })
    const { token } = await signIn(server)
    for (let i = 0; i < 12; i++) {
      const socket = await connect(t, server, token)
      socket.command({ id: 2, subscribe: { channel: 'chat:one' } })
      await reply(socket)
    }
    const [node] = (await api(server, 'info', {})).body.result.nodes
    assert.deepEqual([node.num_clients, node.num_users, node.num_channels, node.num_subs], [12, 1, 2, 24])
    assert.equal((await stats(server)).users, 1)
    await until('the gauge', async () => (await metric(server, 'channels_open')) === 2)
  })

  test('has limits.user_connections connections in all: the next is 3504', async (t) => {
    const server = await startServer(t, { config: { realtime: { shards: 4 }, limits: { user_connections: 3 } } })
    const { token } = await signIn(server)
    const kept: RawWebSocket[] = []
    for (let i = 0; i < 3; i++) kept.push(await connect(t, server, token))
    for (let i = 0; i < 8; i++) {
      const socket = await RawWebSocket.open(t, server.port)
      socket.command({ id: 1, connect: { token } })
      assert.equal((await socket.close()).code, 3504)
    }
    // A renewal is no connection more, and who goes makes room.
    kept[0]!.command({ id: 2, refresh: { token } })
    assert((await reply(kept[0]!)).refresh)
    kept[0]!.raw.socket.destroy()
    await until('the place to be free', async () => (await stats(server)).activeConnections === 2)
    await connect(t, server, token)
  })
})

test('a cache is told that answers depend on the origin, also where no page asked', async (t) => {
  const server = await startServer(t, { config: { http: { allowed_origins: ['https://app.example'] } } })
  for (const route of ['/.well-known/jwks.json', '/api/v2/auth/check']) {
    assert.match((await get(server, route)).headers.get('vary') ?? '', /origin/i)
  }
  const preflight = await call(`${server.origin}/api/v2/auth/check`, 'OPTIONS', undefined, { Origin: 'https://evil.example' })
  assert.match(preflight.headers.get('vary') ?? '', /origin/i)
  assert.equal((await post(server, '/api/v2/auth/validate', { token: 'x' })).headers.get('vary'), 'Origin')
})
