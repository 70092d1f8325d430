// Signing in with a Solana wallet: the way that works, and every way that must not, each with its own code.
import assert from 'node:assert/strict'
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { assertRefused, call, get, post } from '../harness/api.ts'
import { base58 } from '../harness/base58.ts'
import { Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { claimsOf, nowSeconds, resigned } from '../harness/token.ts'
import type { Table } from '../harness/toml.ts'
import { challenge, ledgerEnvelope, messageText, signIn, trySignIn, Wallet, type Fields } from '../harness/wallet.ts'
import type { Code } from '../../sdk/gatecast/src/codes.ts'

const kMinute = 60_000
const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString()

const purposes = { signin: 1, link: 2 }

/** A nonce as the server with this session key issues it: the only way to have one whose time has passed. */
function mintNonce(server: Server, address: string, expiresMs: number, purpose = purposes.signin): string {
  const [key] = (server.config.session as Table).key as Table[]
  const secret = Buffer.from(key!.secret as string, 'base64')
  const derived = Buffer.from(hkdfSync('sha256', secret, '', 'nonce', 32))
  const expiry = Buffer.alloc(4)
  expiry.writeUInt32BE(Math.floor(expiresMs / 1000))
  const head = Buffer.concat([randomBytes(12), expiry])
  const field = (text: string) => Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), Buffer.from(text)])
  const scope = [Buffer.from([purpose]), field('solana'), field(address), field(server.domain), head]
  const mac = createHmac('sha256', derived).update(Buffer.concat(scope)).digest().subarray(0, 15)
  return base58(Buffer.concat([head, Buffer.from([purpose]), mac]))
}

describe('sign-in with a Solana wallet', () => {
  let server: Server
  const suite = new Suite()
  before(async () => {
    server = await startServer(suite)
  })
  after(() => suite.close())

  /** A fresh, good message of the wallet, changed by `change`, signed again. */
  async function signInChanged(change: (fields: Fields) => Partial<Fields>, over: object = {}, wallet = new Wallet()) {
    const { input, nonce } = await challenge(server, wallet)
    const fields: Fields = { ...input, address: wallet.address, nonce }
    return trySignIn(server, wallet, messageText({ ...fields, ...change(fields) }), over)
  }

  test('challenge, signature, tokens', async () => {
    const wallet = new Wallet()
    const issued = await challenge(server, wallet)
    assert.equal(issued.input.domain, server.domain)
    assert.equal(issued.input.nonce, issued.nonce)
    assert.equal(issued.input.version, '1')
    assert.equal(messageText({ ...issued.input, address: wallet.address }), issued.message)
    const life = Date.parse(issued.expiresAt) - Date.now()
    assert(life > 4 * kMinute && life <= 5 * kMinute, `a challenge stands for five minutes, not ${life} ms`)

    const reply = await trySignIn(server, wallet, issued.message)
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    const { token, expiresIn, expiresAt, session, user } = reply.body
    assert.equal(reply.body.success, true)
    assert.equal(user.wallet, wallet.address)
    assert.equal(typeof user.isCreator, 'boolean')
    assert.equal(typeof user.isVerified, 'boolean')
    assert.match(user.ref_code, /^\w{4,}$/)
    assert(session.id)
    const claims = claimsOf(token)
    assert.equal(claims.sub, user.id)
    assert.equal(claims.sid, session.id)
    assert.equal(expiresIn, 1800)
    assert(Math.abs(Date.parse(expiresAt) / 1000 - claims.exp) <= 1)
    assert.equal(claims.exp - claims.iat, 1800)
    assert.equal(reply.headers.get('set-cookie'), null)
    assert.match(reply.headers.get('cache-control') ?? '', /no-store/)
  })

  test('the same wallet is the same user, in a session of its own', async () => {
    const wallet = new Wallet()
    const [first, second] = [await signIn(server, wallet), await signIn(server, wallet)]
    assert.equal(first.user.id, second.user.id)
    assert.notEqual(first.session.id, second.session.id)
    assert.notEqual((await signIn(server)).user.id, first.user.id)
  })

  test('signatures as base64, base64url and base58', async () => {
    for (const encode of [
      (bytes: Uint8Array) => Buffer.from(bytes).toString('base64'),
      (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url'),
      base58,
    ]) {
      const wallet = new Wallet()
      const { message } = await challenge(server, wallet)
      const reply = await trySignIn(server, wallet, message, { signature: encode(wallet.sign(message)) })
      assert.equal(reply.status, 200, JSON.stringify(reply.body))
    }
  })

  test('the bytes a wallet signed, as they are or in the envelope of a Ledger', async () => {
    for (const wrapped of [false, true]) {
      const wallet = new Wallet()
      const { message } = await challenge(server, wallet)
      const bytes = wrapped ? ledgerEnvelope(Buffer.from(message), wallet.publicKey) : Buffer.from(message)
      const signature = Buffer.from(wallet.sign(bytes)).toString('base64')
      const over = { message: undefined, signedMessage: bytes.toString('base64'), signature }
      const reply = await trySignIn(server, wallet, message, over)
      assert.equal(reply.status, 200, JSON.stringify(reply.body))
    }
  })

  test('a challenge signs in once', async () => {
    const wallet = new Wallet()
    const { message } = await challenge(server, wallet)
    assert.equal((await trySignIn(server, wallet, message)).status, 200)
    assertRefused(await trySignIn(server, wallet, message), 'nonce_used')
  })

  test('of many sign-ins with one challenge at the same time exactly one succeeds', async () => {
    const wallet = new Wallet()
    const { message } = await challenge(server, wallet)
    const replies = await Promise.all(Array.from({ length: 16 }, () => trySignIn(server, wallet, message)))
    const [good, bad] = [replies.filter((reply) => reply.status === 200), replies.filter((reply) => reply.status !== 200)]
    assert.equal(good.length, 1)
    for (const reply of bad) assertRefused(reply, 'nonce_used')
  })

  const changed: [string, Code, (fields: Fields) => Partial<Fields>][] = [
    ['a message for another domain', 'domain_mismatch', () => ({ domain: 'evil.example' })],
    ['a message for the domain without its port', 'domain_mismatch', () => ({ domain: 'localhost' })],
    ['a message for another URI', 'uri_mismatch', () => ({ uri: 'https://evil.example' })],
    ['an expired message', 'message_expired', () => ({ issuedAt: at(-9 * kMinute), expirationTime: at(-kMinute) })],
    ['a message not yet valid', 'message_not_yet_valid', () => ({ notBefore: at(2 * kMinute) })],
    ['a message issued too long ago', 'message_stale', () => ({ issuedAt: at(-11 * kMinute) })],
    ['a message issued in the future', 'message_stale', () => ({ issuedAt: at(11 * kMinute), expirationTime: undefined })],
    ['a message that expires before it is issued', 'message_times', () => ({ issuedAt: at(0), expirationTime: at(-kMinute) })],
    ['a message without a nonce', 'nonce_missing', () => ({ nonce: undefined })],
    ['a nonce that was not issued here', 'nonce_invalid', () => ({ nonce: base58(randomBytes(32)) })],
    ['a nonce with one character changed', 'nonce_invalid', ({ nonce = '' }) => ({ nonce: (nonce[0] === '4' ? '5' : '4') + nonce.slice(1) })],
    ['another version', 'version_unsupported', () => ({ version: '2' })],
    ['another chain', 'chain_mismatch', () => ({ chainId: 'devnet' })],
    ['another address in the text', 'address_mismatch', () => ({ address: new Wallet().address })],
  ]
  for (const [what, code, change] of changed) {
    test(`refused: ${what} (${code})`, async () => assertRefused(await signInChanged(change), code))
  }

  test('refused: a text altered after it was signed (signature_invalid)', async () => {
    const wallet = new Wallet()
    const { message } = await challenge(server, wallet)
    const altered = message.replace('Sign in', 'Pay out')
    assert.notEqual(altered, message)
    const signature = Buffer.from(wallet.sign(message)).toString('base64')
    assertRefused(await trySignIn(server, wallet, altered, { signature }), 'signature_invalid')
  })

  test("refused: another key's signature (signature_invalid)", async () => {
    const [owner, thief] = [new Wallet(), new Wallet()]
    const { message } = await challenge(server, owner)
    assertRefused(await trySignIn(server, thief, message, { address: owner.address }), 'signature_invalid')
  })

  test("refused: another's message, signed by the own key (address_mismatch)", async () => {
    const [owner, thief] = [new Wallet(), new Wallet()]
    const { message } = await challenge(server, owner)
    assertRefused(await trySignIn(server, thief, message), 'address_mismatch')
  })

  test('refused: a nonce issued for another address (nonce_invalid)', async () => {
    const { input } = await challenge(server, new Wallet())
    const wallet = new Wallet()
    const text = messageText({ ...input, address: wallet.address })
    assertRefused(await trySignIn(server, wallet, text), 'nonce_invalid')
  })

  test('refused: a nonce issued for linking (nonce_purpose)', async () => {
    const wallet = new Wallet()
    const { message } = await challenge(server, wallet, { purpose: 'link' })
    assertRefused(await trySignIn(server, wallet, message), 'nonce_purpose')
  })

  test('refused: a nonce whose time has passed (nonce_expired); the same in time signs in', async () => {
    const wallet = new Wallet()
    const fresh = mintNonce(server, wallet.address, Date.now() + kMinute)
    const stale = mintNonce(server, wallet.address, Date.now() - 2000)
    assert.equal((await signInChanged(() => ({ nonce: fresh }), {}, wallet)).status, 200)
    assertRefused(await signInChanged(() => ({ nonce: stale }), {}, wallet), 'nonce_expired')
  })

  const bodies: [string, Code, object][] = [
    ['an address of 31 bytes', 'address_invalid', { address: base58(randomBytes(32).subarray(1)) }],
    ['an address with letters base58 lacks', 'address_invalid', { address: '0OIl'.repeat(10) }],
    ['the neutral element as an address', 'address_weak', { address: base58(Buffer.from([1, ...Buffer.alloc(31)])) }],
    ['zero as an address', 'address_weak', { address: '1'.repeat(32) }],
    ['a signature of 63 bytes', 'signature_malformed', { signature: randomBytes(63).toString('base64') }],
    ['a signature that is no text form', 'signature_malformed', { signature: '!'.repeat(88) }],
    ['another chain in the request', 'chain_unsupported', { chain: 'bitcoin' }],
    ['a chain that is not enabled', 'signin_disabled', { chain: 'ethereum' }],
    ['no chain', 'field_missing', { chain: undefined }],
    ['no address', 'field_missing', { address: undefined }],
    ['an address that is a number', 'field_invalid', { address: 7 }],
    ['no message and no signature', 'challenge_required', { message: undefined, signature: undefined }],
    ['a message that is too large', 'message_too_large', { message: 'x'.repeat(21_000) }],
  ]
  for (const [what, code, over] of bodies) {
    test(`refused: ${what} (${code})`, async () => assertRefused(await signInChanged(() => ({}), over), code))
  }

  test('refused: a signed text that is no sign-in message (message_malformed)', async () => {
    const wallet = new Wallet()
    assertRefused(await trySignIn(server, wallet, `I transfer everything. ${'.'.repeat(64)}`), 'message_malformed')
    assertRefused(await signInChanged(() => ({ issuedAt: '2026-02-31T00:00:00Z' })), 'message_malformed')
  })

  test('refused: bodies that are not one JSON object (bad_json)', async () => {
    for (const body of ['', '{', '[]', '"text"', '{"chain":"solana","chain":"solana"}', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '{} {}', 'null']) {
      const reply = await call(`${server.origin}/api/v2/auth/wallet`, 'POST', body)
      assert.equal(reply.body.code, 'bad_json', `${body}: ${JSON.stringify(reply.body)}`)
      assert.equal(reply.status, 400)
    }
  })

  test('refused challenges: chain, address, URI', async () => {
    const path = '/api/v2/auth/wallet/challenge'
    assertRefused(await post(server, path, { chain: 'bitcoin' }), 'chain_unsupported')
    assertRefused(await post(server, path, { chain: 'ethereum' }), 'signin_disabled')
    assertRefused(await post(server, path, {}), 'field_missing')
    assertRefused(await post(server, path, { chain: 'solana', address: 'short' }), 'address_invalid')
    assertRefused(await post(server, path, { chain: 'solana', address: '1'.repeat(32) }), 'address_weak')
    assertRefused(await post(server, path, { chain: 'solana', uri: 'https://evil.example' }), 'uri_mismatch')
    assertRefused(await post(server, path, { chain: 'solana', chainId: 'devnet' }), 'chain_mismatch')
  })

  test('no refusal signed anyone in, and none was a fault of the server', async () => {
    const text = (await call(`${server.ops}/metrics`, 'GET')).body
    const figure = (line: RegExp) => Number(line.exec(text)?.[1] ?? 0)
    assert.equal(figure(/^gatecast_signins_total\{outcome="ok"\} (\d+)$/m), server.signIns)
    assert(figure(/^gatecast_signins_total\{outcome="refused"\} (\d+)$/m) > 0)
    assert.equal(figure(/^gatecast_refusals_total\{code="internal"\} (\d+)$/m), 0)
  })
})

describe('tokens and sessions over HTTP', () => {
  let server: Server
  const suite = new Suite()
  before(async () => {
    server = await startServer(suite)
  })
  after(() => suite.close())

  test('check and session tell who is signed in', async () => {
    const { token, user, session } = await signIn(server)
    const check = await get(server, '/api/v2/auth/check', token)
    assert.equal(check.status, 200, JSON.stringify(check.body))
    assert.equal(check.body.authenticated, true)
    assert.equal(check.body.user.id, user.id)
    assert(check.body.expiresIn > 1790 && check.body.expiresIn <= 1800)
    const told = await get(server, '/api/v2/auth/session', token)
    assert.equal(told.status, 200, JSON.stringify(told.body))
    assert.equal(told.body.session.id, session.id)
    assert.equal(told.body.session.ip, '127.0.0.1')
    assert.equal(told.body.user.id, user.id)
    assert(Math.abs(Date.parse(told.body.session.createdAt) - Date.now()) < kMinute)
    assert(Date.parse(told.body.session.expiresAt) > Date.now())
  })

  test('validate answers 200 and says whether the token stands', async () => {
    const { token, user } = await signIn(server)
    const good = await post(server, '/api/v2/auth/validate', { token })
    assert.equal(good.status, 200, JSON.stringify(good.body))
    assert.equal(good.body.valid, true)
    assert.equal(good.body.claims.sub, user.id)
    assert.equal((await post(server, '/api/v2/auth/validate', {}, token)).body.valid, true)
    const bad = await post(server, '/api/v2/auth/validate', { token: 'a.b.c' })
    assert.equal(bad.status, 200)
    assert.equal(bad.body.valid, false)
    assert.equal(bad.body.code, 'token_malformed')
  })

  test('log-out ends the session at once, for every call', async () => {
    const { token } = await signIn(server)
    const other = await signIn(server)
    const out = await post(server, '/api/v2/auth/logout', {}, token)
    assert.equal(out.status, 200, JSON.stringify(out.body))
    assert.deepEqual(out.body, { success: true })
    assertRefused(await get(server, '/api/v2/auth/check', token), 'signed_out')
    assertRefused(await get(server, '/api/v2/auth/session', token), 'signed_out')
    const validated = await post(server, '/api/v2/auth/validate', { token })
    assert.deepEqual([validated.body.valid, validated.body.code], [false, 'signed_out'])
    assert.equal((await get(server, '/api/v2/auth/check', other.token)).status, 200)
  })

  test('a call without a token, with another scheme, with one that was tampered with', async () => {
    const { token } = await signIn(server)
    const path = `${server.origin}/api/v2/auth/check`
    assertRefused(await call(path, 'GET'), 'token_missing')
    assertRefused(await call(path, 'GET', undefined, { Authorization: 'Basic Zm9vOmJhcg==' }), 'token_missing')
    assertRefused(await get(server, '/api/v2/auth/check', 'nonsense'), 'token_malformed')
    const [head, body, signature = ''] = token.split('.')
    const turned = (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)
    assertRefused(await get(server, '/api/v2/auth/check', `${head}.${body}.${turned}`), 'token_signature')
    const none = Buffer.from('{"alg":"none","typ":"at+jwt","kid":"t1"}').toString('base64url')
    assertRefused(await get(server, '/api/v2/auth/check', `${none}.${body}.`), 'token_algorithm')
    const unknown = Buffer.from('{"alg":"EdDSA","typ":"at+jwt","kid":"t2"}').toString('base64url')
    assertRefused(await get(server, '/api/v2/auth/check', `${unknown}.${body}.${signature}`), 'token_key_unknown')
  })

  const claims: [string, Code, (old: any) => object, object?][] = [
    ['expired', 'token_expired', () => ({ exp: nowSeconds() - 1 })],
    ['not yet valid', 'token_not_yet_valid', () => ({ nbf: nowSeconds() + 3600 })],
    ['of another issuer', 'token_issuer', () => ({ iss: 'others.example' })],
    ['for another audience', 'token_audience', () => ({ aud: 'others' })],
    ['without a session', 'token_claims', () => ({ sid: undefined })],
    ['whose expiry is a text', 'token_claims', ({ exp }) => ({ exp: String(exp) })],
    ['of another type', 'token_type', () => ({}), { typ: 'JWT' }],
    ['of a session nobody made', 'session_unknown', ({ sid }) => ({ sid: (sid[0] === 'A' ? 'B' : 'A') + sid.slice(1) })],
    ["of another user's session", 'session_unknown', () => ({ sub: 'someone-else' })],
  ]
  for (const [what, code, change, header] of claims) {
    test(`refused under the right key: a token ${what} (${code})`, async () => {
      const { token } = await signIn(server)
      assert.equal((await get(server, '/api/v2/auth/check', resigned(server, token, {}))).status, 200)
      const changed = resigned(server, token, change(claimsOf(token)), header)
      assertRefused(await get(server, '/api/v2/auth/check', changed), code)
    })
  }

  test('a session outlives a restart, and so does its end', async (t) => {
    const first = await startServer(t)
    const [kept, ended] = [await signIn(first), await signIn(first)]
    await post(first, '/api/v2/auth/logout', {}, ended.token)
    await first.stop()
    const second = await startServer(t, { again: first })
    assert.equal((await get(second, '/api/v2/auth/check', kept.token)).status, 200)
    assertRefused(await get(second, '/api/v2/auth/check', ended.token), 'signed_out')
  })
})
