// The official client's browser build in Chromium, on a page of another origin than the server's.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Browser, type BrowserContext, type Page } from 'playwright-core'
import { startBrowser } from '../harness/browser.ts'
import { api, post } from '../harness/api.ts'
import { numbers, publish, publishAll } from '../harness/client.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { appToken, channelToken, kLogSize, retold, startRealtime } from '../harness/realtime.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'
import { signIn } from '../harness/wallet.ts'
import { install, type Kit } from './centrifuge_page.ts'

const library = path.resolve(import.meta.dirname, '../node_modules/centrifuge/dist/centrifuge.js')
const kQuietMs = 3000

/** A site of the application: a page, and the client from its package. */
async function site(scope: Scope): Promise<number> {
  const script = readFileSync(library)
  const listener = createServer((request, reply) => {
    if (request.url === '/centrifuge.js') reply.setHeader('Content-Type', 'text/javascript').end(script)
    else reply.setHeader('Content-Type', 'text/html; charset=utf-8').end('<!doctype html><title>site</title><link rel=icon href=data:,><script src=/centrifuge.js></script>')
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onEnd(scope, () => new Promise<void>((resolve) => (listener.closeAllConnections(), listener.close(() => resolve()))))
  return (listener.address() as AddressInfo).port
}

interface Scenario {
  does: string
  /** Runs in the page, with nothing but what it is given. */
  inPage: (kit: Kit, given: any) => Promise<unknown>
  given?: unknown
  gives: unknown
}

const scenarios: Scenario[] = [
  {
    does: 'a subscription that is made again gets what is published then, and nothing of between',
    inPage: async ({ ask, connect, subscribe, until }) => {
      const ann = await connect({ token: await ask('token', 'again') })
      const { sub, data } = await subscribe(ann, 'plain:again')
      for (const round of [1, 2, 3]) {
        await ask('publish', 'plain:again', [`heard ${round}`])
        await until('the message', () => data.length === round)
        sub.unsubscribe()
        await ann.client.rpc('none', null).catch(() => {})
        await ask('publish', 'plain:again', [`unheard ${round}`])
        sub.subscribe()
        await sub.ready(15_000)
      }
      return data
    },
    gives: ['heard 1', 'heard 2', 'heard 3'],
  },
  {
    does: 'subscribe, at once unsubscribe, at once subscribe: one subscription',
    inPage: async ({ ask, connect, subscribe, until }) => {
      const ann = await connect({ token: await ask('token', 'races') })
      const { sub, data } = await subscribe(ann, 'room:races')
      for (let n = 0; n < 30; n += 1) {
        sub.unsubscribe()
        sub.subscribe()
        if (n % 2) await sub.ready(15_000)
      }
      await sub.ready(15_000)
      await ask('publish', 'room:races', ['once', 'twice'])
      await until('both', () => data.length === 2)
      return [data, (await sub.presenceStats()).numClients, ann.drops]
    },
    gives: [['once', 'twice'], 1, []],
  },
  {
    does: 'presence, presenceStats, comings and goings',
    inPage: async ({ ask, connect, subscribe, until }) => {
      const [ann, anns, bob] = [await connect({ token: await ask('token', 'ann') }), await connect({ token: await ask('token', 'ann') }), await connect({ token: await ask('token', 'bob') })]
      const room = await subscribe(ann, 'room:presence')
      const second = await subscribe(anns, 'room:presence')
      await subscribe(bob, 'room:presence')
      const { clients } = await room.sub.presence()
      const users = [ann, anns, bob].map(({ connects }) => clients[connects[0]!]?.user)
      const before = await room.sub.presenceStats()
      second.sub.unsubscribe()
      bob.client.disconnect()
      await until('both to have gone', () => room.leaves.length === 2)
      const now = await room.sub.presenceStats()
      return [users, [before.numClients, before.numUsers], [now.numClients, now.numUsers], room.joins.map(({ user }) => user).sort(), room.leaves.map(({ user }) => user).sort()]
    },
    gives: [['ann', 'ann', 'bob'], [3, 2], [1, 1], ['ann', 'ann', 'bob'], ['ann', 'bob']],
  },
  {
    does: 'history in pages, both ways, is the stream',
    inPage: async ({ ask, connect, numbers }) => {
      const { client } = await connect({ token: await ask('token', 'pages') })
      await ask('publish', 'log:pages', numbers(1, 50))
      const { epoch } = await client.history('log:pages', {})
      const [forward, backward]: unknown[][] = [[], []]
      for (let since = 0; since < 50; since += 7) {
        const { publications } = await client.history('log:pages', { limit: 7, since: { offset: since, epoch } })
        forward!.push(...publications.map(({ data }) => data))
      }
      for (let since = 51; since > 1; since -= 7) {
        const { publications } = await client.history('log:pages', { limit: 7, reverse: true, since: { offset: since, epoch } })
        backward!.push(...publications.map(({ data }) => data))
      }
      const wrong = await client.history('log:pages', { limit: 1, since: { offset: 1, epoch: 'elsewher' } }).catch(({ code }) => code)
      return [forward, backward, wrong]
    },
    gives: [numbers(1, 50), numbers(1, 50).toReversed(), 112],
  },
  ...[0, 1, 50, kLogSize + 1].map((missed) => ({
    does: `a connection that breaks, with ${missed} publications meanwhile${missed > kLogSize ? ', more than are kept' : ''}`,
    given: missed,
    inPage: async ({ ask, connect, subscribe, until, numbers }: Kit, count: number) => {
      const channel = `log:missed${count}`
      const proxy = await ask('proxy')
      const ann = await connect({ token: await ask('token', channel) }, proxy)
      const { data, recovered } = await subscribe(ann, channel)
      await ask('publish', channel, [1, 2])
      await until('the first', () => data.length === 2)
      await ask('cut', proxy, channel, numbers(3, 2 + count))
      await until('the connection', () => recovered.length === 2)
      await ask('publish', channel, ['last'])
      await until('the last', () => data.at(-1) === 'last')
      return [data, recovered, ann.ends]
    },
    gives: missed > kLogSize ? [[1, 2, 'last'], [false, false], []] : [[...numbers(1, 2 + missed), 'last'], [false, true], []],
  })),
  {
    does: 'a network that falls silent: the client misses the pings and comes back with everything',
    inPage: async ({ ask, connect, subscribe, until, numbers }) => {
      const proxy = await ask('proxy')
      const ann = await connect({ token: await ask('token', 'silent'), maxServerPingDelay: 500 }, proxy)
      const { data, recovered } = await subscribe(ann, 'log:silent')
      await ask('freeze', proxy)
      await ask('publish', 'log:silent', numbers(1, 20))
      await until('the connection', () => recovered.length === 2)
      await until('all', () => data.length === 20)
      return [data, recovered, ann.drops]
    },
    gives: [numbers(1, 20), [false, true], [2]],
  },
  {
    does: 'subscription tokens: asked for, ended, forged, for another channel',
    inPage: async ({ ask, connect, hear, subscribe, until }) => {
      const ann = await connect({ token: await ask('token', 'subs') })
      let asked = 0
      const fresh = (channel: string, life: number) => () => (asked++, ask('channelToken', 'subs', channel, life))
      await subscribe(ann, 'closed:none', { getToken: fresh('closed:none', 60) })
      await subscribe(ann, 'closed:ended', { token: await ask('channelToken', 'subs', 'closed:ended', -5), getToken: fresh('closed:ended', 60) })
      const bare = hear(ann, 'closed:bare')
      const forged = hear(ann, 'closed:forged', { token: `${await ask('channelToken', 'subs', 'closed:forged', 60)}x` })
      await until('both refusals', () => bare.ends.length + forged.ends.length === 2)
      const before = ann.ends.length
      hear(ann, 'closed:foreign', { token: await ask('channelToken', 'subs', 'closed:other', 60) })
      await until('the end', () => ann.ends.length > 0)
      return [asked, bare.ends, forged.ends, before, ann.ends]
    },
    gives: [2, [103], [103], 0, [3500]],
  },
  {
    does: 'tokens of the connection and of a subscription renewed twice while publications flow: not one is missed',
    inPage: async ({ ask, connect, subscribe, until, numbers }) => {
      const asked = { connection: 0, subscription: 0 }
      const getToken = () => (asked.connection++, ask('token', 'renews', 3))
      const ann = await connect({ token: await ask('token', 'renews', 3), getToken })
      const { data, recovered } = await subscribe(ann, 'closed:renews', { getToken: () => (asked.subscription++, ask('channelToken', 'renews', 'closed:renews', 3)) })
      let sent = 0
      while (sent <= 20 || asked.connection < 2 || asked.subscription < 3) await ask('publish', 'closed:renews', [(sent += 1)])
      await until('all', () => data.length === sent)
      return [data.every((n, i) => n === numbers(1, sent)[i]), recovered, ann.connects.length, ann.drops, ann.ends]
    },
    gives: [true, [false], 1, [], []],
  },
  {
    does: 'a token that has ended: 109, and the client comes with another',
    inPage: async ({ ask, connect }) => {
      const own = await ask('own', -5)
      const ann = await connect({ token: own, getToken: () => ask('token', 'another', 60) })
      return [ann.errors, ann.ends]
    },
    gives: [[109], []],
  },
  {
    does: 'a hundred quick connections and subscriptions leave nobody in the room',
    inPage: async ({ ask, connect, hear, seen, until }) => {
      const token = await ask('token', 'quick')
      const ann = await connect({ token })
      const { sub } = hear(ann, 'room:turning')
      for (let n = 0; n < 100; n += 1) {
        if (n % 3) await sub.ready(15_000)
        sub.unsubscribe()
        sub.subscribe()
      }
      for (let n = 0; n < 100; n += 1) {
        const quick = seen({ token })
        const one = hear(quick, 'room:turning')
        quick.client.connect()
        if (n % 2) await one.sub.ready(15_000)
        quick.client.disconnect()
      }
      await until('nobody else', async () => (await sub.presenceStats()).numClients === 1)
      return [ann.drops, ann.ends]
    },
    gives: [[], []],
  },
  {
    does: 'every plane of Unicode, numbers and line breaks, by the client and by the server API',
    inPage: async ({ ask, connect, subscribe, until, numbers }) => {
      const ann = await connect({ token: await ask('token', 'planes') })
      const { sub, data } = await subscribe(ann, 'plain:planes')
      const planes = numbers(0, 16).map((plane) => String.fromCodePoint(plane * 0x10000 + 0xd7fb)).join('')
      const values = [planes, { [planes]: [planes] }, 'a\nb\r\nc\u2028', '', 2 ** 53, Number.MAX_SAFE_INTEGER, 5e-324, [null, true], 'x'.repeat(60_000)]
      for (const value of values) {
        await sub.publish(value)
        await ask('publish', 'plain:planes', [value])
      }
      await until('all', () => data.length === values.length * 2)
      return data.map((value, i) => JSON.stringify(value) === JSON.stringify(values[i >> 1])).every(Boolean)
    },
    gives: true,
  },
  {
    does: 'ends: for good with no further attempt, and for a moment',
    inPage: async ({ ask, connect, until }) => {
      const mine = await ask('own', 60)
      const out = await connect({ token: mine })
      const forced = await connect({ token: await ask('token', 'forced') })
      const own = await connect({ token: await ask('token', 'own end') })
      const moment = await connect({ token: await ask('token', 'moment') })
      await ask('logout', mine)
      await ask('disconnect', 'forced')
      await ask('disconnect', 'own end', 4999)
      await ask('disconnect', 'moment', 4000)
      const gone = [out, forced, own]
      await until('the ends', () => gone.every(({ ends }) => ends.length > 0))
      await until('the way back', () => moment.connects.length === 2)
      await ask('quiet')
      return [gone.map(({ ends }) => ends), gone.map(({ connects, drops }) => connects.length + drops.length), moment.drops, moment.ends]
    },
    gives: [[[4501], [3503], [4999]], [1, 1, 1], [4000], []],
  },
]

describe('the official client in Chromium', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  let browser: Browser
  let port = 0
  let shared: Page
  before(async () => {
    port = await site(suite)
    server = await startRealtime(suite, { http: { allowed_origins: [`http://127.0.0.1:${port}`] }, realtime: { ping: '2s', pong: '1900ms' } })
    browser = await startBrowser(suite)
    shared = await open(suite, await browser.newContext())
  })
  after(() => suite.close())

  /** A page of the site that can ask for what is done outside of it. */
  async function open(scope: Scope, context: BrowserContext, host = '127.0.0.1'): Promise<Page> {
    onEnd(scope, () => context.close())
    const page = await context.newPage()
    const proxies = new Map<string, FaultProxy>()
    const deeds: Record<string, (...args: any[]) => Promise<unknown>> = {
      token: (user: string, life = 600) => appToken(user, { exp: nowSeconds() + life }),
      channelToken: (user: string, channel: string, life: number) => channelToken(user, channel, { exp: nowSeconds() + life }),
      publish: (channel: string, all: unknown[]) => publishAll(server, channel, all),
      disconnect: (user: string, code?: number) => api(server, 'disconnect', { user, ...(code ? { disconnect: { code, reason: 'a reason' } } : {}) }),
      proxy: async () => {
        const proxy = await FaultProxy.open(suite, server.port)
        proxies.set(proxy.websocket, proxy)
        return proxy.websocket
      },
      cut: async (name: string, channel: string, all: unknown[]) => {
        const proxy = proxies.get(name)!
        proxy.refuse()
        proxy.cut()
        await publishAll(server, channel, all)
        proxy.heal()
      },
      freeze: async (name: string) => proxies.get(name)!.freeze(),
      own: async (life: number) => retold((await signIn(server)).token, { exp: nowSeconds() + life }),
      logout: (token: string) => post(server, '/api/v2/auth/logout', {}, token),
      quiet: () => new Promise((resolve) => setTimeout(resolve, kQuietMs)),
    }
    await page.exposeFunction('ask', async (what: string, given: unknown[]) => deeds[what]!(...given))
    await page.addInitScript(install)
    await page.goto(`http://${host}:${port}/`)
    await page.evaluate((address) => void Object.assign(window, { address }), server.websocket)
    return page
  }

  for (const { does, inPage, given, gives } of scenarios) {
    test(does, async () => {
      assert.deepEqual(await shared.evaluate(`(${inPage})(window.kit, ${JSON.stringify(given)})`), gives)
    })
  }

  test('three tabs of one user each get what is sent to the user', async (t) => {
    const context = await browser.newContext()
    const token = await appToken('tabs')
    const tabs = [await open(t, context), await open(t, context), await open(t, context)]
    for (const tab of tabs) await tab.evaluate(async (mine) => Object.assign(window, { ann: await (window as any).kit.connect({ token: mine }) }) && undefined, token)
    await publishAll(server, '#tabs', numbers(1, 20))
    for (const tab of tabs) {
      await tab.waitForFunction(() => (window as any).ann.personal.length === 20)
      assert.deepEqual(await tab.evaluate(() => (window as any).ann.personal), numbers(1, 20))
    }
  })

  test('a browser that goes offline and comes back has everything', async (t) => {
    const context = await browser.newContext()
    const page = await open(t, context)
    await page.evaluate(async (token) => {
      const { connect, subscribe } = (window as any).kit as Kit
      const ann = await connect({ token })
      Object.assign(window, { ann, log: await subscribe(ann, 'log:offline') })
    }, await appToken('offline'))
    await publish(server, 'log:offline', 1)
    await page.waitForFunction(() => (window as any).log.data.length === 1)
    await context.setOffline(true)
    await page.waitForFunction(() => (window as any).ann.drops.length > 0)
    await publishAll(server, 'log:offline', numbers(2, 10))
    await context.setOffline(false)
    await page.waitForFunction(() => (window as any).log.data.length === 10)
    assert.deepEqual(await page.evaluate(() => (window as any).log.data), numbers(1, 10))
    assert.deepEqual(await page.evaluate(() => (window as any).log.recovered), [false, true])
  })

  test('a page of another origin does not connect', async (t) => {
    const page = await open(t, await browser.newContext(), 'localhost')
    await page.evaluate((token) => {
      const ann = ((window as any).kit as Kit).seen({ token })
      ann.client.connect()
      Object.assign(window, { ann })
    }, await appToken('elsewhere'))
    await page.waitForFunction(() => (window as any).ann.errors.length >= 3)
    assert.deepEqual(await page.evaluate(() => (window as any).ann.connects), [])
  })
})
