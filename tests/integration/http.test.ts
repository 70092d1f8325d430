// HTTP/1.1 on the wire: malformed and hostile requests, limits, routing, CORS.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, call, get, post } from '../harness/api.ts'
import { RawSocket, type RawReply } from '../harness/raw.ts'
import { Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { codes, type Code } from '../../sdk/gatecast/src/codes.ts'

const kAllowed = 'https://app.example'
const kBodyBytes = 4096
const kHeaderBytes = 4096

const codeOf = (reply: RawReply) => JSON.parse(reply.body).code

describe('HTTP', () => {
  let server: Server
  const suite = new Suite()
  before(async () => {
    server = await startServer(suite, {
      config: { http: { allowed_origins: [kAllowed], body_bytes: kBodyBytes, header_bytes: kHeaderBytes } },
    })
  })
  after(() => suite.close())

  const path = '/api/v2/auth/validate'
  const head = (extra: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${extra}`

  const malformed: [string, Code, string][] = [
    ['nonsense', 'http_malformed', 'nonsense\r\n\r\n'],
    ['no Host', 'http_malformed', `GET ${path} HTTP/1.1\r\n\r\n`],
    ['two Hosts', 'http_malformed', `GET ${path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`],
    ['a folded header', 'http_malformed', `GET ${path} HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n`],
    ['a blank before the colon', 'http_malformed', `GET ${path} HTTP/1.1\r\nHost : x\r\n\r\n`],
    ['line feeds without carriage returns', 'http_malformed', `GET ${path} HTTP/1.1\nHost: x\n\n`],
    ['chunked beside a length', 'http_malformed', head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')],
    ['two lengths that differ', 'http_malformed', head('Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ')],
    ['a length that is no number', 'http_malformed', head('Content-Length: +2\r\n\r\n{}')],
    ['another transfer coding', 'http_malformed', head('Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n')],
    ['identity as transfer coding', 'http_malformed', head('Transfer-Encoding: identity\r\n\r\n')],
    ['chunked in HTTP/1.0', 'http_malformed', `POST ${path} HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk size that is no number', 'http_malformed', head('Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n')],
    ['another version', 'http_version', `GET ${path} HTTP/2.0\r\nHost: x\r\n\r\n`],
    ['headers too large', 'header_too_large', `GET ${path} HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(kHeaderBytes)}\r\n\r\n`],
    ['a body said to be too large', 'body_too_large', head(`Content-Length: ${kBodyBytes + 1}\r\n\r\n`)],
    ['a chunked body too large', 'body_too_large', head(`Transfer-Encoding: chunked\r\n\r\n1fff\r\n${'x'.repeat(0x1fff)}\r\n0\r\n\r\n`)],
    ['an expectation', 'expectation_failed', head('Expect: the-unexpected\r\nContent-Length: 2\r\n\r\n{}')],
  ]
  for (const [what, code, bytes] of malformed) {
    test(`refused and closed: ${what} (${code})`, async (t) => {
      const socket = await RawSocket.open(t, server.port)
      socket.send(bytes)
      const reply = await socket.reply()
      assert.equal(codeOf(reply), code)
      assert.equal(reply.status, codes[code].http)
      await socket.closedByPeer()
      assert.equal(socket.received.length, 0, 'a second answer to one request')
    })
  }

  test('every byte on its own makes the same request', async (t) => {
    const socket = await RawSocket.open(t, server.port)
    for (const byte of Buffer.from(head('Content-Length: 13\r\n\r\n{"token":"a"}'))) socket.send(Buffer.from([byte]))
    const reply = await socket.reply()
    assert.equal(reply.status, 200)
    assert.equal(JSON.parse(reply.body).valid, false)
  })

  test('chunked bodies, and 100-continue', async (t) => {
    const socket = await RawSocket.open(t, server.port)
    socket.send(head('Transfer-Encoding: chunked\r\n\r\n5;a=b\r\n{"tok\r\n8\r\nen":"a"}\r\n0\r\nX-T: 1\r\n\r\n'))
    assert.equal((await socket.reply()).status, 200)
    socket.send(head('Content-Length: 13\r\nExpect: 100-continue\r\n\r\n'))
    assert.equal((await socket.reply()).status, 100)
    socket.send('{"token":"a"}')
    assert.equal((await socket.reply()).status, 200)
  })

  test('pipelined requests are answered in order', async (t) => {
    const socket = await RawSocket.open(t, server.port)
    const one = head('Content-Length: 13\r\n\r\n{"token":"a"}')
    const two = `GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n`
    socket.send(one + two + one)
    assert.deepEqual([await socket.reply(), await socket.reply(), await socket.reply()].map(({ status }) => status), [200, 404, 200])
    assert(!socket.closed)
  })

  test('a connection is kept as asked: 1.1 stays, close closes, 1.0 closes', async (t) => {
    const request = (version: string, more = '') => `GET /.well-known/jwks.json HTTP/${version}\r\nHost: x\r\n${more}\r\n`
    const kept = await RawSocket.open(t, server.port)
    for (let i = 0; i < 3; i++) {
      kept.send(request('1.1'))
      assert.equal((await kept.reply()).status, 200)
    }
    kept.send(request('1.1', 'Connection: close\r\n'))
    assert.match((await kept.reply()).headers.get('connection') ?? '', /close/i)
    await kept.closedByPeer()
    const old = await RawSocket.open(t, server.port)
    old.send(request('1.0'))
    assert.equal((await old.reply()).status, 200)
    await old.closedByPeer()
  })

  test('HEAD has the head of GET and no body', async (t) => {
    const socket = await RawSocket.open(t, server.port)
    socket.send('GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n')
    const whole = await socket.reply()
    socket.send('HEAD /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n')
    const bare = await socket.reply('HEAD')
    assert.equal(bare.status, 200)
    assert.equal(bare.headers.get('content-length'), whole.headers.get('content-length'))
    socket.send('GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal((await socket.reply()).status, 404, 'a body followed the reply to HEAD')
  })

  test('unknown paths, other methods, other content types', async () => {
    assertRefused(await get(server, '/nowhere'), 'not_found')
    assertRefused(await get(server, '/healthz'), 'not_found')
    const wrong = await call(server.origin + path, 'DELETE')
    assertRefused(wrong, 'method_not_allowed')
    assert.match(wrong.headers.get('allow') ?? '', /POST/)
    assertRefused(await call(server.origin + path, 'POST', '{}', { 'Content-Type': 'text/plain' }), 'content_type')
    assert.equal((await call(server.origin + path, 'POST', '{"token":"a"}', { 'Content-Type': 'application/json; charset=utf-8' })).status, 200)
    assertRefused(await get(server, '/demo'), 'not_found')
  })

  test('a page of an allowed origin may call, of another may not', async () => {
    const jwks = `${server.origin}/.well-known/jwks.json`
    const allowed = await call(jwks, 'GET', undefined, { Origin: kAllowed })
    assert.equal(allowed.headers.get('access-control-allow-origin'), kAllowed)
    assert.match(allowed.headers.get('vary') ?? '', /origin/i)
    const foreign = await call(jwks, 'GET', undefined, { Origin: 'https://evil.example' })
    assert.equal(foreign.headers.get('access-control-allow-origin'), null)

    const preflight = (origin: string) =>
      call(server.origin + path, 'OPTIONS', undefined, {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type',
      })
    const asked = await preflight(kAllowed)
    assert.equal(asked.status, 204)
    assert.equal(asked.headers.get('access-control-allow-origin'), kAllowed)
    assert.match(asked.headers.get('access-control-allow-methods') ?? '', /POST/)
    assert.match((asked.headers.get('access-control-allow-headers') ?? '').toLowerCase(), /authorization.*content-type|content-type.*authorization/)
    assert.equal(asked.headers.get('access-control-allow-credentials'), null)
    assert.equal((await preflight('https://evil.example')).headers.get('access-control-allow-origin'), null)
  })

  test('every refusal carries a request id of its own', async () => {
    const replies = [await get(server, '/nowhere'), await get(server, '/nowhere')]
    assert.notEqual(replies[0]!.body.requestId, replies[1]!.body.requestId)
    assert.equal(replies[0]!.headers.get('x-request-id'), replies[0]!.body.requestId)
  })
})

describe('HTTP settings', () => {
  test('a header that does not come in time: 408 and closed', async (t) => {
    const server = await startServer(t, { config: { limits: { header_time: '1s' } } })
    const socket = await RawSocket.open(t, server.port)
    socket.send('GET / HTTP/1.1\r\nHost: x\r\n')
    const reply = await socket.reply()
    assert.deepEqual([reply.status, codeOf(reply)], [408, 'request_timeout'])
    await socket.closedByPeer()
  })

  test('an idle connection is closed without a word', async (t) => {
    const server = await startServer(t, { config: { limits: { idle_time: '1s' } } })
    const socket = await RawSocket.open(t, server.port)
    socket.send('GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n')
    await socket.reply()
    await socket.closedByPeer()
    assert.equal(socket.received.length, 0)
  })

  test('routes below a base path', async (t) => {
    const server = await startServer(t, { config: { http: { base_path: '/rt' } } })
    assert.equal((await get(server, '/rt/.well-known/jwks.json')).status, 200)
    assertRefused(await get(server, '/.well-known/jwks.json'), 'not_found')
  })

  test('sign-in is limited by address and says when to come back', async (t) => {
    const limit = 3
    const server = await startServer(t, { config: { limits: { rate_strict: limit } } })
    const tries = []
    for (let i = 0; i <= limit; i++) tries.push(await post(server, '/api/v2/auth/wallet', { chain: 'solana' }))
    assert.deepEqual(tries.slice(0, limit).map(({ status }) => status), Array(limit).fill(400))
    const over = tries[limit]!
    assertRefused(over, 'rate_limited')
    const seconds = Number(over.headers.get('retry-after'))
    assert(seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
  })

  test('behind a trusted proxy the client is who the proxy says; else the peer', async (t) => {
    const limits = { rate_strict: 1 }
    const attempt = (server: Server, client: string) =>
      call(`${server.origin}/api/v2/auth/wallet`, 'POST', { chain: 'solana' }, { 'X-Forwarded-For': client })
    const behind = await startServer(t, { config: { limits, http: { trusted_proxies: ['127.0.0.1/32'] } } })
    assert.equal((await attempt(behind, '203.0.113.1')).status, 400)
    assert.equal((await attempt(behind, '203.0.113.2')).status, 400)
    assertRefused(await attempt(behind, '203.0.113.2'), 'rate_limited')
    // What the client itself wrote stands further left and counts for nothing.
    assertRefused(await attempt(behind, '198.51.100.9, 203.0.113.2'), 'rate_limited')
    const open = await startServer(t, { config: { limits } })
    assert.equal((await attempt(open, '203.0.113.1')).status, 400)
    assertRefused(await attempt(open, '203.0.113.2'), 'rate_limited')
  })
})
