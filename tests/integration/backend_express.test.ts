// @gatecast/server/express in a real Express: who calls, and webhooks of the real program.
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createGatecast, type GatecastEvent } from '@gatecast/server'
import { session, webhook } from '@gatecast/server/express'
import express from 'express'
import { api, assertRefused, bearer, call, post } from '../harness/api.ts'
import { onEnd, type Scope } from '../harness/scope.ts'
import { startServer } from '../harness/server.ts'
import { nowSeconds, resigned } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

async function listening(t: Scope, app: express.Express): Promise<string> {
  const http = app.listen(0, '127.0.0.1')
  await until('the port', () => http.listening)
  onEnd(t, () => {
    http.closeAllConnections()
    return new Promise<void>((resolve) => void http.close(() => resolve()))
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

test('a session in Express: by its token, by the word of the server, or none', async (t) => {
  const server = await startServer(t)
  const gatecast = createGatecast({ url: server.origin, issuer: 'tests.example', audience: 'tests' })
  const app = express()
  const who: express.RequestHandler = (request, response) => void response.json({ user: request.gatecast?.userId ?? null })
  app.get('/token', session(gatecast), who)
  app.get('/check', session(gatecast, { check: true }), who)
  app.get('/anyone', session(gatecast, { optional: true }), who)
  const origin = await listening(t, app)
  const ask = (path: string, headers: Record<string, string> = {}) => call(origin + path, 'GET', undefined, headers)

  const { token, user } = await signIn(server)
  for (const path of ['/token', '/check', '/anyone']) {
    const reply = await ask(path, bearer(token))
    assert.deepEqual([reply.status, reply.body], [200, { user: user.id }], path)
  }
  const bare = await ask('/token')
  assert.deepEqual([bare.status, bare.body.code, bare.body.need_new_token], [401, 'token_missing', true])
  assert.equal(bare.headers.get('www-authenticate'), 'Bearer')
  assert.deepEqual((await ask('/anyone')).body, { user: null })

  const old = bearer(resigned(server, token, { exp: nowSeconds() - 1 }))
  for (const path of ['/token', '/check', '/anyone']) {
    const reply = await ask(path, old)
    assert.deepEqual([reply.status, reply.body.code], [401, 'token_expired'], path)
    assert.match(reply.headers.get('www-authenticate') ?? '', /invalid_token/)
  }
  await post(server, '/api/v2/auth/logout', {}, token)
  assert.equal((await ask('/token', bearer(token))).status, 200)
  const ended = await ask('/check', bearer(token))
  // The text of the refusal is the server's own.
  const own = await call(`${server.origin}/api/v2/auth/check`, 'GET', undefined, bearer(token))
  assertRefused(own, 'signed_out')
  assert.deepEqual([ended.status, ended.body.code, ended.body.error], [own.status, own.body.code, own.body.error])
  assert.equal((await ask('/token', { Authorization: `Basic ${token}` })).body.code, 'token_missing')

  // A key that is not good is this back end's fault: no visitor is told to sign in again.
  const faulty = createGatecast({ url: server.origin, issuer: 'tests.example', audience: 'tests', apiKey: 'unknown' })
  app.get('/faulty', session(faulty, { check: true }), who)
  const faults: unknown[] = []
  app.use(((error, _request, response, _next) => {
    faults.push(error.code)
    response.status(500).end()
  }) as express.ErrorRequestHandler)
  assert.equal((await ask('/faulty', bearer((await signIn(server)).token))).status, 500)
  assert.deepEqual(faults, ['api_key_unknown'])
})

test('webhooks of the real server arrive; forged, old and changed ones do not', async (t) => {
  const secret = 'a webhook secret of more than thirty-two bytes'
  const taken: GatecastEvent[] = []
  let fails = 1
  const app = express()
  app.post(
    '/hook',
    webhook({
      secret,
      onEvent: (event) => {
        if (fails-- > 0) throw new Error('the database is away')
        taken.push(event)
      },
    }),
  )
  app.use(((_error, _request, response, _next) => void response.status(500).end()) as express.ErrorRequestHandler)
  const origin = await listening(t, app)
  const server = await startServer(t, { config: { webhook: [{ name: 'app', url: `${origin}/hook`, secret }] } })
  for (const id of ['w-1', 'w-2']) await api(server, 'user_upsert', { user: { id } })
  await until('both events, the first of them after a failure', () => taken.length >= 2)
  assert.deepEqual(taken.map(({ type, user }) => [type, user]), [['user.created', 'w-1'], ['user.created', 'w-2']])

  const { createHmac } = await import('node:crypto')
  const body = JSON.stringify({ webhook: 'app', events: [{ seq: 1, type: 'user.created', user: 'evil', at: '', data: {} }] })
  const sign = (at: number, text = body, key = secret) => `t=${at},v1=${createHmac('sha256', key).update(`${at}.${text}`).digest('hex')}`
  const send = async (signature: string, text = body) =>
    (await fetch(`${origin}/hook`, { method: 'POST', body: text, headers: { 'Gatecast-Signature': signature } })).status
  const now = nowSeconds()
  assert.equal(await send(sign(now, body, 'another secret')), 401)
  assert.equal(await send(sign(now - 301)), 401)
  assert.equal(await send(sign(now + 301)), 401)
  assert.equal(await send(sign(now), body.replace('evil', 'EVIL')), 401)
  assert.equal(await send(`t=${now},v1=`), 401)
  assert.equal(await send(sign(now), 'x'.repeat(600_000)), 413)
  assert.equal(taken.length, 2)
  assert.equal(await send(sign(now)), 204)
  assert.equal(taken.at(-1)?.user, 'evil')
})
