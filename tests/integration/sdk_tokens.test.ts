// The package `gatecast` in Node against the real server: tokens that run out, renewals, answers that are lost, log-outs.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { api, assertRefused, get } from '../harness/api.ts'
import { onEnd, type Scope } from '../harness/scope.ts'
import { App, kRefresh, signerOf, slowStorage } from '../harness/sdk.ts'
import { startServer, type Server } from '../harness/server.ts'
import { claimsOf } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { Wallet } from '../harness/wallet.ts'

/** Tokens of seconds, and renewals that count as new ones after one. */
const short = { token: { access_ttl: '10s' }, session: { grace: '1s' } }
const generation = (token: string) => claimsOf(token).gen as number
const check = (server: Server) => `${server.origin}/api/v2/auth/check`

interface BackEnd {
  url: string
  /** Of its refusals. */
  body: string
  tokens: string[]
  bodies: string[]
  /** Runs before a call is answered. */
  meanwhile?: () => Promise<unknown>
}

/** A back end that refuses the first calls it gets. */
async function backEnd(t: Scope, refusals: number): Promise<BackEnd> {
  const back: BackEnd = { url: '', body: '{}', tokens: [], bodies: [] }
  const listener = createServer(async (request, reply) => {
    back.bodies.push((await request.toArray()).join(''))
    back.tokens.push(request.headers.authorization ?? '')
    await back.meanwhile?.()
    reply.statusCode = back.tokens.length <= refusals ? 401 : 200
    reply.end(back.body)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onEnd(t, () => new Promise<void>((resolve) => (listener.closeAllConnections(), listener.close(() => resolve()))))
  back.url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`
  return back
}

test('a token is renewed before it ends, by itself, and the session goes on', async (t) => {
  const server = await startServer(t, { config: short })
  const app = new App(t, server.origin)
  const session = await app.signIn()
  const first = await app.gatecast.auth.getToken()
  const began = Date.now()
  await until('a renewal that nobody asked for', () => app.renewed.length, 15_000)
  assert(Date.now() - began < 9500, 'before the token ended')
  const next = await app.gatecast.auth.getToken()
  assert.notEqual(next, first)
  assert.equal(generation(next), 2)
  assert.equal(app.gatecast.auth.session?.id, session.id)
  assert.equal((await app.gatecast.fetch(check(server))).status, 200)
  assert.equal(app.count(kRefresh), 1)
})

test('50 that need a token at once share one renewal', async (t) => {
  const server = await startServer(t)
  const storage = slowStorage()
  const one = new App(t, server.origin, { storage })
  await one.signIn()
  one.gatecast.close()
  // As a visit tomorrow finds it.
  const [[key, text]] = [...storage.items] as [[string, string]]
  storage.items.set(key, JSON.stringify({ ...JSON.parse(text), receivedAt: Date.now() - 86_400_000 }))
  const app = new App(t, server.origin, { storage })
  const tokens = await Promise.all(Array.from({ length: 50 }, () => app.gatecast.auth.getToken()))
  assert.equal(new Set(tokens).size, 1)
  assert.equal(app.count(kRefresh), 1)
  assert.equal((await get(server, '/api/v2/auth/check', tokens[0])).status, 200)
  assert.equal(JSON.parse(storage.items.get(key)!).token, tokens[0], 'saved before it is used')
})

test('a clock that was set back a year, or on by one, costs a renewal and nothing else', async (t) => {
  const server = await startServer(t)
  for (const years of [-1, 1]) {
    const storage = slowStorage()
    const one = new App(t, server.origin, { storage })
    await one.signIn()
    one.gatecast.close()
    const [[key, text]] = [...storage.items] as [[string, string]]
    storage.items.set(key, JSON.stringify({ ...JSON.parse(text), receivedAt: Date.now() + years * 3.15e10 }))
    const app = new App(t, server.origin, { storage })
    await app.gatecast.auth.getToken()
    assert.deepEqual([app.count(kRefresh), app.signedOut.length], [1, 0])
  }
})

test('401: the token is renewed and the call repeated, twice at most', async (t) => {
  const server = await startServer(t, { config: { token: { access_ttl: '10s' }, session: { grace: '0s' } } })
  for (const [refusals, status, calls] of [[1, 200, 2], [9, 401, 2]] as const) {
    const back = await backEnd(t, refusals)
    const app = new App(t, server.origin, { origins: [back.url] })
    await app.signIn()
    // A refusal of a token that has just come is not cured by another one.
    assert.equal((await app.gatecast.fetch(back.url)).status, 401)
    assert.equal(back.tokens.length, 1)
    back.tokens.length = 0
    const signedInAt = Date.now()
    await until('the token to be of some age', () => Date.now() - signedInAt > 5100)
    assert.equal((await app.gatecast.fetch(back.url)).status, status)
    assert.equal(back.tokens.length, calls)
    assert.equal(new Set(back.tokens).size, 2)
    assert.equal(app.count(kRefresh), 1)
    assert.equal(app.signedOut.length, 0, 'another server\'s 401 signs nobody out')
  }
})

test('a body is sent again with the call; no more than two repetitions, whatever is renewed between', async (t) => {
  const server = await startServer(t)
  const back = await backEnd(t, 99)
  const app = new App(t, server.origin, { origins: [back.url] })
  await app.signIn()
  // Each time the token was renewed meanwhile, so that there is another one to try.
  back.meanwhile = () => app.gatecast.auth.refresh()
  for (const call of [
    () => app.gatecast.fetch(new Request(back.url, { method: 'POST', body: 'text' })),
    () => app.gatecast.fetch(back.url, { method: 'POST', body: 'text' }),
  ]) {
    back.tokens.length = 0
    back.bodies.length = 0
    assert.equal((await call()).status, 401)
    assert.deepEqual(back.bodies, ['text', 'text', 'text'])
    assert.equal(new Set(back.tokens).size, 3)
  }
})

test('a back end that refuses every token, with whatever code, makes no storm of renewals and signs nobody out', async (t) => {
  const server = await startServer(t)
  for (const code of ['token_expired', 'signed_out', 'token_signature', 'user_blocked']) {
    const back = await backEnd(t, 99)
    back.body = JSON.stringify({ success: false, code })
    const app = new App(t, server.origin, { origins: [back.url] })
    await app.signIn()
    for (let call = 0; call < 10; call += 1) assert.equal((await app.gatecast.fetch(back.url)).status, 401)
    assert.equal(app.count(kRefresh), 1, code)
    assert.deepEqual(app.signedOut, [])
  }
})

test('the token goes to the server and to the origins named, and nowhere else', async (t) => {
  const server = await startServer(t)
  const back = await backEnd(t, 0)
  const app = new App(t, server.origin)
  await app.signIn()
  await assert.rejects(app.gatecast.fetch(back.url), { code: 'origin_unlisted' })
  assert.deepEqual(back.tokens, [])
  assert.equal((await app.gatecast.fetch('/api/v2/auth/check')).status, 200)
  await assert.rejects(new App(t, server.origin).gatecast.fetch('/api/v2/auth/check'), { code: 'not_signed_in' })
})

test('no answer signs nobody out: the same is tried again and goes on', async (t) => {
  const server = await startServer(t, { config: short })
  const app = new App(t, server.origin)
  const session = await app.signIn()
  let lost = 0
  app.network = (answer, { path }) => {
    if (path !== kRefresh || lost >= 2) return answer
    lost++
    throw new TypeError('the answer was lost')
  }
  await assert.rejects(app.gatecast.auth.refresh(), { code: 'network', temporary: true })
  await until('a renewal after the failures', () => app.renewed.length, 15_000)
  assert.equal(lost, 2)
  assert.deepEqual([app.signedOut.length, app.gatecast.auth.session?.id], [0, session.id])
  assert.deepEqual(app.errors.map(({ code }) => code), ['network', 'network'])
  assert.equal(generation(await app.gatecast.auth.getToken()), 2, 'the generation whose answer was lost')
})

test('an answer that is lost with the page: the old token still works after the grace', async (t) => {
  const server = await startServer(t, { config: { session: { grace: '0s' } } })
  const storage = slowStorage()
  const one = new App(t, server.origin, { storage })
  const session = await one.signIn()
  const [key] = [...storage.items.keys()]
  const old = storage.items.get(key!)!
  await one.gatecast.auth.refresh()
  one.gatecast.close()
  storage.items.set(key!, old)
  const app = new App(t, server.origin, { storage })
  assert.equal(generation(await app.gatecast.auth.refresh()), 2)
  assert.equal(app.gatecast.auth.session?.id, session.id)
  assert.equal(app.signedOut.length, 0)
})

test('429 and 503 are waited for as long as the server says, whoever asks', async (t) => {
  const server = await startServer(t, { config: { limits: { rate_liberal: 3 } } })
  const app = new App(t, server.origin)
  await app.signIn()
  const failure = await until('the limit', async () => app.gatecast.auth.refresh().then(() => null, (error) => error))
  assert.equal(failure.code, 'rate_limited')
  assert(failure.retryAfterMs >= 1000, String(failure.retryAfterMs))
  const asked = app.count(kRefresh)
  await Promise.all(Array.from({ length: 20 }, () => assert.rejects(app.gatecast.auth.refresh(), { code: 'rate_limited' })))
  assert.equal(app.count(kRefresh), asked, 'nobody asks before')
  assert.equal(app.signedOut.length, 0)
  assert.equal(await app.gatecast.auth.getToken().then((token) => token.length > 0), true, 'the token that stands is still given')
})

test('tabs with one storage that nobody told: what one has renewed the others take, and ask nobody', async (t) => {
  const server = await startServer(t, { config: short })
  const storage = slowStorage()
  const [one, two] = [new App(t, server.origin, { storage }), new App(t, server.origin, { storage })]
  await two.gatecast.ready
  await one.signIn()
  const three = new App(t, server.origin, { storage })
  await three.gatecast.ready
  assert.equal(three.gatecast.auth.session?.id, one.gatecast.auth.session?.id)
  const token = await one.gatecast.auth.refresh()
  assert.deepEqual([await three.gatecast.auth.refresh(), three.count(kRefresh)], [token, 0])
  const began = Date.now()
  await until('a round of renewals', () => Date.now() - began > 9000, 15_000)
  assert.equal(await one.gatecast.auth.getToken(), await three.gatecast.auth.getToken())
  assert.deepEqual([one, two, three].flatMap((app) => app.signedOut), [])
})

test('log-out is over here at once and on the server; the refresh token is worth nothing after it', async (t) => {
  const server = await startServer(t)
  const storage = slowStorage()
  const app = new App(t, server.origin, { storage })
  const session = await app.signIn()
  const token = await app.gatecast.auth.getToken()
  const other = new App(t, server.origin, { storage })
  await other.gatecast.ready
  await app.gatecast.auth.logout()
  assert.deepEqual(app.signedOut.map(({ reason, session: { id } }) => [reason, id]), [['signed_out', session.id]])
  assert.equal(app.gatecast.auth.isAuthenticated(), false)
  await assert.rejects(app.gatecast.auth.getToken(), { code: 'not_signed_in', needNewToken: true })
  assertRefused(await get(server, '/api/v2/auth/check', token), 'signed_out')
  assert.doesNotMatch([...storage.items.values()].join(), /gcr1\./)
  // The other tab was not told, as one that slept: it finds it in the storage.
  await assert.rejects(other.gatecast.auth.refresh(), { code: 'not_signed_in' })
  assert.deepEqual(other.signedOut.map(({ reason }) => reason), ['signed_out'])
  assert.equal(other.count(kRefresh), 0)
})

test('log-out without a network is over here at once, and told to the server when it is back', async (t) => {
  const server = await startServer(t)
  const proxy = await FaultProxy.open(t, server.port)
  const app = new App(t, proxy.websocket.replace('ws:', 'http:').replace('/connection/websocket', ''))
  await app.gatecast.auth.adopt(await minted(server, 'ann'))
  const token = await app.gatecast.auth.getToken()
  proxy.refuse()
  proxy.cut()
  await app.gatecast.auth.logout()
  assert.equal(app.gatecast.auth.isAuthenticated(), false)
  assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  proxy.heal()
  await until('the server to be told', async () => (await get(server, '/api/v2/auth/check', token)).status === 401)
})

test('a log-out while a renewal is on its way stands, whichever is stored first', async (t) => {
  const server = await startServer(t)
  for (const turns of [0, 1, 2, 3, 5, 8, 100]) {
    const storage = slowStorage()
    const app = new App(t, server.origin, { storage })
    await app.signIn()
    let out: Promise<void> | undefined
    app.network = async (answer, { path }) => {
      if (path !== kRefresh) return answer
      out = app.gatecast.auth.logout()
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      return answer
    }
    await assert.rejects(app.gatecast.auth.refresh())
    await out
    assert.equal(app.gatecast.auth.session, null)
    assert.deepEqual([app.signedOut.length, app.signedIn.length], [1, 1])
    assert.doesNotMatch([...storage.items.values()].join(), /gcr1\./)
  }
})

test('an operator ends the session: the reason is his, by a refused call as by a renewal', async (t) => {
  const server = await startServer(t)
  for (const how of ['call', 'fetch', 'refresh'] as const) {
    const app = new App(t, server.origin)
    const { id } = await app.signIn()
    assert.equal((await api(server, 'session_end', { session: id })).body.error, undefined)
    if (how === 'call') await assert.rejects(app.gatecast.auth.sessions(), { code: 'ended_by_operator', status: 401 })
    else if (how === 'fetch') assert.equal((await app.gatecast.fetch(check(server))).status, 401)
    else await assert.rejects(app.gatecast.auth.refresh(), { code: 'ended_by_operator' })
    assert.deepEqual(app.signedOut.map(({ reason }) => reason), ['ended_by_operator'], how)
  }
})

test('a copied refresh token: the session ends with the reason', async (t) => {
  const server = await startServer(t, { config: { session: { grace: '0s' } } })
  const storage = slowStorage()
  const app = new App(t, server.origin, { storage })
  await app.signIn()
  const old = [...storage.items]
  for (const _ of [1, 2]) await app.gatecast.auth.refresh()
  const thief = new App(t, server.origin, { storage: { ...slowStorage(), getItem: (key) => new Map(old).get(key) ?? null } })
  await assert.rejects(thief.gatecast.auth.refresh(), { code: 'refresh_reuse' })
  await assert.rejects(app.gatecast.auth.refresh(), { code: 'refresh_reuse' })
  assert.deepEqual([...thief.signedOut, ...app.signedOut].map(({ reason }) => reason), ['refresh_reuse', 'refresh_reuse'])
})

async function minted(server: Server, user: string) {
  const reply = await api(server, 'token_mint', { user, create: true })
  assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
  return reply.body.result
}

test('tokens that a back end minted are taken as they are', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const session = await app.gatecast.auth.adopt(await minted(server, 'ann'))
  assert.equal(session.user.id, 'ann')
  assert.equal((await app.gatecast.fetch(check(server))).status, 200)
  assert.equal((await app.gatecast.auth.sessions()).filter(({ current }) => current).length, 1)
  await app.gatecast.auth.refresh()
  await assert.rejects(async () => app.gatecast.auth.adopt({ token: '' }), { code: 'token_missing' })
})

test('without a refresh token a back end is asked; where it has none, the end is the token\'s', async (t) => {
  const server = await startServer(t, { config: { token: { access_ttl: '10s' } } })
  const only = async (user: string) => {
    const { token } = await minted(server, user)
    return { token }
  }
  let asked = 0
  const app = new App(t, server.origin, { tokens: async () => (++asked <= 2 ? only('bob') : null) })
  await app.gatecast.ready
  assert.deepEqual([app.gatecast.auth.session?.user.id, asked], ['bob', 1])
  await app.gatecast.auth.refresh()
  assert.equal(asked, 2)
  await assert.rejects(app.gatecast.auth.refresh(), { code: 'signed_out' })
  const lonely = new App(t, server.origin)
  await lonely.gatecast.auth.adopt(await only('carl'))
  await assert.rejects(lonely.gatecast.auth.refresh(), { code: 'refresh_missing' })
  assert(lonely.gatecast.auth.isAuthenticated())
  await until('its end', () => lonely.signedOut.length, 15_000)
  assert.equal(lonely.signedOut[0]?.reason, 'token_expired')
})

test('signing in as somebody else says so', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const [ann, bob] = [await app.signIn(), await app.gatecast.auth.signInWithSolana(signerOf(new Wallet()))]
  assert.deepEqual(app.signedIn.map(({ id }) => id), [ann.id, bob.id])
  assert.deepEqual(app.signedOut.map(({ session: { id } }) => id), [ann.id])
  assert.equal(app.gatecast.auth.session?.user.id, bob.user.id)
})
