// kill -9 at every named place while sessions are made, renewed and ended. Afterwards no honest client is signed out,
// no ended session lives, and nothing that was acknowledged is lost. GATECAST_CRASH_PASSES: how often each place.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { assertRefused, get, post, type Reply } from '../harness/api.ts'
import { hasFailpoints, launch, startServer, type Server } from '../harness/server.ts'
import { challenge, signIn, trySignIn, Wallet, type Tokens } from '../harness/wallet.ts'

const skip = hasFailpoints ? false : 'this tree is built without failpoints; ./dev test runs it in the check tree'
const passes = Number(process.env.GATECAST_CRASH_PASSES ?? 2)
const places = [
  'session.signed_in',
  'session.renewed',
  'session.end_committed',
  'session.end_told',
  'store.before_commit',
  'store.committed',
  'store.before_answer',
]
/** Places of what is written in the background, and at the latest when the server stops. */
const placesOfNotes = ['session.notes_pending', 'session.notes_written']
/** Places that have tests of their own, with what they are about. */
const elsewhere = /^restore\./

/** What a client knows of its session: the newest it has got, and what it asked for last. */
interface Held {
  tokens: Tokens
  state: 'stands' | 'ending' | 'ended'
  generations: number
}

const refresh = (server: Server, token: string) => post(server, '/api/v2/auth/refresh', { refreshToken: token })
const generation = (token: string) => Number(token.split('.')[3])
/** The reply, or nothing where the server died over it. */
const orGone = (reply: Promise<Reply>) => reply.catch(() => undefined)

/** One client after another signs in, renews three times and, every second, signs out; until the server is gone. */
async function lane(server: Server, held: Held[], rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    const wallet = new Wallet()
    const asked = await challenge(server, wallet).catch(() => undefined)
    const signed = asked && (await orGone(trySignIn(server, wallet, asked.message)))
    if (!signed) return
    assert.equal(signed.status, 200, JSON.stringify(signed.body))
    const mine: Held = { tokens: signed.body, state: 'stands', generations: 1 }
    held.push(mine)
    for (let n = 0; n < 3; n++) {
      const reply = await orGone(refresh(server, mine.tokens.refreshToken))
      if (!reply) return
      assert.equal(reply.status, 200, JSON.stringify(reply.body))
      mine.tokens = reply.body
      mine.generations = generation(mine.tokens.refreshToken)
    }
    if (i % 2 === 0) continue
    mine.state = 'ending'
    const out = await orGone(post(server, '/api/v2/auth/logout', {}, mine.tokens.token))
    if (!out) return
    assert.equal(out.status, 200, JSON.stringify(out.body))
    mine.state = 'ended'
  }
}

/** What every client finds when it comes back. */
async function assertPromises(server: Server, held: Held[]): Promise<void> {
  for (const { tokens, state, generations } of held) {
    const check = await get(server, '/api/v2/auth/check', tokens.token)
    const renewal = await refresh(server, tokens.refreshToken)
    const ended = state === 'ended' || (state === 'ending' && check.status !== 200)
    if (ended) {
      assertRefused(check, 'signed_out')
      assertRefused(renewal, 'signed_out')
      continue
    }
    assert.equal(check.status, 200, JSON.stringify(check.body))
    assert.equal(renewal.status, 200, `the client retries the last it has got: ${JSON.stringify(renewal.body)}`)
    assert.equal(renewal.body.session.id, tokens.session.id)
    assert(generation(renewal.body.refreshToken) > generations)
    assert.equal((await get(server, '/api/v2/auth/check', renewal.body.token)).status, 200)
    if (state === 'stands') continue
    // Asked to be ended and not answered: the client asks again.
    assert.equal((await post(server, '/api/v2/auth/logout', {}, renewal.body.token)).status, 200)
    assertRefused(await refresh(server, renewal.body.refreshToken), 'signed_out')
  }
  await signIn(server)
}

const config = { session: { grace: '0s' } }

for (const place of places) {
  for (let pass = 1; pass <= passes; pass++) {
    test(`kill -9 at ${place}, pass ${pass}`, { skip }, async (t) => {
      const server = await launch(t, { backends: 'own', config, env: { GATECAST_FAILPOINT_KILL: `${place}:${pass}` } })
      await server.ready().catch((error) => {
        if (!server.exited) throw error
      })
      const held: Held[] = []
      await Promise.all(Array.from({ length: 4 }, () => lane(server, held, 100)))
      assert.equal((await server.ended()).signal, 'SIGKILL', server.output)
      await assertPromises(await startServer(t, { again: server, env: { GATECAST_FAILPOINT_KILL: '' } }), held)
    })
  }
}

for (const place of placesOfNotes) {
  for (let pass = 1; pass <= passes; pass++) {
    test(`kill -9 at ${place} as the server stops, ${pass}`, { skip }, async (t) => {
      const server = await launch(t, { backends: 'own', config, env: { GATECAST_FAILPOINT_KILL: `${place}:1` } })
      await server.ready()
      const held: Held[] = []
      await Promise.all(Array.from({ length: 2 }, () => lane(server, held, pass % 3 + 1)))
      // Seen once more, so that there are notes to write.
      for (const { tokens, state } of held) if (state === 'stands') await orGone(get(server, '/api/v2/auth/check', tokens.token))
      server.kill('SIGTERM')
      assert.equal((await server.ended()).signal, 'SIGKILL', server.output)
      await assertPromises(await startServer(t, { again: server, env: { GATECAST_FAILPOINT_KILL: '' } }), held)
    })
  }
}

test('every place in the sources is one of those tested', () => {
  const root = path.resolve(import.meta.dirname, '../../src')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.cpp'))
  const named = files.flatMap((name) =>
    [...readFileSync(path.join(root, name), 'utf8').matchAll(/GATECAST_FAILPOINT\("([^"]+)"\)/g)].map(([, place]) => place!),
  )
  assert(named.length > 0)
  const unknown = named.filter((place) => ![...places, ...placesOfNotes].includes(place) && !elsewhere.test(place))
  assert.deepEqual(unknown, [])
})
