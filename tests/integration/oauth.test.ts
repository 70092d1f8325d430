// Introspection and revocation as OAuth's clients speak them.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { call, get, post } from '../harness/api.ts'
import { startServer, type Server } from '../harness/server.ts'
import { claimsOf, resigned } from '../harness/token.ts'
import { signIn } from '../harness/wallet.ts'

const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

function introspect(server: Server, token: string, headers: Record<string, string> = { 'X-API-Key': server.apiKey }) {
  return call(`${server.origin}/oauth/introspect`, 'POST', new URLSearchParams({ token }).toString(), { ...form, ...headers })
}
function revoke(server: Server, token: string) {
  return call(`${server.origin}/oauth/revoke`, 'POST', new URLSearchParams({ token }).toString(), form)
}

test('an active token is described, by API key or Basic', async (t) => {
  const server = await startServer(t)
  const { token, user, session } = await signIn(server)
  const { exp, iat, jti } = claimsOf(token)
  for (const headers of [{ 'X-API-Key': server.apiKey }, basic('tests', server.apiKey)]) {
    const { status, body } = await introspect(server, token, headers)
    assert.equal(status, 200)
    assert.deepEqual(body, {
      active: true,
      token_type: 'Bearer',
      sub: user.id,
      sid: session.id,
      gen: 1,
      iss: 'tests.example',
      aud: ['tests'],
      exp,
      iat,
      jti,
      claims: body.claims,
    })
    assert.equal(body.claims.userId, user.id)
  }
})

test('of a token that is not active nothing is said', async (t) => {
  const server = await startServer(t)
  const { token, refreshToken } = await signIn(server)
  const ended = await signIn(server)
  await post(server, '/api/v2/auth/logout', {}, ended.token)
  const tokens = [
    ended.token,
    refreshToken,
    'nonsense',
    `${token}x`,
    resigned(server, token, { exp: 1 }),
    resigned(server, token, { sub: 'someone' }),
    resigned(server, token, { aud: 'else' }),
  ]
  for (const one of tokens) {
    const { status, body } = await introspect(server, one)
    assert.deepEqual([status, body], [200, { active: false }])
  }
})

test('only a back end with the scope may ask', async (t) => {
  const narrow = randomBytes(32).toString('base64url')
  const server = await startServer(t, {
    config: { api: { key: [{ name: 'narrow', secret: narrow, scopes: ['publish'] }] } },
  })
  const { token } = await signIn(server)
  const rows: [Record<string, string>, number, string, string][] = [
    [{}, 401, 'invalid_client', 'api_key_missing'],
    [{ 'X-API-Key': 'wrong' }, 401, 'invalid_client', 'api_key_unknown'],
    [basic('narrow', 'wrong'), 401, 'invalid_client', 'api_key_unknown'],
    [basic('other', narrow), 401, 'invalid_client', 'api_key_unknown'],
    [{ Authorization: 'Basic ???' }, 401, 'invalid_client', 'api_key_unknown'],
    [{ Authorization: `Bearer ${token}` }, 401, 'invalid_client', 'api_key_missing'],
    [{ 'X-API-Key': narrow }, 403, 'unauthorized_client', 'api_scope'],
  ]
  for (const [headers, status, error, code] of rows) {
    const reply = await introspect(server, token, headers)
    assert.deepEqual([reply.status, reply.body.error, reply.body.code], [status, error, code])
    assert.equal(reply.body.active, undefined)
    assert.equal(reply.headers.get('www-authenticate'), status === 401 ? 'Basic realm="gatecast"' : null)
  }
})

test('a form that is not one is refused', async (t) => {
  const server = await startServer(t)
  const rows: [string, Record<string, string>, number, string][] = [
    ['{"token":"x"}', { 'Content-Type': 'application/json' }, 415, 'content_type'],
    ['token=x', { 'Content-Type': 'application/x-www-form-urlencodedness' }, 415, 'content_type'],
    ['', form, 400, 'field_missing'],
    ['token=', form, 400, 'field_missing'],
    ['tok=x', form, 400, 'field_missing'],
    ['token=a&token=b', form, 400, 'field_invalid'],
    ['token=%zz', form, 400, 'field_invalid'],
    ['token=%00', form, 400, 'field_invalid'],
    [`token=${'x'.repeat(30_000)}`, form, 413, 'body_too_large'],
  ]
  for (const [body, headers, status, code] of rows) {
    for (const path of ['introspect', 'revoke']) {
      const reply = await call(`${server.origin}/oauth/${path}`, 'POST', body, { 'X-API-Key': server.apiKey, ...headers })
      assert.deepEqual([reply.status, reply.body.code], [status, code], `${path} ${body.slice(0, 40)}`)
    }
  }
})

test('to have an access token or a refresh token is to be able to end its session', async (t) => {
  const server = await startServer(t)
  for (const kind of ['token', 'refreshToken'] as const) {
    const tokens = await signIn(server)
    const reply = await revoke(server, tokens[kind])
    assert.deepEqual([reply.status, reply.body], [200, {}])
    assert.equal((await get(server, '/api/v2/auth/check', tokens.token)).body.code, 'signed_out')
    assert.deepEqual((await introspect(server, tokens.token)).body, { active: false })
    assert.equal((await revoke(server, tokens[kind])).status, 200)
  }
})

test('a token that is not known is no error, and ends nothing', async (t) => {
  const server = await startServer(t)
  const { token, refreshToken } = await signIn(server)
  const [head, key, sid, gen, secret] = refreshToken.split('.')
  const forged = [head, key, sid, gen, secret, 'A'.repeat(43)].join('.')
  for (const one of ['nonsense', forged, `${token}x`, resigned(server, token, { exp: 1 })]) {
    const reply = await revoke(server, one)
    assert.deepEqual([reply.status, reply.body], [200, {}])
  }
  assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
})
