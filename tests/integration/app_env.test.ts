// The variables of an existing application, read by the real program.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { jwtVerify } from 'jose'
import { launch, startServer, type StartOptions } from '../harness/server.ts'
import { signIn } from '../harness/wallet.ts'

const secret = () => randomBytes(36).toString('base64')
const fingerprint = (text: string) =>
  createHash('sha256').update(text).digest('hex').slice(0, 16).replace(/(....)(?=.)/g, '$1:')

const base = (more: object = {}) => ({
  compat: { read_app_env: true, ...more },
  session: { key: [{ secret: randomBytes(32).toString('hex') }] },
  signin: { solana: { enabled: true, domain: ['app.example'] } },
})

async function refused(t: TestContext, options: StartOptions): Promise<string> {
  const server = await launch(t, { bare: true, ...options })
  assert.deepEqual(await server.ended(), { code: 1, signal: null }, server.output)
  return server.output
}

test('NEXTAUTH_SECRET from an .env file signs what the application verifies', async (t) => {
  const key = secret()
  const server = await startServer(t, {
    bare: true,
    config: (dir) => {
      writeFileSync(path.join(dir, '.env'), `# of the application\nNEXTAUTH_URL=https://app.example\nNEXTAUTH_SECRET="${key}"\n`)
      return base({ env_file: '.env' })
    },
  })
  const { token } = await signIn(server)
  await jwtVerify(token, new TextEncoder().encode(key), { issuer: 'gatecast' })
  await server.says(/the quotes around NEXTAUTH_SECRET/)
  assert(!server.output.includes(key), 'the secret is shown')
})

test('two secrets that differ: both fingerprints, no start', async (t) => {
  const [one, two] = [secret(), secret()]
  const said = await refused(t, { config: base(), env: { NEXTAUTH_SECRET: one, JWT_SECRET: two } })
  for (const key of [one, two]) {
    assert(said.includes(fingerprint(key)), said)
    assert(!said.includes(key), 'the secret is shown')
  }
})

test('a quoted, default or missing secret is refused by the name of its variable', async (t) => {
  const quoted = `"${secret()}"`
  const rows: [string, RegExp][] = [
    [quoted, /environment NEXTAUTH_SECRET: token\.key\[0\]\.secret: the secret has quotes around it/],
    [`${secret()}\r`, /environment NEXTAUTH_SECRET: token\.key\[0\]\.secret: the secret has a carriage return/],
    ['your-secret-key', /environment NEXTAUTH_SECRET: token\.key\[0\]\.secret: the secret is a well-known default/],
    ['', /NEXTAUTH_SECRET and JWT_SECRET are set neither in the environment nor in a file/],
  ]
  for (const [value, said] of rows) {
    assert.match(await refused(t, { config: base(), env: { NEXTAUTH_SECRET: value } }), said)
  }
})

test('only the application has a key: the session key is missing, and how to make it is said', async (t) => {
  const said = await refused(t, {
    config: { compat: { read_app_env: true } },
    env: { JWT_SECRET: secret() },
  })
  assert.match(said, /session\.key: no key[\s\S]*openssl rand -base64 48 > session\.key/)
  assert.doesNotMatch(said, /token\.key: no key/)
})

test('MySQL in DATABASE_URL is refused by name, without its password; ours said, it starts', async (t) => {
  const env = { NEXTAUTH_SECRET: secret(), DATABASE_URL: 'mysql://app:hunter2@db/app', REDIS_URL: 'redis://:hunter2@c' }
  const said = await refused(t, { config: base(), env })
  assert.match(said, /environment DATABASE_URL: store\.url: "mysql" is not a database/)
  assert(!said.includes('hunter2'))
  await startServer(t, { bare: true, config: { ...base(), store: { url: 'sqlite:gatecast.db' }, broker: { url: 'memory:' } }, env })
})
