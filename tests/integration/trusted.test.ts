// Tokens of other issuers, signed by a library that is not ours: who gets in, as whom, and what they may not do.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { api, assertRefused, get, post } from '../harness/api.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { signIn } from '../harness/wallet.ts'

const secret = randomBytes(48)
const iss = 'https://id.example'

interface Signing {
  alg?: string
  kid?: string
  typ?: string
  iss?: string
  aud?: string
  exp?: string | number
  key?: CryptoKey | Uint8Array
}

function signed(claims: JWTPayload, { alg = 'HS256', kid, typ, aud = 'chat', exp = '10m', key = secret, ...rest }: Signing = {}) {
  const header = { alg, ...(kid ? { kid } : {}), ...(typ ? { typ } : {}) }
  const jwt = new SignJWT(claims).setProtectedHeader(header).setIssuer(rest.iss ?? iss).setAudience(aud)
  return jwt.setExpirationTime(exp).sign(key)
}

async function connected(t: TestContext, server: Server, token: string) {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  return { socket, answer: await socket.message() }
}

/** An issuer's key set on a port of its own. */
async function publish(scope: Scope, keys: () => object[]) {
  let asked = 0
  const listener = createServer((_, reply) => {
    asked++
    reply.setHeader('Content-Type', 'application/json').end(JSON.stringify({ keys: keys() }))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onEnd(scope, () => new Promise<void>((resolve) => (listener.closeAllConnections(), listener.close(() => resolve()))))
  const { port } = listener.address() as { port: number }
  return { url: `http://127.0.0.1:${port}/jwks`, asked: () => asked }
}

describe('every algorithm', () => {
  const suite = new Suite()
  let server: Server
  const pairs = new Map<string, CryptoKey>()
  before(async () => {
    const files = new Map<string, string>()
    const jwks: object[] = []
    for (const alg of ['ES256', 'EdDSA', 'RS256']) {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
      pairs.set(alg, privateKey)
      files.set(alg, await exportSPKI(publicKey))
      jwks.push({ ...(await exportJWK(publicKey)), kid: `set-${alg}`, use: 'sig' })
    }
    server = await startServer(suite, {
      config: (dir) => {
        const file = (name: string, text: string) => (writeFileSync(path.join(dir, name), text), path.join(dir, name))
        const one = (name: string, more: object) => ({ name, issuer: `https://${name}.example`, audience: 'chat', ...more })
        return {
          token: {
            trusted: [
              ...['HS256', 'HS384', 'HS512'].map((alg) =>
                one(alg.toLowerCase(), { secret: secret.toString('base64'), secret_encoding: 'base64', algorithms: [alg] }),
              ),
              ...[...files].map(([alg, pem]) => one(alg.toLowerCase(), { file: file(`${alg}.pem`, pem) })),
              one('set', { file: file('set.json', JSON.stringify({ keys: jwks })) }),
            ],
          },
        }
      },
    })
  })
  after(() => suite.close())

  for (const alg of ['HS256', 'HS384', 'HS512', 'ES256', 'EdDSA', 'RS256']) {
    test(`${alg} connects, by its own issuer's key only`, async (t) => {
      const name = alg.toLowerCase()
      const key = pairs.get(alg) ?? secret
      const token = await signed({ sub: 'ann', jti: alg }, { alg, key, iss: `https://${name}.example` })
      const { answer } = await connected(t, server, token)
      assert.deepEqual(Object.keys(answer.connect.subs), [`#${name}:ann`])
      const elsewhere = await signed({ sub: 'ann' }, { alg, key, iss: `https://${alg === 'ES256' ? 'rs256' : 'es256'}.example` })
      assertRefused(await get(server, '/api/v2/auth/check', elsewhere), 'token_algorithm')
    })
  }

  test('a key set is searched by kid', async () => {
    for (const [alg, key] of pairs) {
      const claims = { sub: 'ann' }
      const check = async (kid: string) =>
        get(server, '/api/v2/auth/check', await signed(claims, { alg, key, kid, iss: 'https://set.example' }))
      assert.equal((await check(`set-${alg}`)).status, 200)
      assertRefused(await check('set-none'), 'token_key_unknown')
    }
  })
})

describe('one trusted issuer', () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    const trusted = { name: 'acme', issuer: iss, audience: 'chat', secret: secret.toString('base64'), secret_encoding: 'base64' }
    server = await startServer(suite, {
      config: { token: { trusted: [{ ...trusted, required_claims: ['tenant=t1'] }] } },
    })
  })
  after(() => suite.close())
  const claims = { sub: 'ann', tenant: 't1', jti: 'j1', sid: 'chosen by them' }

  test('its users are called name:subject, and have a session of their own kind', async () => {
    const token = await signed(claims)
    const checked = await get(server, '/api/v2/auth/check', token)
    assert.equal(checked.status, 200, JSON.stringify(checked.body))
    assert.equal(checked.body.user.id, 'acme:ann')
    const { body } = await get(server, '/api/v2/auth/session', token)
    assert.equal(body.session.id, 'x:acme:j1')
    assert.equal(body.session.how, 'trusted:acme')
    const validated = await post(server, '/api/v2/auth/validate', { token })
    assert.equal(validated.body.valid, true)
    assert.equal(validated.body.claims.sub, 'ann')
  })

  test('it ends, renews and lists nothing here', async () => {
    const token = await signed(claims)
    for (const route of ['logout', 'logout/others', 'logout/all']) {
      assertRefused(await post(server, `/api/v2/auth/${route}`, {}, token), 'session_foreign')
    }
    assertRefused(await get(server, '/api/v2/auth/sessions', token), 'session_foreign')
    assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  })

  test('what is wrong with a token is said by its code', async () => {
    const our = await signIn(server)
    const encrypted = `${Buffer.from('{"alg":"dir","enc":"A256GCM"}').toString('base64url')}..AAAA.AAAA.AAAA`
    const past = Math.floor(Date.now() / 1000) - 61
    const refused = {
      token_signature: await signed(claims, { key: randomBytes(48) }),
      token_algorithm: await signed(claims, { alg: 'HS512' }),
      token_audience: await signed(claims, { aud: 'others' }),
      token_expired: await signed(claims, { exp: past }),
      token_type: await signed(claims, { typ: 'logout+jwt' }),
      token_claims: await signed({ ...claims, tenant: 't2' }),
      token_encrypted: encrypted,
      token_malformed: encrypted + '.AAAA',
    } as const
    for (const [code, token] of Object.entries(refused)) {
      assertRefused(await get(server, '/api/v2/auth/check', token), code as keyof typeof refused)
    }
    for (const bad of [{ sub: 'a\u0000b' }, { sub: 'a'.repeat(65) }, { sub: '' }, { sub: 'ann', user_id: 'bob' }]) {
      assertRefused(await get(server, '/api/v2/auth/check', await signed({ ...claims, ...bad })), 'token_claims')
    }
    // Under our own name their key counts for nothing, and an unknown name for nothing at all.
    for (const other of ['tests.example', 'https://id.example/']) {
      const reply = await get(server, '/api/v2/auth/check', await signed(claims, { iss: other }))
      assert.equal(reply.status, 401, other)
    }
    assert.equal((await get(server, '/api/v2/auth/check', our.token)).status, 200)
  })

  test('an operator ends it: its connection closes, the token is refused, the user\'s other tokens are not', async (t) => {
    const ended = await signed({ ...claims, jti: 'ended' })
    const other = await signed({ ...claims, jti: 'other' })
    const { socket } = await connected(t, server, ended)
    const answer = await api(server, 'session_end', { session: 'x:acme:ended' })
    assert.deepEqual(answer.body, { result: { ended: 1 } })
    assert.equal((await socket.close()).code, 4502)
    assertRefused(await get(server, '/api/v2/auth/check', ended), 'ended_by_operator')
    assert.equal((await get(server, '/api/v2/auth/check', other)).status, 200)
  })

  test('one that names a user and a session of ours touches neither', async (t) => {
    const ours = await signIn(server)
    const local = await connected(t, server, ours.token)
    const token = await signed({ ...claims, sub: ours.user.id, sid: ours.session.id, jti: 'spoof' })
    const { socket, answer } = await connected(t, server, token)
    assert.deepEqual(Object.keys(answer.connect.subs), [`#acme:${ours.user.id}`])
    assert.equal((await get(server, '/api/v2/auth/session', token)).body.session.id, 'x:acme:spoof')
    assertRefused(await post(server, '/api/v2/auth/logout', {}, token), 'session_foreign')
    assert.deepEqual((await api(server, 'session_end', { session: 'x:acme:spoof' })).body, { result: { ended: 1 } })
    assert.equal((await socket.close()).code, 4502)
    // The local session and its socket live on.
    assert.equal((await get(server, '/api/v2/auth/check', ours.token)).body.user.id, ours.user.id)
    await api(server, 'publish', { channel: `#${ours.user.id}`, data: { still: 'here' } })
    assert.deepEqual((await local.socket.message()).push.pub.data, { still: 'here' })
  })

  test('a minute past its end it still counts', async () => {
    const token = await signed(claims, { exp: Math.floor(Date.now() / 1000) - 30 })
    assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  })
})

test('who holds the secret of our own HS256 key can sign, and still cannot invent a session', async (t) => {
  const key = { kid: 'shared', algorithm: 'HS256', secret: secret.toString('base64'), secret_encoding: 'base64' }
  const server = await startServer(t, { config: { token: { key: [key] } } })
  const { token, session, user } = await signIn(server)
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as JWTPayload
  const forge = (more: object) =>
    new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'shared' }).sign(secret)
  assert.equal((await get(server, '/api/v2/auth/check', await forge({}))).status, 200)
  const invented = randomBytes(28).toString('base64url')
  for (const more of [{ sid: invented }, { sid: invented, sub: 'admin' }, { sub: 'admin' }, { sid: session.id.slice(0, -1) }]) {
    assertRefused(await get(server, '/api/v2/auth/check', await forge(more)), 'session_unknown')
    const socket = await RawWebSocket.open(t, server.port)
    socket.command({ id: 1, connect: { token: await forge(more) } })
    assert.equal((await socket.close()).code, 3500)
  }
  assert.equal((await get(server, '/api/v2/auth/check', token)).body.user.id, user.id)
})

test('published keys are fetched when a token needs them, and again for a new kid', async (t) => {
  const old = await generateKeyPair('ES256', { extractable: true })
  let keys: object[] = [{ ...(await exportJWK(old.publicKey)), kid: 'a' }]
  const issuer = await publish(t, () => keys)
  const server = await startServer(t, {
    config: { token: { trusted: [{ name: 'web', issuer: iss, audience: 'chat', jwks_url: issuer.url }] } },
  })
  const token = await signed({ sub: 'ann' }, { alg: 'ES256', kid: 'a', key: old.privateKey })
  const { answer } = await connected(t, server, token)
  assert.deepEqual(Object.keys(answer.connect.subs), ['#web:ann'])
  assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  assert.equal(issuer.asked(), 1)
  // A key nobody has asks no oftener than every 30 s.
  const stranger = await generateKeyPair('ES256')
  for (let i = 0; i < 5; i++) {
    const unknown = await signed({ sub: 'ann' }, { alg: 'ES256', kid: `b${i}`, key: stranger.privateKey })
    assertRefused(await get(server, '/api/v2/auth/check', unknown), 'token_key_unknown')
  }
  assert.equal(issuer.asked(), 1)
  keys = []
})

test('an issuer that does not answer keeps nobody else out, and the server starts', async (t) => {
  const server = await startServer(t, {
    config: { token: { trusted: [{ name: 'gone', issuer: iss, audience: 'chat', jwks_url: 'http://127.0.0.1:9/jwks' }] } },
  })
  const pair = await generateKeyPair('ES256')
  const token = await signed({ sub: 'ann' }, { alg: 'ES256', kid: 'a', key: pair.privateKey })
  assertRefused(await get(server, '/api/v2/auth/check', token), 'temporarily_unavailable')
  assert.equal((await get(server, '/api/v2/auth/check', (await signIn(server)).token)).status, 200)
})
