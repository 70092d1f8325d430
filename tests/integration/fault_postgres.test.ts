// PostgreSQL is gone, slow, or replaced by a replica that lagged, while people are signed in on several nodes.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, call, get, post } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { Crowd } from '../harness/crowd.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { done, startNodes } from '../harness/nodes.ts'
import { startPostgres, type Postgres } from '../harness/postgres.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet, type Tokens } from '../harness/wallet.ts'

const kSeed = Number(process.env.GATECAST_SEED ?? 1)
const kCheck = '/api/v2/auth/check'

async function attempt(server: Server, wallet = new Wallet()) {
  const { message } = await challenge(server, wallet)
  return trySignIn(server, wallet, message)
}
const worksAgain = (servers: Server[]) =>
  Promise.all(servers.map((server) => until('sign-ins to work', async () => (await attempt(server)).status === 200, 30_000)))

describe(`the way to PostgreSQL fails, seed ${kSeed}`, () => {
  const suite = new Suite()
  let postgres: Postgres
  let proxies: FaultProxy[]
  let nodes: Server[]
  before(async () => {
    postgres = await startPostgres(suite)
    proxies = await Promise.all([0, 1].map((i) => FaultProxy.open(suite, postgres.port, kSeed * 10 + i)))
    nodes = await startNodes(suite, 2, { postgres, node: (i) => ({ store: proxies[i]! }), config: { session: { grace: '2s', blind_max: '1m' } } })
  })
  after(() => suite.close())
  const suffer = (fault: Parameters<FaultProxy['suffer']>[0]) => proxies.forEach((proxy) => proxy.suffer(fault))

  test('slow: everything works, later', async () => {
    suffer({ delay: { least: 5, most: 40 } })
    const tokens = await Promise.all(Array.from({ length: 10 }, (_, i) => signIn(nodes[i % 2]!)))
    for (const [i, { token, refreshToken }] of tokens.entries()) {
      assert.equal((await get(nodes[(i + 1) % 2]!, kCheck, token)).status, 200)
      assert.equal((await post(nodes[i % 2]!, '/api/v2/auth/refresh', { refreshToken })).status, 200)
    }
    suffer({})
  })

  test('cut mid-reply: nothing acknowledged is lost, nothing is there twice', async () => {
    suffer({ cutAfter: { least: 100, most: 4000 } })
    const acknowledged: Tokens[] = []
    const wallets = Array.from({ length: 60 }, () => new Wallet())
    for (const [i, wallet] of wallets.entries()) {
      const reply = await attempt(nodes[i % 2]!, wallet).catch(() => undefined)
      if (reply?.status === 200) acknowledged.push(reply.body)
      else if (reply) assert.equal(reply.status, 503, JSON.stringify(reply.body))
    }
    suffer({})
    await worksAgain(nodes)
    for (const { session, user, refreshToken } of acknowledged) {
      const { sessions } = await done(nodes[0]!, 'sessions', { user: user.id })
      assert.deepEqual(sessions.map(({ id }: { id: string }) => id), [session.id])
      assert.equal((await post(nodes[1]!, '/api/v2/auth/refresh', { refreshToken })).status, 200)
    }
    const users = nodes[0]!.rows.all('SELECT subject FROM identities')
    assert.equal(new Set(users.map(({ subject }) => subject)).size, users.length)
    console.log(`cut mid-reply: ${wallets.length} sign-ins, ${acknowledged.length} acknowledged, all of them kept`)
    assert(acknowledged.length > 0)
  })

  test('renewals cut mid-reply: the client that asks again goes on, and is never taken for a thief', async () => {
    let held = await signIn(nodes[0]!)
    let lost = 0
    for (let i = 0; i < 40; i++) {
      suffer({ cutAfter: { least: 200, most: 3000 } })
      const reply = await post(nodes[i % 2]!, '/api/v2/auth/refresh', { refreshToken: held.refreshToken })
      if (reply.status === 200) held = reply.body
      else (assert.equal(reply.status, 503, JSON.stringify(reply.body)), lost++)
    }
    suffer({})
    await worksAgain(nodes)
    assert.equal((await post(nodes[0]!, '/api/v2/auth/refresh', { refreshToken: held.refreshToken })).status, 200)
    console.log(`renewals cut mid-reply: 40, ${lost} without an answer`)
  })

  test('swallowed: calls end within their deadline', async () => {
    suffer({ lose: ['toServer', 'toClient'] })
    const began = performance.now()
    assert.equal((await attempt(nodes[0]!)).status, 503)
    assert(performance.now() - began < 6000, `${performance.now() - began} ms`)
    suffer({})
    await worksAgain(nodes)
  })

  test('gone: traffic goes on, nobody new is let in, and all is well once it is back', async (t) => {
    const wallet = new Wallet()
    const tokens = await signIn(nodes[0]!, wallet)
    const tab = await new Client(t, nodes[1]!.websocket, { token: tokens.token }).connect()
    const crowd = await Crowd.gather(t, nodes, ['long:gone'], 10)
    await postgres.kill()
    await crowd.each((publisher) => publisher.many(30))
    for (const node of nodes) {
      assertRefused(await attempt(node), 'store_failed')
      assertRefused(await post(node, '/api/v2/auth/refresh', { refreshToken: tokens.refreshToken }), 'store_failed')
      assert.equal((await call(`${node.ops}/readyz`, 'GET')).status, 503)
    }
    await until('tokens not to be judged by what is old', async () => (await get(nodes[0]!, kCheck, tokens.token)).status === 503)
    await postgres.start()
    await worksAgain(nodes)
    for (const node of nodes) assert.equal((await get(node, kCheck, tokens.token)).status, 200)
    const counts = await crowd.judge('PostgreSQL gone')
    assert.deepEqual([counts.uncertain, counts.told], [0, 0])
    assert.deepEqual(tab.drops, [])
  })
})

test('a replica that lagged takes over: what was ended stays ended, whoever is honest goes on', async (t) => {
  const postgres = await startPostgres(t)
  const replica = await postgres.replica()
  const nodes = await startNodes(t, 3, { postgres, standbys: [replica] })
  const [ended, kept] = [await signIn(nodes[0]!), await signIn(nodes[1]!)]
  const tab = await new Client(t, nodes[2]!.websocket, { token: kept.token }).connect()
  await replica.caughtUp(postgres)
  await replica.lag()
  // These two the next server will not have.
  const late = await signIn(nodes[0]!)
  await post(nodes[0]!, '/api/v2/auth/logout', {}, ended.token)
  const renewedOnce = (await post(nodes[1]!, '/api/v2/auth/refresh', { refreshToken: kept.refreshToken })).body as Tokens
  await postgres.kill()
  await replica.promote()
  await worksAgain(nodes)
  await until('the ending to be written again', async () => {
    const rows = replica.rowsNow(`SELECT ended_at FROM sessions WHERE sid = '${ended.session.id}'`, nodes[0]!.backends!.database)
    return rows[0]?.ended_at != null
  })
  for (const node of nodes) {
    assertRefused(await get(node, kCheck, ended.token), 'signed_out')
    assertRefused(await post(node, '/api/v2/auth/refresh', { refreshToken: ended.refreshToken }), 'signed_out')
    assert.equal((await get(node, kCheck, kept.token)).status, 200)
    assert.equal((await get(node, kCheck, renewedOnce.token)).status, 200)
    assert.notEqual((await post(node, '/api/v2/auth/refresh', { refreshToken: late.refreshToken })).status, 200)
  }
  // Its token is of a generation that this server does not know yet: a store that was set back, never theft.
  const renewed = await post(nodes[0]!, '/api/v2/auth/refresh', { refreshToken: renewedOnce.refreshToken })
  assert.equal(renewed.status, 200, JSON.stringify(renewed.body))
  assert.deepEqual(tab.drops, [])
})
