// The server API's list of connections: who is there, with what traffic; and who was, and why no longer.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { api, post } from '../harness/api.ts'
import { command } from '../harness/command.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { signIn, type Tokens } from '../harness/wallet.ts'

// Base64 of random bytes: compressed, at least three quarters of it are left.
const incompressible = (length: number) => randomBytes(length).toString('base64').slice(0, length)

describe('connections', () => {
  const suite = new Suite()
  let server: Server

  before(async () => {
    server = await startServer(suite, {
      config: {
        realtime: { shards: 3, ping: '1s', pong: '500ms' },
        limits: { closed_bytes_shard: 65_536 },
        namespace: [{ name: 'plain', allow_subscribe_for_client: true, allow_publish_for_client: true }],
      },
    })
  })
  after(() => suite.close())

  const list = async (params: object): Promise<{ connections: any[]; total: number }> => {
    const { status, body } = await api(server, 'connections', params)
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal(body.error, undefined, JSON.stringify(body))
    return body.result
  }

  async function connect(t: Scope, session: Tokens, channels: string[] = []) {
    const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, token: session.token, minReconnectDelay: 60_000, maxReconnectDelay: 60_000 })
    onEnd(t, () => centrifuge.disconnect())
    let client = ''
    centrifuge.on('connected', (context) => (client = context.client))
    const subscriptions = channels.map((channel) => centrifuge.newSubscription(channel))
    for (const each of subscriptions) each.subscribe()
    centrifuge.connect()
    await within('the client to connect', centrifuge.ready())
    for (const each of subscriptions) await within('the subscription', each.ready())
    return { centrifuge, client }
  }

  test('one row a connection, with what is known of it', async (t) => {
    const session = await signIn(server)
    const { centrifuge, client } = await connect(t, session, ['plain:b', 'plain:a'])
    await centrifuge.publish('plain:a', { text: incompressible(1000) })
    const { connections, total } = await list({ user: session.user.id })
    assert.equal(total, 1)
    const [row] = connections
    assert.equal(row.client, client)
    assert.equal(row.user, session.user.id)
    assert.equal(row.session, session.session.id)
    assert.deepEqual([row.transport, row.protocol, row.ip], ['websocket', 'json', '127.0.0.1'])
    assert.deepEqual(row.channels.filter((name: string) => name.startsWith('plain:')), ['plain:a', 'plain:b'])
    assert.equal(row.num_channels, row.channels.length)
    assert.equal(row.queued_bytes, 0)
    assert(row.bytes_in > 1000 && row.bytes_out > 750, JSON.stringify(row))
    assert(row.messages_in >= 4)
    assert(row.age_s >= 0 && row.age_s < 60)
    assert.equal(row.session_info, undefined)
    assert.equal(typeof row.compression, 'boolean')
  })

  test('the round trip is known after the first ping', async (t) => {
    const session = await signIn(server)
    await connect(t, session)
    const row = await until('a round trip', async () => (await list({ user: session.user.id })).connections.find((c) => c.rtt_ms !== undefined))
    assert(row.rtt_ms > 0 && row.rtt_ms < 500, `${row.rtt_ms}`)
  })

  test('with its session', async (t) => {
    const session = await signIn(server)
    await connect(t, session)
    const { connections } = await list({ session: session.session.id, with_session: true })
    assert.equal(connections.length, 1)
    const { how, created_at, last_seen_at } = connections[0].session_info
    assert.equal(how, 'solana')
    assert(Date.parse(created_at) <= Date.parse(last_seen_at))
    assert(Math.abs(Date.now() - Date.parse(created_at)) < 60_000)
  })

  test('by user, session, client and channel', async (t) => {
    const [ann, bob] = [await signIn(server), await signIn(server)]
    const first = await connect(t, ann, ['plain:mine'])
    const second = await connect(t, ann)
    await connect(t, bob, ['plain:mine'])
    const count = async (params: object) => (await list(params)).total
    assert.equal(await count({ user: ann.user.id }), 2)
    assert.equal(await count({ session: ann.session.id }), 2)
    assert.equal(await count({ client: second.client }), 1)
    assert.equal(await count({ channel: 'plain:mine' }), 2)
    assert.equal(await count({ channel: 'plain:mine', user: ann.user.id }), 1)
    assert.equal(await count({ client: first.client, user: bob.user.id }), 0)
    assert.equal(await count({ user: 'nobody' }), 0)
  })

  test('the first so many of all shards, in the order asked for', async (t) => {
    const sessions = await Promise.all(Array.from({ length: 9 }, () => signIn(server)))
    const channel = 'plain:sorted'
    const clients = await Promise.all(sessions.map((session, n) => connect(t, session, [channel, ...Array.from({ length: n }, (_, k) => `plain:s${k}`)])))
    const rows = async (params: object) => (await list({ channel, ...params })).connections.map((c) => c.client)
    const byChannels = clients.map((c) => c.client).reverse()
    assert.deepEqual(await rows({ sort: 'channels', limit: 9 }), byChannels)
    assert.deepEqual(await rows({ sort: 'channels', limit: 3 }), byChannels.slice(0, 3))
    assert.deepEqual(await rows({ sort: 'channels', order: 'asc', limit: 4 }), byChannels.toReversed().slice(0, 4))
    assert.equal((await list({ channel, sort: 'channels', limit: 3 })).total, 9)
    await clients[4]!.centrifuge.publish(channel, incompressible(20_000))
    assert.equal((await rows({ sort: 'bytes_in', limit: 1 }))[0], clients[4]!.client)
    for (const sort of ['age', 'queue', 'rtt', 'bytes_out']) assert.equal((await rows({ sort })).length, 9, sort)
  })

  test('the recently closed, the newest first, each with its reason', async (t) => {
    const session = await signIn(server)
    const user = session.user.id
    const left = await connect(t, session)
    left.centrifuge.disconnect()
    const row = await until('the end to be noted', async () => (await list({ user, closed: true })).connections[0])
    assert.deepEqual([row.client, row.reason, row.session, row.ip], [left.client, 'ws_normal', session.session.id, '127.0.0.1'])
    assert(row.bytes_in > 0 && row.bytes_out > 0 && Date.parse(row.closed_at) <= Date.now())
    const pushed = await connect(t, session)
    await api(server, 'disconnect', { user, disconnect: { code: 4123, reason: 'mine' } })
    await until('the next end', async () => (await list({ user, closed: true })).total === 2)
    const last = await connect(t, session)
    assert.equal((await post(server, '/api/v2/auth/logout', {}, session.token)).status, 200)
    await until('the last end', async () => (await list({ user, closed: true })).total === 3)
    const { connections } = await list({ user, closed: true })
    assert.deepEqual(
      connections.map((c) => [c.client, c.code, c.reason]),
      [
        [last.client, 4501, 'signed_out'],
        [pushed.client, 4123, 'force_disconnect'],
        [left.client, connections[2].code, 'ws_normal'],
      ],
    )
    assert.equal((await list({ user, closed: true, limit: 1 })).connections[0].client, last.client)
    assert.equal((await list({ user })).total, 0)
  })

  test('parameters that make no sense are refused', async () => {
    for (const wrong of [
      { sort: 'name' },
      { order: 'up' },
      { limit: 0 },
      { limit: 1001 },
      { user: 7 },
      { closed: 'yes' },
      { closed: true, sort: 'age' },
      { closed: true, channel: 'plain:a' },
      { usr: 'slip' },
    ]) {
      assert.equal((await api(server, 'connections', wrong)).body.error?.name, 'field_invalid', JSON.stringify(wrong))
    }
  })

  test('an operator sees them as a table', async (t) => {
    const session = await signIn(server)
    const { client } = await connect(t, session)
    const live = await command(server, ['connection', 'list', session.user.id])
    assert.equal(live.code, 0, live.err)
    const [heading, row, count] = live.out.trim().split('\n')
    assert.match(heading!, /^client +user +ip +age s +bytes in +bytes out +channels +queued +rtt ms$/)
    assert(row!.startsWith(client) && row!.includes('127.0.0.1'))
    assert.equal(count, '1 of 1')
    await api(server, 'disconnect', { user: session.user.id })
    await until('the end', async () => (await list({ user: session.user.id, closed: true })).total === 1)
    const closed = await command(server, ['connection', 'list', session.user.id, '--closed'])
    assert.match(closed.out, /3503 +force_disconnect/)
    const json = await command(server, ['connection', 'list', '--json', '--sort', 'bytes_in', '--limit', '1'])
    assert(JSON.parse(json.out).connections.length <= 1)
  })
})
