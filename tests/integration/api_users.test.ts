// The application's users through the server API: made, changed, blocked, deleted, and given sessions.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { Centrifuge } from 'centrifuge'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import WebSocket from 'ws'
import { api, assertRefused, call, get, post } from '../harness/api.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet } from '../harness/wallet.ts'

async function done(server: Server, method: string, params: object, headers: Record<string, string> = {}): Promise<any> {
  const reply = await call(`${server.ops}/api/${method}`, 'POST', params, { 'X-API-Key': server.apiKey, ...headers })
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  assert.equal(reply.body.error, undefined, `${method}: ${JSON.stringify(reply.body)}`)
  return reply.body.result
}

async function refused(server: Server, method: string, params: object): Promise<string> {
  const reply = await api(server, method, params)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  assert(reply.body.error, `${method}: ${JSON.stringify(reply.body)}`)
  return reply.body.error.name
}

async function connected(t: Scope, server: Server, token: string) {
  const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, minReconnectDelay: 10, token })
  const ends: { code: number; reason: string }[] = []
  centrifuge.on('disconnected', ({ code, reason }) => ends.push({ code, reason }))
  onEnd(t, () => centrifuge.disconnect())
  centrifuge.connect()
  await within('the client to connect', centrifuge.ready())
  return { centrifuge, ended: () => until('the client to be disconnected', () => ends[0]) }
}

describe('users', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => void (server = await startServer(suite)))
  after(() => suite.close())

  test('user_upsert makes and changes; the same again changes nothing', async () => {
    const wallet = new Wallet()
    const user = {
      id: 'app-1',
      nickname: 'Ann',
      avatar: 'https://app.example/a.png',
      isCreator: true,
      claims: { plan: 'gold', tags: ['a', 'b'] },
      identities: [{ kind: 'solana', subject: wallet.address }],
    }
    const made = await done(server, 'user_upsert', { user })
    assert.deepEqual([made.created, made.changed], [true, true])
    assert.equal(made.user.nickname, 'Ann')
    assert.deepEqual(made.user.claims, user.claims)
    const again = await done(server, 'user_upsert', { user })
    assert.deepEqual([again.created, again.changed], [false, false])
    const changed = await done(server, 'user_upsert', { user: { id: 'app-1', isVerified: true } })
    assert.deepEqual([changed.created, changed.changed, changed.user.nickname], [false, true, 'Ann'])
    const shown = await done(server, 'user_get', { user: 'app-1' })
    assert.equal(shown.user.isVerified, true)
    // The wallet signs in to the application's own user.
    const tokens = await signIn(server, wallet)
    assert.equal(tokens.user.id, 'app-1')
    const other = await refused(server, 'user_upsert', { user: { id: 'app-2', identities: user.identities } })
    assert.equal(other, 'identity_taken')
    assert.equal(await refused(server, 'user_get', { user: 'app-2' }), 'user_unknown')
  })

  test('a batch says of each what became of it; a dry run changes nothing', async () => {
    const users = [
      { id: 'b-1', nickname: 'one' },
      { id: 'b 2' },
      { id: 'b-3', claims: { sub: 'someone' } },
      { nickname: 'nobody' },
      { id: 'b-5', nick: 'slip' },
      { id: 'b-6', identities: [{ kind: 'ethereum', subject: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAee' }] },
    ]
    const dry = await done(server, 'user_upsert', { users, dryRun: true })
    assert.deepEqual([dry.created, dry.refused], [1, 5])
    assert.equal(await refused(server, 'user_get', { user: 'b-1' }), 'user_unknown')
    const real = await done(server, 'user_upsert', { users })
    assert.deepEqual(
      real.results.map(({ error }: { error?: { name: string } }) => error?.name ?? 'ok'),
      ['ok', 'user_invalid', 'field_invalid', 'field_missing', 'field_invalid', 'address_checksum'],
    )
    const again = await done(server, 'user_upsert', { users })
    assert.deepEqual([again.created, again.changed, again.unchanged, again.refused], [0, 0, 1, 5])
    const tooMany = Array.from({ length: 1001 }, (_, i) => ({ id: `m-${i}` }))
    assert.equal(await refused(server, 'user_upsert', { users: tooMany }), 'field_invalid')
    assert.equal(await refused(server, 'user_upsert', {}), 'field_invalid')
  })

  test('a thousand users with all they may bring along fit into one call', async () => {
    const claims = { text: 'x'.repeat(4000) }
    const users = Array.from({ length: 1000 }, (_, i) => ({ id: `big-${i}`, nickname: 'n'.repeat(100), claims }))
    const made = await done(server, 'user_upsert', { users })
    assert.deepEqual([made.created, made.refused], [1000, 0])
    const { token } = await done(server, 'token_mint', { user: 'big-7' })
    assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  })

  test('a blocked user: sockets close with 4503; sign-in, renewal, token and mint are refused', async (t) => {
    const wallet = new Wallet()
    const tokens = await signIn(server, wallet)
    const user = tokens.user.id
    const { message } = await challenge(server, wallet)
    const client = await connected(t, server, tokens.token)
    const blocked = await done(server, 'user_block', { user })
    assert.deepEqual(blocked, { changed: true, ended: 1 })
    assert.equal((await client.ended()).code, 4503)
    assertRefused(await get(server, '/api/v2/auth/check', tokens.token), 'user_blocked')
    assertRefused(await post(server, '/api/v2/auth/refresh', { refreshToken: tokens.refreshToken }), 'user_blocked')
    assertRefused(await trySignIn(server, wallet, message), 'user_blocked')
    assert.equal(await refused(server, 'token_mint', { user }), 'user_blocked')
    assert.deepEqual(await done(server, 'user_block', { user }), { changed: false, ended: 0 })
    assert.deepEqual(await done(server, 'user_unblock', { user }), { changed: true, ended: 0 })
    // What ended stays ended; a new sign-in is a new session.
    assertRefused(await get(server, '/api/v2/auth/check', tokens.token), 'user_blocked')
    assert.equal((await signIn(server, wallet)).user.id, user)
    assert.equal(await refused(server, 'user_block', { user: 'nobody' }), 'user_unknown')
  })

  test('a deleted user: sessions end with 4502, nothing is left, the wallet is a new user', async (t) => {
    const wallet = new Wallet()
    const tokens = await signIn(server, wallet)
    const client = await connected(t, server, tokens.token)
    assert.deepEqual(await done(server, 'user_delete', { user: tokens.user.id }), { ended: 1 })
    assert.equal((await client.ended()).code, 4502)
    assertRefused(await get(server, '/api/v2/auth/check', tokens.token), 'ended_by_operator')
    for (const method of ['user_get', 'user_export', 'sessions', 'user_delete']) {
      assert.equal(await refused(server, method, { user: tokens.user.id }), 'user_unknown', method)
    }
    const { rows } = await done(server, 'audit', { user: tokens.user.id })
    assert(rows.length > 0)
    for (const row of rows.filter(({ kind }: { kind: string }) => kind === 'signin')) assert.equal(row.ip, undefined)
    assert.notEqual((await signIn(server, wallet)).user.id, tokens.user.id)
  })

  test('token_mint: the official client connects, jose verifies, the refresh token renews', async (t) => {
    assert.equal(await refused(server, 'token_mint', { user: 'own-1' }), 'user_unknown')
    assert.equal(await refused(server, 'token_mint', { user: 'own/1', create: true }), 'user_invalid')
    const minted = await done(server, 'token_mint', {
      user: 'own-1',
      create: true,
      claims: { plan: 'gold' },
      ip: '198.51.100.7',
      userAgent: 'phone',
    })
    const keys = createRemoteJWKSet(new URL(`${server.origin}/.well-known/jwks.json`))
    const { payload } = await jwtVerify(minted.token, keys, { issuer: 'tests.example', audience: 'tests' })
    assert.deepEqual([payload.sub, payload.userId, payload.plan], ['own-1', 'own-1', 'gold'])
    const client = await connected(t, server, minted.token)
    const { sessions } = await done(server, 'sessions', { user: 'own-1' })
    assert.deepEqual(
      sessions.map((s: any) => [s.id, s.how, s.ip, s.userAgent, s.connected]),
      [[minted.session.id, 'api', '198.51.100.7', 'phone', 1]],
    )
    const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: minted.refreshToken })
    assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
    assert.deepEqual(await done(server, 'session_end', { session: minted.session.id }), { ended: 1 })
    assert.equal((await client.ended()).code, 4502)
    assert.deepEqual(await done(server, 'session_end', { session: minted.session.id }), { ended: 0 })
    assert.equal(await refused(server, 'session_end', { session: 'A'.repeat(38) }), 'session_unknown')
    assert.equal(await refused(server, 'session_end', {}), 'field_invalid')
  })

  test('session_end of a user ends them all', async (t) => {
    const wallet = new Wallet()
    const [one, two] = [await signIn(server, wallet), await signIn(server, wallet)]
    const clients = [await connected(t, server, one.token), await connected(t, server, two.token)]
    assert.deepEqual(await done(server, 'session_end', { user: one.user.id }), { ended: 2 })
    for (const client of clients) assert.equal((await client.ended()).code, 4502)
  })

  test('user_export holds user, sessions and audit; user_list goes through all in pages', async () => {
    const tokens = await signIn(server)
    const all = await done(server, 'user_export', { user: tokens.user.id })
    assert.equal(all.user.id, tokens.user.id)
    assert.deepEqual(all.sessions.map((s: any) => s.id), [tokens.session.id])
    assert(all.audit.some((row: any) => row.kind === 'signin' && row.session === tokens.session.id))
    const ids: string[] = []
    for (let next: string | undefined = ''; next !== undefined; ) {
      const page: any = await done(server, 'user_list', { after: next, limit: 300 })
      ids.push(...page.users.map(({ id }: { id: string }) => id))
      next = page.next
    }
    assert.equal(new Set(ids).size, ids.length)
    assert(ids.includes(tokens.user.id) && ids.includes('big-999'))
  })

  test('the audit log says who did what', async () => {
    await done(server, 'user_upsert', { user: { id: 'seen-1' } })
    await done(server, 'user_block', { user: 'seen-1' })
    const { rows } = await done(server, 'audit', { user: 'seen-1' })
    const said = rows.map(({ kind, detail }: any) => `${kind}: ${detail ?? ''}`)
    assert(said.includes('user_blocked: key:tests'), said.join('\n'))
    assert(said.includes('api_call: key:tests user_upsert'), said.join('\n'))
    const kinds = await done(server, 'audit', { kinds: ['user_blocked'], limit: 5 })
    assert.deepEqual([...new Set(kinds.rows.map(({ kind }: any) => kind))], ['user_blocked'])
    const [newest] = rows
    const before = await done(server, 'audit', { before: newest.seq, limit: 1 })
    assert(before.rows[0].seq < newest.seq)
    assert.equal(await refused(server, 'audit', { limit: 1001 }), 'field_invalid')
    assert.equal(await refused(server, 'audit', { after: 1, before: 2 }), 'field_invalid')
  })
})

describe('idempotency keys', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => void (server = await startServer(suite)))
  after(() => suite.close())

  test('the same call again has the first answer and no second effect', async () => {
    const key = { 'Idempotency-Key': 'order-17' }
    const params = { user: 'idem-1', create: true }
    const first = await done(server, 'token_mint', params, key)
    assert.deepEqual(await done(server, 'token_mint', params, key), first)
    assert.equal((await done(server, 'sessions', { user: 'idem-1' })).sessions.length, 1)
    const header = { 'X-API-Key': server.apiKey, ...key }
    const other = await call(`${server.ops}/api/token_mint`, 'POST', { user: 'idem-2', create: true }, header)
    assertRefused(other, 'idempotency_conflict')
    assert.equal(await refused(server, 'user_get', { user: 'idem-2' }), 'user_unknown')
    // Another method has keys of its own.
    await done(server, 'user_upsert', { user: { id: 'idem-2' } }, key)
  })

  test('the member counts as the header does; both must agree', async () => {
    const params = { user: { id: 'idem-3', nickname: 'x' }, idempotency_key: 'k3' }
    const first = await done(server, 'user_upsert', params)
    assert.equal(first.created, true)
    assert.deepEqual(await done(server, 'user_upsert', params), first)
    const both = await call(`${server.ops}/api/user_upsert`, 'POST', params, {
      'X-API-Key': server.apiKey,
      'Idempotency-Key': 'another',
    })
    assert.equal(both.body.error.name, 'field_invalid')
    const long = await refused(server, 'user_upsert', { ...params, idempotency_key: 'k'.repeat(129) })
    assert.equal(long, 'field_invalid')
  })

  test('of many at once one has an effect', async () => {
    const params = { user: 'idem-4', create: true, idempotency_key: 'k4' }
    const replies = await Promise.all(Array.from({ length: 20 }, () => api(server, 'token_mint', params)))
    for (const reply of replies) {
      if (reply.status !== 200) assertRefused(reply, 'idempotency_busy')
      else assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
    }
    assert.equal((await done(server, 'sessions', { user: 'idem-4' })).sessions.length, 1)
    const again = await done(server, 'token_mint', params)
    for (const reply of replies) if (reply.status === 200) assert.deepEqual(reply.body.result, again)
  })

  test('a refusal is kept as well', async () => {
    const params = { user: 'idem-5', idempotency_key: 'k5' }
    assert.equal(await refused(server, 'token_mint', params), 'user_unknown')
    await done(server, 'user_upsert', { user: { id: 'idem-5' } })
    assert.equal(await refused(server, 'token_mint', params), 'user_unknown')
    await done(server, 'token_mint', { user: 'idem-5' })
  })
})

test('scopes: each method needs its own, and no key may copy the data', async (t) => {
  const scopes = ['publish', 'users', 'sessions', 'mint', 'events', 'audit', 'connections']
  const keys = Object.fromEntries(scopes.map((scope) => [scope, randomBytes(32).toString('base64url')]))
  const key = scopes.map((scope) => ({ name: scope, secret: keys[scope]!, scopes: [scope] }))
  const all = randomBytes(32).toString('base64url')
  const server = await startServer(t, { config: { api: { key: [...key, { name: 'all', secret: all, scopes: ['all'] }] } } })
  const needs: Record<string, string> = {
    publish: 'publish',
    user_upsert: 'users',
    user_get: 'users',
    user_list: 'users',
    user_block: 'users',
    user_unblock: 'users',
    user_delete: 'users',
    user_export: 'users',
    sessions: 'sessions',
    session_end: 'sessions',
    token_mint: 'mint',
    events: 'events',
    audit: 'audit',
    info: 'connections',
  }
  for (const [method, scope] of Object.entries(needs)) {
    for (const other of scopes) {
      const reply = await api(server, method, {}, keys[other])
      if (other === scope) assert.equal(reply.status, 200, `${method} by ${other}: ${JSON.stringify(reply.body)}`)
      else assertRefused(reply, 'api_scope')
    }
  }
  assertRefused(await api(server, 'backup', { file: '/tmp/x' }, all), 'api_scope')
  assertRefused(await call(`${server.ops}/api/events`, 'GET', undefined, { 'X-API-Key': keys.users! }), 'api_scope')
})
