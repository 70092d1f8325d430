// What operators read: /metrics as Prometheus takes it, /stats with every member, and who may read them.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { api, assertRefused, bearer, call, get, post } from '../harness/api.ts'
import { onShared } from '../harness/backends.ts'
import { Client, publish } from '../harness/client.ts'
import { assertCleanMetrics, startPrometheus } from '../harness/prometheus.ts'
import { metric } from '../harness/realtime.ts'
import { type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const stats = async (server: Server) => (await call(`${server.ops}/stats`, 'GET')).body
const metricsText = async (server: Server) => (await call(`${server.ops}/metrics`, 'GET')).body as string

/** Makes most series appear: sign-in, sockets, messages, refusals, renewal, ends, the server API. */
async function traffic(t: Scope, server: Server) {
  const tokens = await signIn(server)
  const [first, second] = [
    await new Client(t, server.websocket, { token: tokens.token }).connect(),
    await new Client(t, server.websocket, { token: tokens.token }).connect(),
  ]
  const watched = await first.subscription('chat:room').on()
  await second.subscription('chat:room').on()
  await publish(server, 'chat:room', { n: 1 })
  await watched.subscription.publish({ n: 2 })
  await watched.has(2)
  await watched.subscription.history({ limit: 1 }).catch(() => {})
  await assert.rejects(first.subscription('nowhere:x').on())
  await get(server, '/api/v2/auth/check', 'x.y.z')
  await get(server, '/nowhere')
  await post(server, '/api/v2/auth/refresh', { refreshToken: tokens.refreshToken })
  await post(server, '/api/v2/auth/wallet', {})
  await api(server, 'disconnect', { user: tokens.user.id, client: second.id })
  await second.end()
  return { tokens, first, second }
}

test('/metrics after traffic: promtool has nothing to say, every family has its help, the process its own', async (t) => {
  const server = await startServer(t)
  await traffic(t, server)
  const text = await metricsText(server)
  assertCleanMetrics(text)
  const names = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!))
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds', 'process_max_fds', 'process_start_time_seconds', 'gatecast_build_info']) {
    assert(names.has(name), name)
  }
  for (const line of text.split('\n').filter((one) => one && !one.startsWith('#'))) {
    const series = line.split(/[ {]/)[0]!
    const family = series.replace(/_(bucket|sum|count)$/, '')
    assert(names.has(series) || names.has(family), `${series} has no type`)
  }
  for (const name of names) assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
  const value = (line: RegExp) => Number(line.exec(text)?.[1])
  assert(value(/^process_resident_memory_bytes (\S+)$/m) > 1e6)
  assert(Math.abs(value(/^process_start_time_seconds (\S+)$/m) - Date.now() / 1000) < 120)
  assert.match(text, /^gatecast_build_info\{version="[^"]+"\} 1$/m)
  // Series that the traffic must have made.
  for (const series of ['connects_total{outcome="ok"} 2', 'signins_total{outcome="ok"} 1', 'clients_connected 1', 'publications_total 2']) {
    assert(text.includes(`gatecast_${series}\n`), series)
  }
})

test('what promtool refuses is seen', () => {
  assert.throws(() => assertCleanMetrics('# TYPE gatecast_x counter\ngatecast_x 1\n'))
})

test('clients_connected counts clients, connections_open sockets', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const clients = await Promise.all([1, 2, 3].map(() => new Client(t, server.websocket, { token }).connect()))
  assert.equal(await metric(server, 'clients_connected'), 3)
  // The one that asks, at least, is a socket more.
  assert(await metric(server, 'connections_open') >= 4)
  clients[0]!.cut()
  clients[1]!.centrifuge.disconnect()
  await clients[0]!.connected(2)
  await until('two of them', async () => await metric(server, 'clients_connected') === 2)
  await post(server, '/api/v2/auth/logout', {}, token)
  await until('none', async () => await metric(server, 'clients_connected') === 0)
})

test('Prometheus scrapes the server, and a query answers', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const prometheus = await startPrometheus(t, { gatecast: { address: `127.0.0.1:${server.opsPort}` } })
  await until('the target to be up', async () => await prometheus.value('up{job="gatecast"}') === 1)
  await new Client(t, server.websocket, { token }).connect()
  await until('the client to be seen', async () => await prometheus.value('gatecast_clients_connected') === 1)
  assert.equal(await prometheus.value('sum(gatecast_signins_total{outcome="ok"})'), 1)
  assert.equal((await prometheus.target('gatecast'))?.lastError, '')
})

test('beyond loopback, with an operator: /stats and /metrics want a token or key, health does not', async (t) => {
  const token = randomBytes(32).toString('base64url')
  const operator = { name: 'ada', sha256: createHash('sha256').update(token).digest('hex'), role: 'view' }
  const server = await startServer(t, { config: (_dir, _port, opsPort) => ({ ops: { address: `0.0.0.0:${opsPort}`, operator: [operator] } }) })
  const ask = (page: string, headers: Record<string, string> = {}) => call(server.ops + page, 'GET', undefined, headers)
  for (const page of ['/stats', '/metrics']) {
    assertRefused(await ask(page), 'api_key_missing')
    assertRefused(await ask(page, { 'X-API-Key': 'wrong'.repeat(8) }), 'api_key_unknown')
    assertRefused(await ask(page, bearer('wrong'.repeat(8))), 'operator_unknown')
    assert.equal((await ask(page, { 'X-API-Key': server.apiKey })).status, 200)
    assert.equal((await ask(page, bearer(token))).status, 200)
  }
  for (const page of ['/healthz', '/readyz']) assert.equal((await ask(page)).status, 200)

  const address = `127.0.0.1:${server.opsPort}`
  const prometheus = await startPrometheus(t, { known: { address, token }, stranger: { address } })
  await until('the one with the token', async () => await prometheus.value('up{job="known"}') === 1)
  await until('the one without', async () => await prometheus.value('up{job="stranger"}') === 0)
  assert.match((await prometheus.target('stranger'))!.lastError, /401/)
})

test('on loopback an operator changes nothing, and beyond it no operator does', async (t) => {
  const sha256 = createHash('sha256').update(randomBytes(32)).digest('hex')
  const local = await startServer(t, { config: { ops: { operator: [{ name: 'ada', sha256, role: 'view' }] } } })
  assert.equal((await call(`${local.ops}/stats`, 'GET')).status, 200)
  const open = await startServer(t, { config: (_dir, _port, opsPort) => ({ ops: { address: `0.0.0.0:${opsPort}` } }) })
  assert.equal((await call(`${open.ops}/metrics`, 'GET')).status, 200)
})

test('/stats: what the traffic was, by code and type and shard; every member is documented', async (t) => {
  const server = await startServer(t)
  const { tokens, first } = await traffic(t, server)
  const body = await stats(server)
  assert.equal(body.totalConnections, 2)
  assert.equal(body.activeConnections, 1)
  assert.equal(body.users, 1)
  assert.deepEqual(body.connectionsByChannel, { [`#${tokens.user.id}`]: 1, 'chat:room': 1 })
  assert.equal(body.subscriptions, 2)
  assert.equal(body.messagesByType.connect, 2)
  assert.equal(body.messagesByType.publish, 1)
  assert.equal(body.totalMessages, Object.values(body.messagesByType as Record<string, number>).reduce((a, b) => a + b))
  assert.equal(body.disconnectsByCode.force_disconnect, 1)
  assert.equal(body.authFailuresByReason.token_malformed, 1)
  assert.equal(body.errorsByCode.unknown_channel, 1)
  assert.equal(body.errorsByCode.not_found, 1)
  assert.equal(body.publications, 2)
  assert.equal(body.sessions.signins, 1)
  assert.equal(body.sessions.renewals.repeated ?? body.sessions.renewals.rotated, 1)
  // A minute is the least that is divided by.
  assert.equal(body.averageMessagesPerMinute, body.totalMessages)
  assert.equal(body.lately.connects, 2)
  assert.equal(body.lately.minutes, 1)
  assert.equal(body.lately.errors, 0)
  assert(body.memory.residentBytes > 1e6)
  assert(onShared || (body.store.commits > 0 && body.store.averageCommitMs > 0 && body.store.fileBytes > 0))
  assert(body.log.lines > 0 && body.log.errors === 0 && body.log.dropped === 0)
  assert(body.process.openFds > 0 && body.process.threads > 1)
  assert.equal(body.perShard.length, process.env.GATECAST_FLAVOUR === 'tsan' ? 4 : 2)
  const sum = (name: string) => body.perShard.reduce((total: number, shard: Record<string, number>) => total + shard[name]!, 0)
  assert.equal(sum('connections'), body.activeConnections)
  assert.equal(sum('subscriptions'), body.subscriptions)
  assert.equal(sum('channels'), body.channels)
  assert(first.id)

  const documented = readFileSync(path.resolve(import.meta.dirname, '../../docs/stats.md'), 'utf8')
  const byName = new Set(['connectionsByChannel', 'messagesByType', 'disconnectsByCode', 'authFailuresByReason', 'errorsByCode', 'failuresByCode', 'renewals', 'endedByReason', 'grants'])
  const check = (value: unknown, name: string): void => {
    if (Array.isArray(value)) return value.forEach((one) => check(one, name))
    if (typeof value !== 'object' || value === null || byName.has(name)) return
    for (const [member, inner] of Object.entries(value)) {
      assert(documented.includes(`\`${member}\``), `docs/stats.md says nothing of ${name}.${member}`)
      check(inner, member)
    }
  }
  check(body, 'stats')
})

test('/stats has the fullest channels alone, however many there are', async (t) => {
  const server = await startServer(t, { config: { limits: { channels: 200 } } })
  const { token } = await signIn(server)
  const [one, two] = [await new Client(t, server.websocket, { token }).connect(), await new Client(t, server.websocket, { token }).connect()]
  await Promise.all(Array.from({ length: 150 }, (_, i) => one.subscription(`chat:${i}`).on()))
  await Promise.all(Array.from({ length: 10 }, (_, i) => two.subscription(`chat:${i * 10}`).on()))
  const { connectionsByChannel } = await stats(server)
  assert.equal(Object.keys(connectionsByChannel).length, 100)
  for (let i = 0; i < 10; i++) assert.equal(connectionsByChannel[`chat:${i * 10}`], 2)
})
