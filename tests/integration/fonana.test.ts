// The Fonana application's shape, from the shipped profile: its wallet endpoint, its claims, its key.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { Centrifuge } from 'centrifuge'
import { jwtVerify } from 'jose'
import WebSocket from 'ws'
import { assertRefused, get, post } from '../harness/api.ts'
import { onEnd, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { within } from '../harness/until.ts'
import { Wallet } from '../harness/wallet.ts'

const profile = path.resolve(import.meta.dirname, '../../deploy/profiles/fonana.toml')

async function startFonana(t: Scope): Promise<{ server: Server; secret: string }> {
  const secret = randomBytes(36).toString('base64')
  const server = await startServer(t, {
    bare: true,
    config: {
      include: [profile],
      session: { key: [{ secret: randomBytes(32).toString('hex') }] },
      limits: { rate_strict: 0 },
    },
    env: { NEXTAUTH_SECRET: secret },
  })
  return { server, secret }
}

async function signIn(server: Server, wallet = new Wallet()) {
  const asked = await post(server, '/api/auth/wallet', { wallet: wallet.address })
  const { message } = asked.body.challenge
  const signature = Buffer.from(wallet.sign(message)).toString('base64')
  return post(server, '/api/auth/wallet', { wallet: wallet.address, message, signature })
}

test('an address alone is refused with the challenge to sign, and gets no token', async (t) => {
  const { server } = await startFonana(t)
  const wallet = new Wallet()
  for (const body of [{ wallet: wallet.address }, { wallet: wallet.address, message: 'I am me' }]) {
    const reply = await post(server, '/api/auth/wallet', body)
    assertRefused(reply, 'challenge_required')
    assert.equal(reply.body.token, undefined)
    assert.match(reply.body.challenge.message, /^fonana\.me wants you to sign in with your Solana account:/)
    assert(reply.body.challenge.message.includes(reply.body.challenge.nonce))
    assert(reply.body.challenge.message.includes(wallet.address))
    assert(Date.parse(reply.body.challenge.expiresAt) > Date.now())
  }
  assertRefused(await post(server, '/api/auth/wallet', {}), 'field_missing')
  assertRefused(await post(server, '/api/auth/wallet', { wallet: 'x'.repeat(44) }), 'address_invalid')
  assertRefused(await post(server, '/api/auth/wallet', { wallet: 7 }), 'field_invalid')
})

test('a signed challenge gives tokens in the shape its pages read', async (t) => {
  const { server, secret } = await startFonana(t)
  const wallet = new Wallet()
  const { status, body } = await signIn(server, wallet)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.success, true)
  assert.equal(body.expiresIn, '30m')
  assert.equal(body.expiresInSeconds, 1800)
  assert(Math.abs(Date.parse(body.expiresAt) - Date.now() - 1_800_000) < 10_000)
  assert.match(body.refreshToken, /^gcr1\./)
  assert.deepEqual(body.user, {
    id: body.user.id,
    wallet: wallet.address,
    nickname: '',
    avatar: '',
    isCreator: false,
    isVerified: false,
    ref_code: body.user.ref_code,
  })

  // The application's back end holds NEXTAUTH_SECRET as text and verifies by itself.
  const { payload, protectedHeader } = await jwtVerify(body.token, new TextEncoder().encode(secret), {
    issuer: 'fonana.me',
    audience: 'fonana-websocket',
  })
  assert.equal(protectedHeader.alg, 'HS256')
  const { userId, wallet: claimed, nickname, isCreator, isVerified, sub } = payload
  assert.deepEqual(
    { userId, claimed, nickname, isCreator, isVerified, sub },
    { userId: body.user.id, claimed: wallet.address, nickname: '', isCreator: false, isVerified: false, sub: body.user.id },
  )
})

test('GET verifies a token, and says so when its session has ended', async (t) => {
  const { server } = await startFonana(t)
  const { body } = await signIn(server)
  const checked = await get(server, '/api/auth/wallet', body.token)
  assert.deepEqual([checked.status, checked.body.success, checked.body.valid], [200, true, true])
  assert.deepEqual(checked.body.user, body.user)
  assertRefused(await get(server, '/api/auth/wallet'), 'token_missing')
  assertRefused(await get(server, '/api/auth/wallet', body.token.replace(/[^.]+$/, 'A'.repeat(43))), 'token_signature')
  await post(server, '/api/v2/auth/logout', {}, body.token)
  assertRefused(await get(server, '/api/auth/wallet', body.token), 'signed_out')
})

test('a foreign signature, a used challenge and a wrong message give no token', async (t) => {
  const { server } = await startFonana(t)
  const [wallet, thief] = [new Wallet(), new Wallet()]
  const { body } = await post(server, '/api/auth/wallet', { wallet: wallet.address })
  const { message } = body.challenge
  const signed = (by: Wallet, text = message) => ({
    wallet: wallet.address,
    message: text,
    signature: Buffer.from(by.sign(text)).toString('base64'),
  })
  assertRefused(await post(server, '/api/auth/wallet', signed(thief)), 'signature_invalid')
  assertRefused(await post(server, '/api/auth/wallet', signed(wallet, 'hello'.repeat(20))), 'message_malformed')
  assert.equal((await post(server, '/api/auth/wallet', signed(wallet))).status, 200)
  assertRefused(await post(server, '/api/auth/wallet', signed(wallet)), 'nonce_used')
})

test('its tokens connect, and renew', async (t) => {
  const { server } = await startFonana(t)
  const { body } = await signIn(server)
  const client = new Centrifuge(server.websocket, { websocket: WebSocket, token: body.token })
  onEnd(t, () => client.disconnect())
  client.connect()
  await within('the client to connect', client.ready())
  const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: body.refreshToken })
  assert.equal(renewed.status, 200)
  assert.equal(renewed.body.expiresIn, 1800)
})
