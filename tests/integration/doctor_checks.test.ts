// Each check of `gatecast doctor` that needs no running server, broken on purpose and named.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { Authority } from '../harness/authority.ts'
import { gatecast } from '../harness/cli.ts'
import { command } from '../harness/command.ts'
import { Site, visit, type VisitOptions } from '../harness/doctor.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'

interface Broken {
  /** "fail data.folder": what must be there. */
  line: string
  config?: Table | ((site: Site, t: TestContext) => Table | Promise<Table>)
  words?: string[]
  options?: VisitOptions
  seen?: RegExp
  cure?: RegExp
}

const day = 86_400_000
const key = (site: Site, name: 'token' | 'session') => ((site.config[name] as Table).key as Table[])[0]!
const later = (ms: number) => new Date(Date.now() + ms).toISOString()

/** A site with what a server left behind there. */
async function used(t: TestContext): Promise<string> {
  const server = await startServer(t, { backends: 'own' })
  await server.stop()
  return path.join(server.dir, 'data', 'gatecast.db')
}

/** A port that somebody else listens on. */
async function taken(t: TestContext): Promise<string> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onEnd(t, () => void listener.close())
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`
}

/** Somebody else's server. */
async function other(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const http = createHttp(answer)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onEnd(t, () => {
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}
const nobody = 'http://127.0.0.1:1/x'

async function keySet(t: TestContext, skewMs = 0): Promise<string> {
  const { publicKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] })
  return other(t, (_, response) => {
    response.setHeader('Date', new Date(Date.now() + skewMs).toUTCString())
    response.setHeader('Content-Type', 'application/json')
    response.end(keys)
  })
}
const trusting = (url: string): Table => ({
  token: { trusted: [{ name: 'idp', issuer: 'https://idp.example', audience: 'app', jwks_url: url }] },
})
const node = (t: TestContext, chain: string) =>
  other(t, (_, response) => void response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: chain })))
const withNode = (url: string): Table => ({
  signin: { ethereum: { enabled: true, domain: ['app.example'], chains: [1], rpc_url: url, rpc_chain: 1 } },
})
const hooked = (url: string): Table => ({ webhook: [{ name: 'shop', url, secret: 'x9Jk2mQ7vT4bN8pL1sD6gH3fR5wZ0yC7uA2eK9iO4' }] })
const asking = (url: string): Table => ({
  signin: { register: 'ask', hook_url: url, hook_secret: 'x9Jk2mQ7vT4bN8pL1sD6gH3fR5wZ0yC7uA2eK9iO4' },
})

const table: Broken[] = [
  // configuration
  { line: 'fail config.file', config: (site) => (writeFileSync(path.join(site.dir, 'bad.toml'), '[http'), { include: ['bad.toml'] }) },
  { line: 'fail config.value', config: { http: { adress: 'x' } }, seen: /http\.adress/, cure: /http\.address/ },
  { line: 'fail secrets.token', config: { token: { key: [{ kid: 'h', algorithm: 'HS256', secret: 'your-secret-key' }] } }, seen: /default/ },
  { line: 'fail secrets.token', config: { token: { key: [{ kid: 'h', algorithm: 'HS256', secret: 'tooshort' }] } }, cure: /openssl rand/ },
  { line: 'fail secrets.token', config: (site) => ({ token: { key: [{ ...key(site, 'token'), secret: `"${key(site, 'token').secret}"` }] } }), seen: /quotes/ },
  { line: 'fail secrets.token', config: (site) => ({ token: { key: [{ ...key(site, 'token'), secret: `${key(site, 'token').secret}\n` }] } }), seen: /newline/ },
  { line: 'fail secrets.session', config: (site) => ({ session: { key: [{ secret: key(site, 'token').secret! }] } }), seen: /same key as token\.key/ },
  { line: 'fail secrets.api', config: { api: { key: [{ name: 'shop', sha256: 'abc', scopes: ['publish'] }] } } },
  { line: 'fail secrets.other', config: { signin: { register: 'ask', hook_url: nobody, hook_secret: 'weak' } } },
  { line: 'fail http.origins', config: { http: { allowed_origins: ['https://app.example/'] } }, cure: /without a path/ },
  { line: 'warn http.origins', config: { http: { allowed_origins: ['http://app.example'] } }, cure: /"https:\/\/app\.example"/ },
  { line: 'warn ops.exposure', config: async (_, t) => ({ ops: { address: (await taken(t)).replace('127.0.0.1', '0.0.0.0') } }) },
  { line: 'warn mode.dev', words: ['--dev'] },
  { line: 'fail mode.dev', config: { realtime: { insecure: true } } },
  { line: 'warn mode.pages', config: { pages: { enabled: true } } },
  {
    line: 'fail compat.env',
    config: { compat: { read_app_env: true } },
    options: { env: { JWT_SECRET: 'Zk3vQ8sT1xW6yB9nM4pL7rC2dF5gH0jK' } },
    seen: /not the application's key/,
  },
  { line: 'fail telegram.bot', config: { signin: { telegram: { enabled: true, bot: [{ id: 12, token: '13:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8' }] } } } },
  // keys
  {
    line: 'fail keys.signing',
    // A key that was made and never activated.
    config: (site) => {
      const made = gatecast(['keys', 'new', '--set', `data.dir=${site.data}`])
      assert.equal(made.code, 0, made.err)
      return { token: { key: [] as string[] } }
    },
  },
  { line: 'fail keys.use_until', config: (site) => ({ token: { key: [{ ...key(site, 'token'), use_until: later(-day) }] } }), seen: /ended at/ },
  { line: 'warn keys.use_until', config: (site) => ({ session: { key: [{ ...key(site, 'session'), use_until: later(3 * day) }] } }), seen: /session\.key s/ },
  { line: 'warn keys.use_until', config: { api: { key: [{ name: 'shop', sha256: 'ab'.repeat(32), scopes: ['publish'], use_until: later(3 * day) }] } }, seen: /api\.key shop/ },
  { line: 'fail tls.certificate', config: (_, t) => ({ http: { tls: { ...new Authority(t).issue(-1) } } }) },
  {
    line: 'fail tls.certificate',
    config: (_, t) => {
      const authority = new Authority(t)
      return { http: { tls: { cert: authority.issue().cert, key: authority.issue().key } } }
    },
  },
  {
    line: 'warn tls.certificate',
    config: (_, t) => {
      const files = new Authority(t).issue()
      chmodSync(files.key, 0o644)
      return { http: { tls: { ...files } } }
    },
  },
  // machine
  { line: 'fail data.folder', config: { data: { dir: '/proc/gatecast' } } },
  { line: 'fail data.folder', config: (site) => ({ data: { dir: site.file } }), seen: /not a folder/ },
  { line: 'warn data.folder', config: (site) => (chmodSync(site.data, 0o755), {}), cure: /chmod 700/ },
  {
    line: 'warn data.system',
    config: (_, t) => {
      const dir = mkdtempSync('/dev/shm/gatecast-')
      onEnd(t, () => rmSync(dir, { recursive: true }))
      return { data: { dir } }
    },
    seen: /tmpfs/,
  },
  { line: 'fail log.folder', config: (site) => ({ log: { dir: site.file } }) },
  { line: 'fail port.public', config: async (_, t) => ({ http: { address: await taken(t) } }), cure: /ss -ltnp/ },
  { line: 'fail port.ops', config: async (_, t) => ({ ops: { address: await taken(t) } }) },
  { line: 'warn limits.descriptors', options: { before: 'ulimit -n 300;' }, seen: /^300 allowed/, cure: /LimitNOFILE=1256/ },
  { line: 'warn limits.memory', config: { realtime: { shards: 64 }, limits: { history_bytes_shard: 64 * 2 ** 30 } }, seen: /TiB/ },
  // store
  { line: 'fail store.open', config: (site) => (writeFileSync(path.join(site.data, 'gatecast.db'), 'no database at all. '.repeat(50)), {}) },
  // other servers
  { line: 'fail trusted.keys', config: trusting(nobody), seen: /idp/ },
  { line: 'fail trusted.keys', config: async (_, t) => trusting(await other(t, (_, response) => void response.end('{"keys":[]}'))) },
  { line: 'fail trusted.keys', config: async (_, t) => trusting(await other(t, (_, response) => void response.writeHead(500).end())), seen: /500/ },
  { line: 'fail clock.skew', config: async (_, t) => trusting(await keySet(t, 3_600_000)), seen: /3600 s behind that of idp|3599 s behind/ },
  { line: 'warn clock.skew', config: async (_, t) => trusting(await keySet(t, -20_000)), seen: /ahead of that of idp/ },
  { line: 'fail ethereum.rpc', config: async (_, t) => withNode(await node(t, '0x89')), seen: /chain 137/ },
  { line: 'fail ethereum.rpc', config: withNode(nobody) },
  { line: 'fail ethereum.rpc', config: async (_, t) => withNode(await node(t, 'soon')) },
  { line: 'fail webhook.url', config: hooked(nobody), seen: /shop/ },
  { line: 'warn webhook.url', config: async (_, t) => hooked(await other(t, (_, response) => void response.writeHead(503).end())) },
  { line: 'fail hook.url', config: asking(nobody) },
]

for (const { line, config, words = [], options = {}, seen, cure } of table) {
  test(`${line}${seen ? ` ${seen}` : ''}`, async (t) => {
    const site = await Site.make(t)
    site.write(typeof config === 'function' ? await config(site, t) : (config ?? {}))
    const visited = await site.visit(words, options)
    const check = visited.has(line)
    if (seen) assert.match(check.seen, seen)
    if (cure) assert.match(check.cure!, cure)
    if (line.startsWith('fail')) assert.equal(visited.code, 1)
  })
}

/** What may be wrong with the machine that runs the tests, and with none of ours. */
const ofMachine = ['data.system', 'data.space', 'limits.descriptors', 'limits.memory']
const ours = (wrong: string[]) => wrong.filter((line) => !ofMachine.includes(line.split(' ')[1]!))

test('where nothing is broken nothing is said: fingerprints, but no secret; exit 0, and 3 with --strict for a warning', async (t) => {
  const site = await Site.make(t)
  const good = await site.visit()
  assert.deepEqual(ours(good.wrong), [])
  assert.equal(good.code, 0)
  assert.match(good.has('ok secrets.token').seen, /^h [0-9a-f]{4}:[0-9a-f]{4}:/)
  good.has('ok keys.signing')
  good.has('skip server.running')
  assert.match(good.has('ok store.open').seen, /not there yet/)

  site.write({ pages: { enabled: true } })
  assert.equal((await site.visit()).code, 0)
  assert.equal((await site.visit(['--strict'])).code, 3)
  site.write({ data: { dir: '/proc/gatecast' } })
  assert.equal((await site.visit(['--strict'])).code, 1)
})

test('for people: what fails first, its cure beneath, the number of each', async (t) => {
  const site = await Site.make(t)
  site.write({ http: { adress: 'x' }, pages: { enabled: true } })
  const { code, out } = await visit(site.dir, ['--config', site.file])
  assert.equal(code, 1)
  const [first, second, third] = out.split('\n')
  assert.match(first!, /^fail {2}config\.value {9}http\.adress: unknown key/)
  assert.match(second!, /^ +cure: /)
  assert.match(third!, /^warn {2}/)
  assert.match(out, /\n1 failed, \d+ to look at, \d+ fine, \d+ not looked at\.\n$/)
})

test('good other servers are said to be good; --offline asks none', async (t) => {
  const site = await Site.make(t)
  let asked = 0
  const receiver = await other(t, (_, response) => void (asked++, response.writeHead(405).end()))
  site.write({ ...hooked(receiver), ...withNode(await node(t, '0x1')), ...trusting(await keySet(t)) })
  const visited = await site.visit()
  assert.deepEqual(ours(visited.wrong), [])
  for (const id of ['trusted.keys', 'clock.skew', 'ethereum.rpc', 'webhook.url']) visited.has(`ok ${id}`)
  assert.equal(asked, 1)
  const offline = await site.visit(['--offline'])
  assert.equal(asked, 1)
  assert.deepEqual(offline.of('trusted.keys'), [])
})

test('telegram.online: only with --online, and without Telegram a warning, never a failure', async (t) => {
  const site = await Site.make(t)
  site.write({ signin: { telegram: { enabled: true, bot: [{ id: 13, token: '13:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8' }] } } })
  ;(await site.visit()).has('skip telegram.online')
  const asked = (await site.visit(['--online'])).of('telegram.online')
  assert.equal(asked.length, 1)
  // Telegram itself says 401; without a network there is nobody to ask.
  assert(asked[0]!.level === 'warn' || asked[0]!.level === 'fail', JSON.stringify(asked))
  assert.doesNotMatch(asked[0]!.seen, /AAH5/)
})

test('data.space: a disk with less than 64 MiB', async (t) => {
  const site = await Site.make(t)
  const dir = path.join(site.dir, 'small')
  mkdirSync(dir)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir])
  if (mounted.status !== 0) return t.skip('this machine lets nobody mount')
  onEnd(t, () => void execFileSync('umount', [dir]))
  site.write({ data: { dir } })
  assert.match((await site.visit()).has('fail data.space').seen, /free for/)
})

test('data.lock: somebody holds the folder and does not answer', async (t) => {
  const site = await Site.make(t)
  const lock = path.join(site.data, 'lock')
  const holder = spawn('flock', [lock, 'sh', '-c', `echo $$ > ${lock}; echo held; sleep 60`], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  onEnd(t, () => void process.kill(-holder.pid!))
  await once(holder.stdout!, 'data')
  assert.match((await site.visit()).has('fail data.lock').seen, /held by process \d+/)
})

test('store: a newer schema, another program, damage, no backup, an old one', async (t) => {
  const file = await used(t)
  const site = await Site.make(t)
  const store = path.join(site.data, 'gatecast.db')
  const change = (sql: string) => {
    for (const end of ['', '-wal', '-shm']) rmSync(store + end, { force: true })
    cpSync(file, store)
    const database = new DatabaseSync(store)
    database.exec(sql)
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    database.close()
  }
  const row = (at: number, detail: string) =>
    `INSERT INTO audit (at, kind, user_id, sid, ip, code, detail, count) VALUES (${at}, 'api_call', '', '', '', '', '${detail}', 1);`

  change('SELECT 1')
  const good = await site.visit()
  for (const id of ['open', 'schema', 'integrity']) good.has(`ok store.${id}`)
  good.has('skip store.backup')
  change('UPDATE schema_version SET version = 99')
  assert.match((await site.visit()).has('fail store.schema').seen, /99/)
  change('PRAGMA application_id = 1')
  ;(await site.visit()).has('fail store.schema')
  change(row(Date.now() - 40 * day, 'key:shop user_upsert'))
  ;(await site.visit()).has('warn store.backup')
  change(row(Date.now() - 40 * day, 'operator:0 backup /old.db'))
  assert.match((await site.visit()).has('warn store.backup').seen, /the last one/)
  change(row(Date.now() - day, 'operator:0 backup /new.db'))
  ;(await site.visit()).has('ok store.backup')

  change('SELECT 1')
  const database = new DatabaseSync(store)
  const { rootpage } = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'audit_by_time'").get() as { rootpage: number }
  const { page_size } = database.prepare('PRAGMA page_size').get() as { page_size: number }
  database.close()
  const fd = openSync(store, 'r+')
  writeSync(fd, Buffer.alloc(page_size, 0x5a), 0, page_size, (rootpage - 1) * page_size)
  closeSync(fd)
  assert.match((await site.visit()).has('fail store.integrity').cure!, /gatecast restore/)
})

test('a backup that the server made is known', async (t) => {
  const server = await startServer(t, { backends: 'own' })
  assert.equal((await command(server, ['backup', path.join(server.dir, 'one.db')])).code, 0)
  const visited = await visit(server.dir, ['--config', path.join(server.dir, 'gatecast.toml'), '--json'])
  assert.match(visited.has('ok store.backup').seen, /the last one was made at/)
})
