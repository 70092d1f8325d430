// Grants: what a back end gives and takes, what a user's tabs learn of it and when, and channels that a grant opens.
// The judge is the official client, which knows nothing of grants.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, test, type TestContext } from 'node:test'
import { api, assertRefused, get } from '../harness/api.ts'
import { Client } from '../harness/client.ts'
import { appToken, channelToken, metric, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { launch, startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kMissing = { code: 2001, reason: 'grant missing' }
const kHistory = { history_size: 50, history_ttl: '5m' }
const config = {
  realtime: { shards: 2 },
  limits: { grants_user: 150 },
  namespace: [
    { name: 'post', grant: 'post:{1}', ...kHistory, allow_history_for_client: true, presence: true, allow_presence_for_client: true, allow_publish_for_client: true },
    { name: 'club', grant: 'vip' },
  ],
}

let server: Server
const suite = new Suite()
before(async () => {
  server = await startRealtime(suite, config)
})
after(() => suite.close())

interface Grant {
  id: string
  resource: string
  key?: string
  from: string
  until?: string
  meta: object
}
interface Told {
  type: 'grant.added' | 'grant.removed'
  version: number
  grant: Grant
  reason?: string
}

/** A user of the application, known to the server. */
async function user(at = server): Promise<string> {
  const id = `u${randomUUID().slice(0, 8)}`
  await call('user_upsert', { user: { id } }, at)
  return id
}
async function call(method: string, params: object, at = server): Promise<any> {
  const { status, body } = await api(at, method, params)
  assert.equal(status, 200, JSON.stringify(body))
  assert.ok('result' in body, JSON.stringify(body))
  return body.result
}
async function refused(method: string, params: object, code: string): Promise<void> {
  const { body } = await api(server, method, params)
  assert.equal(body.error?.name, code, JSON.stringify(body))
}
const add = (name: string, resource: string, more: object = {}, at = server) => call('grant_add', { user: name, resource, ...more }, at)
const remove = (name: string, resource: string, more: object = {}) => call('grant_remove', { user: name, resource, ...more })

/** A tab of the user, and what it is told of grants. */
class Tab extends Client {
  get told(): Told[] {
    return this.got.map(({ data }) => data.gatecast).filter((told) => told?.type?.startsWith('grant.'))
  }
  hears(count: number): Promise<Told[]> {
    return until(`${count} words of grants, of ${JSON.stringify(this.told)}`, () => (this.told.length >= count ? this.told : undefined))
  }
}
async function tab(t: TestContext, name: string, data?: object, at = server): Promise<Tab & { data?: any }> {
  const made = new Tab(t, at.websocket, { token: await appToken(name), ...(data && { data }) })
  const found: { data?: any } = {}
  made.centrifuge.on('connected', (context) => (found.data = context.data))
  await made.connect()
  return Object.defineProperty(made, 'data', { get: () => found.data })
}
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()

describe('what tabs learn', () => {
  test('a purchase reaches both tabs of the buyer, and nobody else', async (t) => {
    const [ann, bob] = [await user(), await user()]
    const tabs = [await tab(t, ann), await tab(t, ann)]
    const stranger = await tab(t, bob)
    const bought = await add(ann, 'post:42', { key: 'order 1', meta: { price: 3 } })
    assert.equal(bought.version, 1)
    assert.equal(bought.changed, true)
    for (const one of tabs) {
      assert.deepEqual(await one.hears(1), [{ type: 'grant.added', version: 1, grant: bought.grant }])
    }
    assert.match(bought.grant.id, /^[a-z0-9]{20}$/)
    assert.deepEqual(Object.keys(bought.grant), ['id', 'resource', 'key', 'from', 'meta'])
    await add(bob, 'post:1')
    assert.deepEqual((await stranger.hears(1)).map(({ grant }) => grant.resource), ['post:1'])
    assert.deepEqual(await call('grants', { user: ann }), { version: 1, grants: [bought.grant] })
  })

  test('the same again changes nothing; another end or meta changes it in place', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    const first = await add(ann, 'pass', { key: 'a', ttl: 3600, meta: { plan: 1 } })
    const again = await add(ann, 'pass', { key: 'a', ttl: 3600, meta: { plan: 1 } })
    assert.deepEqual(again, { ...first, changed: false })
    const other = await add(ann, 'pass', { key: 'a', ttl: 7200, meta: { plan: 1 } })
    assert.equal(other.version, 2)
    assert.equal(other.grant.id, first.grant.id)
    assert.equal(Date.parse(other.grant.until) - Date.parse(other.grant.from), 7_200_000)
    const gone = await remove(ann, 'pass')
    assert.deepEqual(gone, { removed: 1, version: 3 })
    assert.deepEqual(await remove(ann, 'pass'), { removed: 0, version: 3 })
    const told = await one.hears(3)
    assert.deepEqual(told.map(({ type, version, reason }) => [type, version, reason]), [
      ['grant.added', 1, undefined],
      ['grant.added', 2, undefined],
      ['grant.removed', 3, 'removed'],
    ])
    assert.deepEqual(told[2].grant, other.grant)
  })

  test('a hundred at once: versions 1 to 100, in order, in every tab', async (t) => {
    const ann = await user()
    const tabs = [await tab(t, ann), await tab(t, ann), await tab(t, ann)]
    const done = await Promise.all(Array.from({ length: 100 }, (_, i) => add(ann, `post:${i}`)))
    const all = Array.from({ length: 100 }, (_, i) => i + 1)
    assert.deepEqual(done.map(({ version }) => version).sort((a, b) => a - b), all)
    const byVersion = new Map(done.map(({ version, grant }) => [version, grant.id]))
    for (const one of tabs) {
      const told = await one.hears(100)
      assert.deepEqual(told.map(({ version }) => version), all)
      for (const { version, grant } of told) assert.equal(grant.id, byVersion.get(version))
    }
  })

  test('one that was away hears what it missed, once and in order', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    await add(ann, 'a')
    await one.hears(1)
    one.cut()
    await add(ann, 'b')
    await add(ann, 'c')
    await one.connected(2)
    assert.deepEqual((await one.hears(3)).map(({ version }) => version), [1, 2, 3])
  })

  test('an end and a beginning come by themselves, within a moment', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    const end = inMs(700)
    const soon = await add(ann, 'soon-over', { until: end })
    const later = await add(ann, 'later', { from: inMs(400) })
    assert.equal(soon.version, 1)
    assert.equal(later.version, 1, 'nothing is held before it begins')
    assert.deepEqual((await call('grants', { user: ann })).grants.map((grant: Grant) => grant.resource), ['later', 'soon-over'])
    const heard: number[] = []
    one.centrifuge.on('publication', () => heard.push(Date.now()))
    const told = await one.hears(3)
    assert.deepEqual(told.map(({ type, version, reason }) => [type, version, reason]), [
      ['grant.added', 1, undefined],
      ['grant.added', 2, undefined],
      ['grant.removed', 3, 'expired'],
    ])
    assert.equal(told[1].grant.resource, 'later')
    const late = heard.at(-1)! - Date.parse(end)
    t.diagnostic(`heard ${late} ms after the end`)
    assert(late >= 0 && late < 1000, `${late} ms`)
    assert.deepEqual((await get(server, '/api/user/grants', await appToken(ann))).body.grants.map((grant: Grant) => grant.resource), ['later'])
  })
})

describe('the list', () => {
  test('by HTTP, also for a trusted issuer’s user', async () => {
    const tokens = await signIn(server)
    assert.deepEqual((await get(server, '/api/user/grants', tokens.token)).body, { success: true, version: 0, grants: [] })
    const { grant } = await add(tokens.user.id, 'post:7', { meta: { a: [1, { b: 'ü' }] } })
    assert.deepEqual((await get(server, '/api/user/grants', tokens.token)).body, { success: true, version: 1, grants: [grant] })
    assert.deepEqual(grant.meta, { a: [1, { b: 'ü' }] })
    const ann = await user()
    await add(ann, 'post:8')
    const own = await get(server, '/api/user/grants', await appToken(ann))
    assert.deepEqual([own.body.version, own.body.grants.length], [1, 1])
    assertRefused(await get(server, '/api/user/grants'), 'token_missing')
  })

  test('at connect only where the client is behind', async (t) => {
    const ann = await user()
    await add(ann, 'a')
    const { grants } = await call('grants', { user: ann })
    const asked = (grants: unknown) => ({ gatecast: { grants } })
    const full = { gatecast: { grants: { version: 1, grants } } }
    assert.deepEqual((await tab(t, ann, asked(-1))).data, full)
    assert.deepEqual((await tab(t, ann, asked(0))).data, full)
    assert.deepEqual((await tab(t, ann, { gatecast: {} })).data, full)
    assert.equal((await tab(t, ann, asked(1))).data, undefined)
    assert.equal((await tab(t, ann)).data, undefined, 'who does not ask is not told')
    assert.equal((await tab(t, ann, { other: 1 })).data, undefined)
    assert.deepEqual((await tab(t, ann, asked(17))).data, full, 'a version of before a restore is not ours')
  })

  test('what lies between the list and the first push is in one of them', async (t) => {
    const ann = await user()
    for (let round = 0; round < 10; round++) {
      const adding = Promise.all([1, 2, 3].map((n) => add(ann, `r${round}-${n}`)))
      const one = await tab(t, ann, { gatecast: { grants: -1 } })
      const { version } = (await adding).sort((a, b) => b.version - a.version)[0]
      const known = one.data?.gatecast.grants.version ?? 0
      const told = await until('the newest version', () => known === version || one.told.at(-1)?.version === version ? one.told : undefined)
      const later = told.map((each) => each.version).filter((each) => each > known)
      assert.deepEqual(later, Array.from({ length: version - known }, (_, i) => known + 1 + i))
      one.centrifuge.disconnect()
    }
  })

  test('by RPC', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    const rpc = async (data: unknown) => (await one.centrifuge.rpc('gatecast.grants', data)).data
    assert.deepEqual(await rpc({}), { version: 0, grants: [] })
    const { grant } = await add(ann, 'a')
    assert.deepEqual(await rpc({ version: 0 }), { version: 1, grants: [grant] })
    assert.deepEqual(await rpc({ version: 1 }), { version: 1, unchanged: true })
    await assert.rejects(rpc({ version: 'one' }), { code: 107 })
  })

  test('a long one is for HTTP', async (t) => {
    const ann = await user()
    const meta = { text: 'x'.repeat(4000) }
    await Promise.all(Array.from({ length: 100 }, (_, i) => add(ann, `post:${i}`, { meta })))
    const one = await tab(t, ann, { gatecast: { grants: -1 } })
    assert.deepEqual(one.data, { gatecast: { grants: { version: 100, omitted: true } } })
    assert.deepEqual((await one.centrifuge.rpc('gatecast.grants', {})).data, { version: 100, omitted: true })
    const { body } = await get(server, '/api/user/grants', await appToken(ann))
    assert.equal(body.grants.length, 100)
  })
})

describe('channels that a grant opens', () => {
  test('holders get in, others do not, and the connection stays', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    const early = one.subscription('post:42')
    early.subscription.subscribe()
    assert.deepEqual(await early.refused(), { code: 103, reason: 'grant missing' })
    await add(ann, 'post:42')
    const watched = await one.subscription('post:42:comments').on()
    await call('publish', { channel: 'post:42:comments', data: { n: 1 } })
    await watched.has(1)
    const other = one.subscription('post:43')
    other.subscription.subscribe()
    assert.equal((await other.refused()).code, 103)
    const club = one.subscription('club:any')
    club.subscription.subscribe()
    assert.equal((await club.refused()).code, 103)
    assert.equal(one.connects.length, 1)
  })

  test('when the grant goes the subscription ends at once, for good, and only that one', async (t) => {
    const ann = await user()
    const tabs = [await tab(t, ann), await tab(t, ann)]
    await add(ann, 'post:1', { key: 'a' })
    await add(ann, 'post:1', { key: 'b' })
    await add(ann, 'post:2')
    const first = await Promise.all(tabs.map((one) => one.subscription('post:1').on()))
    const second = await Promise.all(tabs.map((one) => one.subscription('post:2').on()))
    await remove(ann, 'post:1', { key: 'a' })
    await Promise.all(tabs.map((one) => one.hears(4)))
    assert.deepEqual(first.flatMap(({ ends }) => ends), [], 'the other grant still opens it')
    await remove(ann, 'post:1')
    for (const watched of first) assert.deepEqual(await watched.refused(), kMissing)
    await call('publish', { channel: 'post:1', data: { n: 1 } })
    await call('publish', { channel: 'post:2', data: { n: 2 } })
    for (const watched of second) await watched.has(1)
    for (const watched of first) {
      assert.deepEqual(watched.data, [])
      assert.deepEqual(watched.drops, [], 'no client tries again by itself')
    }
    assert.deepEqual(tabs.map(({ connects, ends }) => [connects.length, ends.length]), [[1, 0], [1, 0]])
    // It can be bought again.
    await add(ann, 'post:1')
    first[0].subscription.subscribe()
    await first[0].subscribed(2)
  })

  test('an expiry ends it too', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    await add(ann, 'post:5', { until: inMs(600) })
    const watched = await one.subscription('post:5').on()
    assert.deepEqual(await watched.refused(), kMissing)
    assert.deepEqual((await one.hears(2))[1].reason, 'expired')
  })

  test('a removal that races subscribes wins', async (t) => {
    const ann = await user()
    const tabs = await Promise.all([1, 2, 3, 4].map(() => tab(t, ann)))
    for (let round = 0; round < 20; round++) {
      await add(ann, `post:race${round}`)
      // Many channels, all opened by this grant: one of them is on its way to its home and back when the grant goes.
      const gone = remove(ann, `post:race${round}`)
      const all = []
      for (let i = 0; i < 120; i++) {
        for (const one of tabs) {
          const watched = one.subscription(`post:race${round}:${i}`)
          watched.subscription.subscribe()
          all.push(watched)
        }
        if (i % 10 === 9) await new Promise(setImmediate)
      }
      assert.equal((await gone).removed, 1)
      for (const watched of all) {
        assert.ok([103, 2001].includes((await watched.refused()).code))
        watched.subscription.unsubscribe()
        for (const one of tabs) one.centrifuge.removeSubscription(watched.subscription)
      }
    }
    assert.deepEqual((await call('channels', { pattern: 'post:race*' })).channels, {})
  })

  test('history, presence and publishing need it as well', async (t) => {
    const [ann, bob] = [await user(), await user()]
    await add(ann, 'post:9')
    const [holder, stranger] = [await tab(t, ann), await tab(t, bob)]
    for (const ask of [
      (one: Client) => one.centrifuge.publish('post:9', { hello: 1 }),
      (one: Client) => one.centrifuge.history('post:9', { limit: 10 }),
      (one: Client) => one.centrifuge.presence('post:9'),
      (one: Client) => one.centrifuge.presenceStats('post:9'),
    ]) {
      await ask(holder)
      await assert.rejects(ask(stranger), { code: 103 })
    }
    assert.equal((await holder.centrifuge.history('post:9', { limit: 10 })).publications.length, 1)
  })

  test('what a subscription token or the application says stands', async (t) => {
    const ann = await user()
    const one = await tab(t, ann)
    const token = await channelToken(ann, 'post:77')
    const watched = await one.subscription('post:77', { token }).on()
    await call('subscribe', { user: ann, channel: 'post:78' })
    await until('the subscription of the application', () => one.subscribed.some(({ channel }) => channel === 'post:78'))
    await add(ann, 'post:77')
    await remove(ann, 'post:77')
    await one.hears(2)
    await call('publish', { channel: 'post:77', data: { n: 1 } })
    await watched.has(1)
    assert.deepEqual(watched.ends, [])
  })
})

describe('the back end', () => {
  test('mistakes are named', async () => {
    const ann = await user()
    for (const wrong of [
      { user: ann },
      { user: ann, resource: '' },
      { user: ann, resource: 'x'.repeat(256) },
      { user: ann, resource: 'a b' },
      { user: ann, resource: 'a', key: 'ü' },
      { user: ann, resource: 'a', meta: [1] },
      { user: ann, resource: 'a', meta: { text: 'x'.repeat(4096) } },
      { user: ann, resource: 'a', until: 'tomorrow' },
      { user: ann, resource: 'a', ttl: 0 },
      { user: ann, resource: 'a', ttl: 5, until: inMs(1000) },
      { user: ann, resource: 'a', from: inMs(2000), until: inMs(1000) },
      { user: ann, resource: 'a', expires: inMs(1000) },
    ]) {
      const { body } = await api(server, 'grant_add', wrong)
      assert.match(body.error?.name ?? '', /^field_(invalid|missing)$/, JSON.stringify([wrong, body]))
    }
    await refused('grant_remove', { user: ann }, 'field_invalid')
    await refused('grant_remove', { user: ann, id: 'x', resource: 'a' }, 'field_invalid')
    assert.deepEqual(await call('grants', { user: ann }), { version: 0, grants: [] })
  })

  test('users must be known, but those of a trusted issuer with a prefix are not ours to know', async (t) => {
    for (const [method, more] of [['grant_add', { resource: 'a' }], ['grant_remove', { resource: 'a' }], ['grants', {}]] as const) {
      await refused(method, { user: 'nobody', ...more }, 'user_unknown')
      await refused(method, { user: 'other:7', ...more }, 'user_unknown')
    }
    const foreign = await startRealtime(t, { ...config, token: { trusted: [{ name: 'app', issuer: 'https://app.example', audience: 'chat', secret: randomBytes(36).toString('base64url'), subject: 'prefix' }] } })
    assert.equal((await call('grant_add', { user: 'app:7', resource: 'a' }, foreign)).version, 1)
    assert.equal((await call('grants', { user: 'app:7' }, foreign)).grants.length, 1)
  })

  test('the limit, and what makes room', async () => {
    const ann = await user()
    await Promise.all(Array.from({ length: 150 }, (_, i) => add(ann, `r${i}`)))
    await refused('grant_add', { user: ann, resource: 'one more' }, 'field_invalid')
    await refused('grant_add', { user: ann, resource: 'one-more' }, 'grant_limit')
    await remove(ann, 'r0')
    await add(ann, 'one-more')
  })

  test('hears of every change', async () => {
    const ann = await user()
    const { grant } = await add(ann, 'post:1', { key: 'order 7' })
    await remove(ann, 'post:1')
    const mine: any[] = []
    for (let after = 0; ; ) {
      const page = await call('events', { after, limit: 1000 })
      mine.push(...page.events.filter((event: any) => event.user === ann && event.type === 'grant.changed'))
      if (page.events.length < 1000) break
      after = page.next
    }
    const data = { id: grant.id, resource: 'post:1', key: 'order 7' }
    assert.deepEqual(mine.map(({ data }) => data), [{ change: 'added', ...data }, { change: 'removed', ...data }])
    const exported = await call('user_export', { user: ann })
    assert.deepEqual(exported.grants, [])
  })

  test('a deleted user holds nothing and keeps no connection, be it by the token of a trusted issuer', async (t) => {
    const ann = await user()
    await add(ann, 'post:1')
    const open = await tab(t, ann)
    await open.subscription('post:1').on()
    await call('user_delete', { user: ann })
    assert.equal((await open.end()).code, 4502)
    await refused('grants', { user: ann }, 'user_unknown')
    await call('user_upsert', { user: { id: ann } })
    assert.deepEqual(await call('grants', { user: ann }), { version: 0, grants: [] })
  })

  test('figures', async () => {
    const ann = await user()
    const [added, removed, pushed] = [await metric(server, 'grants_changed_total', 'added'), await metric(server, 'grants_changed_total', 'removed'), await metric(server, 'push_seconds_count')]
    await add(ann, 'a')
    await remove(ann, 'a')
    assert.equal(await metric(server, 'grants_changed_total', '"added"'), added + 1)
    assert.equal(await metric(server, 'grants_changed_total', '"removed"'), removed + 1)
    assert.equal(await metric(server, 'push_seconds_count'), pushed, 'nobody is there to be told')
  })
})

test('what was acknowledged survives kill -9, and goes on where it was', async (t) => {
  const first = await startRealtime(t, config)
  const ann = await user(first)
  const kept = await add(ann, 'post:1', {}, first)
  const ending = await add(ann, 'post:2', { until: inMs(1500) }, first)
  const acknowledged: string[] = []
  const adding = Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      add(ann, `r${i}`, {}, first).then(
        ({ grant }) => acknowledged.push(grant.id),
        () => {},
      ),
    ),
  )
  await until('some of them acknowledged', () => acknowledged.length > 5)
  first.kill()
  await first.ended()
  await adding
  const second = await launch(t, { again: first }).then(async (started) => (await started.ready(), started))
  const all = await call('grants', { user: ann }, second)
  const ids = new Set(all.grants.map((grant: Grant) => grant.id))
  for (const id of [kept.grant.id, ...acknowledged]) assert(ids.has(id), id)
  const one = await tab(t, ann, { gatecast: { grants: -1 } }, second)
  assert(one.data.gatecast.grants.version >= acknowledged.length + 2)
  // What was due while the server was down ends when it is back.
  await until('the end', async () => !(await call('grants', { user: ann }, second)).grants.some((grant: Grant) => grant.id === ending.grant.id))
})

test('a pattern that cannot be meant is refused by name', async (t) => {
  for (const [grant, fault] of [
    ['post:{0}', /namespace\[0\]\.grant.*braces hold one digit/],
    ['post:{', /namespace\[0\]\.grant/],
  ] as const) {
    const failing = startServer(t, { config: { namespace: [{ name: 'post', grant }] } })
    await assert.rejects(failing, (error: Error) => fault.test(error.message))
  }
})
