// `gatecast doctor --url` through the real nginx with the shipped files, each broken in one way, and through what is not
// a proxy of ours at all.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { api } from '../harness/api.ts'
import { Authority } from '../harness/authority.ts'
import { visit, type Visit } from '../harness/doctor.ts'
import { startNginx } from '../harness/nginx.ts'
import { onEnd } from '../harness/scope.ts'
import { freePort, startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'

/** Pings often, so that nobody waits long for one. */
const quick = { realtime: { ping: '2s', pong: '1s', shards: 2 } }

async function behind(t: TestContext, over: Table, replace: Record<string, string>): Promise<{ server: Server; visited: Visit; origin: string }> {
  const port = await freePort()
  const server = await startServer(t, {
    config: (_, own) => ({
      ...quick,
      http: { trusted_proxies: ['127.0.0.1'] },
      signin: { solana: { enabled: true, domain: [`localhost:${own}`, `localhost:${port}`] } },
      ...over,
    }),
  })
  const nginx = await startNginx(t, { upstream: server, port, replace })
  return { server, visited: await through(server, nginx.origin), origin: nginx.origin }
}

const through = (server: Server, url: string, words: string[] = []) =>
  visit(server.dir, ['--config', path.join(server.dir, 'gatecast.toml'), '--json', '--url', url, ...words])

const kAll = ['proxy.reach', 'proxy.tls', 'proxy.path', 'proxy.authorization', 'proxy.upgrade', 'proxy.query', 'proxy.trusted', 'proxy.idle', 'proxy.domain', 'clock.skew']

test('the shipped nginx: everything arrives, a ping comes through, a session lives and ends, nobody is left', async (t) => {
  const { server, origin } = await behind(t, {}, {})
  const visited = await through(server, origin, ['--live'])
  for (const id of [...kAll, 'live.receive', 'live.close', 'live.cleanup']) visited.has(`ok ${id}`)
  assert.equal(visited.code, 0, visited.out)
  assert.match(visited.has('ok proxy.idle').seen, /a ping came after (1\.[89]|2\.\d) s of silence/)
  assert.deepEqual((await api(server, 'user_list', {})).body.result.users, [])
})

interface Broken {
  line: string
  config?: Table
  replace?: Record<string, string>
  seen?: RegExp
  cure?: RegExp
}

const proxyPass = 'proxy_pass http://gatecast;'
const table: Broken[] = [
  { line: 'fail proxy.query', replace: { [proxyPass]: 'proxy_pass http://gatecast$uri;' }, cure: /proxy_pass/ },
  { line: 'fail proxy.upgrade', replace: { 'proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection': 'proxy_set_header Connection' }, cure: /proxy_http_version 1\.1/ },
  { line: 'fail proxy.upgrade', replace: { 'proxy_set_header Connection $gatecast_connection;\n# Auth': 'proxy_set_header Connection "";\n# Auth' } },
  { line: 'fail proxy.authorization', replace: { [proxyPass]: `${proxyPass}\nproxy_set_header Authorization "";` } },
  { line: 'fail proxy.trusted', config: { http: {} }, seen: /takes 127\.0\.0\.1 for the client/, cure: /http\.trusted_proxies = \["127\.0\.0\.1"\]/ },
  { line: 'warn proxy.trusted', replace: { 'proxy_set_header X-Forwarded-For $remote_addr;\nproxy_set_header X-Forwarded-Proto $scheme;\nproxy_set_header Forwarded': 'proxy_set_header Forwarded' }, seen: /sends no X-Forwarded-For/ },
  { line: 'warn proxy.trusted', replace: { 'proxy_set_header X-Forwarded-Proto $scheme;\nproxy_set_header Forwarded': 'proxy_set_header X-Forwarded-Proto https;\nproxy_set_header Forwarded' }, seen: /takes http for https/ },
  { line: 'fail proxy.path', replace: { [proxyPass]: 'rewrite ^(.*)$ /elsewhere$1 break;\nproxy_pass http://gatecast;' }, cure: /http\.base_path/ },
  { line: 'fail proxy.path', config: { http: { base_path: '/auth', trusted_proxies: ['127.0.0.1'] } } },
  { line: 'fail proxy.idle', replace: { 'proxy_read_timeout 75s;': 'proxy_read_timeout 1s;' }, seen: /after 1\.\d s of silence, pings come each 2 s/, cure: /proxy_read_timeout/ },
  { line: 'warn proxy.domain', config: { signin: { solana: { enabled: true, domain: ['app.example'] } } }, cure: /localhost:\d+/ },
]

describe('a proxy with one fault each', { concurrency: 3 }, () => {
for (const { line, config = {}, replace = {}, seen, cure } of table) {
  test(`${line}${seen ? ` ${seen}` : ''}`, async (t) => {
    const { visited } = await behind(t, config, replace)
    const check = visited.has(line)
    if (seen) assert.match(check.seen, seen)
    if (cure) assert.match(check.cure!, cure)
    if (line.startsWith('fail')) assert.equal(visited.code, 1)
    // One fault, one name.
    const others = visited.wrong.filter((one) => one.includes(' proxy.') && one !== line && one !== 'warn proxy.untrusted')
    assert.deepEqual(others, [], visited.out)
  })
}
})

test('proxy.reach: nobody there, a proxy without a server behind it, no URL', async (t) => {
  const server = await startServer(t, { config: quick })
  assert.match((await through(server, 'http://127.0.0.1:1')).has('fail proxy.reach').seen, /connect/i)
  const nginx = await startNginx(t, { upstream: { port: 1 } })
  assert.match((await through(server, nginx.origin)).has('fail proxy.reach').seen, /does not reach the server/)
  ;(await through(server, 'app.example')).has('fail proxy.reach')
})

test('proxy.other: another program, another gatecast', async (t) => {
  const [server, stranger] = [await startServer(t, { config: quick }), await startServer(t, { config: quick })]
  const http = createServer((_, response) => void response.end('hello'))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onEnd(t, () => void http.close())
  assert.match((await through(server, `http://127.0.0.1:${(http.address() as AddressInfo).port}`)).has('fail proxy.other').seen, /answered 200/)
  assert.match((await through(server, stranger.origin)).has('fail proxy.other').seen, /another gatecast/)
})

test('proxy.tls: a certificate that nobody vouches for, and one that somebody does', async (t) => {
  const authority = new Authority(t)
  const tls = { http: { tls: { ...authority.issue() } } }
  const bad = await startServer(t, { config: { ...quick, ...tls } })
  assert.match((await through(bad, `https://localhost:${bad.port}`)).has('fail proxy.tls').seen, /certificate/i)
  const good = await startServer(t, { config: { ...quick, ...tls, outbound: { ca_file: authority.file } } })
  ;(await through(good, `https://localhost:${good.port}`)).has('ok proxy.tls')
})

test('the server without a proxy: nothing stands between', async (t) => {
  const server = await startServer(t, { config: quick })
  const visited = await through(server, server.origin)
  assert.match(visited.has('ok proxy.trusted').seen, /own port/)
  for (const id of ['proxy.query', 'proxy.upgrade', 'proxy.authorization', 'proxy.idle']) visited.has(`ok ${id}`)
})

test('from elsewhere, with a URL alone: what can be seen is, the rest is said not to be', async (t) => {
  const server = await startServer(t, { config: quick })
  const visited = await visit('/tmp', ['--json', '--url', `${server.origin}/`])
  assert.deepEqual(visited.wrong, [])
  for (const id of ['proxy.reach', 'proxy.query', 'proxy.upgrade', 'proxy.authorization']) visited.has(`ok ${id}`)
  for (const id of ['proxy.trusted', 'proxy.idle']) visited.has(`skip ${id}`)
  assert.deepEqual(visited.of('secrets.token'), [])
})
