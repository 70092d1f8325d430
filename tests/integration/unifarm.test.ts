// The UniFarm application's shape, from the shipped profile: Telegram, 7 days, renewal by the access token.
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { jwtVerify } from 'jose'
import { assertRefused, bearer, call, get, post } from '../harness/api.ts'
import type { Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { claimsOf } from '../harness/token.ts'

const profile = path.resolve(import.meta.dirname, '../../deploy/profiles/unifarm.toml')
const bot = '7000000001:AAExampleExampleExampleExampleExample'
const week = 7 * 86_400

async function startUnifarm(t: Scope, more: object = {}): Promise<{ server: Server; secret: string }> {
  const secret = randomBytes(36).toString('base64')
  const server = await startServer(t, {
    bare: true,
    config: {
      include: [profile],
      session: { jitter: 0, key: [{ secret: randomBytes(32).toString('hex') }] },
      limits: { rate_strict: 0 },
      ...more,
    },
    env: { JWT_SECRET: secret, TELEGRAM_BOT_TOKEN: bot },
  })
  return { server, secret }
}

/** initData as Telegram signs it for a bot (core.telegram.org/bots/webapps). */
function initData(id: number): string {
  const user = JSON.stringify({ id, first_name: 'Ann', username: 'ann', language_code: 'en' })
  const fields = { auth_date: String(Math.floor(Date.now() / 1000)), query_id: randomBytes(8).toString('hex'), user }
  const text = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`).join('\n')
  const key = createHmac('sha256', 'WebAppData').update(bot).digest()
  const hash = createHmac('sha256', key).update(text).digest('hex')
  return new URLSearchParams({ ...fields, hash }).toString()
}

let ids = 100
async function signIn(server: Server) {
  const reply = await post(server, '/api/v2/auth/telegram', { initData: initData(ids++) })
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}

test('a Mini App signs in for 7 days, with the claims its back end reads', async (t) => {
  const { server, secret } = await startUnifarm(t)
  const body = await signIn(server)
  assert.equal(body.expiresIn, week)
  const { payload } = await jwtVerify(body.token, new TextEncoder().encode(secret))
  const { userId, telegram_id, username, first_name, ref_code } = payload
  assert.deepEqual(
    { userId, telegram_id, username, first_name, ref_code },
    { userId: body.user.id, telegram_id: ids - 1, username: 'ann', first_name: 'Ann', ref_code: body.user.ref_code },
  )
})

test('every refusal of its endpoints is 401 with need_new_token', async (t) => {
  const { server } = await startUnifarm(t)
  const { token } = await signIn(server)
  await post(server, '/api/v2/auth/logout', {}, token)
  const rows: [string, string, object | undefined][] = [
    ['GET', '/check', undefined],
    ['GET', '/session', undefined],
    ['POST', '/logout', {}],
    ['POST', '/refresh', { token }],
  ]
  for (const [method, route, body] of rows) {
    for (const given of [token, 'a.b.c', '']) {
      if (route === '/refresh' && given !== token) continue
      const reply = await call(`${server.origin}/api/v2/auth${route}`, method, body, given ? bearer(given) : {})
      const told = `${method} ${route} ${JSON.stringify(reply.body)}`
      assert.deepEqual([reply.status, reply.body.success, reply.body.need_new_token], [401, false, true], told)
      assert.equal(typeof reply.body.error, 'string', told)
    }
  }
  const validated = await post(server, '/api/v2/auth/validate', { token })
  assert.deepEqual([validated.body.valid, validated.body.code], [false, 'signed_out'])
})

test('an access token renews itself, in the body or as bearer, within its session', async (t) => {
  const { server } = await startUnifarm(t)
  const { token, user, session } = await signIn(server)
  const replies = [
    await post(server, '/api/v2/auth/refresh', { token }),
    await post(server, '/api/v2/auth/refresh', {}, token),
    await post(server, '/api/v2/auth/refresh', undefined, token),
  ]
  for (const { status, body } of replies) {
    assert.equal(status, 200, JSON.stringify(body))
    assert.notEqual(body.token, token)
    assert.equal(body.expiresIn, week)
    assert.deepEqual([body.session.id, body.user.id, body.refreshToken], [session.id, user.id, undefined])
    assert.equal(claimsOf(body.token).gen, 1)
    assert.equal((await get(server, '/api/v2/auth/check', body.token)).status, 200)
  }
  const rows = server.rows.all("SELECT * FROM audit WHERE kind = 'renewal_reissued'")
  assert.equal(rows.length, 3)
  const metrics = await (await fetch(`${server.ops}/metrics`)).text()
  assert.match(metrics, /gatecast_renewals_total\{outcome="reissued",variant="none"\} 3/)
})

test('an access token of an ended or blocked session renews nothing', async (t) => {
  const { server } = await startUnifarm(t)
  const { token } = await signIn(server)
  const next = (await post(server, '/api/v2/auth/refresh', { token })).body.token
  await post(server, '/api/v2/auth/logout', {}, token)
  for (const one of [token, next]) assertRefused(await post(server, '/api/v2/auth/refresh', { token: one }), 'signed_out')
  assertRefused(await post(server, '/api/v2/auth/refresh', { token: 'a.b.c' }), 'token_malformed')
  assertRefused(await post(server, '/api/v2/auth/refresh', {}), 'refresh_missing')
  assertRefused(await post(server, '/api/v2/auth/refresh', { token: 7 }), 'field_invalid')
})

test('a lost answer to a renewal by refresh token is still repeated after one by access token', async (t) => {
  const { server } = await startUnifarm(t, { session: { jitter: 0, grace: '0s', key: [{ secret: randomBytes(32).toString('hex') }] } })
  const { token, refreshToken } = await signIn(server)
  const lost = await post(server, '/api/v2/auth/refresh', { refreshToken })
  const access = await post(server, '/api/v2/auth/refresh', { token })
  assert.equal((await get(server, '/api/v2/auth/check', access.body.token)).status, 200)
  const again = await post(server, '/api/v2/auth/refresh', { refreshToken })
  assert.equal(again.body.refreshToken, lost.body.refreshToken)
})

test('without compat.access_refresh an access token renews nothing', async (t) => {
  const { server } = await startUnifarm(t, { compat: { access_refresh: false } })
  const { token } = await signIn(server)
  assertRefused(await post(server, '/api/v2/auth/refresh', { token }), 'refresh_missing')
  assertRefused(await post(server, '/api/v2/auth/refresh', {}, token), 'refresh_missing')
})
