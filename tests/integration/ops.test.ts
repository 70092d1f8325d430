// The operators' port: health, figures, and the server API with its keys.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { api, assertRefused, call, post } from '../harness/api.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const publishKey = randomBytes(32).toString('base64url')
const oldKey = randomBytes(32).toString('base64url')

describe("the operators' port", () => {
  let server: Server
  const suite = new Suite()
  const allKey = randomBytes(32).toString('base64url')
  before(async () => {
    server = await startServer(suite, {
      config: {
        api: {
          key: [
            { name: 'all', secret: allKey, scopes: ['all'] },
            { name: 'publisher', sha256: createHash('sha256').update(publishKey).digest('hex'), scopes: ['publish'] },
            { name: 'old', secret: oldKey, scopes: ['all'], use_until: '2020-01-01T00:00:00Z' },
          ],
        },
      },
    })
  })
  after(() => suite.close())

  const stats = async () => (await call(`${server.ops}/stats`, 'GET')).body

  async function connect() {
    const tokens = await signIn(server)
    const socket = await RawWebSocket.open(suite, server.port)
    socket.command({ id: 1, connect: { token: tokens.token } })
    const { connect } = await socket.message()
    return { socket, client: connect.client as string, user: tokens.user.id, session: tokens.session.id }
  }

  test('health and readiness', async () => {
    assert.equal((await call(`${server.ops}/healthz`, 'GET')).status, 200)
    assert.equal((await call(`${server.ops}/readyz`, 'GET')).status, 200)
  })

  test('/stats counts connections and messages', async () => {
    const before = await stats()
    for (const name of ['totalConnections', 'activeConnections', 'totalMessages', 'authFailures', 'errors', 'uptime']) {
      assert.equal(typeof before[name], 'number', name)
    }
    const { socket, user } = await connect()
    const during = await stats()
    assert.equal(during.activeConnections, before.activeConnections + 1)
    assert.equal(during.totalConnections, before.totalConnections + 1)
    await api(server, 'publish', { channel: `#${user}`, data: 1 }, allKey)
    await socket.message()
    socket.raw.socket.destroy()
    await until('the connection to be gone', async () => (await stats()).activeConnections === before.activeConnections)
  })

  test('/metrics is Prometheus text', async () => {
    const reply = await call(`${server.ops}/metrics`, 'GET')
    assert.equal(reply.status, 200)
    assert.match(reply.headers.get('content-type') ?? '', /^text\/plain/)
    const lines = (reply.body as string).split('\n').filter((line) => line && !line.startsWith('#'))
    assert(lines.length > 10)
    // Prometheus' own check: types, help, suffixes, units.
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: reply.body, encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
    for (const line of lines) assert.match(line, /^(gatecast|process)_[a-z0-9_]+(\{([a-z_]+="[^"]*",?)+\})? [-+0-9.einfaNI]+$/)
  })

  test('API keys: none, unknown, of another scope, out of date', async () => {
    const params = { channel: 'news:today', data: {} }
    assertRefused(await api(server, 'publish', params, ''), 'api_key_missing')
    assertRefused(await api(server, 'publish', params, randomBytes(32).toString('base64url')), 'api_key_unknown')
    assertRefused(await api(server, 'publish', params, oldKey), 'api_key_unknown')
    const published = await api(server, 'publish', params, publishKey)
    assert.equal(published.status, 200, JSON.stringify(published.body))
    assert.deepEqual(published.body.error, undefined)
    assertRefused(await api(server, 'disconnect', { user: 'x' }, publishKey), 'api_scope')
    assertRefused(await api(server, 'nothing', {}, allKey), 'not_found')
    for (const key of [publishKey, oldKey, allKey]) assert(!server.output.includes(key), 'a key stands in the log')
  })

  test('publish and broadcast reach subscribers; their errors are replies', async () => {
    const { socket } = await connect()
    for (const [i, channel] of ['news:a', 'news:b'].entries()) {
      socket.command({ id: i + 2, subscribe: { channel } })
      await socket.message()
    }
    const both = await api(server, 'broadcast', { channels: ['news:a', 'news:b'], data: { n: 1 } }, allKey)
    assert.equal(both.status, 200)
    assert.equal(both.body.result.responses.length, 2)
    const got = [await socket.message(), await socket.message()].map(({ push }) => push.channel)
    assert.deepEqual(got.sort(), ['news:a', 'news:b'])

    const unknown = await api(server, 'publish', { channel: 'nowhere:x', data: {} }, allKey)
    assert.deepEqual(unknown.body, { error: { code: 102, message: 'unknown channel', name: 'unknown_channel' } })
    const reserved = await api(server, 'publish', { channel: 'news:a', data: { gatecast: 1 } }, allKey)
    assert.equal(reserved.body.error.code, 107)
    assert.equal((await api(server, 'publish', { channel: 'news:a' }, allKey)).body.error.code, 107)
  })

  test('disconnect: by user, with the code asked for; others stay', async () => {
    const [one, other] = [await connect(), await connect()]
    const disconnect = { code: 4900, reason: 'moved' }
    const reply = await api(server, 'disconnect', { user: one.user, disconnect }, allKey)
    assert.deepEqual([reply.status, reply.body.result], [200, {}])
    assert.deepEqual(await one.socket.close(), disconnect)
    assert(!other.socket.raw.closed)
    await api(server, 'disconnect', { user: other.user, client: other.client }, allKey)
    assert.deepEqual(await other.socket.close(), { code: 3503, reason: 'force disconnect' })
  })

  test('info names the node and its connections', async () => {
    const { user } = await connect()
    const { body } = await api(server, 'info', {}, allKey)
    const [node] = body.result.nodes
    assert(node.uid && node.version && user)
    assert(node.num_clients >= 1 && node.num_users >= 1)
  })

  test('many calls, one a line, answered in order', async () => {
    const lines = [
      { method: 'publish', params: { channel: 'news:a', data: {} } },
      { method: 'publish', params: { channel: 'nowhere:x', data: {} } },
      { method: 'info', params: {} },
    ]
    const reply = await fetch(`${server.ops}/api`, {
      method: 'POST',
      headers: { 'X-API-Key': allKey, 'Content-Type': 'application/json' },
      body: lines.map((line) => JSON.stringify(line)).join('\n'),
    })
    const answers = (await reply.text()).trim().split('\n').map((line) => JSON.parse(line))
    assert.deepEqual(answers.map((answer) => Object.keys(answer)[0]), ['result', 'error', 'result'])
  })

  test('public routes are not here', async () => {
    assertRefused(await call(`${server.ops}/api/v2/auth/wallet/challenge`, 'POST', { chain: 'solana' }), 'not_found')
    assertRefused(await post(server, '/api/publish', {}), 'not_found')
  })
})
