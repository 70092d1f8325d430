// The search for leaked secrets, which every test's server goes through as it stops, finds what it is for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { post } from '../harness/api.ts'
import { assertNoSecrets, auditText, leaksIn } from '../harness/secrets.ts'
import { startServer } from '../harness/server.ts'
import { challenge, signIn, trySignIn, Wallet } from '../harness/wallet.ts'

const forms = [
  (secret: string) => secret,
  (secret: string) => Buffer.from(secret).toString('base64'),
  (secret: string) => Buffer.from(secret).toString('base64url'),
  encodeURIComponent,
]

test('a planted secret is found in every form, and named by its kind', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const { message, nonce } = await challenge(server, wallet)
  const signature = Buffer.from(wallet.sign(message)).toString('base64')
  const { token, refreshToken } = (await trySignIn(server, wallet, message)).body
  const [secret, mac] = refreshToken.split('.').slice(-2)
  const planted: [string, string][] = [
    ['token', token],
    ['token', token.split('.')[2]],
    ['refreshToken', refreshToken],
    ['refreshToken', secret],
    ['refreshToken', mac],
    ['nonce', nonce],
    ['signature', signature],
    ['API key', server.apiKey],
  ]
  for (const [kind, value] of planted) {
    assert.deepEqual(leaksIn(`{"detail":"${value} was refused"}`), [kind])
    // A whole token in another form hides its parts; what proves something is found in each.
    if (value.includes('.')) continue
    for (const form of forms) assert.deepEqual(leaksIn(`x=${form(value)};`), [kind], `${kind} as ${form(value)}`)
  }
  assert.throws(() => assertNoSecrets('a log', `renewing ${refreshToken}`), /secrets in a log/)
})

test('a secret in the audit is found', async (t) => {
  const server = await startServer(t)
  const { refreshToken } = await signIn(server)
  await post(server, '/api/v2/auth/refresh', { refreshToken: `${refreshToken}A` })
  await server.stop()
  assert.notEqual(auditText(server.rows), '')
  assertNoSecrets('the audit', auditText(server.rows))
  server.rows.run(`UPDATE audit SET detail = '${refreshToken}'`)
  assert.throws(() => assertNoSecrets('the audit', auditText(server.rows)), /refreshToken/)
  server.rows.run("UPDATE audit SET detail = ''")
})

test('ids and addresses are no secrets', async (t) => {
  const server = await startServer(t)
  const tokens = await signIn(server)
  for (const id of [tokens.session.id, tokens.user.id, tokens.user.wallet]) assert.deepEqual(leaksIn(id), [])
})
