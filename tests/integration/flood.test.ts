// Limits of what one client, one user, one address may ask for at a time: what is over them has no effect, is answered,
// counted and logged with the address, and nobody else notices.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { api, call, get } from '../harness/api.ts'
import { opcodes, frame, RawSocket, RawWebSocket } from '../harness/raw.ts'
import { metric } from '../harness/realtime.ts'
import { startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kAddress = '127.0.0.1'
// Small enough that no message may cost more than the bursts of these tests.
const kSmall = { message_bytes: '1KB', channels: 10 }

const start = (t: TestContext, limits: Table, more: Table = {}) => startServer(t, { backends: 'own', config: { limits, ...more } })

async function connect(t: TestContext, server: Server, token: string): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  const reply = await socket.message()
  assert(reply.connect, JSON.stringify(reply))
  return socket
}

async function reply(socket: RawWebSocket): Promise<any> {
  for (;;) {
    const message = await socket.message()
    if (message.id) return message
  }
}

const time = (id: number) => ({ id, rpc: { method: 'gatecast.time' } })
const ids = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

/** Sends `count` calls in one frame; how many were answered, how many refused. */
async function burst(socket: RawWebSocket, from: number, count: number): Promise<{ passed: number; refused: number }> {
  socket.send(opcodes.text, ids(from, count).map((id) => JSON.stringify(time(id))).join('\n'))
  let passed = 0
  let refused = 0
  for (const id of ids(from, count)) {
    const one = await reply(socket)
    assert.equal(one.id, id, 'replies in the order of their commands')
    if (one.rpc) passed++
    else refused++
    if (one.error) assert.deepEqual(one.error, { code: 111, message: 'too many requests', temporary: true })
  }
  return { passed, refused }
}

const limitedLines = (server: Server, reason: string) =>
  server.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter((line) => line.event === 'limited' && line.reason === reason)

test('commands over limits.connection_commands: 111 in their place and no effect, until there was a pause', async (t) => {
  const server = await start(t, { ...kSmall, connection_commands: 20, user_commands: 0 })
  const { token, user } = await signIn(server)
  const socket = await connect(t, server, token)
  socket.command({ id: 2, subscribe: { channel: 'chat:a' } })
  await reply(socket)
  const started = performance.now()
  const sent = ids(3, 60)
  // One frame of 1 KB holds a dozen: several, which the server reads one after another.
  for (const id of sent) socket.command({ id, publish: { channel: 'chat:a', data: { id } } })
  const taken: number[] = []
  const seen: number[] = []
  for (let next = 3; next < 63; ) {
    const message = await socket.message()
    if (message.push) seen.push(message.push.pub.data.id)
    if (!message.id) continue
    assert.equal(message.id, next++)
    if (message.publish) taken.push(message.id)
    else assert.equal(message.error.code, 111)
  }
  // Of the burst of forty the upgrade, the connect command and the subscription have taken one each.
  const most = 37 + Math.ceil((performance.now() - started) / 50) + 3
  assert(taken.length >= 37 && taken.length <= most, `${taken.length} of 60 taken, at most ${most} may be`)
  const refused = 60 - taken.length
  assert.equal(await metric(server, 'refusals_total', 'code="command_rate"'), refused)
  while (seen.length < taken.length) {
    const message = await socket.message()
    if (message.push) seen.push(message.push.pub.data.id)
  }
  // After a pause it may go on: two seconds' worth, and half of what was refused.
  await until('the debt to be over', () => performance.now() - started > 3000)
  assert.deepEqual(await burst(socket, 100, 10), { passed: 10, refused: 0 })
  // What was refused was not published.
  socket.command({ id: 200, publish: { channel: 'chat:a', data: { id: 200 } } })
  while (seen.at(-1) !== 200) {
    const message = await socket.message()
    if (message.push) seen.push(message.push.pub.data.id)
  }
  assert.deepEqual(seen, [...taken, 200])
  const lines = await until('the line', () => {
    const found = limitedLines(server, 'command_rate')
    return found.length > 0 ? found : undefined
  })
  assert.equal(lines.length, 1, 'one line, not one for each command')
  assert.deepEqual([lines[0].ip, lines[0].user], [kAddress, user.id])
})

test('connect and limits.channels subscribes at once are never too many', async (t) => {
  const server = await start(t, { connection_commands: 1, user_commands: 1 })
  const { token } = await signIn(server)
  for (let round = 0; round < 3; round++) {
    const socket = await RawWebSocket.open(t, server.port)
    const subscribes = ids(2, 128).map((id) => ({ id, subscribe: { channel: `chat:${id}` } }))
    socket.send(opcodes.text, [{ id: 1, connect: { token } }, ...subscribes].map((c) => JSON.stringify(c)).join('\n'))
    for (const id of ids(1, round === 0 ? 129 : 1)) {
      const one = await reply(socket)
      assert.deepEqual([one.id, one.error], [id, undefined])
    }
    socket.raw.socket.destroy()
  }
})

test('a client that goes on far over its rate: 3013', async (t) => {
  const server = await start(t, { ...kSmall, connection_commands: 20, user_commands: 0 })
  const { token } = await signIn(server)
  const socket = await connect(t, server, token)
  for (const id of ids(2, 400)) socket.command(time(id))
  assert.deepEqual(await socket.close(), { code: 3013, reason: 'too many requests' })
  assert.equal(await metric(server, 'disconnects_total', 'code="command_rate"'), 1)
  // It may come back.
  await connect(t, server, token)
})

test('WebSocket pings over the rate go unanswered, a flood of them ends in 3013', async (t) => {
  const server = await start(t, { ...kSmall, connection_commands: 20, user_commands: 0 })
  const { token } = await signIn(server)
  const socket = await connect(t, server, token)
  const pings = (count: number) => socket.raw.send(Buffer.concat(Array.from({ length: count }, () => frame(opcodes.ping, ''))))
  pings(100)
  await until('pings to be left out', async () => (await metric(server, 'refusals_total', 'code="command_rate"')) >= 50)
  pings(300)
  let pongs = 0
  for (;;) {
    const { opcode } = await socket.next()
    if (opcode === opcodes.close) break
    if (opcode === opcodes.pong) pongs++
  }
  // The burst, but for the upgrade and the connect command.
  assert(pongs >= 38 && pongs <= 60, `${pongs} pongs`)
  assert.equal(await metric(server, 'disconnects_total', 'code="command_rate"'), 1)
})

test('a large command counts as several', async (t) => {
  const server = await start(t, { connection_commands: 100, user_commands: 0 })
  const { token } = await signIn(server)
  const socket = await connect(t, server, token)
  socket.command({ id: 2, subscribe: { channel: 'chat:a' } })
  await reply(socket)
  const data = 'x'.repeat(60_000)
  const started = performance.now()
  for (const id of ids(3, 30)) socket.command({ id, publish: { channel: 'chat:a', data } })
  const codes: unknown[] = []
  for (const _ of ids(3, 30)) codes.push((await reply(socket)).error?.code ?? 0)
  // 198 may be had at once, each costs 15.
  const most = 13 + Math.ceil((performance.now() - started) / 150)
  const passed = codes.filter((code) => code === 0).length
  assert(passed >= 13 && passed <= most, `${passed} passed, at most ${most} may`)
})

test('limits.user_commands counts the connections of a user on all shards; others are not touched', async (t) => {
  const limits = { ...kSmall, message_bytes: '64KB', connection_commands: 0, user_commands: 100 }
  const server = await start(t, limits, { realtime: { shards: 4 } })
  const { token, user } = await signIn(server)
  const other = await signIn(server)
  const sockets = await Promise.all(ids(0, 12).map(() => connect(t, server, token)))
  const started = performance.now()
  const outcomes = await Promise.all(sockets.map((socket) => burst(socket, 2, 60)))
  const passed = outcomes.reduce((sum, one) => sum + one.passed, 0)
  // The burst is two seconds' worth; each of four shards gives sixteen before it counts.
  const most = 200 + 4 * 16 + Math.ceil((performance.now() - started) / 10)
  assert(passed >= 200 && passed <= most, `${passed} passed, at most ${most} may`)
  const stranger = await connect(t, server, other.token)
  assert.deepEqual(await burst(stranger, 2, 60), { passed: 60, refused: 0 })
  for (const line of limitedLines(server, 'command_rate')) assert.equal(line.user, user.id)
  // Who leaves and comes back still owes.
  for (const socket of sockets) socket.raw.socket.destroy()
  const again = await connect(t, server, token)
  const { refused } = await burst(again, 2, 200)
  assert(refused > 0, 'a debt is not got rid of by connecting anew')
})

test('limits.accepts_shard: a storm is let in at that rate, nobody is turned away, who is connected is served', async (t) => {
  const server = await start(t, { accepts_shard: 40 }, { realtime: { shards: 1 } })
  const { token } = await signIn(server)
  const connected = await connect(t, server, token)
  const started = performance.now()
  const peers = await Promise.all(
    ids(0, 50).map(async () => {
      const socket = await RawSocket.open(t, server.port)
      socket.send('GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      return socket.reply()
    }),
  )
  const took = performance.now() - started
  assert(peers.every(({ status }) => status === 200))
  assert(took >= ((50 - 6) * 1000) / 40, `${took} ms`)
  assert((await metric(server, 'accepts_rested_total')) > 0)
  assert.deepEqual(await burst(connected, 2, 5), { passed: 5, refused: 0 })
})

const kHandshake = (server: Server, more = '') =>
  `GET /connection/websocket HTTP/1.1\r\nHost: localhost:${server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${more}\r\n`

test('limits.connections: who is too many is told 503 and when to come back, and gets a place when there is one', async (t) => {
  const server = await start(t, { connections: 10 }, { realtime: { shards: 1 } })
  const { token } = await signIn(server)
  const kept: RawWebSocket[] = []
  const upgrade = async () => {
    const socket = await RawSocket.open(t, server.port)
    socket.send(kHandshake(server))
    return { socket, answer: await socket.reply() }
  }
  // Sign-in has left a connection or two that are kept alive.
  let last = await upgrade()
  for (; last.answer.status === 101; last = await upgrade()) {
    assert(kept.length < 10)
    last.socket.socket.destroy()
    await until('the end', async () => (await metric(server, 'connections_open')) <= kept.length + 4)
    kept.push(await connect(t, server, token))
  }
  assert.equal(last.answer.status, 503)
  assert.equal(JSON.parse(last.answer.body).code, 'connections_full')
  assert.match(last.answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  await last.socket.closedByPeer()
  assert((await metric(server, 'connections_refused_total', 'code="connections_full"')) >= 1)
  // Sign-in and the operators' port go on.
  assert.equal((await get(server, '/.well-known/jwks.json')).status, 200)
  assert.equal((await api(server, 'info', {})).status, 200)
  kept[0]!.raw.socket.destroy()
  await until('a place', async () => {
    const next = await upgrade()
    next.socket.socket.destroy()
    return next.answer.status === 101
  })
})

test('beyond limits.connections and those who are told so peers are closed at once, with one line in the log', async (t) => {
  const server = await start(t, { connections: 5, address_unauthenticated_shard: 0 }, { realtime: { shards: 1 } })
  const sockets = await Promise.all(ids(0, 5 + 256 + 40).map(() => RawSocket.open(t, server.port)))
  const refused = 'code="connections_full"'
  await until('the rest to be refused', async () => (await metric(server, 'connections_refused_total', refused)) >= 40)
  await until('them to be closed', () => sockets.filter(({ closed }) => closed).length >= 40)
  const line = await until('a line in the log', () => limitedLines(server, 'connections_full')[0])
  assert.equal(line.ip, kAddress)
  assert(limitedLines(server, 'connections_full').length <= 3)
  for (const { socket } of sockets) socket.destroy()
})

test('limits.address_unauthenticated_shard: one address holds only so many places without a token', async (t) => {
  const server = await start(t, { address_unauthenticated_shard: 8 }, { realtime: { shards: 1 } })
  const { token } = await signIn(server)
  // Those that have authenticated are not among them.
  const clients: RawWebSocket[] = []
  for (let i = 0; i < 12; i++) clients.push(await connect(t, server, token))
  const idle = await Promise.all(ids(0, 12).map(() => RawSocket.open(t, server.port)))
  const refused = await until('the rest to be closed', async () => {
    const closed = idle.filter((one) => one.closed).length
    return closed >= 4 ? closed : 0
  })
  assert(refused <= 7, `${refused} of 12`)
  assert.equal(await metric(server, 'connections_refused_total', 'code="address_unauthenticated"'), refused)
  assert.equal((await until('a line', () => limitedLines(server, 'address_unauthenticated')[0])).ip, kAddress)
  for (const { socket } of idle) socket.destroy()
  await until('room again', async () => {
    const socket = await RawSocket.open(t, server.port)
    socket.send(kHandshake(server))
    const status = await socket.reply().then((answer) => answer.status, () => 0)
    socket.socket.destroy()
    return status === 101
  })
})

test('behind a trusted proxy it is the client whose places are counted', async (t) => {
  const limits = { address_unauthenticated_shard: 3 }
  const server = await start(t, limits, { realtime: { shards: 1 }, http: { trusted_proxies: ['127.0.0.1/32'] } })
  const { token } = await signIn(server)
  const upgrade = async (client: string) => {
    const socket = await RawSocket.open(t, server.port)
    socket.send(kHandshake(server, `X-Forwarded-For: ${client}\r\nAuthorization: Bearer ${token}\r\n`))
    return { socket, answer: await socket.reply() }
  }
  const first = [await upgrade('203.0.113.1'), await upgrade('203.0.113.1'), await upgrade('203.0.113.1')]
  assert.deepEqual(first.map(({ answer }) => answer.status), [101, 101, 101])
  const over = await upgrade('203.0.113.1')
  assert.deepEqual([over.answer.status, JSON.parse(over.answer.body).code], [429, 'address_unauthenticated'])
  assert.match(over.answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  assert.equal((await upgrade('203.0.113.2')).answer.status, 101)
  // Who connects gives the place back.
  first[0]!.socket.send(frame(opcodes.text, JSON.stringify({ id: 1, connect: {} })))
  await until('the place', async () => {
    const next = await upgrade('203.0.113.1')
    return next.answer.status === 101
  })
})

test('limits.queued_bytes_shard: no history is read while too much waits to be sent; it recovers when that is gone', async (t) => {
  const kept = { history_size: 100, history_ttl: '5m', force_recovery: true, allow_history_for_client: true, presence: true }
  const server = await start(
    t,
    { queued_bytes_shard: '64KB', queue_bytes: '16MB', recovered_bytes: '1MB', connection_commands: 0, user_commands: 0 },
    {
      realtime: { shards: 1 },
      namespace: [{ name: 'log', allow_subscribe_for_client: true, allow_presence_for_client: true, ...kept }],
    },
  )
  const { token, user } = await signIn(server)
  for (let i = 0; i < 50; i++) {
    const published = await api(server, 'publish', { channel: 'log:a', data: 'x'.repeat(10_000) })
    assert.equal(published.status, 200)
  }
  const reader = await connect(t, server, token)
  reader.command({ id: 2, history: { channel: 'log:a', limit: 0 } })
  const { epoch } = (await reply(reader)).history
  const recover = { channel: 'log:a', recover: true, offset: 0, epoch }
  reader.command({ id: 3, subscribe: recover })
  assert.equal((await reply(reader)).subscribe.publications.length, 50)
  reader.command({ id: 4, unsubscribe: { channel: 'log:a' } })
  await reply(reader)

  const sleeper = await connect(t, server, token)
  sleeper.raw.socket.pause()
  // The kernel's buffers take the first megabytes; how many is the machine's affair.
  let id = 2
  await until('its queue to be long', async () => {
    sleeper.command({ id: id++, subscribe: recover })
    sleeper.command({ id: id++, unsubscribe: { channel: 'log:a' } })
    return (await metric(server, 'outbox_bytes')) > 65_536
  }, 60_000)
  for (const command of [
    { subscribe: recover },
    { history: { channel: 'log:a', limit: 10 } },
    { presence: { channel: 'log:a' } },
  ]) {
    reader.command({ id: 10, ...command })
    assert.deepEqual((await reply(reader)).error, { code: 111, message: 'too many requests', temporary: true })
  }
  assert((await metric(server, 'refusals_total', 'code="queues_full"')) >= 3)
  await until('it to be counted', async () => (await metric(server, 'recoveries_total', 'busy')) >= 1)
  // Without anything to recover it goes on as ever.
  reader.command({ id: 11, subscribe: { channel: 'log:b' } })
  assert((await reply(reader)).subscribe)
  const comesBack = await RawWebSocket.open(t, server.port)
  comesBack.command({ id: 1, connect: { token, subs: { [`#${user.id}`]: { recover: true, offset: 0, epoch: 'x' } } } })
  assert.deepEqual(await comesBack.close(), { code: 3013, reason: 'too many requests' })

  sleeper.raw.socket.destroy()
  const again = await until('a recovery', async () => {
    reader.command({ id: 12, subscribe: recover })
    return (await reply(reader)).subscribe
  })
  assert.equal(again.publications.length, 50)
  await until('the gauge to fall', async () => (await metric(server, 'outbox_bytes')) === 0)
  assert((await metric(server, 'recoveries_total', '"recovered"')) >= 2)
  assert((await metric(server, 'history_bytes')) > 500_000)
})

test('recoveries that fail are counted', async (t) => {
  const server = await start(t, {}, {
    namespace: [{ name: 'log', allow_subscribe_for_client: true, history_size: 10, history_ttl: '5m', force_recovery: true }],
  })
  const { token } = await signIn(server)
  const socket = await connect(t, server, token)
  socket.command({ id: 2, subscribe: { channel: 'log:a', recover: true, offset: 7, epoch: 'gone' } })
  assert.equal((await reply(socket)).subscribe.recovered ?? false, false)
  await until('the counter', async () => (await metric(server, 'recoveries_total', 'unrecovered')) === 1)
})

test('limits.presence_entries_shard: who is left out is counted', async (t) => {
  const server = await start(t, { presence_entries_shard: 2 }, {
    realtime: { shards: 1 },
    namespace: [{ name: 'room', allow_subscribe_for_client: true, presence: true, allow_presence_for_subscriber: true }],
  })
  const { token } = await signIn(server)
  const sockets: RawWebSocket[] = []
  for (let i = 0; i < 3; i++) {
    const socket = await connect(t, server, token)
    socket.command({ id: 2, subscribe: { channel: 'room:a' } })
    assert((await reply(socket)).subscribe)
    sockets.push(socket)
  }
  sockets[2]!.command({ id: 3, presence: { channel: 'room:a' } })
  assert.equal(Object.keys((await reply(sockets[2]!)).presence.presence).length, 2)
  await until('the counter', async () => (await metric(server, 'presence_left_out_total')) === 1)
})

test('limits.history_bytes_shard: what goes is counted', async (t) => {
  const server = await start(t, { history_bytes_shard: '1MB' }, {
    realtime: { shards: 1 },
    namespace: [{ name: 'log', allow_subscribe_for_client: true, history_size: 1000, history_ttl: '5m', force_recovery: true }],
  })
  for (let i = 0; i < 30; i++) await api(server, 'publish', { channel: `log:${i}`, data: 'x'.repeat(50_000) })
  await until('the counter', async () => (await metric(server, 'histories_evicted_total')) >= 9)
  await until('the gauge', async () => {
    const bytes = await metric(server, 'history_bytes')
    return bytes > 500_000 && bytes <= 1_048_576
  })
})

test('limits.rate_connect: more upgrades of one address in a minute get 429 and when to come back', async (t) => {
  const server = await start(t, { rate_connect: 3 })
  const statuses: number[] = []
  for (let i = 0; i < 5; i++) {
    const socket = await RawSocket.open(t, server.port)
    socket.send(kHandshake(server))
    const answer = await socket.reply()
    statuses.push(answer.status)
    if (answer.status === 429) assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  }
  assert.deepEqual(statuses, [101, 101, 101, 429, 429])
  assert.equal(await metric(server, 'rate_limited_total', 'class="connect"'), 2)
  await until('both to be logged', () => {
    const refusals = server.output.split('\n').filter((line) => line.includes('"refusal"') && line.includes('rate_limited'))
    return refusals.length === 2 && refusals.every((line) => line.includes(kAddress))
  })
})

test('limits.rate_api: calls of the server API over it get 429', async (t) => {
  const server = await start(t, { rate_api: 3 })
  const statuses: number[] = []
  for (let i = 0; i < 5; i++) statuses.push((await api(server, 'info', {})).status)
  assert.deepEqual(statuses, [200, 200, 200, 429, 429])
  const { body } = await call(`${server.ops}/metrics`, 'GET')
  assert.match(body, /gatecast_rate_limited_total\{class="api"\} 2\n/)
})

test('an HTTP connection that floods is told 429 and closed; the log stays small', async (t) => {
  const server = await start(t, { ...kSmall, connection_commands: 20 }, { realtime: { shards: 1 } })
  const socket = await RawSocket.open(t, server.port)
  socket.send('GET /api/v2/auth/session HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000))
  await socket.closedByPeer()
  const answers = socket.received.toString('latin1')
  const count = (status: number) => answers.split(`HTTP/1.1 ${status} `).length - 1
  // The burst, and five seconds' worth at half its price.
  assert(count(401) >= 239 && count(401) < 500, `${count(401)} answered`)
  assert.equal(count(429), 1)
  assert.match(answers, /\r\nRetry-After: [1-9]/)
  await until('a number for the other refusals', () => server.output.includes('"event":"suppressed","of":"refusal","lines":'))
  const lines = server.output.split('\n').filter((one) => one.includes('"event":"refusal"'))
  assert(lines.length >= 100 && lines.length <= 300, `${lines.length} lines`)
})
