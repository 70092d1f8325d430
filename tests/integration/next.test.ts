// @gatecast/next in the built example, against the real program: guard, sessions by bearer and by cookie, the edge; and the
// bridge from a real NextAuth session.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createNextGatecast, fromNextAuth } from '@gatecast/next'
import { guard } from '@gatecast/next/middleware'
import { createGatecast } from '@gatecast/server'
import { createClient } from 'gatecast'
import { bearer, call, get, post } from '../harness/api.ts'
import { startShop, type Shop } from '../harness/creator_platform.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { remember } from '../harness/secrets.ts'
import { freePort, startServer, type Server } from '../harness/server.ts'
import { nowSeconds, resigned } from '../harness/token.ts'
import { signIn } from '../harness/wallet.ts'

const root = path.resolve(import.meta.dirname, '../..')
const gatecastOf = (server: Server) =>
  createGatecast({ url: server.origin, apiUrl: server.ops, apiKey: server.apiKey, issuer: 'tests.example', audience: 'tests' })

describe('the built application', () => {
  const suite = new Suite()
  let server: Server
  let shop: Shop
  before(async () => {
    server = await startServer(suite)
    shop = await startShop(suite, server, await freePort())
  })
  after(() => suite.close())

  const cookieOf = (token: string) => ({ Cookie: `other=1; __Host-lantern=${token}` })
  /** As a browser asks for a page; redirects are looked at, not followed. */
  const page = (where: string, headers: Record<string, string> = {}) =>
    fetch(shop.origin + where, { headers: { Accept: 'text/html', ...headers }, redirect: 'manual' })

  test('the guard: no cookie, a bad one and an expired one are sent to sign in; a good one passes', async () => {
    const { token, user } = await signIn(server)
    const expired = resigned(server, token, { exp: nowSeconds() - 1 })
    for (const headers of [{}, cookieOf('junk'), cookieOf(expired), cookieOf(`${token}; __Host-lantern=${token}`)]) {
      const reply = await page('/library?a=1', headers)
      assert.equal(reply.status, 307)
      assert.equal(new URL(reply.headers.get('location') ?? '', shop.origin).search, '?next=%2Flibrary%3Fa%3D1')
      assert.match(reply.headers.get('cache-control') ?? '', /no-store/)
    }
    const inside = await page('/library', cookieOf(token))
    assert.equal(inside.status, 200)
    assert((await inside.text()).includes(user.id))
    const script = await fetch(`${shop.origin}/library`, { headers: { Accept: 'application/json' }, redirect: 'manual' })
    assert.deepEqual([script.status, ((await script.json()) as { code: string }).code], [401, 'token_missing'])
  })

  test('other writings of a guarded path never show what is behind it', async () => {
    for (const where of ['/%6cibrary', '//library', '/library/', '/LIBRARY', '/./library', '/library%2F', '/x/../library', '/library.rsc']) {
      const reply = await page(where)
      assert(reply.status >= 300 && reply.status < 500, `${where}: ${reply.status}`)
      assert(!(await reply.text()).includes('Your library'), where)
    }
    const tricks: Record<string, string>[] = [{ 'x-middleware-subrequest': 'proxy:proxy:proxy:proxy:proxy' }, { rsc: '1' }]
    for (const headers of tricks) assert.equal((await page('/library', headers)).status, 307)
  })

  test('a page that asks the server sees at once that a session has ended, though its cookie still verifies', async () => {
    const { token } = await signIn(server)
    await post(server, '/api/v2/auth/logout', {}, token)
    const reply = await page('/library', cookieOf(token))
    const text = await reply.text()
    assert(!text.includes('Your library'))
    assert(reply.status === 307 || text.includes('/?next=/library'), `${reply.status}`)
  })

  test('the cookie: set for a good token of an own page, and for nothing else', async () => {
    const { token, expiresAt } = await signIn(server)
    const hand = (headers: Record<string, string>, method = 'POST') => fetch(`${shop.origin}/api/session`, { method, headers })
    const given = await hand({ ...bearer(token), Origin: shop.origin })
    assert.equal(given.status, 200)
    const field = given.headers.get('set-cookie') ?? ''
    const life = Math.floor((Date.parse(expiresAt) - Date.now()) / 1000)
    assert.match(field, /^__Host-lantern=ey[\w.-]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/)
    assert(Math.abs(Number(/Max-Age=(\d+)/.exec(field)?.[1]) - life) <= 2, field)
    assert.equal(field.split(/[=;]/)[1], token)

    const elsewhere = ['https://evil.example', 'null', `${shop.origin}.evil.example`, 'http://127.0.0.1:1', undefined]
    for (const origin of elsewhere) {
      for (const method of ['POST', 'DELETE']) {
        const reply = await hand({ ...bearer(token), ...(origin ? { Origin: origin } : {}) }, method)
        assert.deepEqual([reply.status, reply.headers.get('set-cookie')], [403, null], `${method} from ${origin}`)
      }
    }
    await post(server, '/api/v2/auth/logout', {}, token)
    const ended = await hand({ ...bearer(token), Origin: shop.origin })
    assert.deepEqual([ended.status, ended.headers.get('set-cookie')], [401, null])
    const gone = await hand({ Origin: shop.origin }, 'DELETE')
    assert.match(gone.headers.get('set-cookie') ?? '', /^__Host-lantern=; Path=\/; Max-Age=0;/)
  })

  test('what has an effect: a cookie counts for own pages alone, a bearer from anywhere', async () => {
    const { token } = await signIn(server)
    const buy = async (headers: Record<string, string>) => {
      const reply = await call(`${shop.origin}/api/buy`, 'POST', { post: 'none' }, headers)
      return [reply.status, reply.body.code]
    }
    const got = [404, 'not_found']
    assert.deepEqual(await buy(bearer(token)), got)
    assert.deepEqual(await buy({ ...bearer(token), Origin: 'https://evil.example' }), got)
    assert.deepEqual(await buy({ ...cookieOf(token), Origin: shop.origin }), got)
    assert.deepEqual(await buy({ ...cookieOf(token), Origin: 'https://evil.example' }), [403, 'origin_denied'])
    assert.deepEqual(await buy(cookieOf(token)), [403, 'origin_denied'])
    assert.deepEqual(await buy({}), [401, 'token_missing'])
    // A header beside the cookie is what counts, also when it is bad.
    assert.deepEqual(await buy({ ...cookieOf(token), Authorization: 'Bearer junk', Origin: shop.origin }), [401, 'token_malformed'])
    await post(server, '/api/v2/auth/logout', {}, token)
    assert.deepEqual(await buy(bearer(token)), [401, 'signed_out'])
  })

  test('at the edge tokens verify by the published keys', async () => {
    const { token, user, session } = await signIn(server)
    const me = await call(`${shop.origin}/api/me`, 'GET', undefined, bearer(token))
    assert.deepEqual([me.status, me.body], [200, { user: user.id, session: session.id }])
    const bad = await call(`${shop.origin}/api/me`, 'GET', undefined, bearer(resigned(server, token, { aud: 'other' })))
    assert.deepEqual([bad.status, bad.body.code], [401, 'token_audience'])
  })
})

test('what a middleware imports has nothing of Node in it', () => {
  const seen = new Set<string>()
  const follow = (file: string) => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      assert(!isBuiltin(name!), `${file} imports ${name}`)
      if (name!.startsWith('.')) follow(path.resolve(path.dirname(file), name!))
      else if (name === '@gatecast/server') follow(path.join(root, 'sdk/server/dist/index.js'))
      else assert.equal(name, 'jose', `${file} imports ${name}`)
    }
  }
  follow(path.join(root, 'sdk/next/dist/middleware.js'))
  assert(seen.size > 8, [...seen].join(' '))
})

test('a guard refuses to be set up so that it guards nothing', () => {
  const verify = () => Promise.reject(new Error('not asked'))
  assert.throws(() => guard({ verify, paths: [] }), /paths/)
  assert.throws(() => guard({ verify, paths: ['library'] }), /begins with/)
  assert.throws(() => guard({ verify, paths: ['/library'], signIn: '/library/door' }), /signIn/)
})

test('a server that is away, or a key that is not good, signs nobody out', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const away = createGatecast({ url: 'http://127.0.0.1:1', issuer: 'tests.example', audience: 'tests', retries: 0 })
  const auth = createNextGatecast(away)
  const request = new Request('http://app.example/x', { headers: bearer(token) })
  await assert.rejects(auth.getSession(request), { code: 'temporarily_unavailable' })
  assert.equal((await auth.withSession(() => new Response())(request, {})).status, 503)
  const faulty = createNextGatecast(createGatecast({ url: server.origin, issuer: 'tests.example', audience: 'tests', apiKey: 'unknown' }))
  await assert.rejects(faulty.getSession(request, { check: true }), { code: 'api_key_unknown' })
  await assert.rejects(faulty.withSession(() => new Response(), { check: true })(request, {}), { code: 'api_key_unknown' })
  const reply = await guard({ verify: away.verifyToken, paths: ['/x'], signIn: '/' })(request)
  assert.equal(reply?.status, 503)
  assert.equal(await createNextGatecast(gatecastOf(server)).getSession(new Request('http://app.example/x')), null)
})

test('from NextAuth: its session becomes tokens of ours, its absence and other pages do not', async (t) => {
  const require = createRequire(path.join(root, 'sdk/next/package.json'))
  const { getServerSession } = require('next-auth') as { getServerSession(...args: unknown[]): Promise<{ user?: { id?: string } } | null> }
  const { encode } = require('next-auth/jwt') as { encode(options: object): Promise<string> }
  const secret = 'a secret of NextAuth that is long enough for anyone'
  process.env.NEXTAUTH_URL = 'http://app.example'
  onEnd(t, () => void delete process.env.NEXTAUTH_URL)
  const authOptions = {
    secret,
    providers: [],
    // It prints every cookie that it cannot read.
    logger: { error: () => {}, warn: () => {}, debug: () => {} },
    session: { strategy: 'jwt' },
    callbacks: {
      session: ({ session, token }: { session: { user: object }; token: { sub: string } }) => ({ ...session, user: { ...session.user, id: token.sub } }),
    },
  }
  const name = 'next-auth.session-token'
  const session = (request: Request) => {
    const found = new RegExp(`${name}=([^;]+)`).exec(request.headers.get('cookie') ?? '')?.[1]
    const incoming = { headers: Object.fromEntries(request.headers), cookies: found ? { [name]: found } : {} }
    return getServerSession(incoming, { getHeader: () => undefined, setHeader: () => {} }, authOptions)
  }

  const server = await startServer(t)
  const { POST } = fromNextAuth(gatecastOf(server), { session, claims: () => ({ plan: 'gold' }), ip: () => '198.51.100.9' })
  const ask = (cookie: string, origin?: string) => {
    const headers: Record<string, string> = { Host: 'app.example', 'User-Agent': 'phone', Cookie: cookie, ...(origin ? { Origin: origin } : {}) }
    return POST(new Request('http://app.example/api/gatecast', { method: 'POST', headers }))
  }
  const good = `${name}=${await encode({ token: { sub: 'next-7', name: 'Ann' }, secret })}`
  const reply = await ask(good, 'http://app.example')
  assert.equal(reply.status, 200)
  assert.equal(reply.headers.get('cache-control'), 'no-store')
  const tokens = (await reply.json()) as { token: string; refreshToken: string; session: { id: string } }
  remember('token', tokens.token)
  remember('refresh token', tokens.refreshToken)
  const seen = await gatecastOf(server).checkSession(tokens.token)
  assert.deepEqual([seen.userId, seen.claims['plan']], ['next-7', 'gold'])
  const listed = await get(server, '/api/v2/auth/sessions', tokens.token)
  assert.deepEqual(listed.body.sessions.map((one: any) => [one.how, one.ip, one.userAgent]), [['api', '198.51.100.9', 'phone']])
  const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: tokens.refreshToken })
  assert.equal(renewed.status, 200, 'the tokens renew without NextAuth')

  const client = createClient(server.origin, { storage: 'memory' })
  onEnd(t, () => client.close())
  assert.equal((await client.auth.adopt(tokens as Parameters<typeof client.auth.adopt>[0])).user.id, 'next-7')
  assert.equal((await client.auth.sessions()).length, 1)

  const other = `${name}=${await encode({ token: { sub: 'next-7' }, secret: `${secret}!` })}`
  for (const cookie of ['', `${name}=junk`, other]) assert.equal((await ask(cookie, 'http://app.example')).status, 401)
  assert.equal((await ask(good, 'https://evil.example')).status, 403)
  assert.equal((await ask(good)).status, 403)
  assert.equal((await gatecastOf(server).api.sessions({ user: 'next-7' })).sessions.length, 1)
})
