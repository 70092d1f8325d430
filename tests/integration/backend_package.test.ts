// @gatecast/server against the real program: tokens judged as the server judges them, sessions, the server API.
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { createGatecast, GatecastError, type Options } from '@gatecast/server'
import { type Code } from '../../sdk/gatecast/src/codes.ts'
import { methods } from '../../sdk/server/src/methods.ts'
import { get, post } from '../harness/api.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { remember } from '../harness/secrets.ts'
import { startServer, type Server } from '../harness/server.ts'
import { nowSeconds, resigned } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

const gatecastOf = (server: Server, more: Partial<Options> = {}) =>
  createGatecast({ url: server.origin, apiUrl: server.ops, apiKey: server.apiKey, issuer: 'tests.example', audience: 'tests', ...more })

const refused = (code: Code) => (error: unknown) => {
  assert(error instanceof GatecastError, String(error))
  assert.equal(error.code, code, `${error.code}: ${error.message}`)
  return true
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('verifyToken', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => void (server = await startServer(suite)))
  after(() => suite.close())

  test('a good token says whose it is', async () => {
    const { token, user, session, expiresAt } = await signIn(server)
    const seen = await gatecastOf(server).verifyToken(token)
    assert.deepEqual([seen.userId, seen.sessionId], [user.id, session.id])
    assert.equal(seen.expiresAt.getTime(), Date.parse(expiresAt))
    assert.equal(seen.claims.iss, 'tests.example')
  })

  test('every bad token is refused with the code that the server itself has for it', async () => {
    const { token } = await signIn(server)
    const [head, body, signature] = token.split('.') as [string, string, string]
    const jwks = await get(server, '/.well-known/jwks.json')
    const publicKey = Buffer.from(jwks.body.keys[0].x, 'base64url')
    const confused = `${encode({ alg: 'HS256', kid: 't1', typ: 'at+jwt' })}.${body}`
    const bad: Record<string, string> = {
      expired: resigned(server, token, { exp: nowSeconds() - 1 }),
      'ends now': resigned(server, token, { exp: nowSeconds() }),
      'not yet': resigned(server, token, { nbf: nowSeconds() + 60 }),
      issuer: resigned(server, token, { iss: 'tests.example.' }),
      audience: resigned(server, token, { aud: 'Tests' }),
      'several audiences': resigned(server, token, { aud: ['a', 'b'] }),
      'no subject': resigned(server, token, { sub: undefined }),
      'no session': resigned(server, token, { sid: undefined }),
      'no generation': resigned(server, token, { gen: undefined }),
      'no end': resigned(server, token, { exp: undefined }),
      'a text for an end': resigned(server, token, { exp: String(nowSeconds() + 60) }),
      type: resigned(server, token, {}, { typ: 'JWT' }),
      'no type': resigned(server, token, {}, { typ: undefined }),
      'key id': resigned(server, token, {}, { kid: 'other' }),
      none: `${encode({ alg: 'none', typ: 'at+jwt', kid: 't1' })}.${body}.`,
      'public key as a secret': `${confused}.${createHmac('sha256', publicKey).update(confused).digest('base64url')}`,
      'another signature': `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      'other claims': `${head}.${encode({ sub: 'someone' })}.${signature}`,
      'two parts': `${head}.${body}`,
      'five parts': `${head}.a.b.c.d`,
      encrypted: `${encode({ alg: 'dir', enc: 'A256GCM' })}..aaaa.bbbb.cccc`,
      text: 'hello',
      quoted: `"${token}"`,
      huge: `${head}.${'a'.repeat(9000)}.${signature}`,
    }
    const { verifyToken } = gatecastOf(server)
    for (const [name, one] of Object.entries(bad)) {
      const told = await post(server, '/api/v2/auth/validate', { token: one })
      assert.equal(told.body.valid, false, name)
      await assert.rejects(verifyToken(one), (error: GatecastError) => {
        assert.equal(error.code, told.body.code, `${name}: ${error.code}, the server says ${told.body.code}`)
        assert(!JSON.stringify({ ...error, text: String(error) }).includes(one), name)
        return true
      })
    }
    await assert.rejects(verifyToken(''), refused('token_missing'))
    await assert.rejects(verifyToken(undefined as unknown as string), refused('token_missing'))
  })

  test('the keys are fetched once; when they cannot be had, the token is not called bad', async () => {
    const { token } = await signIn(server)
    let fetched = 0
    const counting: typeof fetch = (input, init) => {
      fetched++
      return fetch(input, init)
    }
    const { verifyToken } = gatecastOf(server, { fetch: counting })
    await Promise.all(Array.from({ length: 50 }, () => verifyToken(token)))
    for (let i = 0; i < 20; i++) await assert.rejects(verifyToken(resigned(server, token, {}, { kid: `k${i}` })))
    assert(fetched <= 2, `${fetched} fetches`)
    const away = gatecastOf(server, { jwksUrl: 'http://127.0.0.1:1/jwks.json' })
    await assert.rejects(away.verifyToken(token), refused('temporarily_unavailable'))
  })

  test('a secret shared with the server verifies, and nothing else does', async (t) => {
    const secret = randomBytes(36).toString('base64')
    remember('token secret', secret)
    const shared = await startServer(t, {
      config: { token: { algorithm: 'HS256', key: [{ kid: 'h1', algorithm: 'HS256', secret }] } },
    })
    const { token, user } = await signIn(shared)
    assert.equal((await gatecastOf(shared, { secret }).verifyToken(token)).userId, user.id)
    await assert.rejects(gatecastOf(shared, { secret: secret + 'x' }).verifyToken(token), refused('token_signature'))
    await assert.rejects(gatecastOf(shared).verifyToken(token), refused('token_algorithm'))
    const other = await signIn(server)
    await assert.rejects(gatecastOf(shared, { secret }).verifyToken(other.token), refused('token_algorithm'))
    assert.throws(() => gatecastOf(shared, { secret: 'short' }), /at least 32 bytes/)
    assert.throws(() => gatecastOf(shared, { secret: '' }), /empty/)
    assert.throws(() => gatecastOf(shared, { issuer: '' }), /issuer/)
  })
})

describe('checkSession', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => void (server = await startServer(suite)))
  after(() => suite.close())

  for (const [how, more] of [['with an API key', {}], ['without one', { apiKey: undefined }]] as const) {
    test(`${how}: an ended session is refused at once with its reason, though its token verifies`, async () => {
      const gatecast = gatecastOf(server, more)
      const { token, user, session } = await signIn(server)
      const stands = await gatecast.checkSession(token)
      assert.deepEqual([stands.userId, stands.sessionId], [user.id, session.id])
      assert.equal(stands.expiresAt.getTime(), (await gatecast.verifyToken(token)).expiresAt.getTime())
      await post(server, '/api/v2/auth/logout', {}, token)
      await gatecast.verifyToken(token)
      await assert.rejects(gatecast.checkSession(token), refused('signed_out'))
      const blocked = await signIn(server)
      await gatecastOf(server).api.userBlock({ user: blocked.user.id })
      await assert.rejects(gatecast.checkSession(blocked.token), refused('user_blocked'))
      await assert.rejects(gatecast.checkSession(resigned(server, token, { exp: nowSeconds() - 1 })), refused('token_expired'))
      await assert.rejects(gatecast.checkSession('x\r\nX-API-Key: y'), refused('token_malformed'))
      await assert.rejects(gatecast.checkSession(''), refused('token_missing'))
    })
  }

  test('a key without the scope is said so, not taken for a bad token', async (t) => {
    const key = randomBytes(32).toString('base64url')
    const narrow = await startServer(t, { config: { api: { key: [{ name: 'narrow', secret: key, scopes: ['publish'] }] } } })
    const { token } = await signIn(narrow)
    await assert.rejects(gatecastOf(narrow, { apiKey: key }).checkSession(token), refused('api_scope'))
    await assert.rejects(gatecastOf(narrow, { apiKey: 'no' }).checkSession(token), refused('api_key_unknown'))
  })

  test('a yes is believed for checkCache and no longer; a no never', async () => {
    const gatecast = gatecastOf(server, { checkCache: 1_000 })
    const { token } = await signIn(server)
    await gatecast.checkSession(token)
    const asked = Date.now()
    await post(server, '/api/v2/auth/logout', {}, token)
    await gatecast.checkSession(token)
    await until('the ending to count', () => gatecast.checkSession(token).then(() => false, refused('signed_out')), 5_000)
    assert(Date.now() - asked < 3_000)
  })
})

describe('the server API', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => {
    server = await startServer(suite, {
      config: { namespace: [{ name: 'log', history_size: 10, history_ttl: '1m', presence: true, allow_subscribe_for_client: true }] },
    })
  })
  after(() => suite.close())

  test('methods by name, with their results', async () => {
    const { api } = gatecastOf(server)
    const wallet = new Wallet()
    const made = await api.userUpsert({ user: { id: 'ann', nickname: 'Ann', identities: [{ kind: 'solana', subject: wallet.address }] } })
    assert.deepEqual([made.created, made.user?.nickname], [true, 'Ann'])
    const { token } = await signIn(server, wallet)
    assert.equal((await api.tokenDoctor({ token })).good, true)
    assert.deepEqual((await api.publish({ channel: 'log:1', data: { n: 1 } })).offset, 1)
    const { responses } = await api.broadcast({ channels: ['log:1', 'nowhere:1'], data: { n: 2 } })
    assert.equal(responses.length, 2)
    const { publications } = await api.history({ channel: 'log:1', limit: 10 })
    assert.deepEqual(publications.map(({ data }) => data), [{ n: 1 }, { n: 2 }])
    assert.deepEqual(await api.presenceStats({ channel: 'log:1' }), { num_clients: 0, num_users: 0 })
    assert.equal((await api.sessions({ user: 'ann' })).sessions.length, 1)
    assert.equal((await api.info()).nodes.length, 1)
    const minted = await api.tokenMint({ user: 'bob', create: true, claims: { plan: 'gold' } })
    assert.equal((await gatecastOf(server).verifyToken(minted.token)).claims['plan'], 'gold')
    assert.deepEqual(await api.sessionEnd({ user: 'bob' }), { ended: 1 })
    const import_ = await api.userImport([{ id: 'c-1' }, { id: 'c 2' }])
    assert.deepEqual([import_.created, import_.refused], [1, 1])
    const { rows } = await api.audit({ user: 'ann' })
    assert(rows.some(({ kind }) => kind === 'signin'))
  })

  test('a grant and a notification', async () => {
    const { api } = gatecastOf(server)
    await api.userUpsert({ user: { id: 'buyer' } })
    const order = { user: 'buyer', resource: 'post:42', key: 'order-1', until: new Date(Date.now() + 60_000), meta: { price: 5 } }
    const added = await api.grantAdd(order)
    assert.deepEqual([added.changed, added.grant.resource, added.grant.key, added.grant.meta], [true, 'post:42', 'order-1', { price: 5 }])
    assert.equal(Date.parse(added.grant.until!), order.until.getTime())
    const again = await api.grantAdd(order)
    assert.deepEqual([again.changed, again.version, again.grant.id], [false, added.version, added.grant.id])
    assert.deepEqual((await api.grants({ user: 'buyer' })).grants.map(({ id }) => id), [added.grant.id])
    assert.equal((await api.grantRemove({ user: 'buyer', resource: 'post:42', key: 'order-1' })).removed, 1)
    assert.equal((await api.grantRemove({ user: 'buyer', id: added.grant.id })).removed, 0)
    const told = await api.notify({ users: ['buyer', 'nobody'], kind: 'sold', data: { post: 42 } })
    assert.deepEqual([told.notified, told.unknown], [1, ['nobody']])
    const inbox = await api.notifications({ user: 'buyer', unread: true })
    assert.deepEqual(inbox.notifications.map(({ kind, data, readAt }) => [kind, data, readAt]), [['sold', { post: 42 }, null]])
    assert.deepEqual(await api.notificationRemove({ user: 'buyer', all: true }), { removed: 1, unread: 0, version: inbox.version + 1 })
  })

  test('the package has every method of the server but those of operators, and knows which have an effect', () => {
    const table = readFileSync(path.resolve(import.meta.dirname, '../../src/server/api/methods.cpp'), 'utf8')
    const rows = [...table.matchAll(/ApiEntry\{"(\w+)", ([\w"]+), \w+(, true)?\}/g)]
    const ofOperators = ['whoami', 'config', 'log_tail', 'checks', 'backup', 'reload']
    const served = rows.filter(([, name]) => !ofOperators.includes(name!)).map(([, name, , effect]) => [name, { effect: effect !== undefined }])
    assert(served.length > 30)
    assert.deepEqual(Object.fromEntries(served), methods)
  })

  test('refusals are codes of the registry', async () => {
    const { api } = gatecastOf(server)
    await assert.rejects(api.userGet({ user: 'nobody' }), refused('user_unknown'))
    await assert.rejects(api.publish({ channel: 'nowhere:1', data: 1 }), refused('unknown_channel'))
    await assert.rejects(api.publish({ channel: 'log:1', data: { gatecast: 1 } }), refused('reserved_data'))
    await assert.rejects(gatecastOf(server, { apiKey: 'wrong' }).api.info(), refused('api_key_unknown'))
    await assert.rejects(gatecastOf(server, { apiKey: undefined }).api.info(), refused('api_key_missing'))
    await assert.rejects(api.info({}, { signal: AbortSignal.abort(new Error('mine')) }), /mine/)
  })

  test('a batch: each command with its own outcome', async () => {
    const { api } = gatecastOf(server)
    const [one, two, three] = await api.batch([
      { method: 'publish', params: { channel: 'log:2', data: 1 } },
      { method: 'user_get', params: { user: 'nobody' } },
      { method: 'history', params: { channel: 'log:2', limit: 1 } },
    ])
    assert.equal(one.result?.offset, 1)
    assert.equal(two.error?.code, 'user_unknown')
    assert.equal(three.result?.publications.length, 1)
  })

  test('an answer that is lost is asked for again, and the effect is one', async () => {
    const lost = new Set<string>()
    const losing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      const path = new URL(String(input)).pathname
      if (lost.has(path)) return response
      lost.add(path)
      await response.text()
      throw new TypeError('the connection broke')
    }
    const { api } = gatecastOf(server, { fetch: losing })
    assert.equal((await api.publish({ channel: 'log:3', data: 'once' })).offset, 1)
    assert.equal((await api.history({ channel: 'log:3', limit: -1 })).publications.length, 1)
    const replies = await api.batch([{ method: 'publish', params: { channel: 'log:3', data: 'twice?' } }])
    assert.equal(replies[0].result?.offset, 2)
    assert.equal((await api.history({ channel: 'log:3', limit: -1 })).publications.length, 2)
    assert.deepEqual([...lost], ['/api/publish', '/api/history', '/api/batch'])
  })

  test('the same key of ours is the same call', async () => {
    const { api } = gatecastOf(server)
    const params = { channel: 'log:4', data: 'order' }
    const first = await api.publish(params, { idempotencyKey: 'order-9' })
    assert.deepEqual(await api.publish(params, { idempotencyKey: 'order-9' }), first)
    await assert.rejects(api.publish({ ...params, data: 'other' }, { idempotencyKey: 'order-9' }), refused('idempotency_conflict'))
    assert.equal((await api.publish(params)).offset, 2)
  })

  test('who does not answer is given up in time, and what it was sent says nothing of the key', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1')
    onEnd(t, () => void silent.close())
    await until('the port', () => silent.listening)
    const address = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const { api } = gatecastOf(server, { apiUrl: address, timeout: 100, retries: 1 })
    const began = Date.now()
    await assert.rejects(api.info(), (error: GatecastError) => {
      assert.equal(error.code, 'temporarily_unavailable')
      assert.match(error.message, /in time/)
      assert(!error.message.includes(server.apiKey))
      return true
    })
    const took = Date.now() - began
    assert(took >= 200 && took < 5_000, `${took} ms`)
  })

  test('a redirect is not followed with the key', async (t) => {
    const seen: string[] = []
    const { createServer: http } = await import('node:http')
    const elsewhere = http((request, response) => {
      seen.push(request.url ?? '')
      response.writeHead(307, { Location: '/stolen' }).end()
    }).listen(0, '127.0.0.1')
    onEnd(t, () => void elsewhere.close())
    await until('the port', () => elsewhere.listening)
    const address = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
    await assert.rejects(gatecastOf(server, { apiUrl: address }).api.info(), refused('internal'))
    assert.deepEqual(seen, ['/api/info'])
  })

  test('the feed tells every event in order, also of what happens while it is followed', async () => {
    const { api } = gatecastOf(server)
    const stop = new AbortController()
    const names: string[] = []
    let last = 0
    const following = (async () => {
      for await (const event of api.follow({ signal: stop.signal })) {
        assert(event.seq > last)
        last = event.seq
        if (event.type === 'user.created' && event.user?.startsWith('feed-')) names.push(event.user)
        if (names.length === 3) stop.abort()
      }
    })()
    for (const id of ['feed-1', 'feed-2', 'feed-3']) await api.userUpsert({ user: { id } })
    await following
    assert.deepEqual(names, ['feed-1', 'feed-2', 'feed-3'])
  })
})
