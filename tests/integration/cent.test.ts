// Centrifugo's client library for back ends in JavaScript, unchanged, against the server API: every method it has.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CentClient, CentException, CentMethods } from 'cent.js'
import { Centrifuge, type PublicationContext } from 'centrifuge'
import WebSocket from 'ws'
import { onEnd, Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { signIn, type Tokens } from '../harness/wallet.ts'

describe('cent.js', () => {
  const suite = new Suite()
  let server: Server
  let cent: CentClient
  let session: Tokens
  let client: Centrifuge
  const got: PublicationContext[] = []
  const pushed: string[] = []

  before(async () => {
    server = await startServer(suite, {
      config: {
        namespace: [
          { name: 'room', allow_subscribe_for_client: true, presence: true, history_size: 10, history_ttl: '5m' },
          { name: 'plain', allow_subscribe_for_client: true },
        ],
      },
    })
    cent = new CentClient({ url: `${server.ops}/api`, apiKey: server.apiKey })
    session = await signIn(server)
    client = new Centrifuge(server.websocket, { token: session.token, websocket: WebSocket, minReconnectDelay: 20, maxReconnectDelay: 50 })
    onEnd(suite, () => client.disconnect())
    client.on('subscribed', ({ channel }) => pushed.push(`+${channel}`))
    client.on('unsubscribed', ({ channel }) => pushed.push(`-${channel}`))
    const room = client.newSubscription('room:1')
    room.on('publication', (publication) => got.push(publication))
    room.subscribe()
    client.connect()
    await within('the subscription', room.ready())
  })
  after(() => suite.close())

  test('publish: data and tags arrive, the position comes back', async () => {
    const first = await cent.publish({ channel: 'room:1', data: { n: 1 }, tags: { kind: 'greeting' } })
    assert.equal(first.offset, 1)
    assert.match(first.epoch!, /^[a-zA-Z]{8}$/)
    const publication = await until('the publication', () => got[0])
    assert.deepEqual([publication.data, publication.tags, publication.offset], [{ n: 1 }, { kind: 'greeting' }, 1])
    await assert.rejects(cent.publish({ channel: 'nowhere:1', data: {} }), CentException)
  })

  test('publish with skip_history arrives and is not kept', async () => {
    await cent.publish({ channel: 'room:1', data: { n: 'passing' }, skip_history: true })
    await until('the publication', () => got.some((p) => p.data.n === 'passing'))
    const kept = await cent.getHistory({ channel: 'room:1', limit: 10 })
    assert.deepEqual(kept.publications.map((p) => p.data), [{ n: 1 }])
  })

  test('broadcast: one answer a channel', async () => {
    const answer: any = await cent.broadcast({ channels: ['room:1', 'nowhere:1', 'plain:1'], data: { n: 2 } })
    assert.equal(answer.responses.length, 3)
    assert.equal(answer.responses[0].result.offset, 2)
    assert.equal(answer.responses[1].error.code, 102)
    assert.deepEqual(answer.responses[2].result, {})
  })

  test('getHistory and removeHistory', async () => {
    const all = await cent.getHistory({ channel: 'room:1', limit: -1 })
    assert.deepEqual([all.publications.map((p) => p.offset), all.offset], [[1, 2], 2])
    const last = await cent.getHistory({ channel: 'room:1', limit: 1, reverse: true })
    assert.equal(last.publications[0]!.offset, 2)
    const rest = await cent.getHistory({ channel: 'room:1', limit: 5, since: { offset: 1, epoch: all.epoch } })
    assert.deepEqual(rest.publications.map((p) => p.offset), [2])
    await assert.rejects(cent.getHistory({ channel: 'plain:1' }), CentException)
    await cent.removeHistory({ channel: 'room:1' })
    const none = await cent.getHistory({ channel: 'room:1', limit: -1 })
    assert.deepEqual([none.publications, none.offset, none.epoch], [[], 2, all.epoch])
  })

  test('getPresence and getPresenceStats', async () => {
    const { presence } = await cent.getPresence({ channel: 'room:1' })
    const [[id, info]] = Object.entries(presence) as [[string, { client: string; user: string }]]
    assert.deepEqual([id, info.user], [info.client, session.user.id])
    assert.deepEqual(await cent.getPresenceStats({ channel: 'room:1' }), { num_clients: 1, num_users: 1 })
    await assert.rejects(cent.getPresenceStats({ channel: 'plain:1' }), CentException)
  })

  test('getChannels', async () => {
    const { channels } = await cent.getChannels({ pattern: 'room:*' })
    assert.deepEqual(channels, { 'room:1': { num_clients: 1 } })
  })

  test('getInfo', async () => {
    const { nodes } = await cent.getInfo({})
    assert.equal(nodes.length, 1)
    const [node] = nodes
    for (const name of ['num_channels', 'num_clients', 'num_users', 'uptime'] as const) assert.equal(typeof node![name], 'number', name)
    assert(node!.uid && node!.name && node!.version)
    assert.equal(node!.num_clients, 1)
  })

  test('subscribe and unsubscribe', async () => {
    await cent.subscribe({ user: session.user.id, channel: 'plain:pushed' })
    await until('the server-side subscription', () => pushed.includes('+plain:pushed'))
    await cent.unsubscribe({ user: session.user.id, channel: 'plain:pushed' })
    await until('its end', () => pushed.includes('-plain:pushed'))
  })

  test('refresh', async () => {
    assert.deepEqual(await cent.refresh({ user: session.user.id }), {})
    assert.equal(client.state, 'connected')
  })

  test('pipeline: many commands in one request, answered in order', async () => {
    const answers: any[] = await cent.pipeline([
      { method: CentMethods.Publish, params: { channel: 'room:1', data: { n: 3 } } },
      { method: CentMethods.PresenceStats, params: { channel: 'room:1' } },
      { method: CentMethods.Info, params: {} },
    ])
    assert.equal(answers.length, 3)
    assert.equal(answers[0].offset, 3)
    assert.equal(answers[1].num_clients, 1)
    assert.equal(answers[2].nodes.length, 1)
  })

  test('disconnect', async () => {
    const ended = new Promise<number>((resolve) => client.on('disconnected', ({ code }) => resolve(code)))
    await cent.disconnect({ user: session.user.id })
    assert.equal(await within('the client to be disconnected', ended), 3503)
  })
})
