// SIGHUP and `gatecast reload`: what changes while the server runs, and that nobody notices who should not.
import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { SignJWT } from 'jose'
import { api, assertRefused, call, get, post } from '../harness/api.ts'
import { Client, numbers, publish, refusedWith } from '../harness/client.ts'
import { command } from '../harness/command.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { startServer, type Server } from '../harness/server.ts'
import { merged, toToml, type Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const configFile = (server: Server) => path.join(server.dir, 'gatecast.toml')

function configure(server: Server, over: Table): void {
  writeFileSync(configFile(server), toToml(merged(server.config, over)))
}

/** Takes the configuration with these changes; what the command said. */
async function reload(server: Server, over: Table): Promise<string> {
  configure(server, over)
  const outcome = await command(server, ['reload'])
  assert.deepEqual([outcome.code, outcome.err], [0, ''], outcome.err)
  return outcome.out
}

function tokenKey(server: Server, kid: string): Table {
  const file = path.join(server.dir, `${kid}.pem`)
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  }
  return { kid, algorithm: 'EdDSA', file }
}

const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid
const firstKey = (server: Server, section: 'token' | 'session') => ((server.config[section] as Table).key as Table[])[0]!
const check = (server: Server, token: string) => get(server, '/api/v2/auth/check', token)

async function reloads(server: Server, outcome: string): Promise<number> {
  const { body } = await call(`${server.ops}/metrics`, 'GET')
  return Number(new RegExp(`^gatecast_reloads_total\\{outcome="${outcome}"\\} (\\d+)`, 'm').exec(body)?.[1] ?? 0)
}

async function connects(t: TestContext, server: Server, token: string): Promise<boolean> {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  const answer = await socket.message()
  socket.raw.socket.destroy()
  return answer.connect !== undefined
}

test('token keys and session keys rotate under load: nobody with a good token is refused', async (t) => {
  const server = await startServer(t)
  const [t1, s1] = [firstKey(server, 'token'), firstKey(server, 'session')]
  const t2 = tokenKey(server, 't2')
  const s2 = { id: 's2', secret: randomBytes(32).toString('base64'), secret_encoding: 'base64' }
  const old = await signIn(server)
  assert.equal(kidOf(old.token), 't1')
  let stop = false
  let rounds = 0
  const callers = numbers(1, 100).map(async (n) => {
    let { token, refreshToken } = await signIn(server)
    while (!stop) {
      assert.equal((await check(server, token)).status, 200)
      if (n % 4 === 0) assert(await connects(t, server, token))
      if (n % 4 === 1) {
        const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken })
        assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
        ;({ token, refreshToken } = renewed.body)
      }
      if (n % 4 === 2) ({ token, refreshToken } = await signIn(server))
      rounds++
    }
    return token
  })
  for (const [tokens, sessions] of [
    [[t1, t2], [s1, s2]],
    [[t2, t1], [s2, s1]],
    [[t1, t2], [s1, s2]],
    [[t2, t1], [s2, s1]],
  ] as const) {
    const before = rounds
    await until('the callers to go on', () => rounds >= before + 100)
    await reload(server, { token: { key: [...tokens] }, session: { key: [...sessions] } })
  }
  const before = rounds
  await until('the callers to go on', () => rounds >= before + 100)
  stop = true
  await Promise.all(callers)

  const fresh = await signIn(server)
  assert.equal(kidOf(fresh.token), 't2')
  const said = await reload(server, { token: { key: [t2] }, session: { key: [s2, s1] } })
  assert.match(said, /^token\.key t1 \([0-9a-f:]{19}\) removed$/m)
  assertRefused(await check(server, old.token), 'token_key_unknown')
  assert.equal((await check(server, fresh.token)).status, 200)
  // The session stands; only what the key had signed is gone.
  const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: old.refreshToken })
  assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
  assert.equal((await check(server, renewed.body.token)).status, 200)
  const { body } = await get(server, '/.well-known/jwks.json')
  assert.deepEqual(body.keys.map(({ kid }: { kid: string }) => kid), ['t2'])

  // Without the session key that made them, ids of sessions prove nothing any more.
  await reload(server, { token: { key: [t2] }, session: { key: [s2] } })
  assertRefused(await check(server, renewed.body.token), 'session_unknown')
  assert.equal((await check(server, fresh.token)).status, 200)
})

test('a key file that was written anew under its name counts from the reload on', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const { file } = firstKey(server, 'token') as { file: string }
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  assert.equal((await check(server, token)).status, 200)
  assert.match(await reload(server, {}), /^token\.key t1 \(.*\): another key under that id$/m)
  assertRefused(await check(server, token), 'token_signature')
  assert.equal((await check(server, (await signIn(server)).token)).status, 200)
})

test('the key folder: a new key is published, and signs once it is activated', async (t) => {
  const server = await startServer(t)
  const made = await command(server, ['keys', 'new'])
  assert.equal(made.code, 0, made.err)
  const said = await reload(server, {})
  const [, kid] = /^token\.key (\S+) \(.*\) added$/m.exec(said) ?? []
  assert(kid, said)
  const { body } = await get(server, '/.well-known/jwks.json')
  assert(body.keys.some((key: { kid: string }) => key.kid === kid))
  const { token } = await signIn(server)
  assert.equal(kidOf(token), 't1')

  assert.equal((await command(server, ['keys', 'activate', kid])).code, 0)
  // The configuration's own keys go first: without them the folder's signs.
  server.config.token = { issuer: 'tests.example', audience: 'tests' }
  assert.match(await reload(server, {}), new RegExp(`^token\\.key ${kid} \\(.*\\) signs$`, 'm'))
  assertRefused(await check(server, token), 'token_key_unknown')
  assert.equal(kidOf((await signIn(server)).token), kid)
})

test('namespaces: added, changed, gone; who is subscribed stays so', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const client = await new Client(t, server.websocket, { token }).connect()
  const chat = await client.subscription('chat:a').on()
  const early = client.subscription('fresh:early')
  early.subscription.subscribe()
  assert.equal((await early.refused()).code, 102)

  const said = await reload(server, {
    namespace: [
      { name: 'chat', allow_subscribe_for_client: false },
      { name: 'fresh', allow_subscribe_for_client: true, history_size: 10, history_ttl: '1m' },
    ],
  })
  assert.match(said, /^namespace fresh added$/m)
  assert.match(said, /^namespace chat: allow_subscribe_for_client, allow_publish_for_subscriber$/m)
  assert.match(said, /^namespace news removed$/m)
  await client.subscription('fresh:b').on()
  const refused = client.subscription('chat:b')
  refused.subscription.subscribe()
  assert.equal((await refused.refused()).code, 103)
  await publish(server, 'chat:a', { still: 'here' })
  await chat.has(1)
  await assert.rejects(client.centrifuge.publish('chat:a', {}), refusedWith(103))
  assert.equal((await api(server, 'publish', { channel: 'news:a', data: {} })).body.error.code, 102)
  assert.deepEqual(client.drops, [])
})

test('a configuration that is wrong changes nothing, and is told with place and cure', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  configure(server, { token: { key: [tokenKey(server, 't9')] }, namespace: [{ name: 'chat', histroy_size: 5 }] })
  const outcome = await command(server, ['reload'])
  assert.equal(outcome.code, 1)
  assert.match(outcome.err, /gatecast\.toml:\d+:\d+: namespace\[0\]\.histroy_size: unknown key\n {4}Did you mean namespace\.history_size\?/)
  assert.match(outcome.err, /refused/)
  assert.equal((await check(server, token)).status, 200)
  assert.equal(kidOf((await signIn(server)).token), 't1')
  assert.equal(await reloads(server, 'refused'), 1)

  // By the signal the same is in the log.
  writeFileSync(configFile(server), 'this is no TOML')
  server.kill('SIGHUP')
  await until('the refusal in the log', () => server.output.match(/"level":"error","event":"reload".*gatecast\.toml:1:\d+/))
  assert.equal(await until('the counter', async () => (await reloads(server, 'refused')) === 2), true)
  assert.equal((await check(server, token)).status, 200)

  // What a file holds is checked as well.
  const bad = path.join(server.dir, 'bad.pem')
  writeFileSync(bad, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', { mode: 0o600 })
  configure(server, { token: { key: [{ kid: 'bad', algorithm: 'EdDSA', file: bad }] } })
  assert.equal((await command(server, ['reload', '--json'])).code, 1)
  assert.equal((await check(server, token)).status, 200)
  // A mended one is taken.
  assert.equal(await reload(server, {}), 'nothing has changed\n')
  assert.equal(await reloads(server, 'ok'), 1)
})

test('what needs a restart is named, and stays as it was', async (t) => {
  const server = await startServer(t)
  const over = { limits: { channel_name_bytes: 16 }, webhook: [{ name: 'w', url: 'http://127.0.0.1:1/', secret: randomBytes(32).toString('base64') }] }
  const said = await reload(server, over)
  assert.equal(said, 'webhook: needs a restart\nlimits.channel_name_bytes: needs a restart\nnothing has changed\n')
  assert.equal((await api(server, 'publish', { channel: `chat:${'a'.repeat(50)}`, data: {} })).body.error, undefined)
  // It is said again as long as it is so.
  assert.match(await reload(server, over), /limits\.channel_name_bytes: needs a restart/)
})

test('API keys: one that was removed is refused, a new one serves', async (t) => {
  const server = await startServer(t)
  const second = randomBytes(32).toString('base64url')
  const first = ((server.config.api as Table).key as Table[])[0]!
  const added = { name: 'second', secret: second, scopes: ['publish'] }
  const publishes = (key: string) => api(server, 'publish', { channel: 'chat:a', data: {} }, key)
  assert.equal((await publishes(second)).status, 401)
  assert.match(await reload(server, { api: { key: [first, added] } }), /^api\.key second \([0-9a-f:]{19}\) added$/m)
  assert.equal((await publishes(second)).status, 200)
  assert.equal((await publishes(server.apiKey)).status, 200)
  assert.match(await reload(server, { api: { key: [{ ...added, scopes: ['presence'] }] } }), /^api\.key second \(.*\): scopes$/m)
  assert.equal((await publishes(server.apiKey)).status, 401)
  assertRefused(await publishes(second), 'api_scope')
  await reload(server, {})
})

test('the log: a file that was moved away is opened anew, and the level changes', async (t) => {
  const server = await startServer(t, { config: { log: { level: 'warn' } } })
  const folder = path.join(server.dir, 'data', 'logs')
  const logFiles = () => readdirSync(folder).filter((name) => /^ws-[\d-]+\.log$/.test(name))
  const [name] = logFiles()
  renameSync(path.join(folder, name!), path.join(folder, `${name}.1`))
  configure(server, { log: { level: 'info' } })
  server.kill('SIGHUP')
  await until('a new file with what follows', () => logFiles().length > 0 && readFileSync(path.join(folder, logFiles()[0]!), 'utf8').includes('"outcome":"taken"'))
  await signIn(server)
  await until('the sign-in there', () => readFileSync(path.join(folder, logFiles()[0]!), 'utf8').includes('"event":"signin"'))
  assert(!readFileSync(path.join(folder, `${name}.1`), 'utf8').includes('"event":"signin"'))
  // A folder that cannot be written changes nothing.
  writeFileSync(path.join(server.dir, 'file'), '')
  configure(server, { log: { dir: path.join(server.dir, 'file', 'logs') }, api: { key: [{ name: 'other', secret: randomBytes(32).toString('base64'), scopes: ['all'] }] } })
  assert.equal((await command(server, ['reload'])).code, 1)
  assert.equal((await api(server, 'publish', { channel: 'chat:a', data: {} })).status, 200)
  configure(server, {})
})

test('trusted issuers: added, changed, removed', async (t) => {
  const server = await startServer(t)
  const secret = randomBytes(48)
  const token = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'HS256' }).setIssuer('https://id.example').setAudience('app').setExpirationTime('10m').sign(secret)
  const issuer = { name: 'acme', issuer: 'https://id.example', audience: 'app', secret: secret.toString('base64'), secret_encoding: 'base64' }
  assert.equal((await check(server, token)).status, 401)
  assert.match(await reload(server, { token: { trusted: [issuer] } }), /^token\.trusted acme added$/m)
  assert(await connects(t, server, token))
  assert.match(await reload(server, { token: { trusted: [{ ...issuer, audience: 'other' }] } }), /^token\.trusted acme: audience$/m)
  assert.equal(await connects(t, server, token).catch(() => false), false)
  assert.match(await reload(server, {}), /^token\.trusted acme removed$/m)
  assert.equal(await connects(t, server, token).catch(() => false), false)
})

test('many ask at once: each is answered', async (t) => {
  const server = await startServer(t)
  const outcomes = await Promise.all(numbers(1, 10).map(() => command(server, ['reload'])))
  assert.deepEqual(outcomes.map(({ code }) => code), Array(10).fill(0))
  assert.equal((await check(server, (await signIn(server)).token)).status, 200)
})
