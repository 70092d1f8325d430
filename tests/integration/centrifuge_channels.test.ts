// Channels with the official client: again and again, who is there, histories in pages, races, limits.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { type HistoryOptions } from 'centrifuge'
import { call } from '../harness/api.ts'
import { Client, numbers, publish, publishAll, refusedWith } from '../harness/client.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { appToken, kLogSize, metric, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'

const kChannels = 128

describe('channels with the official client', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite, { limits: { channels: kChannels } })
  })
  after(() => suite.close())
  const connect = async (t: TestContext, user: string) => new Client(t, server.websocket, { token: await appToken(user) }).connect()

  test('a subscription that is ended and made again gets what is published then, and nothing of between', async (t) => {
    const client = await connect(t, 'again')
    const plain = await client.subscription('plain:again').on()
    for (let round = 0; round < 5; round += 1) {
      await publish(server, 'plain:again', `heard ${round}`)
      await plain.has(round + 1)
      plain.subscription.unsubscribe()
      // The unsubscription is behind the ping in the connection's order.
      await assert.rejects(client.centrifuge.rpc('none', {}), refusedWith(108))
      await publish(server, 'plain:again', `unheard ${round}`)
      await plain.on()
    }
    await publish(server, 'plain:again', 'last')
    await plain.has(6)
    assert.deepEqual(plain.data, [...numbers(0, 4).map((n) => `heard ${n}`), 'last'])
    assert.deepEqual(plain.states.map((s) => s.wasRecovering), Array(6).fill(false))
    assert.equal(plain.ends.length, 5)
  })

  test('a subscription with a history that is made again by its user goes on where it was', async (t) => {
    const client = await connect(t, 'goes on')
    const log = await client.subscription('log:goes-on').on()
    await publish(server, 'log:goes-on', 1)
    await log.has(1)
    log.subscription.unsubscribe()
    await publish(server, 'log:goes-on', 2)
    await log.on()
    await publish(server, 'log:goes-on', 3)
    await until('the live one', () => log.data.at(-1) === 3)
    assert.deepEqual(log.data, [1, 2, 3])
    assert.equal(log.states.at(-1)!.recovered, true)
  })

  test('a removed subscription can be made anew', async (t) => {
    const client = await connect(t, 'anew')
    const first = await client.subscription('plain:anew').on()
    client.centrifuge.removeSubscription(first.subscription)
    const second = await client.subscription('plain:anew').on()
    await publish(server, 'plain:anew', 'x')
    await second.has(1)
    assert.deepEqual(first.data, [])
  })

  test('subscribe, at once unsubscribe, at once subscribe: one subscription, every publication once', async (t) => {
    const client = await connect(t, 'races')
    const raced = client.subscription('room:races')
    const { subscription } = raced
    for (let round = 0; round < 30; round += 1) {
      subscription.subscribe()
      subscription.unsubscribe()
      subscription.subscribe()
      if (round % 2 === 0) await within('the subscription', subscription.ready())
      if (round < 29) subscription.unsubscribe()
    }
    await within('the subscription', subscription.ready())
    await publish(server, 'room:races', 'once')
    await raced.has(1)
    await publish(server, 'room:races', 'twice')
    await raced.has(2)
    assert.deepEqual(raced.data, ['once', 'twice'])
    assert.equal((await subscription.presenceStats()).numClients, 1)
    assert.deepEqual(client.drops, [], 'the connection did not survive')
    assert.deepEqual(raced.errors, [])
  })

  test('presence names every client with its user, presenceStats counts both, and those who leave are gone', async (t) => {
    const [ann, anns, bob] = [await connect(t, 'ann'), await connect(t, 'ann'), await connect(t, 'bob')]
    const room = await ann.subscription('room:presence').on()
    await anns.subscription('room:presence').on()
    const bobs = await bob.subscription('room:presence').on()
    const { clients } = await room.subscription.presence()
    const expected = { [ann.id]: 'ann', [anns.id]: 'ann', [bob.id]: 'bob' }
    assert.deepEqual(Object.fromEntries(Object.entries(clients).map(([id, info]) => [id, info.user])), expected)
    for (const [id, info] of Object.entries(clients)) assert.equal(info.client, id)
    const stats = await bobs.subscription.presenceStats()
    assert.deepEqual([stats.numClients, stats.numUsers], [3, 2])
    anns.centrifuge.disconnect()
    await until('one to be gone', async () => (await room.subscription.presenceStats()).numClients === 2)
    bobs.subscription.unsubscribe()
    await until('two to be gone', async () => (await room.subscription.presenceStats()).numClients === 1)
    assert.deepEqual(Object.keys((await room.subscription.presence()).clients), [ann.id])
    await assert.rejects(bob.centrifuge.presence('room:presence'), refusedWith(103))
    await assert.rejects(bob.centrifuge.presenceStats('plain:presence'), refusedWith(108))
  })

  test('every coming and going is told once, a join before its leave', async (t) => {
    const watcher = await connect(t, 'watcher')
    const room = await watcher.subscription('room:comings').on()
    await until('its own coming', () => room.joins.length === 1)
    const seen: string[] = []
    room.subscription.on('join', ({ info }) => seen.push(`+${info.user}`))
    room.subscription.on('leave', ({ info }) => seen.push(`-${info.user}`))
    const guests = await Promise.all(numbers(1, 8).map((n) => connect(t, `guest${n}`)))
    await Promise.all(
      guests.map(async (guest, n) => {
        const here = await guest.subscription('room:comings').on()
        if (n % 3 === 0) here.subscription.unsubscribe()
        else if (n % 3 === 1) guest.centrifuge.disconnect()
        else {
          guest.centrifuge.removeSubscription(here.subscription)
          guest.centrifuge.disconnect()
        }
      }),
    )
    await until('all comings and goings', () => seen.length >= 16)
    assert.equal(seen.length, 16)
    for (const n of numbers(1, 8)) {
      assert.deepEqual(seen.filter((s) => s.slice(1) === `guest${n}`), [`+guest${n}`, `-guest${n}`])
    }
    assert.deepEqual(room.joins[0]!.client, watcher.id)
  })

  test('history in pages of any size, both ways, is the stream', async (t) => {
    const { centrifuge } = await connect(t, 'pages')
    const all = numbers(1, kLogSize)
    await publishAll(server, 'log:pages', all)
    const page = async (options: HistoryOptions) => centrifuge.history('log:pages', options)
    const { epoch, offset } = await page({ limit: 0 })
    assert.equal(offset, kLogSize)
    for (const limit of [1, 7, 30, 60, 61]) {
      const forward: unknown[] = []
      for (let since = 0; ; ) {
        const { publications } = await page({ limit, since: { offset: since, epoch } })
        if (publications.length === 0) break
        assert(publications.length <= limit)
        forward.push(...publications.map((p) => p.data))
        since = publications.at(-1)!.offset!
      }
      assert.deepEqual(forward, all, `pages of ${limit}`)
      const backward: unknown[] = []
      for (let since: number | undefined = undefined; since !== 1; ) {
        const { publications }: { publications: { data: unknown; offset?: number }[] } = await page({ limit, reverse: true, ...(since ? { since: { offset: since, epoch } } : {}) })
        assert(publications.length > 0 && publications.length <= limit)
        backward.push(...publications.map((p) => p.data))
        since = publications.at(-1)!.offset
      }
      assert.deepEqual(backward, all.toReversed(), `pages of ${limit}, newest first`)
    }
  })

  test('history that has lost its oldest begins with what there is', async (t) => {
    const { centrifuge } = await connect(t, 'lost')
    await publishAll(server, 'log:lost', numbers(1, kLogSize + 5))
    const { epoch } = await centrifuge.history('log:lost', {})
    const { publications } = await centrifuge.history('log:lost', { limit: -1, since: { offset: 2, epoch } })
    assert.deepEqual(publications.map((p) => p.offset), numbers(6, kLogSize + 5))
    const back = await centrifuge.history('log:lost', { limit: -1, reverse: true })
    assert.deepEqual(back.publications.map((p) => p.data), numbers(6, kLogSize + 5).toReversed())
  })

  test('publish and rpc: the publisher is named, what is not there is refused, and the order of replies holds', async (t) => {
    const client = await connect(t, 'writer')
    const room = await client.subscription('room:writes').on()
    await Promise.all(numbers(1, 40).map((n) => room.subscription.publish({ n })))
    await room.has(40)
    assert.deepEqual(room.data, numbers(1, 40).map((n) => ({ n })))
    assert.deepEqual(room.publications[0]!.info, { user: 'writer', client: client.id })
    await assert.rejects(client.centrifuge.rpc('anything', { a: 1 }), refusedWith(108))
    await assert.rejects(client.centrifuge.publish('nowhere:x', {}), refusedWith(102))
    await assert.rejects(client.centrifuge.publish('closed:x', {}), refusedWith(103))
    assert.deepEqual(client.drops, [])
  })

  test('three tabs of one user each get what is sent to the user', async (t) => {
    const tabs = await Promise.all(numbers(1, 3).map(() => connect(t, 'tabs')))
    const sent = numbers(1, 20)
    await publishAll(server, '#tabs', sent)
    for (const tab of tabs) {
      await until('all of it', () => tab.got.length >= 20)
      assert.deepEqual(tab.got.map(({ channel, data }) => [channel, data]), sent.map((n) => ['#tabs', n]))
    }
    assert.equal(new Set(tabs.map((tab) => tab.id)).size, 3)
  })

  test(`500 subscriptions at once: ${kChannels} beside the personal one, 106 for the others, and the connection stays`, async (t) => {
    const client = new Client(t, server.websocket, { token: await appToken('many') })
    // Asked for before it connects, the client sends them all behind its connect command.
    const all = numbers(1, 500).map((n) => client.subscription(`plain:many${n}`))
    for (const { subscription } of all) subscription.subscribe()
    await client.connect()
    await until('an answer to each', () => all.every(({ states, ends }) => states.length + ends.length === 1))
    const on = all.filter(({ states }) => states.length === 1)
    assert.equal(on.length, kChannels)
    assert(all.every(({ ends }) => ends.every(({ code }) => code === 106)))
    assert.deepEqual([client.drops, client.ends], [[], []])
    on[0]!.subscription.unsubscribe()
    const last = await client.subscription('plain:one-more').on()
    await publish(server, 'plain:one-more', 'room again')
    await last.has(1)
  })

  test('a frame with more commands than a connection may have channels is too much: 3501', async (t) => {
    const socket = await RawWebSocket.open(t, server.port)
    const commands = [{ id: 1, connect: { token: await appToken('much') } }, ...numbers(2, 1100).map((id) => ({ id, subscribe: { channel: `plain:${id}` } }))]
    socket.send(1, commands.map((command) => JSON.stringify(command)).join('\n'))
    assert.deepEqual(await socket.close(), { code: 3501, reason: 'bad request' })
  })
})

describe('a hundred times', () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite)
  })
  after(() => suite.close())

  test('connections and subscriptions that come and go at once leave nobody in the room and nothing in the figures', async (t) => {
    const token = await appToken('quick')
    const client = await new Client(t, server.websocket, { token }).connect()
    const turning = client.subscription('room:turning')
    for (let n = 0; n < 100; n += 1) {
      turning.subscription.subscribe()
      if (n % 3 !== 0) await within('the subscription', turning.subscription.ready())
      turning.subscription.unsubscribe()
    }
    for (let n = 0; n < 100; n += 1) {
      const quick = new Client(t, server.websocket, { token })
      const one = quick.subscription('room:turning')
      one.subscription.subscribe()
      quick.centrifuge.connect()
      // Every moment of a connect is hit: before the socket opens, before the reply, after the subscription.
      if (n % 3 === 1) await until('the socket to open', () => quick.sockets[0]?.readyState === 1)
      if (n % 3 === 2) await within('the subscription', one.subscription.ready())
      if (n % 2 === 0) quick.centrifuge.disconnect()
      else quick.cut()
      quick.centrifuge.disconnect()
    }
    await until('nobody else to be there', async () => {
      await turning.on()
      const { numClients } = await turning.subscription.presenceStats()
      turning.subscription.unsubscribe()
      return numClients === 1
    })
    client.centrifuge.disconnect()
    // The gauge of connections also counts the one that it is read over.
    await until('the connections to be gone', async () => (await call(`${server.ops}/stats`, 'GET')).body.activeConnections === 0)
    for (const gauge of ['subscriptions_open', 'channels_open']) {
      await until(`${gauge} to be back at nothing`, async () => (await metric(server, gauge)) === 0)
    }
  })
})
