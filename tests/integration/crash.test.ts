// kill -9 in the middle of signing in and of logging out: what was acknowledged stands after a restart.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { assertRefused, get, post } from '../harness/api.ts'
import { hasFailpoints, launch, startServer, type Server } from '../harness/server.ts'
import { challenge, signIn, trySignIn, Wallet, type Tokens } from '../harness/wallet.ts'

const skip = hasFailpoints ? false : 'this tree is built without failpoints; ./dev test runs it in the check tree'

/** Signs in until the server dies, which may be before it is ready; returns what was acknowledged. */
async function signInUntilKilled(server: Server): Promise<Tokens[]> {
  const acknowledged: Tokens[] = []
  await server.ready().catch((error) => {
    if (!server.exited) throw error
  })
  for (let i = 0; i < 40; i++) {
    try {
      acknowledged.push(await signIn(server))
    } catch {
      break
    }
  }
  const { signal } = await server.ended()
  assert.equal(signal, 'SIGKILL', server.output)
  return acknowledged
}

async function assertStanding(t: TestContext, killed: Server, tokens: Tokens[]): Promise<Server> {
  const server = await startServer(t, { again: killed, env: { GATECAST_FAILPOINT_KILL: '' } })
  for (const { token } of tokens) {
    const reply = await get(server, '/api/v2/auth/check', token)
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
  }
  return server
}

for (const place of ['store.before_commit', 'store.committed', 'store.before_answer']) {
  for (const pass of [1, 2, 7]) {
    test(`killed at ${place}, pass ${pass}`, { skip }, async (t) => {
      const server = await launch(t, { backends: 'own', env: { GATECAST_FAILPOINT_KILL: `${place}:${pass}` } })
      const acknowledged = await signInUntilKilled(server)
      await assertStanding(t, server, acknowledged)
    })
  }
}

test('killed while many sign in at once: every acknowledged session stands, no challenge works twice', async (t) => {
  const server = await startServer(t, { backends: 'own' })
  const sessions: Tokens[] = []
  const used: { wallet: Wallet; message: string }[] = []
  const worker = async () => {
    for (;;) {
      const wallet = new Wallet()
      const { message } = await challenge(server, wallet)
      const reply = await trySignIn(server, wallet, message)
      assert.equal(reply.status, 200)
      sessions.push(reply.body)
      used.push({ wallet, message })
      if (sessions.length === 40) server.kill()
    }
  }
  await Promise.allSettled(Array.from({ length: 8 }, worker))
  assert(sessions.length >= 40)
  const again = await assertStanding(t, server, sessions)
  for (const { wallet, message } of used) assertRefused(await trySignIn(again, wallet, message), 'nonce_used')
})

test('a log-out that was acknowledged stands after kill -9', async (t) => {
  const server = await startServer(t, { backends: 'own' })
  const [ended, kept] = [await signIn(server), await signIn(server)]
  assert.equal((await post(server, '/api/v2/auth/logout', {}, ended.token)).status, 200)
  server.kill()
  await server.ended()
  const again = await assertStanding(t, server, [kept])
  assertRefused(await get(again, '/api/v2/auth/check', ended.token), 'signed_out')
})
