// The log files: names, continuation by size, reopening, the summary, floods, one id for a request, no secrets.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { api, assertRefused, call, get, post } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { assertDocumented, logLine, logLines } from '../harness/log_lines.ts'
import { RawSocket, RawWebSocket } from '../harness/raw.ts'
import { leaksIn, logText } from '../harness/secrets.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet } from '../harness/wallet.ts'

const logs = (server: Server) => path.join(server.dir, 'data/logs')
const utcDay = () => new Date().toISOString().slice(0, 10)

test('a whole session in the log: every line documented, the ids lead from one to the next, no secret', async (t) => {
  const server = await startServer(t, { config: { limits: { log_burst: 0 } } })
  const wallet = new Wallet()
  const { message } = await challenge(server, wallet)
  assertRefused(await trySignIn(server, wallet, message.replace('localhost', 'elsewhere')), 'domain_mismatch')
  const tokens = await signIn(server, wallet)
  const client = await new Client(t, server.websocket, { token: tokens.token }).connect()
  const watched = await client.subscription('chat:1').on()
  await watched.subscription.publish({ hello: 1 })
  await watched.has(1)
  watched.subscription.unsubscribe()
  const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: tokens.refreshToken })
  assert.equal(renewed.status, 200)
  assert.equal((await post(server, '/api/v2/auth/logout', {}, renewed.body.token)).status, 200)
  await client.end()
  const late = await RawWebSocket.open(t, server.port, `/connection/websocket?token=${tokens.token}`)
  late.command({ id: 1, connect: {} })
  await late.close()

  const user = tokens.user.id
  const signedIn = await logLine(server, 'signin', { user })
  assert.equal(signedIn.how, 'solana')
  assert.match(String(signedIn.request), /^\w{16}$/)
  const connected = await logLine(server, 'connection', { user, sid: tokens.session.id })
  assert.match(String(connected.request), /^\w{16}$/)
  await logLine(server, 'subscribe', { user, channel: 'chat:1', client: connected.client })
  await logLine(server, 'unsubscribe', { user, channel: 'chat:1', client: connected.client, code: 0 })
  for (const type of ['connect', 'subscribe', 'publish', 'unsubscribe']) await logLine(server, 'message', { type, level: 'debug' })
  await logLine(server, 'disconnection', { user, client: connected.client, code: 4501 })
  const refused = await logLine(server, 'auth_failure', { reason: 'signed_out' })
  assert.match(String(refused.request), /^\w{16}$/)
  assert.equal((await logLine(server, 'disconnection', { code: 4501, request: refused.request })).user, '')
  await logLine(server, 'refusal', { code: 'domain_mismatch' })

  await server.stop()
  assertDocumented(logLines(server))
  assert.deepEqual(readdirSync(logs(server)), [`ws-${utcDay()}.log`])
  assert.equal(statSync(path.join(logs(server), `ws-${utcDay()}.log`)).mode & 0o777, 0o600)
  assert.deepEqual(leaksIn(logText(server.dir)), [])
  assert(!logText(server.dir).includes(tokens.token.split('.')[2]!))
})

test('one request id in body, header and log, on every way to be refused', async (t) => {
  const server = await startServer(t, { config: { http: { trusted_proxies: ['127.0.0.1'] }, limits: { header_time: '1s' } } })
  let given = 0
  const named = () => `proxy-${String(++given).padStart(4, '0')}`
  const bodies: { id: string; body: any; headers: { get(name: string): string | null | undefined } }[] = []
  const ask = async (method: string, target: string, body?: unknown, headers: Record<string, string> = {}) => {
    const id = named()
    bodies.push({ id, ...(await call(server.origin + target, method, body, { 'X-Request-Id': id, ...headers })) })
  }
  await ask('GET', '/nowhere')
  await ask('PUT', '/api/v2/auth/validate')
  await ask('GET', '/api/v2/auth/check', undefined, { Authorization: 'Bearer a.b.c' })
  await ask('POST', '/api/v2/auth/wallet', { padding: 'x'.repeat(100_000) })
  await ask('POST', '/api/v2/auth/wallet', '{')
  await ask('GET', '/connection/websocket')
  await ask('POST', '/api/v2/auth/wallet/challenge', { chain: 'solana' }, { Origin: 'https://evil.example' })
  const raw = await RawSocket.open(t, server.port)
  const id = named()
  raw.send(`POST /api/v2/auth/validate HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`)
  const slow = await raw.reply()
  bodies.push({ id, body: JSON.parse(slow.body), headers: slow.headers as unknown as { get(name: string): string } })
  assert.equal(slow.status, 408)

  for (const one of bodies) {
    assert.equal(one.body.requestId, one.id, JSON.stringify(one.body))
    assert.equal(one.headers.get('x-request-id'), one.id)
    const line = await until(`a line of ${one.id}`, () => logLines(server).find((entry) => entry.request === one.id))
    assert.equal(line.code ?? line.reason, one.body.code)
  }

  // A socket's is that of its upgrade; an id that is none is not taken.
  for (const [text, taken] of [['upgrade-1', true], ['no id at all', false]] as const) {
    const socket = await RawSocket.open(t, server.port)
    socket.send(
      `GET /connection/websocket HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${text}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    assert.equal((await socket.reply()).status, 101)
    const text16 = Buffer.from(JSON.stringify({ id: 1, connect: { token: 'x.y.z' } }))
    socket.send(Buffer.concat([Buffer.from([0x81, 0x80 | text16.length, 0, 0, 0, 0]), text16]))
    if (taken) await logLine(server, 'auth_failure', { request: text })
    else await until('both refusals', () => logLines(server).filter((line) => line.event === 'auth_failure').length >= 2)
  }
  assert(!logText(server.dir).includes('no id at all'))
})

test('a client that is no trusted proxy gets an id of the server', async (t) => {
  const server = await startServer(t)
  const reply = await call(`${server.origin}/nowhere`, 'GET', undefined, { 'X-Request-Id': 'mine-all-mine' })
  assert.notEqual(reply.body.requestId, 'mine-all-mine')
  await logLine(server, 'refusal', { code: 'not_found', request: reply.body.requestId })
})

test('a full file is continued in another, and none of their lines is lost', async (t) => {
  const server = await startServer(t, { config: { log: { file_bytes: 65536 }, limits: { log_burst: 0 } } })
  const ids = new Set<string>()
  while (ids.size < 600) {
    const replies = await Promise.all(Array.from({ length: 20 }, () => get(server, '/api/v2/auth/check', 'x.y.z')))
    for (const reply of replies) ids.add(reply.body.requestId)
  }
  await server.stop()
  const files = readdirSync(logs(server)).sort()
  assert(files.includes(`ws-${utcDay()}.1.log`), files.join())
  assert(files.every((name) => /^ws-\d{4}-\d\d-\d\d(\.\d+)?\.log$/.test(name)), files.join())
  for (const name of files) assert(statSync(path.join(logs(server), name)).size < 65536 + 1024, name)
  const written = new Set(logLines(server).map((line) => line.request))
  assert.deepEqual([...ids].filter((id) => !written.has(id)), [])
})

test('SIGHUP after the file was moved: lines go on in a new one', async (t) => {
  const server = await startServer(t)
  const before = (await get(server, '/api/v2/auth/check', 'x.y.z')).body.requestId
  await logLine(server, 'refusal', { request: before })
  const file = path.join(logs(server), `ws-${utcDay()}.log`)
  renameSync(file, `${file}.moved`)
  server.kill('SIGHUP')
  await until('a new file', () => readdirSync(logs(server)).some((name) => name.endsWith('.log')))
  const after = (await get(server, '/api/v2/auth/check', 'x.y.z')).body.requestId
  await logLine(server, 'refusal', { request: after })
  await logLine(server, 'refusal', { request: before })
  assert.deepEqual(readdirSync(logs(server)).sort(), [path.basename(file), `${path.basename(file)}.moved`])
})

test('the summary: what went on since the last one, and a line also where nothing did', async (t) => {
  const server = await startServer(t, { config: { log: { summary: '1s' } } })
  const { token } = await signIn(server)
  const client = await new Client(t, server.websocket, { token }).connect()
  await client.subscription('chat:1').on()
  await get(server, '/api/v2/auth/check', 'x.y.z')
  const summaries = () => logLines(server).filter((line) => line.event === 'summary')
  const busy = await until('a summary that tells of it', () => summaries().find((line) => line.clients === 1 && line.subscriptions === 2))
  const sum = (name: string) => summaries().reduce((total, line) => total + Number(line[name]), 0)
  await until('all of it', () => sum('connects') === 1 && sum('signins') === 1 && sum('auth_failures') === 1 && sum('refusals') === 1)
  assert(Number(busy.memory_mb) > 0)
  assert.equal(sum('errors'), 0)
  // The next ones have nothing to tell, and are there.
  const told = summaries().length
  await until('two quiet summaries', () => {
    const quiet = summaries().slice(told).filter((line) => line.messages_a_minute === 0 && line.connects === 0 && line.clients === 1)
    return quiet.length >= 2
  })
})

test('summary 0: none; a reload changes that', async (t) => {
  const began = Date.now()
  const server = await startServer(t, { config: { log: { summary: '0s' } } })
  await get(server, '/api/v2/auth/check', 'x.y.z')
  const file = path.join(server.dir, 'gatecast.toml')
  const config = readFileSync(file, 'utf8')
  assert(config.includes('summary = "0s"'), config)
  writeFileSync(file, config.replace('summary = "0s"', 'summary = "1s"'))
  server.kill('SIGHUP')
  const first = await logLine(server, 'summary')
  // It tells of all since the start: there was none before.
  assert.equal(first.auth_failures, 1)
  assert(Math.abs(Number(first.seconds) - (Date.now() - began) / 1000) < 2, JSON.stringify(first))
})

test('a flood is a number, and other events keep their lines', async (t) => {
  const server = await startServer(t, { config: { limits: { log_burst: 5 } } })
  let refused = 0
  while (refused < 300) {
    await Promise.all(Array.from({ length: 50 }, () => get(server, '/api/v2/auth/check', 'x.y.z')))
    refused += 50
  }
  const { user } = await signIn(server)
  await logLine(server, 'signin', { user: user.id })
  const seen = () => {
    const lines = logLines(server)
    const left = lines.filter((line) => line.event === 'suppressed' && line.of === 'refusal')
    return { written: lines.filter((line) => line.event === 'refusal').length, left: left.reduce((sum, line) => sum + Number(line.lines), 0) }
  }
  await until('every refusal told or counted', () => seen().written + seen().left === refused)
  assert(seen().left > 0)
  const { body } = await call(`${server.ops}/stats`, 'GET')
  assert(body.log.suppressed >= seen().left)
})

test('log_tail has the lines that the files have', async (t) => {
  const server = await startServer(t)
  const { user } = await signIn(server)
  const line = await logLine(server, 'signin', { user: user.id })
  const { body } = await api(server, 'log_tail', { after: 0, limit: 100 })
  const lines = body.result.lines as { seq: number; line: Record<string, unknown> }[]
  assert(lines.some((one) => one.line.request === line.request), JSON.stringify(body).slice(0, 500))
})
