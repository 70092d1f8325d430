// What belongs to users, on three nodes: grants, notifications, limits, events, repeated calls, tickets.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { api, bearer, call, get, post, type Reply } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { done, startNodes } from '../harness/nodes.ts'
import { appToken } from '../harness/realtime.ts'
import { Receiver } from '../harness/receiver.ts'
import { Suite, type Scope } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet } from '../harness/wallet.ts'

const kInbox = '/api/user/notifications'

/** What tabs are told by the server itself. */
const toldOf = (client: Client, prefix: string) =>
  client.got.map(({ data }) => data?.gatecast).filter((told) => typeof told?.type === 'string' && told.type.startsWith(prefix))

describe('affairs of users on three nodes', () => {
  const suite = new Suite()
  let nodes: Server[]
  let receiver: Receiver
  before(async () => {
    receiver = await Receiver.open(suite)
    nodes = await startNodes(suite, 3, {
      config: {
        http: { query_token: 'ticket' },
        webhook: [{ name: 'app', url: receiver.url, secret: receiver.secret }],
        namespace: [
          { name: 'post', grant: 'post:{1}', history_size: 50, history_ttl: '5m' },
          { name: 'long', allow_subscribe_for_client: true, history_size: 1000, history_ttl: '5m', force_recovery: true },
        ],
      },
    })
  })
  after(() => suite.close())
  const node = (i: number) => nodes[i % 3]!
  const user = async () => {
    const id = `u${randomUUID().slice(0, 8)}`
    await done(node(0), 'user_upsert', { user: { id } })
    return id
  }
  const tab = async (t: Scope, i: number, id: string) => new Client(t, node(i).websocket, { token: await appToken(id) }).connect()

  test('a grant given on one node opens the channel on the others, and taken away closes it there', async (t) => {
    const ann = await user()
    const tabs = await Promise.all([0, 1, 2].map((i) => tab(t, i, ann)))
    for (const one of tabs) {
      const early = one.subscription('post:42')
      early.subscription.subscribe()
      assert.deepEqual(await early.refused(), { code: 103, reason: 'grant missing' })
      one.centrifuge.removeSubscription(early.subscription)
    }
    await done(node(0), 'grant_add', { user: ann, resource: 'post:42' })
    await until('every tab to be told', () => tabs.every((one) => toldOf(one, 'grant.').length === 1))
    // Whoever was told may subscribe at once, on whatever node.
    const open = await Promise.all(tabs.map((one) => one.subscription('post:42').on()))
    await done(node(1), 'publish', { channel: 'post:42', data: 'for holders' })
    for (const one of open) await one.has(1)
    await done(node(2), 'grant_remove', { user: ann, resource: 'post:42' })
    for (const one of open) assert.deepEqual(await one.refused(), { code: 2001, reason: 'grant missing' })
    for (const one of tabs)
      assert.deepEqual(
        toldOf(one, 'grant.').map(({ type, version }) => [type, version]),
        [['grant.added', 1], ['grant.removed', 2]],
      )
  })

  test('fifty grants by three nodes at once: versions 1 to 50 in order in every tab', async (t) => {
    const ann = await user()
    const tabs = await Promise.all([0, 1, 2].map((i) => tab(t, i, ann)))
    await Promise.all(Array.from({ length: 50 }, (_, i) => done(node(i), 'grant_add', { user: ann, resource: `post:${i}` })))
    for (const one of tabs) {
      await until('all of them', () => toldOf(one, 'grant.').length >= 50)
      // Nodes commit side by side, so pushes may overtake each other; what a version stands for is said once.
      assert.deepEqual(
        toldOf(one, 'grant.').map(({ version }) => version).sort((a, b) => a - b),
        Array.from({ length: 50 }, (_, i) => i + 1),
      )
    }
    for (const server of nodes) assert.equal((await done(server, 'grants', { user: ann })).grants.length, 50)
  })

  test('notifications made, read and removed on different nodes: every tab agrees', async (t) => {
    const tokens = await signIn(node(0))
    const tabs = await Promise.all([0, 1, 2].map((i) => new Client(t, node(i).websocket, { token: tokens.token }).connect()))
    for (let i = 0; i < 6; i++) await done(node(i), 'notify', { user: tokens.user.id, kind: 'like', data: i, key: `k${i}` })
    // The same key on another node counts once.
    await done(node(1), 'notify', { user: tokens.user.id, kind: 'like', data: 0, key: 'k0' })
    const page = async (i: number) => (await get(node(i), kInbox, tokens.token)).body
    for (const i of [0, 1, 2]) assert.deepEqual([(await page(i)).unread, (await page(i)).notifications.length], [6, 6])
    const { notifications } = await page(2)
    const ids = notifications.slice(0, 2).map(({ id }: { id: string }) => id)
    await call(node(1).origin + kInbox, 'PATCH', { ids }, bearer(tokens.token))
    for (const one of tabs) await until('each tab to have the count', () => toldOf(one, 'notification').at(-1)?.unread === 4)
    for (const one of tabs) {
      const versions = toldOf(one, 'notification').map(({ version }) => version)
      assert.deepEqual(versions, [...versions].sort((a, b) => a - b))
    }
  })

  test('the strict limit counts the sign-ins of all nodes', async (t) => {
    const limited = await startNodes(t, 3, { config: { http: { trusted_proxies: ['127.0.0.1/32'] }, limits: { rate_strict: 6 } } })
    const outcomes: number[] = []
    for (let i = 0; i < 12; i++) {
      const server = limited[i % 3]!
      const reply: Reply = await call(
        `${server.origin}/api/v2/auth/wallet`,
        'POST',
        { chain: 'solana', address: new Wallet().address, message: 'x', signature: 'x' },
        { 'X-Forwarded-For': '203.0.113.9' },
      )
      outcomes.push(reply.status)
    }
    assert.deepEqual(outcomes.map((status) => status === 429), [...Array(6).fill(false), ...Array(6).fill(true)], outcomes.join())
  })

  test('events of every node are in one feed, and each comes to the webhook once and in order', async () => {
    const before = receiver.taken.length
    const made: string[] = []
    for (let i = 0; i < 30; i++) {
      const id = `event-${randomUUID().slice(0, 8)}`
      await done(node(i), 'user_upsert', { user: { id } })
      made.push(id)
    }
    const told = () => receiver.taken.slice(before).filter(({ type, user }) => type === 'user.created' && made.includes(user ?? ''))
    await until('every event', () => told().length >= 30)
    assert.deepEqual(told().map(({ user }) => user), made)
    const seqs = receiver.taken.map(({ seq }) => seq)
    assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b), 'one sender at a time')
  })

  test('who waits for events on one node hears at once of what happens on another', async () => {
    const events = (query: string) => call(`${node(2).ops}/api/events?${query}`, 'GET', undefined, { 'X-API-Key': node(2).apiKey })
    let after = 0
    for (;;) {
      const { body } = await events(`after=${after}&limit=1000`)
      if (body.events.length === 0) break
      after = body.next
    }
    const waiting = events(`after=${after}&wait=20`)
    const began = performance.now()
    const { id } = { id: `waited-${randomUUID().slice(0, 8)}` }
    await done(node(0), 'user_upsert', { user: { id } })
    const { body } = await waiting
    assert.equal(body.events[0]?.user, id)
    const took = performance.now() - began
    assert(took < 3000, `${took.toFixed()} ms`)
  })

  test('a call repeated on another node under its key runs once', async (t) => {
    const listener = await tab(t, 1, await user())
    const log = await listener.subscription('long:once').on()
    const repeated = (i: number, data: unknown) =>
      call(
        `${node(i).ops}/api/publish`,
        'POST',
        { channel: 'long:once', data },
        { 'X-API-Key': node(i).apiKey, 'Idempotency-Key': 'order-7' },
      )
    const replies = []
    for (const i of [0, 1, 2, 0]) replies.push(await repeated(i, 'once'))
    for (const { status, body } of replies) {
      assert.equal(status, 200, JSON.stringify(body))
      assert.deepEqual(body, replies[0]!.body)
    }
    assert.equal((await repeated(1, 'another')).body.code, 'idempotency_conflict')
    await done(node(0), 'publish', { channel: 'long:once', data: 'end' })
    await until('the end', () => log.data.includes('end'))
    assert.deepEqual(log.data, ['once', 'end'])
  })

  test('a ticket of one node opens a connection on another, once', async (t) => {
    const { token } = await signIn(node(0))
    const { body } = await post(node(1), '/api/v2/auth/ticket', {}, token)
    const client = new Client(t, `${node(2).websocket}?token=${body.ticket}`, {})
    await client.connect()
    const again = new Client(t, `${node(0).websocket}?token=${body.ticket}`, { maxReconnectDelay: 20 })
    again.centrifuge.connect()
    await until('the refusal', () => again.ends.length > 0 || again.errors.length > 0)
    assert.equal(again.connects.length, 0)
  })

  test('blocked on one node, a user signs in on none', async () => {
    const wallet = new Wallet()
    const tokens = await signIn(node(0), wallet)
    await done(node(1), 'user_block', { user: tokens.user.id })
    for (const server of nodes) {
      const { message } = await challenge(server, wallet)
      assert.equal((await trySignIn(server, wallet, message)).body.code, 'user_blocked')
    }
    const { body } = await api(node(2), 'user_get', { user: tokens.user.id })
    assert.equal(body.result.user.blocked, true)
  })
})
