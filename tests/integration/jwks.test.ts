// What others need to verify our tokens: the public keys, read by a library that is not ours.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { get } from '../harness/api.ts'
import { gatecast } from '../harness/cli.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { signIn } from '../harness/wallet.ts'

const expected = { issuer: 'tests.example', audience: 'tests', typ: 'at+jwt' }
const keysOf = (server: Server) => createRemoteJWKSet(new URL(`${server.origin}/.well-known/jwks.json`))

test('an EdDSA token verifies by the published keys', async (t) => {
  const server = await startServer(t)
  const { token, user } = await signIn(server)
  const { payload, protectedHeader } = await jwtVerify(token, keysOf(server), expected)
  assert.equal(protectedHeader.alg, 'EdDSA')
  assert.equal(payload.sub, user.id)
  await assert.rejects(jwtVerify(token, keysOf(server), { ...expected, audience: 'others' }))
})

test('an ES256 token verifies by the published keys', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = await startServer(t, {
    config: (dir) => {
      const file = path.join(dir, 'p256.pem')
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
      return { token: { algorithm: 'ES256', key: [{ kid: 'e1', algorithm: 'ES256', file }] } }
    },
  })
  const { token } = await signIn(server)
  const { protectedHeader } = await jwtVerify(token, keysOf(server), expected)
  assert.deepEqual([protectedHeader.alg, protectedHeader.kid], ['ES256', 'e1'])
})

test('a key that no longer signs still verifies; private parts and secrets are never published', async (t) => {
  const first = await startServer(t)
  const before = await signIn(first)
  await first.stop()
  const old = (first.config.token as { key: { [name: string]: string }[] }).key[0]!
  const file = path.join(first.dir, 'second.pem')
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const symmetric = { kid: 'h1', algorithm: 'HS256', secret: 'c2VjcmV0LW9mLXRoZS10ZXN0cy10aGF0LWlzLWxvbmctZW5vdWdo' }
  const second = await startServer(t, {
    again: first,
    config: { token: { key: [{ kid: 't2', algorithm: 'EdDSA', file }, old, symmetric] } },
  })
  const after = await signIn(second)
  assert.deepEqual([decodeProtectedHeader(before.token).kid, decodeProtectedHeader(after.token).kid], ['t1', 't2'])
  for (const token of [before.token, after.token]) await jwtVerify(token, keysOf(second), expected)
  assert.equal((await get(second, '/api/v2/auth/check', before.token)).status, 200)

  const { body, headers } = await get(second, '/.well-known/jwks.json')
  assert.deepEqual(body.keys.map((key: { kid: string }) => key.kid).sort(), ['t1', 't2'])
  for (const key of body.keys) {
    assert.deepEqual(Object.keys(key).filter((name) => ['d', 'k', 'p', 'q'].includes(name)), [])
  }
  assert.match(headers.get('content-type') ?? '', /^application\/(jwk-set\+)?json/)
})

test('an RS256 token verifies by the published keys', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const server = await startServer(t, {
    config: (dir) => {
      const file = path.join(dir, 'rsa.pem')
      writeFileSync(file, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
      return { token: { key: [{ kid: 'r1', algorithm: 'RS256', file }] } }
    },
  })
  const { token } = await signIn(server)
  const { protectedHeader } = await jwtVerify(token, keysOf(server), expected)
  assert.deepEqual([protectedHeader.alg, protectedHeader.kid], ['RS256', 'r1'])
})

test('keys of the folder are rotated without a token refused: new, start, activate, start, retire', async (t) => {
  const data = mkdtempSync(path.join(tmpdir(), 'gatecast-keys-'))
  onEnd(t, () => rmSync(data, { recursive: true, force: true }))
  const keys = (...args: string[]) => {
    const { code, out, err } = gatecast(['keys', ...args, '--set', `data.dir=${data}`])
    assert.equal(code, 0, err)
    return out
  }
  const made = (...args: string[]) => keys('new', ...args).split('\n')[0]!
  const first = made()
  keys('activate', first)
  const second = made('--algorithm', 'ES256')

  const config = { data: { dir: data }, token: { key: [] } }
  const one = await startServer(t, { config })
  const before = await signIn(one)
  assert.equal(decodeProtectedHeader(before.token).kid, first)
  const published = async (server: Server) =>
    (await get(server, '/.well-known/jwks.json')).body.keys.map((key: { kid: string }) => key.kid).sort()
  assert.deepEqual(await published(one), [first, second].sort(), 'the waiting key is published before it signs')
  const cached = keysOf(one)
  await jwtVerify(before.token, cached, expected)
  await one.stop()

  keys('activate', second)
  const two = await startServer(t, { again: one, config })
  const after = await signIn(two)
  assert.equal(decodeProtectedHeader(after.token).kid, second)
  // A verifier that fetched the set before the rotation takes tokens of both, without fetching again.
  for (const token of [before.token, after.token]) await jwtVerify(token, cached, expected)
  assert.equal((await get(two, '/api/v2/auth/check', before.token)).status, 200)
  const listed = gatecast(['keys', 'list', '--config', path.join(two.dir, 'gatecast.toml')]).out
  assert.match(listed, new RegExp(`^leaving +${first} `, 'm'))
  assert.match(listed, new RegExp(`^active +${second} `, 'm'))
  await two.stop()

  keys('retire', first, '--now')
  const three = await startServer(t, { again: one, config })
  assert.deepEqual(await published(three), [second])
  assert.equal((await get(three, '/api/v2/auth/check', before.token)).body.code, 'token_key_unknown')
  assert.equal((await get(three, '/api/v2/auth/check', after.token)).status, 200)
})
