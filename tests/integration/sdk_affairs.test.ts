// Grants and notifications of the package `gatecast` against the real server: in every device, also one that was away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GrantChange, NotificationChange } from 'gatecast'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { api } from '../harness/api.ts'
import { publish } from '../harness/client.ts'
import { App, slowStorage } from '../harness/sdk.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { Wallet } from '../harness/wallet.ts'

async function done(server: Server, method: string, params: object): Promise<any> {
  const { body } = await api(server, method, params)
  assert.equal(body.error, undefined, JSON.stringify(body))
  return body.result
}

const grant = (server: Server, user: string, resource: string, more: object = {}) => done(server, 'grant_add', { user, resource, ...more })
const ungrant = (server: Server, user: string, resource: string) => done(server, 'grant_remove', { user, resource })

test('a purchase opens the post in both of the buyer\'s devices and in nobody else\'s; taken away it is locked again', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const [phone, laptop, stranger] = [new App(t, server.origin), new App(t, server.origin), new App(t, server.origin)]
  const { user } = await phone.signIn(wallet)
  await laptop.signIn(wallet)
  await stranger.signIn()
  const held = [phone, laptop, stranger].map((app) => {
    const told: boolean[] = []
    app.gatecast.grants.watch('post:42', (has) => told.push(has))
    return told
  })
  await until('all to know that they do not hold it', () => held.every((told) => told.length === 1))
  await until('all to be connected', () => [phone, laptop, stranger].every((app) => app.gatecast.connection === 'connected'))
  await grant(server, user.id, 'post:42', { key: 'order-1', meta: { price: 5 } })
  await until('both to know', () => held[0]!.length === 2 && held[1]!.length === 2)
  assert.deepEqual(held, [[false, true], [false, true], [false]])
  assert.deepEqual(phone.gatecast.grants.list().map(({ resource, key, meta }) => [resource, key, meta]), [['post:42', 'order-1', { price: 5 }]])
  await ungrant(server, user.id, 'post:42')
  await until('both to know', () => held[0]!.length === 3 && held[1]!.length === 3)
  assert.deepEqual([phone.gatecast.grants.has('post:42'), phone.gatecast.grants.version], [false, laptop.gatecast.grants.version])
  assert.deepEqual([phone, laptop, stranger].flatMap((app) => app.errors), [])
})

test('bought while the page was away: known as soon as it is back, and only what is new is asked for', async (t) => {
  const server = await startServer(t)
  const proxy = await FaultProxy.open(t, server.port)
  const app = new App(t, server.origin, { realtime: { websocket: proxy.websocket } })
  const { user } = await app.signIn()
  await grant(server, user.id, 'post:1')
  const heard: GrantChange[] = []
  app.gatecast.grants.on((change) => heard.push(change))
  await until('the first', () => app.gatecast.grants.has('post:1') && app.gatecast.connection === 'connected')
  const asked = app.count('/api/user/grants')
  proxy.refuse()
  proxy.cut()
  await until('the break to be noticed', () => app.gatecast.connection === 'connecting')
  await grant(server, user.id, 'post:2')
  await ungrant(server, user.id, 'post:1')
  proxy.heal()
  await until('what happened meanwhile', () => app.gatecast.grants.has('post:2') && !app.gatecast.grants.has('post:1'))
  assert.equal(app.count('/api/user/grants'), asked, 'the connection brought it')
  await grant(server, user.id, 'post:3')
  await until('what happens now', () => app.gatecast.grants.has('post:3'))
  const versions = heard.map(({ version }) => version)
  assert.deepEqual(versions, [...versions].sort((a, b) => a - b), 'never backwards')
})

test('a grant that ends by the clock is gone; without a connection grants come by HTTP', async (t) => {
  const server = await startServer(t)
  const [app, offline] = [new App(t, server.origin), new App(t, server.origin)]
  const wallet = new Wallet()
  const { user } = await app.signIn(wallet)
  await offline.signIn(wallet)
  offline.gatecast.disconnect()
  await grant(server, user.id, 'post:1', { ttl: 4 })
  const told: boolean[] = []
  app.gatecast.grants.watch('post:1', (has) => told.push(has))
  assert.deepEqual((await offline.gatecast.grants.load()).map(({ resource }) => resource), ['post:1'])
  assert(offline.gatecast.grants.has('post:1'))
  await until('its end', () => told.at(-1) === false && told.length > 1)
  await until('its end there too', () => !offline.gatecast.grants.has('post:1'))
  assert.equal(offline.gatecast.connection, 'disconnected')
})

test('a list too long for a message comes by HTTP, when the page is new and when it was away', async (t) => {
  // A message may have a quarter of it.
  const server = await startServer(t, { config: { limits: { queue_bytes: '64KB' } } })
  const proxy = await FaultProxy.open(t, server.port)
  const app = new App(t, server.origin, { realtime: { websocket: proxy.websocket } })
  const { user } = await app.signIn()
  const meta = { text: 'x'.repeat(4000) }
  for (let n = 0; n < 6; n += 1) await grant(server, user.id, `post:${n}`, { meta })
  await app.gatecast.connect()
  await until('all of them', () => app.gatecast.grants.list().length === 6)
  proxy.refuse()
  proxy.cut()
  await until('the break to be noticed', () => app.gatecast.connection === 'connecting')
  // More than the history of the user's channel tells a page that was away.
  for (let n = 0; n < 110; n += 1) await grant(server, user.id, 'post:5', { meta: { n } })
  await ungrant(server, user.id, 'post:0')
  const asked = app.count('/api/user/grants')
  proxy.heal()
  await until('the newest list', () => !app.gatecast.grants.has('post:0') && app.gatecast.grants.has('post:5'))
  assert.ok(app.count('/api/user/grants') > asked)
  assert.deepEqual(app.errors.map(({ code }) => code).filter((code) => code !== 'network'), [])
})

test('a channel behind a grant: refused without, open with, closed when it goes, and back by itself when it comes', async (t) => {
  const server = await startServer(t, { config: { namespace: [{ name: 'post', allow_subscribe_for_client: true, grant: 'post:{1}' }] } })
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  const seen: unknown[] = []
  app.gatecast.channel('post:42').subscribe({ publication: ({ data }) => seen.push(data), subscribed: () => seen.push('in'), unsubscribed: ({ code }) => seen.push(code) })
  await until('the refusal', () => seen.length === 1)
  await grant(server, user.id, 'post:42')
  await until('to be in', () => seen.length === 2)
  await publish(server, 'post:42', 'chapter one')
  await until('the chapter', () => seen.length === 3)
  await ungrant(server, user.id, 'post:42')
  await until('the end', () => seen.length === 4)
  await grant(server, user.id, 'post:42')
  await until('to be in again', () => seen.length === 5)
  assert.deepEqual(seen, ['grant_missing', 'in', 'chapter one', 'grant_missing', 'in'])
  assert.deepEqual(app.states, ['connecting', 'connected'], 'the connection stays')
})

test('after a log-out nothing of the user is left; the next one\'s come', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  await grant(server, user.id, 'post:1')
  const told: boolean[] = []
  app.gatecast.grants.watch('post:1', (has) => told.push(has))
  await until('it to be held', () => told.length === 1)
  await app.gatecast.auth.logout()
  assert.deepEqual([told, app.gatecast.grants.list(), app.gatecast.grants.loaded], [[true, false], [], false])
  await app.signIn()
  await until('the next one\'s to be known', () => app.gatecast.grants.loaded)
  assert.deepEqual([told, app.gatecast.grants.has('post:1')], [[true, false], false])
})

test('notifications: pages, the number unread, and every change in the other device', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const [phone, laptop] = [new App(t, server.origin), new App(t, server.origin)]
  const { user } = await phone.signIn(wallet)
  await laptop.signIn(wallet)
  const heard: NotificationChange[] = []
  laptop.gatecast.notifications.on((change) => heard.push(change))
  await until('the connection', () => laptop.gatecast.connection === 'connected' && laptop.gatecast.notifications.unread === 0)
  for (let n = 1; n <= 5; n += 1) await done(server, 'notify', { user: user.id, kind: 'like', data: { n } })
  await until('all five', () => heard.filter(({ type }) => type === 'added').length === 5)
  assert.equal(laptop.gatecast.notifications.unread, 5)

  const first = await phone.gatecast.notifications.list({ limit: 3 })
  assert.deepEqual(first.notifications.map(({ data, readAt }) => [(data as { n: number }).n, readAt]), [[5, null], [4, null], [3, null]])
  assert.equal(first.unread, 5)
  const rest = await phone.gatecast.notifications.list({ limit: 3, after: first.next! })
  assert.deepEqual(rest.notifications.map(({ data }) => (data as { n: number }).n), [2, 1])
  assert.equal(rest.next, null)

  heard.length = 0
  const ids = first.notifications.slice(0, 2).map(({ id }) => id)
  assert.deepEqual(await phone.gatecast.notifications.markRead(ids), { changed: 2, unread: 3 })
  await until('the other to know', () => heard.some(({ type }) => type === 'read'))
  assert.equal(laptop.gatecast.notifications.unread, 3)
  assert.equal((await phone.gatecast.notifications.list({ unread: true })).notifications.length, 3)
  assert.deepEqual(await phone.gatecast.notifications.remove('read'), { removed: 2, unread: 3 })
  await until('the other to know', () => heard.some(({ type }) => type === 'removed'))
  assert.deepEqual(await laptop.gatecast.notifications.markRead('all'), { changed: 3, unread: 0 })
  assert.deepEqual(await laptop.gatecast.notifications.remove('all'), { removed: 3, unread: 0 })
  assert.deepEqual([...phone.errors, ...laptop.errors], [])
})

test('a feed is in step with the server, whatever happens where', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  const notify = (kind: string) => done(server, 'notify', { user: user.id, kind, data: {} })
  for (const kind of ['a', 'b', 'c', 'd']) await notify(kind)
  const feed = app.gatecast.feed({ limit: 3 })
  t.after(feed.on(() => {}))
  const shown = () => feed.state.notifications.map(({ kind, readAt }) => (readAt === null ? kind : `(${kind})`)).join('')
  await until('the first page', () => shown() === 'dcb' && feed.state.unread === 4)
  await until('the connection', () => app.gatecast.connection === 'connected')
  await notify('e')
  await until('the new one', () => shown() === 'edcb')
  await feed.loadMore()
  assert.deepEqual([shown(), feed.state.hasMore, feed.state.unread], ['edcba', false, 5])
  await app.gatecast.notifications.markRead([feed.state.notifications[0]!.id])
  await until('one to be read', () => shown() === '(e)dcba' && feed.state.unread === 4)
  await app.gatecast.notifications.remove('read')
  await until('it to be gone', () => shown() === 'dcba')
  await app.gatecast.auth.logout()
  assert.deepEqual([shown(), feed.state.unread, feed.state.error], ['', null, null])
})

test('what came between the list and the connection is in the feed all the same', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  const notify = (kind: string) => done(server, 'notify', { user: user.id, kind, data: {} })
  app.gatecast.disconnect()
  await notify('a')
  const feed = app.gatecast.feed()
  t.after(feed.on(() => {}))
  const shown = () => feed.state.notifications.map(({ kind }) => kind).join('')
  await until('the list', () => shown() === 'a')
  await notify('b')
  app.gatecast.connect()
  await until('what nobody pushed', () => shown() === 'ba')
  await until('its number', () => feed.state.unread === 2)
  const asked = app.count('/api/user/notifications')
  await notify('c')
  await until('what is pushed', () => shown() === 'cba')
  assert.equal(app.count('/api/user/notifications'), asked)
})

test('with a storage that answers later nothing is said before it is known', async (t) => {
  const server = await startServer(t)
  const storage = slowStorage()
  const one = new App(t, server.origin, { storage })
  const { user } = await one.signIn()
  await grant(server, user.id, 'post:1')
  await done(server, 'notify', { user: user.id, kind: 'like', data: {} })
  const app = new App(t, server.origin, { storage })
  const told: boolean[] = []
  app.gatecast.grants.watch('post:1', (has) => told.push(has))
  app.gatecast.notifications.on(() => {})
  await until('both to be known', () => told.length > 0 && app.gatecast.notifications.unread === 1)
  assert.deepEqual(told, [true])
})
