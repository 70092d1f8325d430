// The token doctor of a running server: what is wrong with a token and what became of its session, by API and command.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { api, post } from '../harness/api.ts'
import { startServer, type Server } from '../harness/server.ts'
import { resigned } from '../harness/token.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

const program = process.env.GATECAST_BIN ?? path.resolve(import.meta.dirname, '../../build/check/gatecast')

interface Finding {
  id: string
  verdict: 'ok' | 'warn' | 'wrong'
  text: string
  cure?: string
}

async function examine(server: Server, token: string): Promise<{ good: boolean; findings: Finding[]; wrong: string[] }> {
  const { status, body } = await api(server, 'token_doctor', { token })
  assert.equal(status, 200)
  const { good, findings } = body.result
  const wrong = findings.filter((f: Finding) => f.verdict === 'wrong').map((f: Finding) => f.id)
  for (const finding of findings) {
    if (finding.verdict === 'wrong') assert(finding.cure, `${finding.id} has no cure`)
  }
  assert.equal(good, wrong.length === 0)
  assert(!JSON.stringify(body).includes(token), 'the token is shown')
  return { good, findings, wrong }
}

test('a good token of a session that stands', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const { good, findings } = await examine(server, token)
  assert(good, JSON.stringify(findings))
  const ids = findings.map(({ id }) => id)
  assert(ids.includes('session_stands') && ids.includes('clock'), String(ids))
})

test('a token whose session has ended: when, and why', async (t) => {
  const server = await startServer(t, { config: { session: { grace: '0s' } } })
  const out = await signIn(server)
  await post(server, '/api/v2/auth/logout', {}, out.token)
  const left = await examine(server, out.token)
  assert.deepEqual(left.wrong, ['signed_out'])
  const said = left.findings.find(({ id }) => id === 'signed_out')!
  assert.match(said.text, /ended at \d{4}-\d\d-\d\dT[\d:.]+Z: signed out/)

  const copied = await signIn(server)
  let refreshToken = copied.refreshToken
  for (let i = 0; i < 2; i++) refreshToken = (await post(server, '/api/v2/auth/refresh', { refreshToken })).body.refreshToken
  await post(server, '/api/v2/auth/refresh', { refreshToken: copied.refreshToken })
  const theft = await examine(server, copied.token)
  assert.deepEqual(theft.wrong, ['refresh_reuse'])
  assert(theft.findings.some(({ id }) => id === 'session_renewed'))
})

test('a blocked user, a session never made here, another user in it', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const { token, user } = await signIn(server, wallet)
  await api(server, 'user_block', { user: user.id })
  const blocked = await examine(server, token)
  assert(blocked.wrong.includes('user_blocked'), String(blocked.wrong))
  const other = await signIn(server)
  const forged = resigned(server, other.token, { sub: 'someone' })
  assert.deepEqual((await examine(server, forged)).wrong, ['session_unknown'])
})

test('several mistakes are said at once, quotes around the token included', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const past = resigned(server, token, { exp: 1_700_000_000, aud: 'else' })
  const { wrong, findings } = await examine(server, `"${past}"\n`)
  assert(wrong.length >= 3, String(wrong))
  assert(findings.some(({ id }) => id === 'form_quotes'))
  assert(findings.some(({ id }) => id === 'session_stands'), 'the session is looked up all the same')
  const nonsense = await examine(server, 'hello-this-is-no-token')
  assert(!nonsense.good)
  assert(nonsense.findings.some(({ id }) => id === 'session_not_asked'))
})

test('a secret that was quoted where the token was signed is recognised, and not shown', async (t) => {
  const secret = randomBytes(36).toString('base64')
  const server = await startServer(t, {
    config: { token: { algorithm: 'HS256', key: [{ kid: 'h1', algorithm: 'HS256', secret }] } },
  })
  const { token } = await signIn(server)
  const [head, body] = token.split('.')
  const signature = createHmac('sha256', `"${secret}"`).update(`${head}.${body}`).digest('base64url')
  const { wrong, findings } = await examine(server, `${head}.${body}.${signature}`)
  assert(wrong.some((id) => /quot/.test(id)), String(wrong))
  assert(!JSON.stringify(findings).includes(secret), 'the secret is shown')
})

test('only a key with the scope may ask', async (t) => {
  const narrow = randomBytes(32).toString('base64url')
  const server = await startServer(t, {
    config: { api: { key: [{ name: 'narrow', secret: narrow, scopes: ['sessions'] }] } },
  })
  const reply = await api(server, 'token_doctor', { token: 'x' }, narrow)
  assert.equal(reply.body.code, 'api_scope')
})

test('the command asks the running server, and without one judges the token alone', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  await post(server, '/api/v2/auth/logout', {}, token)
  const run = () =>
    new Promise<{ code: number; said: string }>((resolve) => {
      const args = ['token', 'doctor', '-', '--config', path.join(server.dir, 'gatecast.toml')]
      const child = execFile(program, args, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), said: out + err })
      })
      child.stdin?.end(token)
    })
  const asked = await run()
  assert.equal(asked.code, 1, asked.said)
  assert.match(asked.said, /wrong +signed_out: The session was ended at/)
  assert(!asked.said.includes(token), 'the token is shown')
  await server.stop()
  const alone = await run()
  assert.equal(alone.code, 0, alone.said)
  assert.match(alone.said, /only the running server knows/)
})
