// Starting: for the first time with --dev, without secrets, with a configuration that is wrong, where another one runs.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { api, call, get } from '../harness/api.ts'
import { launch, startServer, type StartOptions } from '../harness/server.ts'
import { signIn, Wallet } from '../harness/wallet.ts'
import type { TestContext } from 'node:test'

/** Starts a server that must not start; returns what it said. */
async function refused(t: TestContext, options: StartOptions): Promise<string> {
  const server = await launch(t, options)
  assert.deepEqual(await server.ended(), { code: 1, signal: null }, server.output)
  return server.output
}

test('serve --dev on nothing: sign-in, pages, an API key; all of it stands after a restart', async (t) => {
  const options = { bare: true, args: ['--dev'] }
  const first = await startServer(t, options)
  await first.says(new RegExp(`http://localhost:${first.port}/demo`))
  assert.equal((await get(first, '/demo')).status, 200)
  const wallet = new Wallet()
  const { token, user } = await signIn(first, wallet)
  await first.stop()

  const second = await startServer(t, { ...options, again: first })
  assert.equal((await get(second, '/api/v2/auth/check', token)).status, 200)
  assert.equal((await signIn(second, wallet)).user.id, user.id)
  const file = path.join(second.dir, 'data', 'dev-api.key')
  assert.equal(statSync(file).mode & 0o077, 0, 'others can read the key')
  const published = await api(second, 'publish', { channel: 'chat:lobby', data: {} }, readFileSync(file, 'utf8').trim())
  assert.equal(published.body.result.offset, 1, 'what was missed can be tried')
})

test('without --dev and without secrets: every missing one is named', async (t) => {
  const said = await refused(t, { bare: true })
  for (const key of ['token.key', 'session.key']) assert.match(said, new RegExp(key.replace('.', '\\.')))
})

test('secrets that are weak, quoted or a placeholder: named with their place, never shown', async (t) => {
  for (const secret of ['your-secret-key', 'short', '"c2VjcmV0LW9mLXRoZS10ZXN0cy10aGF0LWlzLWxvbmctZW5vdWdo"', 'a'.repeat(64)]) {
    const said = await refused(t, { config: { token: { algorithm: 'HS256', key: [{ kid: 'h1', algorithm: 'HS256', secret }] } } })
    assert.match(said, /gatecast\.toml:\d+:\d+: token\.key\[0\]\.secret/)
    assert(!said.includes(secret), 'the secret is shown')
  }
})

test('an unknown key: named with its place and the nearest name', async (t) => {
  assert.match(await refused(t, { config: { htpp: { address: 'x' } } }), /gatecast\.toml:\d+:\d+: htpp/)
  assert.match(await refused(t, { config: { http: { adress: 'x' } } }), /http\.adress: unknown key[\s\S]*http\.address/)
  assert.match(await refused(t, { env: { GATECAST_HTTP__ADRESS: 'x' } }), /GATECAST_HTTP__ADRESS/)
})

test('a port that is taken: said, and the end', async (t) => {
  const first = await startServer(t)
  assert.match(await refused(t, { config: { http: { address: `127.0.0.1:${first.port}` } } }), /address_in_use/)
  assert.match(await refused(t, { config: { ops: { address: `127.0.0.1:${first.opsPort}` } } }), /address_in_use/)
  assert.equal((await call(`${first.ops}/readyz`, 'GET')).status, 200)
})

test('a second server on the same data folder: said, and the end', async (t) => {
  const first = await startServer(t)
  const dir = (first.config.data as { dir: string }).dir
  assert.match(await refused(t, { config: { data: { dir } } }), /data_locked/)
  assert.equal((await call(`${first.ops}/readyz`, 'GET')).status, 200)
})
