// Tokens of connections and subscriptions with the official client: when it asks for one, renewals in flight, ends.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { UnauthorizedError, type Options } from 'centrifuge'
import { Client, numbers, publish } from '../harness/client.ts'
import { appToken, channelToken, retold, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'
import { until, within } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

/** Publishes 1, 2, 3 … one after another until it is stopped; says how many there were. */
function flow(server: Server, channel: string): () => Promise<number> {
  let count = 0
  let going = true
  const done = (async () => {
    while (going) await publish(server, channel, (count += 1))
  })()
  return async () => {
    going = false
    await done
    return count
  }
}

describe('tokens with the official client', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite)
  })
  after(() => suite.close())
  const client = async (t: TestContext, user: string, options: Partial<Options> = {}) =>
    new Client(t, server.websocket, { token: await appToken(user), ...options })
  const soon = (seconds = 2) => ({ exp: nowSeconds() + seconds })

  describe('of subscriptions', { concurrency: true }, () => {
    test('asked for where there is none, kept over a reconnect, and its info is seen by others', async (t) => {
      const ann = await (await client(t, 'sub-none')).connect()
      let asked: string[] = []
      const log = await ann.subscription('closed:none', {
        getToken: ({ channel }) => (asked.push(channel), channelToken('sub-none', channel, { ...soon(60), info: { seat: 4 } })),
      }).on()
      assert.deepEqual(asked, ['closed:none'])
      await publish(server, 'closed:none', 1)
      await log.has(1)
      ann.cut()
      await log.subscribed(2)
      await publish(server, 'closed:none', 2)
      await log.has(2)
      assert.deepEqual(asked, ['closed:none'])
      const room = await ann.subscription('room:info', { token: await channelToken('sub-none', 'room:info', { info: { seat: 5 } }) }).on()
      const { clients } = await room.subscription.presence()
      assert.deepEqual(clients[ann.id]!.chanInfo, { seat: 5 })
    })

    test('one that has ended: 109, and a new one is asked for', async (t) => {
      const ann = await (await client(t, 'sub-ended')).connect()
      let asked = 0
      const log = await ann.subscription('closed:ended', {
        token: await channelToken('sub-ended', 'closed:ended', soon(-5)),
        getToken: () => (asked++, channelToken('sub-ended', 'closed:ended', soon(60))),
      }).on()
      assert.equal(asked, 1)
      assert.deepEqual(log.errors, [{ type: 'subscribe', code: 109 }])
      assert.deepEqual([log.ends, ann.drops, ann.ends], [[], [], []])
    })

    test('a forged one, or none at all: 103 for good, nobody is asked again, and the connection stays', async (t) => {
      const ann = await (await client(t, 'sub-forged')).connect()
      let asked = 0
      const forged = ann.subscription('closed:forged', {
        getToken: () => (asked++, channelToken('sub-forged', 'closed:forged', soon(60), 'a secret of nobody that is long enough')),
      })
      const bare = ann.subscription('closed:bare')
      for (const one of [forged, bare]) one.subscription.subscribe()
      for (const one of [forged, bare]) assert.deepEqual(await one.refused(), { code: 103, reason: 'permission denied' })
      assert.equal(asked, 1)
      assert.deepEqual([ann.drops, ann.ends], [[], []])
    })

    test('an application that cannot give one now is asked again; one that refuses is not', async (t) => {
      const ann = await (await client(t, 'sub-failing')).connect()
      let asked = 0
      const log = await ann.subscription('closed:failing', {
        getToken: async () => {
          if ((asked += 1) < 3) throw new Error('the application is down')
          return channelToken('sub-failing', 'closed:failing', soon(60))
        },
      }).on()
      assert.equal(asked, 3)
      assert.deepEqual(log.errors.map(({ type }) => type), ['subscribeToken', 'subscribeToken'])
      const denied = ann.subscription('closed:denied', { getToken: () => Promise.reject(new UnauthorizedError('no')) })
      denied.subscription.subscribe()
      assert.equal((await denied.refused()).code, 1)
      assert.deepEqual([ann.drops, ann.ends], [[], []])
    })

    test('renewed twice while publications flow: not one is missed, and the subscription stays', async (t) => {
      const ann = await (await client(t, 'sub-flow')).connect()
      let asked = 0
      const log = await ann.subscription('closed:flow', { getToken: () => (asked++, channelToken('sub-flow', 'closed:flow', soon())) }).on()
      const stop = flow(server, 'closed:flow')
      await until('two renewals', () => asked >= 3)
      await log.has(log.publications.length + 5)
      const count = await stop()
      await log.has(count)
      assert.deepEqual(log.data, numbers(1, count))
      assert.deepEqual([log.states.length, log.drops, log.ends, ann.connects.length], [1, [], [], 1])
    })

    test('renewed with one that has ended: 3006, and the client comes back', async (t) => {
      const ann = await (await client(t, 'sub-late')).connect()
      const lives = [3, -5, 60]
      const log = await ann.subscription('closed:late', { getToken: () => channelToken('sub-late', 'closed:late', soon(lives.shift())) }).on()
      await log.subscribed(2)
      assert.deepEqual(ann.drops, [{ code: 3006, reason: 'subscription expired' }])
      assert.deepEqual([lives, log.ends, ann.ends], [[], [], []])
    })

    test('renewed with one for another channel: 3500', async (t) => {
      const ann = await (await client(t, 'sub-other')).connect()
      const channels = ['closed:other', 'closed:another']
      await ann.subscription('closed:other', { getToken: () => channelToken('sub-other', channels.shift()!, soon(3)) }).on()
      assert.deepEqual(await ann.end(), { code: 3500, reason: 'token belongs to another user' })
    })

    test('not renewed: 2501 after the grace of 25 s, and the client subscribes anew with what it missed', async (t) => {
      const ann = await (await client(t, 'sub-grace')).connect()
      let asked = 0
      const log = await ann.subscription('closed:grace', {
        getToken: async () => {
          // At the renewal the application does not answer at all.
          if ((asked += 1) === 2) await new Promise(() => {})
          return channelToken('sub-grace', 'closed:grace', soon(asked === 1 ? 3 : 60))
        },
      }).on()
      const start = performance.now()
      await publish(server, 'closed:grace', 1)
      await until('the end', () => log.drops.length > 0, 40_000)
      const seconds = (performance.now() - start) / 1000
      assert.deepEqual(log.drops, [{ code: 2501, reason: 'subscription expired' }])
      assert(seconds > 24 && seconds < 34, `${seconds} s`)
      await publish(server, 'closed:grace', 2)
      assert.equal((await log.subscribed(2)).recovered, true)
      await log.has(2)
      assert.deepEqual([log.data, ann.connects.length], [[1, 2], 1])
    })
  })

  describe('of connections', { concurrency: true }, () => {
    test('asked for where there is none, and where the one there is has ended', async (t) => {
      const { token: own } = await signIn(server)
      for (const token of ['', await retold(own, soon(-5))]) {
        let asked = 0
        const ann = await (await client(t, '', { token, getToken: () => (asked++, retold(own, soon(60))) })).connect()
        assert.equal(asked, 1)
        assert.deepEqual(ann.errors.map(({ code }) => code), token === '' ? [] : [109])
        ann.cut()
        await ann.connected(2)
        assert.equal(asked, 1)
      }
    })

    test('an application that cannot give one now is asked again; one that refuses is not', async (t) => {
      let asked = 0
      const getToken = async () => {
        if ((asked += 1) < 3) throw new Error('the application is down')
        return appToken('conn-failing', soon(60))
      }
      const ann = await (await client(t, 'conn-failing', { token: '', getToken })).connect()
      assert.equal(asked, 3)
      assert.deepEqual(ann.errors.map(({ type }) => type), ['connectToken', 'connectToken'])
      const refused = await client(t, '', { token: '', getToken: () => Promise.reject(new UnauthorizedError('no')) })
      refused.centrifuge.connect()
      assert.equal((await refused.end()).code, 1)
    })

    test('renewed twice while publications flow: the connection stays, and not one is missed', async (t) => {
      let asked = 0
      const getToken = () => (asked++, appToken('conn-flow', soon()))
      const ann = await (await client(t, 'conn-flow', { token: await appToken('conn-flow', soon()), getToken })).connect()
      const log = await ann.subscription('long:conn-flow').on()
      const stop = flow(server, 'long:conn-flow')
      await until('two renewals', () => asked >= 2)
      await log.has(log.publications.length + 5)
      const count = await stop()
      await log.has(count)
      assert.deepEqual(log.data, numbers(1, count))
      assert.deepEqual([ann.drops, ann.ends, ann.connects.length, log.states.length], [[], [], 1, 1])
    })

    test('a renewal that fails is tried again within the grace: the connection stays', async (t) => {
      let asked = 0
      const getToken = async () => {
        if ((asked += 1) === 1) throw new Error('the application is down')
        return appToken('conn-again', soon(60))
      }
      const ann = await (await client(t, 'conn-again', { token: await appToken('conn-again', soon()), getToken })).connect()
      await until('the second attempt', () => asked === 2, 40_000)
      await publish(server, '#conn-again', 'still there')
      await until('the message', () => ann.got.length === 1)
      assert.deepEqual([ann.drops, ann.ends, ann.connects.length], [[], [], 1])
      assert.deepEqual(ann.errors.map(({ type }) => type), ['refreshToken'])
    })

    test('renewed with one that has ended: 3005, and the client comes back with another', async (t) => {
      const { token } = await signIn(server)
      const lives = [-5, 60]
      const getToken = () => retold(token, soon(lives.shift()))
      const ann = await (await client(t, '', { token: await retold(token, soon(3)), getToken })).connect()
      await ann.connected(2)
      assert.deepEqual(ann.drops, [{ code: 3005, reason: 'token expired' }])
      assert.deepEqual([lives, ann.ends], [[], []])
    })

    test('one of another issuer that is taken a little after its end: the client connects once, and has time to renew', async (t) => {
      let asked = 0
      // Renewed with such a one each time: it has a second, and the grace.
      const late = () => (asked++, appToken('conn-skew', soon(-40)))
      const ann = await (await client(t, 'conn-skew', { token: '', getToken: late })).connect()
      await until('two renewals', () => asked >= 3)
      await publish(server, '#conn-skew', 'still there')
      await until('the message', () => ann.got.length === 1)
      assert.deepEqual([ann.drops, ann.ends, ann.connects.length], [[], [], 1])
    })

    test('one that says that the connection is over already: 110, and no further attempt', async (t) => {
      const ann = await client(t, 'conn-over', { token: await appToken('conn-over', { expire_at: nowSeconds() - 1 }) })
      ann.centrifuge.connect()
      assert.deepEqual(await ann.end(), { code: 110, reason: 'expired' })
      assert.equal(ann.sockets.length, 1)
    })

    test("renewed with another user's: 3500", async (t) => {
      const ann = await (await client(t, 'conn-ann', { token: await appToken('conn-ann', soon(3)), getToken: () => appToken('conn-bob', soon(60)) })).connect()
      assert.deepEqual(await ann.end(), { code: 3500, reason: 'token belongs to another user' })
    })

    test('not renewed: 3005 after the grace of 25 s, and the client comes back with what it missed', async (t) => {
      const { token, user } = await signIn(server)
      let asked = 0
      const getToken = async () => {
        if ((asked += 1) === 1) await new Promise(() => {})
        return retold(token, soon(60))
      }
      const ann = await (await client(t, '', { token: await retold(token, soon(3)), getToken })).connect()
      const log = await ann.subscription('log:conn-grace').on()
      const start = performance.now()
      await publish(server, 'log:conn-grace', 1)
      await until('the end', () => ann.drops.length > 0, 40_000)
      const seconds = (performance.now() - start) / 1000
      assert.deepEqual(ann.drops, [{ code: 3005, reason: 'token expired' }])
      assert(seconds > 24 && seconds < 34, `${seconds} s`)
      await publish(server, 'log:conn-grace', 2)
      await publish(server, `#${user.id}`, 'personal')
      await within('the client to be back', ann.connected(2))
      await log.has(2)
      await until('the personal message', () => ann.got.length === 1)
      assert.deepEqual([log.data, ann.ends, ann.errors.map(({ code }) => code)], [[1, 2], [], [109]])
    })
  })
})
