// Behind the real nginx with the shipped files: what a proxy may lose arrives, what it may leak does not get out.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { type AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import WebSocket from 'ws'
import { api, assertRefused, bearer, call, get, post, type Reply } from '../harness/api.ts'
import { Authority } from '../harness/authority.ts'
import { Client, publish } from '../harness/client.ts'
import { startNginx, type Nginx, type NginxOptions } from '../harness/nginx.ts'
import { logLine, logLines } from '../harness/log_lines.ts'
import { opcodes, RawWebSocket } from '../harness/raw.ts'
import { onEnd, type Scope } from '../harness/scope.ts'
import { freePort, startServer, type Server } from '../harness/server.ts'
import { merged, type Table } from '../harness/toml.ts'
import { until, within } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet } from '../harness/wallet.ts'

interface Behind {
  server: Server
  nginx: Nginx
  /** The server as clients see it. */
  front: Server
}

async function startBehind(t: Scope, config: Table = {}, options: Partial<NginxOptions> = {}): Promise<Behind> {
  const port = await freePort()
  const site = `localhost:${port}`
  const behindProxy: Table = {
    http: { trusted_proxies: ['127.0.0.1'] },
    signin: { solana: { domain: [site], uri: [`http://${site}`] } },
  }
  const server = await startServer(t, { config: merged(behindProxy, config) })
  const nginx = await startNginx(t, { upstream: server, port, ...options })
  return { server, nginx, front: nginx.seen(server) }
}

/** A call whose TCP connection comes from `address`. */
function callFrom(address: string, url: string, method: string, body?: object, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { method, localAddress: address, headers: { 'Content-Type': 'application/json', ...headers }, agent: false }
    const request = httpRequest(url.replace('localhost', '127.0.0.1'), options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => {
        const fields = Object.entries(response.headers as IncomingHttpHeaders).map(([n, v]): [string, string] => [n, String(v)])
        resolve({ status: response.statusCode ?? 0, headers: new Headers(fields), body: text ? JSON.parse(text) : '' })
      })
    })
    request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Opens a WebSocket and connects without a token of its own: only what the request brought counts. */
async function connectWith(t: Scope, url: string, headers: Record<string, string> = {}, localAddress?: string): Promise<any> {
  const socket = new WebSocket(url.replace('localhost', '127.0.0.1'), { headers, ...(localAddress ? { localAddress } : {}) })
  onEnd(t, () => socket.terminate())
  const first = new Promise<string>((resolve, reject) => {
    socket.on('message', (data) => resolve(String(data)))
    socket.on('error', reject)
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
  })
  await within('the upgrade', new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)))
  socket.send(JSON.stringify({ id: 1, connect: {} }))
  return JSON.parse((await within('the reply to connect', first)).split('\n')[0]!)
}

test('sign-in, Authorization and ?token= arrive; the client\'s address is in session, log and list of connections', async (t) => {
  const { server, nginx, front } = await startBehind(t)
  const wallet = new Wallet()
  const { message } = await challenge(front, wallet)
  const signed = {
    chain: 'solana',
    address: wallet.address,
    message,
    signature: Buffer.from(wallet.sign(message)).toString('base64'),
  }
  // What a client says of itself is worth nothing.
  const forged = { 'X-Forwarded-For': '203.0.113.9', Forwarded: 'for=203.0.113.9', 'X-Real-IP': '203.0.113.9' }
  const { status, body: tokens } = await callFrom('127.0.0.7', `${nginx.origin}/api/v2/auth/wallet`, 'POST', signed, forged)
  assert.equal(status, 200, JSON.stringify(tokens))

  assert.equal((await get(front, '/api/v2/auth/check', tokens.token)).status, 200)
  const { body } = await get(front, '/api/v2/auth/sessions', tokens.token)
  assert.deepEqual(body.sessions.map((session: { ip: string }) => session.ip), ['127.0.0.7'])

  // Nor where it comes from an address that is trusted as a proxy.
  const own = await callFrom('127.0.0.1', `${nginx.origin}/api/v2/auth/check`, 'GET', undefined, { ...forged, Authorization: 'Bearer x.y.z' })
  assert.equal((await logLine(server, 'refusal', { request: own.headers.get('x-request-id') })).ip, '127.0.0.1')

  const query = `?token=${encodeURIComponent(tokens.token)}`
  for (const [target, headers] of [[nginx.websocket + query, {}], [nginx.websocket, bearer(tokens.token)], [`ws://localhost:${nginx.port}/ws${query}`, {}]] as const) {
    const reply = await connectWith(t, target, { ...forged, ...headers }, '127.0.0.8')
    assert(reply.connect?.client, JSON.stringify(reply))
  }
  const { body: listed } = await api(server, 'connections', { user: tokens.user.id })
  const connections = Object.values(listed.result.connections) as { ip?: string }[]
  assert.deepEqual(connections.map(({ ip }) => ip), Array(3).fill('127.0.0.8'), JSON.stringify(listed))

  await until('the lines of the sign-in and the connections', () => logLines(server).filter((line) => line.event === 'connection').length === 3)
  assert.deepEqual(logLines(server).filter((line) => line.event === 'signin').map((line) => line.ip), ['127.0.0.7'])
  for (const line of logLines(server).filter((one) => one.event === 'connection')) assert.equal(line.ip, '127.0.0.8')
  assert(!JSON.stringify(nginx.requests()).includes('token='))
})

test('limits are those of the client, not of the proxy', async (t) => {
  const { nginx } = await startBehind(t, { limits: { rate_liberal: 3 } })
  const ask = (address: string) => callFrom(address, `${nginx.origin}/api/v2/auth/wallet/challenge`, 'POST', { chain: 'solana' })
  for (let i = 0; i < 3; i++) assert.equal((await ask('127.0.0.11')).status, 200)
  assertRefused(await ask('127.0.0.11'), 'rate_limited')
  assert.equal((await ask('127.0.0.12')).status, 200)
})

test('one request id in the error body, its header, the log of nginx and the log of gatecast', async (t) => {
  const { server, nginx, front } = await startBehind(t)
  const own = { 'X-Request-Id': 'the-clients-own-0001' }
  const refused = await call(`${nginx.origin}/api/v2/auth/check`, 'GET', undefined, { Authorization: 'Bearer x.y.z', ...own })
  assertRefused(refused, 'token_malformed')
  const socket = await fetch(`${nginx.origin}/connection/websocket`, { headers: own })
  const upgrade = (await socket.json()) as { code: string; requestId: string }
  assert.equal(upgrade.code, 'upgrade_required')
  assert(front)
  for (const id of [refused.body.requestId, upgrade.requestId]) {
    assert.notEqual(id, own['X-Request-Id'])
    await until('both lines', () => nginx.requests().some((line) => line.request === id) && logLines(server).some((line) => line.request === id))
  }
  assert.equal(refused.headers.get('x-request-id'), refused.body.requestId)
})

test('a body above the limit is refused in the same form by either', async (t) => {
  const { nginx } = await startBehind(t)
  const url = `${nginx.origin}/api/v2/auth/wallet`
  const origins = new Set<unknown>()
  for (const bytes of [100_000, 1_000_000]) {
    const reply = await call(url, 'POST', JSON.stringify({ padding: 'x'.repeat(bytes) }))
    assertRefused(reply, 'body_too_large')
    assert.equal(reply.headers.get('x-request-id'), reply.body.requestId)
    const line = await until('its line', () => nginx.requests().find((one) => one.request === reply.body.requestId))
    origins.add(line.upstream_status)
  }
  assert.deepEqual(origins, new Set(['413', '']), 'one is of gatecast, one of nginx')
})

test('a socket outlives proxy_read_timeout where pings come more often, and not otherwise', async (t) => {
  const impatient = { replace: { 'proxy_read_timeout 75s': 'proxy_read_timeout 2s' } }
  const open = async ({ nginx, front }: Behind) => {
    const { token } = await signIn(front)
    const socket = await RawWebSocket.open(t, nginx.port)
    socket.command({ id: 1, connect: { token } })
    await socket.message()
    return { socket, since: Date.now() }
  }
  const [pinged, silent] = await Promise.all([
    startBehind(t, { realtime: { ping: '1s', pong: '900ms' } }, impatient),
    startBehind(t, {}, impatient),
  ])
  const cut = async () => {
    const { socket, since } = await open(silent)
    await socket.raw.closedByPeer()
    assert(Date.now() - since >= 1900, 'cut by the time-out')
  }
  // Four answered pings take longer than the time-out.
  const alive = async () => {
    const { socket, since } = await open(pinged)
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(await socket.message(), {})
      socket.send(opcodes.text, '{}')
    }
    assert(Date.now() - since > 2500)
    socket.command({ id: 2, publish: { channel: 'chat:x', data: 1 } })
    assert.equal((await socket.message()).id, 2)
  }
  await Promise.all([cut(), alive()])
})

test('while gatecast is away nginx answers in its form; sockets come back by themselves; nothing of it is in a log', async (t) => {
  const { server, nginx, front } = await startBehind(t, { namespace: [{ name: 'log', allow_subscribe_for_client: true, history_size: 10, history_ttl: '5m', force_recovery: true }] })
  const { token } = await signIn(front)
  const client = await new Client(t, nginx.websocket, { token }).connect()
  const watched = await client.subscription('log:1').on()
  await publish(server, 'log:1', 1)
  await watched.has(1)
  await server.stop()

  const away = await get(front, '/api/v2/auth/check', token)
  assertRefused(away, 'temporarily_unavailable')
  assert.equal(away.headers.get('retry-after'), '1')
  const line = await until('its line', () => nginx.requests().find((one) => one.request === away.body.requestId))
  assert.equal(line.upstream_status, '502')
  // A token in a query would stand in the error log beside "connection refused".
  const upgrade = await fetch(`${nginx.origin}/connection/websocket?token=${token}`)
  assert.equal(upgrade.status, 503)
  assert(!nginx.logText().includes(token))
  assert(!nginx.logText().includes('?token'))

  const again = await startServer(t, { again: server })
  await client.connected(2)
  await publish(again, 'log:1', 2)
  await watched.has(2)
  assert.deepEqual(watched.data, [1, 2])
})

/** An application that says what reached it. */
async function startApplication(t: Scope): Promise<number> {
  const server = createServer((request, response) => {
    response.setHeader('X-Application', 'yes').end(JSON.stringify({ path: request.url, headers: request.headers }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('beside an application: every public route is gatecast\'s, all else the application\'s', async (t) => {
  const application = await startApplication(t)
  const { server, nginx, front } = await startBehind(t, { pages: { enabled: true } }, { application })
  const registry = readFileSync(path.resolve(import.meta.dirname, '../../schema/routes.toml'), 'utf8')
  const routes = registry.split('[[route]]').slice(1).map((text) => ({
    method: /^method = "(\w+)"/m.exec(text)![1]!,
    path: /^path = "([^"]+)"/m.exec(text)![1]!.replaceAll(/\{\w+\}/g, 'x'),
    port: /^port = "(\w+)"/m.exec(text)![1]!,
  }))
  const publicRoutes = routes.filter(({ port }) => port === 'public')
  assert(publicRoutes.length > 20)
  for (const { method, path: target } of publicRoutes) {
    const reply = await fetch(nginx.origin + target, { method })
    await reply.text()
    assert.equal(reply.headers.get('x-application'), null, `${method} ${target} went to the application`)
    assert(reply.headers.get('x-request-id'), `${method} ${target} came from nobody`)
  }
  const opsPaths = routes.filter(({ port }) => port === 'ops').map((route) => route.path)
  const others = [
    ...['/', '/api/auth/session', '/api/auth/callback/wallet', '/api/auth/wallet/x', '/_next/x.js', '/wss', '/api/v2/authors'],
    ...['/api/users', '/api/user', '/api/user/profile', '/api/user/grants/x', '/oauth/callback', ...opsPaths],
  ]
  for (const target of others) {
    if (publicRoutes.some((route) => route.path === target)) continue
    const reply = await fetch(nginx.origin + target)
    await reply.text()
    assert.equal(reply.headers.get('x-application'), 'yes', `${target} did not reach the application`)
  }
  // The same host, no CORS; query and Authorization reach the application too.
  const echoed = await call(`${nginx.origin}/shop?item=42`, 'GET', undefined, { Authorization: `Basic ${randomBytes(4).toString('hex')}` })
  const { path: seen, headers } = JSON.parse(echoed.body)
  assert.equal(seen, '/shop?item=42')
  assert.match(headers.authorization, /^Basic /)
  assert.match(headers['x-request-id'], /^[0-9a-f]{32}$/)
  const { token } = await signIn(front)
  assert.equal((await post(front, '/api/v2/auth/validate', { token })).status, 200)
  assert((await connectWith(t, `${nginx.websocket}?token=${token}`)).connect.client)
  assert(server)
})

test('the lines for TLS that are comments as shipped', async (t) => {
  const authority = new Authority(t)
  const [port, redirectPort] = [await freePort(), await freePort()]
  const site = `localhost:${port}`
  const server = await startServer(t, {
    config: { http: { trusted_proxies: ['127.0.0.1'] }, signin: { solana: { domain: [site], uri: [`https://${site}`] } } },
  })
  const nginx = await startNginx(t, { upstream: server, port, tls: { ...authority.issue(), redirectPort } })
  assert.equal(nginx.origin, `https://${site}`)
  const { token } = await signIn(server)
  const socket = new WebSocket(`${nginx.websocket}?token=${token}`, { ca: authority.ca })
  onEnd(t, () => socket.terminate())
  await within('the upgrade', new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)))
  const reply = await new Promise<IncomingMessage>((resolve, reject) =>
    httpsRequest(`${nginx.origin}/api/v2/auth/check`, { ca: authority.ca, headers: bearer(token) }, resolve).on('error', reject).end(),
  )
  assert.equal(reply.statusCode, 200)
  assert.match(String(reply.headers['strict-transport-security']), /max-age=\d+/)
  const plain = await fetch(`http://localhost:${redirectPort}/demo?x=1`, { redirect: 'manual' })
  assert.deepEqual([plain.status, plain.headers.get('location')], [301, 'https://localhost/demo?x=1'])
})

test('a wrong sign-in through the proxy is refused as it is without', async (t) => {
  const { front } = await startBehind(t)
  const wallet = new Wallet()
  const { message } = await challenge(front, wallet)
  assertRefused(await trySignIn(front, wallet, message.replace('localhost', 'elsewhere')), 'domain_mismatch')
})
