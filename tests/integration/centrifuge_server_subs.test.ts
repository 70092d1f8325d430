// Subscriptions that the server makes, as the official client sees them: events, recovery, other channels, ends.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { type Options } from 'centrifuge'
import { type JWTPayload } from 'jose'
import { api } from '../harness/api.ts'
import { Client, numbers, publish, publishAll } from '../harness/client.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { appToken, kLogSize, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'
import { until } from '../harness/until.ts'

describe('subscriptions of the server with the official client', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite)
  })
  after(() => suite.close())

  const client = async (t: TestContext, user: string, claims: JWTPayload, options: Partial<Options> = {}, address = server.websocket) =>
    new Client(t, address, { token: await appToken(user, claims), ...options })
  const asked = async (method: string, params: object) => {
    const { body } = await api(server, method, params)
    assert.equal(body.error, undefined, JSON.stringify(body))
  }
  const of = (one: Client, channel: string) => one.got.filter((p) => p.channel === channel).map(({ data }) => data)

  test('of the token: subscribed, publications, comings and goings, presence with what the token says', async (t) => {
    const ann = await (await client(t, 's-ann', { channels: ['plain:s'], subs: { 'room:s': { info: { seat: 1 } } }, info: { name: 'Ann' } })).connect()
    await until('its own coming', () => ann.joins.length === 1)
    assert.deepEqual(ann.subscribed.map(({ channel }) => channel).sort(), ['#s-ann', 'plain:s', 'room:s'])
    const bob = await (await client(t, 's-bob', { channels: ['room:s'] })).connect()
    await publish(server, 'plain:s', 1)
    await publish(server, 'room:s', 2)
    await until('both', () => ann.got.length === 2)
    assert.deepEqual([of(ann, 'plain:s'), of(ann, 'room:s')], [[1], [2]])
    bob.centrifuge.disconnect()
    await until('the other to go', () => ann.leaves.length === 1)
    assert.deepEqual(ann.joins.map(({ channel, info }) => [channel, info.user]), [['room:s', 's-ann'], ['room:s', 's-bob']])
    assert.deepEqual(ann.joins[0]!.info, { user: 's-ann', client: ann.id, connInfo: { name: 'Ann' }, chanInfo: { seat: 1 } })
    assert.equal(ann.leaves[0]!.info.user, 's-bob')
    assert.deepEqual([ann.drops, ann.unsubscribed], [[], []])
  })

  test('over broken connections: what was missed in each channel, and it says where that is too much', async (t) => {
    const proxy = await FaultProxy.open(t, server.port)
    const ann = await (await client(t, 's-cut', { channels: ['log:s-few', 'log:s-over', 'value:s', 'plain:s-cut'] }, {}, proxy.websocket)).connect()
    const all = ['log:s-few', 'log:s-over', 'value:s', 'plain:s-cut']
    for (const channel of all) await publish(server, channel, 'before')
    await until('one of each', () => ann.got.length === all.length)
    proxy.refuse()
    proxy.cut()
    await publishAll(server, 'log:s-few', numbers(1, 30))
    await publishAll(server, 'log:s-over', numbers(1, kLogSize + 1))
    await publishAll(server, 'value:s', [1, 2, 3])
    await publish(server, 'plain:s-cut', 'unheard')
    proxy.heal()
    await ann.connected(2)
    for (const channel of all) await publish(server, channel, 'after')
    for (const channel of all) await until(`the last of ${channel}`, () => of(ann, channel).at(-1) === 'after')
    assert.deepEqual(all.map((channel) => of(ann, channel).slice(1, -1)), [numbers(1, 30), [], [3], []])
    const again = ann.subscribed.slice(all.length + 1)
    const recovered = (channel: string) => again.find((one) => one.channel === channel)?.recovered
    assert.deepEqual(all.map(recovered), [true, false, true, false])
    assert.deepEqual(ann.ends, [])
  })

  test('a renewed token with other channels: 3010, and the client comes back to those', async (t) => {
    const lives: JWTPayload[] = [{ channels: ['plain:s-kept', 'plain:s-new'] }]
    const getToken = () => appToken('s-other', { ...(lives.shift() ?? { channels: [] }), exp: nowSeconds() + 60 })
    const ann = await (await client(t, 's-other', { channels: ['plain:s-kept', 'plain:s-old'], exp: nowSeconds() + 3 }, { getToken })).connect()
    await ann.connected(2)
    assert.deepEqual(ann.drops, [{ code: 3010, reason: 'insufficient state' }])
    await until('the old one to be over', () => ann.unsubscribed.length > 0)
    assert.deepEqual(ann.unsubscribed, ['plain:s-old'])
    await publishAll(server, 'plain:s-old', ['unheard'])
    await publishAll(server, 'plain:s-kept', ['kept'])
    await publishAll(server, 'plain:s-new', ['new'])
    await until('both', () => ann.got.length === 2)
    assert.deepEqual(ann.got.map(({ data }) => data).sort(), ['kept', 'new'])
    assert.deepEqual(ann.ends, [])
  })

  test('by the server API on a connection that is open, on every tab, and away again', async (t) => {
    const tabs = [await (await client(t, 's-api', {})).connect(), await (await client(t, 's-api', {})).connect()]
    await asked('subscribe', { user: 's-api', channel: 'log:s-api' })
    for (const tab of tabs) await until('the subscription', () => tab.subscribed.some(({ channel, recoverable }) => channel === 'log:s-api' && recoverable))
    await publishAll(server, 'log:s-api', numbers(1, 10))
    for (const tab of tabs) await until('all', () => of(tab, 'log:s-api').length === 10)
    for (const tab of tabs) assert.deepEqual(of(tab, 'log:s-api'), numbers(1, 10))
    await asked('unsubscribe', { user: 's-api', channel: 'log:s-api' })
    for (const tab of tabs) await until('its end', () => tab.unsubscribed.includes('log:s-api'))
    await publish(server, 'log:s-api', 'unheard')
    await publish(server, '#s-api', 'last')
    for (const tab of tabs) await until('the last', () => tab.got.at(-1)?.data === 'last')
    for (const tab of tabs) assert.deepEqual([tab.got.length, tab.drops], [11, []])
  })

  test('a channel that the client subscribed to itself: 2000 ends it for good, and it may be asked for anew', async (t) => {
    const ann = await (await client(t, 's-own', {})).connect()
    const room = await ann.subscription('room:s-own').on()
    await asked('unsubscribe', { user: 's-own', channel: 'room:s-own' })
    assert.equal((await room.refused()).code, 2000)
    await room.on()
    await publish(server, 'room:s-own', 'x')
    await room.has(1)
    assert.equal((await room.subscription.presenceStats()).numClients, 1)
  })

  test('refresh: an end, after which the client comes back; and a later end, of which it hears', async (t) => {
    let given = 0
    const ann = await (await client(t, 's-refresh', {}, { getToken: () => (given++, appToken('s-refresh')) })).connect()
    await asked('refresh', { user: 's-refresh', expired: true })
    await ann.connected(2)
    assert.equal(ann.drops[0]!.code, 3005)
    await asked('refresh', { user: 's-refresh', expire_at: nowSeconds() + 3600 })
    await publish(server, '#s-refresh', 'still there')
    await until('the message', () => ann.got.length === 1)
    assert.deepEqual([ann.ends, ann.drops.length], [[], 1])
  })

  test('user ids that are no names of ours: spaces, letters of any script', async (t) => {
    for (const user of ['two words', 'Zoë', '名前', '😀']) {
      const ann = await (await client(t, user, {})).connect()
      await publish(server, `#${user}`, user)
      await until(`the message to ${user}`, () => ann.got.length === 1)
      assert.deepEqual(ann.got[0], { channel: `#${user}`, data: user, offset: 1 })
    }
  })
})
