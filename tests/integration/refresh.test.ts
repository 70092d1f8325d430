// Refresh tokens over HTTP and over the socket, and endings of several sessions.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { assertRefused, bearer, call, get, post } from '../harness/api.ts'
import { onEnd } from '../harness/scope.ts'
import { hasFailpoints, launch, startServer, type Server } from '../harness/server.ts'
import { claimsOf } from '../harness/token.ts'
import { until, within } from '../harness/until.ts'
import { signIn, Wallet, type Tokens } from '../harness/wallet.ts'

const refresh = (server: Server, refreshToken: string) => post(server, '/api/v2/auth/refresh', { refreshToken })

async function renewed(server: Server, refreshToken: string): Promise<Tokens> {
  const reply = await refresh(server, refreshToken)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}

const generation = (token: string) => Number(token.split('.')[3])

/** Renewals count as new ones at once. */
const noGrace = { session: { grace: '0s' } }

interface Tab {
  centrifuge: Centrifuge
  ended: () => Promise<{ code: number; reason: string }>
  heard: unknown[]
}

async function openTab(t: TestContext, server: Server, token: string): Promise<Tab> {
  const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, minReconnectDelay: 10, token })
  const ends: { code: number; reason: string }[] = []
  const heard: unknown[] = []
  centrifuge.on('disconnected', ({ code, reason }) => ends.push({ code, reason }))
  centrifuge.on('publication', ({ data }) => heard.push(data))
  onEnd(t, () => centrifuge.disconnect())
  centrifuge.connect()
  await within('the tab to connect', centrifuge.ready())
  return { centrifuge, heard, ended: () => until('the tab to be disconnected', () => ends[0]) }
}

test('a sign-in gives a refresh token, which gives the next tokens', async (t) => {
  const server = await startServer(t, { config: noGrace })
  const first = await signIn(server)
  assert.match(first.refreshToken, /^gcr1\.s1\.[\w-]{38}\.1\.[\w-]{22}\.[\w-]{43}$/)
  assert(Date.parse(first.refreshExpiresAt) > Date.now() + 29 * 86_400_000)
  const second = await renewed(server, first.refreshToken)
  assert.equal(second.session.id, first.session.id)
  assert.deepEqual(second.user, first.user)
  assert.equal(generation(second.refreshToken), 2)
  assert.equal(claimsOf(second.token).gen, 2)
  for (const { token } of [first, second]) assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  const path = '/api/v2/auth/refresh'
  assertRefused(await post(server, path, {}), 'refresh_missing')
  assertRefused(await post(server, path, { refreshToken: 7 }), 'field_invalid')
  assertRefused(await refresh(server, first.token), 'refresh_invalid')
  assertRefused(await refresh(server, `${second.refreshToken}A`), 'refresh_invalid')
  assertRefused(await refresh(server, second.refreshToken.replace('.2.', '.3.')), 'refresh_invalid')
})

test('50 parallel renewals get one refresh token and one generation', async (t) => {
  const server = await startServer(t)
  const { refreshToken } = await signIn(server)
  const replies = await Promise.all(Array.from({ length: 50 }, () => refresh(server, refreshToken)))
  assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  assert.equal(new Set(replies.map(({ body }) => body.refreshToken)).size, 1)
  assert.equal(new Set(replies.map(({ body }) => claimsOf(body.token).gen)).size, 1)
  assert.equal(new Set(replies.map(({ body }) => body.token)).size, 50)
})

test('50 parallel renewals after the grace rotate once', async (t) => {
  const server = await startServer(t, { config: { session: { grace: '2s' } } })
  const { refreshToken } = await signIn(server)
  const started = Date.now()
  await until('the grace to pass', () => Date.now() - started > 2100)
  const replies = await Promise.all(Array.from({ length: 50 }, () => refresh(server, refreshToken)))
  assert.deepEqual([...new Set(replies.map(({ body }) => generation(body.refreshToken)))], [2])
  assert.equal(new Set(replies.map(({ body }) => body.refreshToken)).size, 1)
})

test('a renewal whose answer was lost is repeated', async (t) => {
  const server = await startServer(t, { config: noGrace })
  const first = await signIn(server)
  const lost = await renewed(server, first.refreshToken)
  const again = await renewed(server, first.refreshToken)
  assert.equal(again.refreshToken, lost.refreshToken)
  const began = Date.now()
  await until('a second to pass', () => Date.now() - began > 1000)
  assert.equal((await renewed(server, first.refreshToken)).refreshToken, lost.refreshToken)
  assert.equal(generation((await renewed(server, again.refreshToken)).refreshToken), 3)
})

test('a token two behind is a copy: refresh_reuse, the socket closes with 4504, other sessions hear of it', async (t) => {
  const server = await startServer(t, { config: noGrace })
  const wallet = new Wallet()
  const [first, other] = [await signIn(server, wallet), await signIn(server, wallet)]
  const second = await renewed(server, first.refreshToken)
  const third = await renewed(server, second.refreshToken)
  const [tab, otherTab] = [await openTab(t, server, third.token), await openTab(t, server, other.token)]
  assertRefused(await refresh(server, first.refreshToken), 'refresh_reuse')
  assert.equal((await tab.ended()).code, 4504)
  assertRefused(await get(server, '/api/v2/auth/check', third.token), 'refresh_reuse')
  assertRefused(await refresh(server, third.refreshToken), 'refresh_reuse')
  assert.equal((await get(server, '/api/v2/auth/check', other.token)).status, 200)
  await until('the other session to hear of it', () => otherTab.heard.length)
  assert.deepEqual(otherTab.heard, [
    { gatecast: { type: 'session.ended', reason: 'refresh_reuse', session: first.session.id } },
  ])
  await server.stop()
  const rows = server.rows.all("SELECT kind, sid, user_id, detail FROM audit WHERE code = 'refresh_reuse'")
  assert.deepEqual(
    rows.filter(({ sid }) => sid !== '').map((row) => ({ ...row })),
    [{ kind: 'ended', sid: first.session.id, user_id: first.user.id, detail: 'last renewed from 127.0.0.1' }],
  )
})

test('log-out everywhere closes all tabs with 4501; log-out elsewhere all but this session', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const sessions = [await signIn(server, wallet), await signIn(server, wallet), await signIn(server, wallet)]
  const stranger = await signIn(server)
  const [mine, ...rest] = await Promise.all(sessions.map(({ token }) => openTab(t, server, token)))
  const others = await post(server, '/api/v2/auth/logout/others', {}, sessions[0]!.token)
  assert.deepEqual([others.status, others.body], [200, { success: true, ended: 2 }])
  for (const tab of rest) assert.equal((await tab.ended()).code, 4501)
  assertRefused(await refresh(server, sessions[1]!.refreshToken), 'signed_out')
  const second = await openTab(t, server, sessions[0]!.token)
  const all = await post(server, '/api/v2/auth/logout/all', {}, sessions[0]!.token)
  assert.deepEqual([all.status, all.body], [200, { success: true, ended: 1 }])
  for (const tab of [mine!, second]) assert.equal((await tab.ended()).code, 4501)
  assertRefused(await get(server, '/api/v2/auth/check', sessions[0]!.token), 'signed_out')
  assertRefused(await refresh(server, sessions[0]!.refreshToken), 'signed_out')
  assert.equal((await get(server, '/api/v2/auth/check', stranger.token)).status, 200)
})

test('sessions are listed with the current one marked, and end by their id', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const [first, second] = [await signIn(server, wallet), await signIn(server, wallet)]
  const stranger = await signIn(server)
  const list = await get(server, '/api/v2/auth/sessions', second.token)
  const listed = list.body.sessions.map(({ id, current }: { id: string; current: boolean }) => [id, current])
  assert.deepEqual(listed, [[second.session.id, true], [first.session.id, false]])
  const remove = (id: string) =>
    call(`${server.origin}/api/v2/auth/sessions/${id}`, 'DELETE', undefined, bearer(second.token))
  assertRefused(await remove(stranger.session.id), 'not_found')
  assertRefused(await remove('nonsense'), 'not_found')
  assert.equal((await remove(first.session.id)).status, 200)
  assertRefused(await get(server, '/api/v2/auth/check', first.token), 'signed_out')
  assert.equal((await get(server, '/api/v2/auth/sessions', second.token)).body.sessions.length, 1)
  assertRefused(await call(`${server.origin}/api/v2/auth/sessions`, 'GET'), 'token_missing')
})

test('ending other sessions needs a sign-in of the last five minutes', async (t) => {
  const first = await startServer(t)
  const wallet = new Wallet()
  const [mine, other] = [await signIn(first, wallet), await signIn(first, wallet)]
  await first.stop()
  first.rows.run('UPDATE sessions SET created_at = created_at - 301000')
  const server = await startServer(t, { again: first })
  const { token } = await renewed(server, mine.refreshToken)
  for (const what of ['others', 'all']) {
    assertRefused(await post(server, `/api/v2/auth/logout/${what}`, {}, token), 'fresh_signin_required')
  }
  const one = `${server.origin}/api/v2/auth/sessions/${other.session.id}`
  assertRefused(await call(one, 'DELETE', undefined, bearer(token)), 'fresh_signin_required')
  assert.equal((await get(server, '/api/v2/auth/check', other.token)).status, 200)
  const fresh = await signIn(server, wallet)
  assert.equal((await call(one, 'DELETE', undefined, bearer(fresh.token))).status, 200)
  assert.equal((await post(server, '/api/v2/auth/logout', {}, token)).status, 200, 'one may always leave oneself')
})

test('the oldest session over the limit ends with the sign-in', async (t) => {
  const server = await startServer(t, { config: { session: { per_user: 2 } } })
  const wallet = new Wallet()
  const first = await signIn(server, wallet)
  const tab = await openTab(t, server, first.token)
  const second = await signIn(server, wallet)
  await signIn(server, wallet)
  assert.equal((await tab.ended()).code, 4506)
  assertRefused(await refresh(server, first.refreshToken), 'session_limit')
  assert.equal((await refresh(server, second.refreshToken)).status, 200)
})

test('renewal over the socket, the time, and no other method', async (t) => {
  const server = await startServer(t, { config: noGrace })
  const [mine, stranger] = [await signIn(server), await signIn(server)]
  const { centrifuge } = await openTab(t, server, mine.token)
  const { data } = await centrifuge.rpc('gatecast.renew', { refreshToken: mine.refreshToken })
  assert.equal(generation(data.refreshToken), 2)
  assert.equal((await get(server, '/api/v2/auth/check', data.token)).status, 200)
  const refused = (method: string, params: unknown) =>
    centrifuge.rpc(method, params).then(() => 0, (error: { code: number }) => error.code)
  assert.equal(await refused('gatecast.renew', { refreshToken: stranger.refreshToken }), 101)
  assert.equal(await refused('gatecast.renew', { refreshToken: 'x' }), 101)
  assert.equal(await refused('gatecast.renew', {}), 107)
  assert.equal(await refused('gatecast.nothing', {}), 108)
  assert.equal(await refused('anything', {}), 108)
  const time = (await centrifuge.rpc('gatecast.time', {})).data
  assert(Math.abs(time.ms - Date.now()) < 60_000)
  assert.equal(Date.parse(time.time), time.ms)
  assert.equal(generation((await renewed(server, stranger.refreshToken)).refreshToken), 2)
})

test('renewals go on after a restart, and an ended session stays ended', async (t) => {
  const first = await startServer(t, { config: noGrace })
  const [kept, ended] = [await signIn(first), await signIn(first)]
  const next = await renewed(first, kept.refreshToken)
  await post(first, '/api/v2/auth/logout', {}, ended.token)
  await first.stop()
  const second = await startServer(t, { again: first })
  assert.equal(generation((await renewed(second, next.refreshToken)).refreshToken), 3)
  assertRefused(await refresh(second, ended.refreshToken), 'signed_out')
})

const skip = hasFailpoints ? false : 'this tree is built without failpoints; ./dev test runs it in the check tree'

for (const place of ['store.before_commit', 'store.committed', 'store.before_answer']) {
  for (const pass of [4, 9]) {
    test(`an honest client goes on after kill -9 at ${place}, pass ${pass}, while it renews`, { skip }, async (t) => {
      const server = await launch(t, { backends: 'own', config: noGrace, env: { GATECAST_FAILPOINT_KILL: `${place}:${pass}` } })
      await server.ready()
      let held = await signIn(server)
      // Renews with the newest it has got until the server dies.
      for (let i = 0; i < 40; i++) {
        const reply = await refresh(server, held.refreshToken).catch(() => undefined)
        if (!reply) break
        assert.equal(reply.status, 200, JSON.stringify(reply.body))
        assert(generation(reply.body.refreshToken) > generation(held.refreshToken))
        held = reply.body
      }
      assert.equal((await server.ended()).signal, 'SIGKILL', server.output)
      const again = await startServer(t, { again: server, env: { GATECAST_FAILPOINT_KILL: '' } })
      const next = await renewed(again, held.refreshToken)
      assert.equal(next.session.id, held.session.id)
      assert.equal((await get(again, '/api/v2/auth/check', next.token)).status, 200)
      assert.equal(generation((await renewed(again, next.refreshToken)).refreshToken), generation(next.refreshToken) + 1)
    })
  }
}
