// The event feed: what happened, once each, in order, and at once for those who wait.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { api, assertRefused, call, post } from '../harness/api.ts'
import { RawSocket } from '../harness/raw.ts'
import type { Event } from '../harness/receiver.ts'
import { Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

interface Page {
  events: Event[]
  next: number
}

async function feed(server: Server, query = ''): Promise<Page> {
  const reply = await call(`${server.ops}/api/events${query}`, 'GET', undefined, { 'X-API-Key': server.apiKey })
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}

describe('events', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => void (server = await startServer(suite)))
  after(() => suite.close())

  test('tell of users, sessions and their ends, in order, once each', async () => {
    const { next } = await feed(server, '?limit=1000')
    const wallet = new Wallet()
    const tokens = await signIn(server, wallet)
    const user = tokens.user.id
    await api(server, 'user_upsert', { user: { id: user, nickname: 'Ann' } })
    await post(server, '/api/v2/auth/logout', {}, tokens.token)
    const second = await signIn(server, wallet)
    await api(server, 'session_end', { session: second.session.id })
    await api(server, 'user_block', { user })
    await api(server, 'user_unblock', { user })
    await api(server, 'user_delete', { user })
    const { events } = await feed(server, `?after=${next}&limit=1000`)
    assert.deepEqual(
      events.map(({ type, reason }) => (reason ? `${type} ${reason}` : type)),
      [
        'user.created',
        'session.started',
        'user.changed',
        'session.ended signed_out',
        'session.started',
        'session.ended ended_by_operator',
        'user.blocked',
        'user.unblocked',
        'user.deleted',
      ],
    )
    for (const event of events) assert.equal(event.user, user)
    assert.deepEqual([events[1]!.session, events[3]!.session], [tokens.session.id, tokens.session.id])
    assert.equal(JSON.stringify(events).includes('127.0.0.1'), false)
  })

  test('pages join without a gap; the method gives what the route gives', async () => {
    const whole = await feed(server, '?limit=1000')
    const parts: Event[] = []
    let place = 0
    for (;;) {
      const page = await feed(server, `?after=${place}&limit=2`)
      parts.push(...page.events)
      place = page.next
      if (page.events.length === 0) break
    }
    assert.deepEqual(parts, whole.events)
    assert.deepEqual((await api(server, 'events', { limit: 1000 })).body.result, whole)
  })

  test('who waits hears at once', async () => {
    const { next } = await feed(server, '?limit=1000')
    const waiting = feed(server, `?after=${next}&wait=25`)
    const { user } = await signIn(server)
    const signedIn = Date.now()
    const { events } = await waiting
    assert(Date.now() - signedIn < 2000, `${Date.now() - signedIn} ms`)
    assert.equal(events[0]!.user, user.id)
    const before = Date.now()
    const later = await feed(server, '?limit=1000')
    const none = await feed(server, `?after=${later.next}&wait=1`)
    assert.deepEqual(none.events, [])
    assert(Date.now() - before >= 990)
  })

  test('figures out of bounds are refused', async () => {
    for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?after=-1', '?wait=31', '?after=1&after=2', '?limit=9e9']) {
      const reply = await call(`${server.ops}/api/events${query}`, 'GET', undefined, { 'X-API-Key': server.apiKey })
      assertRefused(reply, 'field_invalid')
    }
    assertRefused(await call(`${server.ops}/api/events`, 'GET'), 'api_key_missing')
  })
})

test('a stopping server answers who waits', async (t) => {
  // One shard reads both connections: the answer to the second says that the first's request was read.
  const server = await startServer(t, { config: { realtime: { shards: 1 } } })
  const waiting = await RawSocket.open(t, server.opsPort)
  waiting.send(`GET /api/events?wait=30 HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${server.apiKey}\r\n\r\n`)
  assert.deepEqual((await feed(server)).events, [])
  const began = Date.now()
  server.kill('SIGTERM')
  const reply = await waiting.reply()
  assert.deepEqual([reply.status, JSON.parse(reply.body).events], [200, []])
  await server.ended()
  assert(Date.now() - began < 15_000)
})
