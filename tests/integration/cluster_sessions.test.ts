// One session on three nodes: made once, renewed once, ended everywhere.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, bearer, call, get, post } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { done, startNodes } from '../harness/nodes.ts'
import { appToken } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig } from '../harness/telegram.ts'
import { claimsOf } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { challenge, signIn, type Tokens, trySignIn, Wallet } from '../harness/wallet.ts'

const kCheck = '/api/v2/auth/check'
const generation = (token: string) => Number(token.split('.')[3])

describe('sessions on three nodes', () => {
  const suite = new Suite()
  let nodes: Server[]
  const telegram = bot(5_000_001)
  before(async () => {
    nodes = await startNodes(suite, 3, { config: { session: { grace: '2s', per_user: 5 }, ...telegramConfig([telegram]) } })
  })
  after(() => suite.close())
  const node = (i: number) => nodes[i % 3]!
  /** The next renewal is a rotation. */
  const beyondGrace = (sid: string) => nodes[0]!.rows.run(`UPDATE sessions SET rotated_at = rotated_at - 5000 WHERE sid = '${sid}'`)
  const onAll = <Value>(what: (server: Server) => Promise<Value>) => Promise.all(nodes.map(what))

  for (let round = 1; round <= 5; round++) {
    test(`one proof on three nodes at once: one session (${round})`, async () => {
      const wallet = new Wallet()
      const { message } = await challenge(node(round), wallet)
      const replies = await onAll((server) => trySignIn(server, wallet, message))
      assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 401, 401])
      for (const reply of replies) if (reply.status !== 200) assertRefused(reply, 'nonce_used')
      const { body } = replies.find(({ status }) => status === 200)!
      const { sessions } = await done(node(round), 'sessions', { user: body.user.id })
      assert.equal(sessions.length, 1)
    })

    test(`one refresh token raced on three nodes: one rotation (${round})`, async () => {
      const { refreshToken, session } = await signIn(node(round))
      beyondGrace(session.id)
      const replies = await Promise.all(Array.from({ length: 9 }, (_, i) => post(node(i), '/api/v2/auth/refresh', { refreshToken })))
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
      const tokens = replies.map(({ body }) => body as Tokens)
      assert.equal(new Set(tokens.map(({ refreshToken }) => refreshToken)).size, 1)
      assert.deepEqual([...new Set(tokens.map(({ token }) => claimsOf(token).gen))], [2])
      assert.equal(generation(tokens[0]!.refreshToken), 2)
    })
  }

  test('the same initData on three nodes at once: one session', async () => {
    const data = initData(telegram, person())
    const replies = await onAll((server) => post(server, '/api/v2/auth/telegram', { initData: data }))
    assert.deepEqual(replies.map(({ status }) => status), [200, 200, 200], JSON.stringify(replies.map(({ body }) => body)))
    assert.equal(new Set(replies.map(({ body }) => body.session.id)).size, 1)
    assert.equal(new Set(replies.map(({ body }) => body.refreshToken)).size, 1)
  })

  test('a refresh token that was rotated away, presented on another node, ends the session on all', async (t) => {
    const first = await signIn(node(0))
    const tab = await new Client(t, node(1).websocket, { token: first.token }).connect()
    let newest = first
    for (let i = 1; i <= 2; i++) {
      beyondGrace(first.session.id)
      newest = (await post(node(i), '/api/v2/auth/refresh', { refreshToken: newest.refreshToken })).body
    }
    assertRefused(await post(node(0), '/api/v2/auth/refresh', { refreshToken: first.refreshToken }), 'refresh_reuse')
    assert.equal((await tab.end()).code, 4504)
    for (const server of nodes) assertRefused(await get(server, kCheck, newest.token), 'refresh_reuse')
  })

  test('the list of sessions counts connections on every node', async (t) => {
    const wallet = new Wallet()
    const [one, two] = [await signIn(node(0), wallet), await signIn(node(1), wallet)]
    await Promise.all([0, 1, 2, 2].map((i) => new Client(t, node(i).websocket, { token: one.token }).connect()))
    await new Client(t, node(2).websocket, { token: two.token }).connect()
    for (const server of nodes) {
      const { body } = await get(server, '/api/v2/auth/sessions', one.token)
      const counts = Object.fromEntries(body.sessions.map((s: { id: string; connected: number }) => [s.id, s.connected]))
      assert.deepEqual(counts, { [one.session.id]: 4, [two.session.id]: 1 })
    }
  })

  /** Each way to end sessions: what it is called with, and the close code of the tabs that it ends. */
  const endings: [string, number, (wallet: Wallet, held: Tokens) => Promise<unknown>][] = [
    ['log-out', 4501, (_, held) => post(node(0), '/api/v2/auth/logout', {}, held.token)],
    ['log-out everywhere', 4501, (_, held) => post(node(0), '/api/v2/auth/logout/all', {}, held.token)],
    [
      'log-out of the others',
      4501,
      async (wallet) => post(node(0), '/api/v2/auth/logout/others', {}, (await signIn(node(0), wallet)).token),
    ],
    [
      'removed from the list',
      4501,
      async (wallet, held) => {
        const other = await signIn(node(0), wallet)
        return call(`${node(0).origin}/api/v2/auth/sessions/${held.session.id}`, 'DELETE', undefined, bearer(other.token))
      },
    ],
    ['session_end', 4502, (_, held) => done(node(0), 'session_end', { session: held.session.id })],
    ['user_block', 4503, (_, held) => done(node(0), 'user_block', { user: held.user.id })],
    ['user_delete', 4502, (_, held) => done(node(0), 'user_delete', { user: held.user.id })],
    [
      'the limit of sessions',
      4506,
      async (wallet) => {
        for (let i = 0; i < 5; i++) await signIn(node(i), wallet)
      },
    ],
  ]
  for (const [name, close, end] of endings) {
    test(`${name} on the first: refused on all once it is answered, and tabs on the others close with ${close}`, async (t) => {
      const wallet = new Wallet()
      const held = await signIn(node(1), wallet)
      const tabs = await Promise.all([0, 1, 2].map((i) => new Client(t, node(i).websocket, { token: held.token }).connect()))
      await end(wallet, held)
      const checks = await onAll((server) => get(server, kCheck, held.token))
      const renewals = await onAll((server) => post(server, '/api/v2/auth/refresh', { refreshToken: held.refreshToken }))
      for (const { status, body } of [...checks, ...renewals]) assert(status === 401 || status === 403, JSON.stringify(body))
      for (const tab of tabs) assert.equal((await tab.end()).code, close)
    })
  }

  test('thirty sessions end one by one, each checked on the other nodes the moment it was answered', async () => {
    const held = await Promise.all(Array.from({ length: 30 }, (_, i) => signIn(node(i))))
    const accepted: string[] = []
    const times: number[] = []
    for (const [i, tokens] of held.entries()) {
      const began = performance.now()
      await post(node(i), '/api/v2/auth/logout', {}, tokens.token)
      times.push(performance.now() - began)
      const replies = await onAll((server) => get(server, kCheck, tokens.token))
      if (replies.some(({ status }) => status === 200)) accepted.push(`${i}: ${replies.map(({ status }) => status)}`)
    }
    assert.deepEqual(accepted, [])
    times.sort((a, b) => a - b)
    console.log(`endings answered by three nodes: median ${times[15]!.toFixed(1)} ms, slowest ${times[29]!.toFixed(1)} ms`)
    assert(times[15]! < 500, 'nodes that are there answer long before a second is over')
  })

  test('a session of a trusted issuer that is ended on one node is ended on all', async (t) => {
    const token = await appToken('foreigner', { jti: 'theirs' })
    const tabs = await Promise.all([1, 2].map((i) => new Client(t, node(i).websocket, { token }).connect()))
    await done(node(0), 'session_end', { session: 'x:app:theirs' })
    for (const tab of tabs) assert.equal((await tab.end()).code, 4502)
    for (const server of nodes) {
      const late = new Client(t, server.websocket, { token })
      late.centrifuge.connect()
      await until('the refusal', () => late.ends.length > 0)
      assert.equal(late.connects.length, 0)
    }
  })
})
