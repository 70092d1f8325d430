// The server API about channels: presence, history, the list of channels, options of a publication, batches.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test, type TestContext } from 'node:test'
import { Centrifuge, type PublicationContext } from 'centrifuge'
import WebSocket from 'ws'
import { api, assertRefused, call } from '../harness/api.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const keys = { publisher: randomBytes(32).toString('base64url'), reader: randomBytes(32).toString('base64url') }

describe('the server API', () => {
  const suite = new Suite()
  let server: Server

  before(async () => {
    server = await startServer(suite, {
      config: {
        realtime: { shards: 3 },
        namespace: [
          { name: 'log', allow_subscribe_for_client: true, history_size: 10, history_ttl: '5m' },
          { name: 'room', allow_subscribe_for_client: true, presence: true },
          { name: 'plain', allow_subscribe_for_client: true },
        ],
      },
    })
  })
  after(() => suite.close())

  const done = async (method: string, params: object, headers: Record<string, string> = {}): Promise<any> => {
    const reply = await call(`${server.ops}/api/${method}`, 'POST', params, { 'X-API-Key': server.apiKey, ...headers })
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    assert.equal(reply.body.error, undefined, `${method}: ${JSON.stringify(reply.body)}`)
    return reply.body.result
  }
  const refused = async (method: string, params: object): Promise<[number, string]> => {
    const { status, body } = await api(server, method, params)
    assert.equal(status, 200, JSON.stringify(body))
    assert(body.error, `${method}: ${JSON.stringify(body)}`)
    return [body.error.code, body.error.name]
  }

  async function subscribed(t: Scope, ...channels: string[]) {
    const session = await signIn(server)
    const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, token: session.token })
    onEnd(t, () => centrifuge.disconnect())
    const got: PublicationContext[] = []
    const subscriptions = channels.map((channel) => {
      const subscription = centrifuge.newSubscription(channel)
      subscription.on('publication', (publication) => got.push(publication))
      subscription.subscribe()
      return subscription
    })
    centrifuge.connect()
    for (const each of subscriptions) await within('the subscription', each.ready())
    return { centrifuge, got, user: session.user.id }
  }

  describe('presence', () => {
    test('tells who is there, each with client and user', async (t) => {
      const ann = await subscribed(t, 'room:a')
      const bob = await subscribed(t, 'room:a')
      const { presence } = await done('presence', { channel: 'room:a' })
      assert.deepEqual(Object.values(presence).map((info: any) => info.user).sort(), [ann.user, bob.user].sort())
      for (const [id, info] of Object.entries<any>(presence)) assert.equal(info.client, id)
      assert.deepEqual(await done('presence_stats', { channel: 'room:a' }), { num_clients: 2, num_users: 2 })
    })

    test('nobody is an empty object; without the feature 108, without the namespace 102', async () => {
      assert.deepEqual(await done('presence', { channel: 'room:empty' }), { presence: {} })
      assert.deepEqual(await done('presence_stats', { channel: 'room:empty' }), { num_clients: 0, num_users: 0 })
      for (const method of ['presence', 'presence_stats']) {
        assert.deepEqual(await refused(method, { channel: 'plain:1' }), [108, 'not_available'])
        assert.deepEqual(await refused(method, { channel: 'nowhere:1' }), [102, 'unknown_channel'])
        assert.deepEqual(await refused(method, {}), [107, 'field_missing'])
      }
    })
  })

  describe('history', () => {
    test('pages, the position alone, and what cannot be', async () => {
      const { epoch } = await done('publish', { channel: 'log:pages', data: 1 })
      for (const data of [2, 3, 4]) await done('publish', { channel: 'log:pages', data })
      const read = async (more: object) => (await done('history', { channel: 'log:pages', ...more })).publications.map((p: any) => p.data)
      assert.deepEqual(await done('history', { channel: 'log:pages' }), { publications: [], epoch, offset: 4 })
      assert.deepEqual(await read({ limit: -1 }), [1, 2, 3, 4])
      assert.deepEqual(await read({ limit: 2, since: { offset: 1, epoch } }), [2, 3])
      assert.deepEqual(await read({ limit: 2, reverse: true }), [4, 3])
      const since = { offset: 1, epoch: 'elsewher' }
      assert.deepEqual(await refused('history', { channel: 'log:pages', limit: 1, since }), [112, 'unrecoverable_position'])
      assert.deepEqual(await refused('history', { channel: 'plain:1' }), [108, 'not_available'])
      assert.deepEqual(await refused('history', { channel: 'nowhere:1' }), [102, 'unknown_channel'])
      for (const wrong of [{ limit: -2 }, { limit: '1' }, { limit: 2 ** 31 }, { since: { offset: -1 } }, { since: 3 }, { reverse: 1 }]) {
        assert.deepEqual(await refused('history', { channel: 'log:pages', ...wrong }), [107, 'field_invalid'], JSON.stringify(wrong))
      }
    })

    test('history_remove takes the publications; the position stays', async () => {
      const { epoch } = await done('publish', { channel: 'log:removed', data: 1 })
      assert.deepEqual(await done('history_remove', { channel: 'log:removed' }), {})
      assert.deepEqual(await done('history', { channel: 'log:removed', limit: -1 }), { publications: [], epoch, offset: 1 })
      assert.equal((await done('publish', { channel: 'log:removed', data: 2 })).offset, 2)
      assert.deepEqual(await refused('history_remove', { channel: 'plain:1' }), [108, 'not_available'])
    })
  })

  describe('channels', () => {
    test('each once, with the sum over all shards', async (t) => {
      const clients = await Promise.all(Array.from({ length: 8 }, () => subscribed(t, 'plain:sum:all')))
      await subscribed(t, 'plain:sum:one')
      assert.deepEqual(await done('channels', { pattern: 'plain:sum:*' }), {
        channels: { 'plain:sum:all': { num_clients: clients.length }, 'plain:sum:one': { num_clients: 1 } },
        total: 2,
      })
      assert.deepEqual(await done('channels', { pattern: 'plain:s?m:one' }), { channels: { 'plain:sum:one': { num_clients: 1 } }, total: 2 - 1 })
      assert.deepEqual(await done('channels', { pattern: 'nothing*' }), { channels: {}, total: 0 })
      clients[0]!.centrifuge.disconnect()
      await until('one less', async () => (await done('channels', { pattern: 'plain:sum:all' })).channels['plain:sum:all'].num_clients === 7)
    })

    test('page by page, in the order of names, and how many there are', async (t) => {
      const names = Array.from({ length: 23 }, (_, n) => `plain:page:${String(n).padStart(2, '0')}`)
      await subscribed(t, ...names.slice(0, 15))
      await subscribed(t, ...names.slice(10))
      const seen: Record<string, { num_clients: number }> = {}
      let after: string | undefined
      for (let pages = 0; ; pages += 1) {
        assert(pages < 5)
        const page = await done('channels', { pattern: 'plain:page:*', limit: 5, after })
        assert(Object.keys(page.channels).length <= 5)
        Object.assign(seen, page.channels)
        if (pages === 0) assert.equal(page.total, 23)
        if (page.next === undefined) break
        after = page.next
      }
      assert.deepEqual(Object.keys(seen), names)
      for (const [at, name] of names.entries()) assert.equal(seen[name]!.num_clients, at >= 10 && at < 15 ? 2 : 1, name)
    })

    test('patterns that mean something else elsewhere are refused', async () => {
      for (const pattern of ['{a,b}', '[ab]', 'a\\', 'x'.repeat(256)]) {
        assert.deepEqual(await refused('channels', { pattern }), [107, 'field_invalid'], pattern)
      }
      for (const limit of [0, 10_001]) assert.deepEqual(await refused('channels', { limit }), [107, 'field_invalid'])
    })
  })

  describe('publish', () => {
    test('b64data is JSON in base64', async (t) => {
      const { got } = await subscribed(t, 'plain:b64')
      const b64data = Buffer.from('{"n": [1,\n2]}').toString('base64')
      await done('publish', { channel: 'plain:b64', b64data })
      assert.deepEqual((await until('the publication', () => got[0])).data, { n: [1, 2] })
      const bytes = Buffer.from([0xff, 0x00]).toString('base64')
      const reserved = Buffer.from('{"gatecast":1}').toString('base64')
      assert.deepEqual(await refused('publish', { channel: 'plain:b64', b64data: bytes }), [107, 'field_invalid'])
      assert.deepEqual(await refused('publish', { channel: 'plain:b64', b64data: '!' }), [107, 'field_invalid'])
      assert.deepEqual(await refused('publish', { channel: 'plain:b64', b64data, data: 1 }), [107, 'field_invalid'])
      assert.equal((await refused('publish', { channel: 'plain:b64', b64data: reserved }))[1], 'reserved_data')
    })

    test('tags are texts, and bounded', async (t) => {
      const { got } = await subscribed(t, 'log:tags')
      const tags = { lang: 'de', 'quo"te': 'zwei\nZeilen' }
      await done('publish', { channel: 'log:tags', data: 1, tags })
      assert.deepEqual((await until('the publication', () => got[0])).tags, tags)
      assert.deepEqual((await done('history', { channel: 'log:tags', limit: 1 })).publications[0].tags, tags)
      const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`t${n}`, 'x']))
      for (const wrong of [{ n: 1 }, { n: null }, { long: 'x'.repeat(4096) }, many, [], 'text']) {
        assert.deepEqual(await refused('publish', { channel: 'log:tags', data: 1, tags: wrong }), [107, 'field_invalid'])
      }
      assert.equal((await done('history', { channel: 'log:tags' })).offset, 1)
    })

    test('a version that is not above the newest is passed over', async (t) => {
      const { got } = await subscribed(t, 'log:doc')
      const publish = (version: number, version_epoch?: string) => done('publish', { channel: 'log:doc', data: version, version, version_epoch })
      const first = await publish(5)
      assert.equal(first.offset, 1)
      assert.deepEqual(await publish(5), first)
      assert.deepEqual(await publish(4), first)
      assert.equal((await publish(6)).offset, 2)
      assert.equal((await publish(1, 'another')).offset, 3)
      assert.equal((await publish(1, 'another')).offset, 3)
      assert.equal((await publish(2, 'another')).offset, 4)
      await until('the newest', () => got.at(-1)?.data === 2)
      assert.deepEqual(got.map((p) => p.data), [5, 6, 1, 2])
      assert.deepEqual(await refused('publish', { channel: 'plain:doc', data: 1, version: 1 }), [108, 'not_available'])
      assert.deepEqual(await refused('publish', { channel: 'log:doc', data: 1, version: 1, skip_history: true }), [108, 'not_available'])
      assert.deepEqual(await refused('publish', { channel: 'log:doc', data: 1, version: -1 }), [107, 'field_invalid'])
    })

    test('the newest version outlives a restart', async (t: TestContext) => {
      const scope = new Suite()
      t.after(() => scope.close())
      const config = { namespace: [{ name: 'log', history_size: 10, history_ttl: '5m' }] }
      const first = await startServer(scope, { config })
      const publish = async (to: Server, version: number) => (await api(to, 'publish', { channel: 'log:kept', data: version, version, version_epoch: 'e' })).body.result.offset
      assert.equal(await publish(first, 7), 1)
      await first.stop()
      const second = await startServer(scope, { again: first, config })
      assert.equal(await publish(second, 7), 1)
      assert.equal(await publish(second, 8), 2)
    })

    test('skip_history publishes without a position', async (t) => {
      const { got } = await subscribed(t, 'log:skip')
      assert.deepEqual(await done('publish', { channel: 'log:skip', data: 1, skip_history: true }), {})
      await until('the publication', () => got.length === 1)
      assert.deepEqual((await done('history', { channel: 'log:skip', limit: -1 })).publications, [])
    })

    test('broadcast takes the same options', async () => {
      const { responses } = await done('broadcast', { channels: ['log:b1', 'log:b2'], data: 1, tags: { a: 'b' }, version: 3 })
      assert.deepEqual(responses.map((r: any) => r.result.offset), [1, 1])
      const again = await done('broadcast', { channels: ['log:b1', 'log:b3'], data: 1, version: 3 })
      assert.deepEqual(again.responses.map((r: any) => r.result.offset), [1, 1])
      assert.equal((await done('history', { channel: 'log:b1' })).offset, 1)
      assert.deepEqual(await refused('broadcast', { channels: ['log:b1'], data: 1, tags: { n: 1 } }), [107, 'field_invalid'])
    })
  })

  describe('many commands in one request', () => {
    const batch = (body: unknown, key = server.apiKey) => call(`${server.ops}/api/batch`, 'POST', body, { 'X-API-Key': key })

    test('a batch answers each command in its order, refusals among them', async () => {
      const { status, body } = await batch({
        parallel: true,
        commands: [
          { publish: { channel: 'log:batch', data: 1 } },
          { publish: { channel: 'nowhere:1', data: 1 } },
          { history: { channel: 'log:batch', limit: 1 } },
          { nothing: {} },
          { publish: { channel: 'log:batch', data: 1 }, history: {} },
          {},
          { info: null },
          { info: 7 },
          { events: {} },
          { batch: { commands: [] } },
        ],
      })
      assert.equal(status, 200)
      const names = body.replies.map((reply: any) => (reply.error ? reply.error.name : Object.keys(reply)[0]))
      assert.deepEqual(names, ['publish', 'unknown_channel', 'history', 'method_not_found', 'field_invalid', 'field_invalid', 'info', 'field_invalid', 'bad_request', 'method_not_found'])
      assert.equal(body.replies[0].publish.offset, 1)
      assert.equal(body.replies[1].error.code, 102)
      assert.deepEqual(body.replies[2].history.publications.map((p: any) => p.data), [1])
    })

    test('an idempotency key holds for its command', async () => {
      const command = { publish: { channel: 'log:once', data: 1, idempotency_key: 'once' } }
      const { body } = await batch({ commands: [command, command] })
      assert.deepEqual(body.replies.map((r: any) => r.publish.offset), [1, 1])
      const other = { publish: { channel: 'log:once', data: 2, idempotency_key: 'once' } }
      assert.equal((await batch({ commands: [other] })).body.replies[0].error.name, 'idempotency_conflict')
      assert.equal((await done('history', { channel: 'log:once' })).offset, 1)
    })

    test('what is no batch is refused as a whole', async () => {
      assertRefused(await batch('{'), 'bad_json')
      assertRefused(await batch({}), 'field_missing')
      assertRefused(await batch({ commands: {} }), 'field_invalid')
      assertRefused(await batch({ commands: [], parallel: 'yes' }), 'field_invalid')
      assertRefused(await batch({ commands: Array(1001).fill({ info: {} }) }), 'field_invalid')
      assertRefused(await batch({ commands: [] }, 'a key that nobody gave'), 'api_key_unknown')
      assert.deepEqual((await batch({ commands: [] })).body, { replies: [] })
    })

    test('answers that fill the reply end what is run', async () => {
      const data = 'x'.repeat(60_000)
      for (let n = 0; n < 10; n += 1) await done('publish', { channel: 'log:big', data })
      const commands = [...Array(40).fill({ history: { channel: 'log:big', limit: -1 } }), { publish: { channel: 'log:big', data: 1 } }]
      const { body } = await batch({ commands })
      assert.equal(body.replies.length, 41)
      assert(body.replies[0].history)
      assert.equal(body.replies[40].error.name, 'limit_exceeded')
      assert.equal((await done('history', { channel: 'log:big' })).offset, 10)
    })

    test('lines are answered without an end behind the last', async () => {
      const response = await fetch(`${server.ops}/api`, {
        method: 'POST',
        headers: { 'X-API-Key': server.apiKey },
        body: '{"method":"info"}\n\n{"method":"publish","params":[]}\n{"method":"info","params":null}\n',
      })
      const lines = (await response.text()).split('\n').map((line) => JSON.parse(line))
      assert.deepEqual(lines.map((line) => line.error?.name ?? 'fine'), ['fine', 'field_invalid', 'fine'])
    })
  })

  describe('callers', () => {
    test('each command needs its scope', async (t: TestContext) => {
      const scope = new Suite()
      t.after(() => scope.close())
      const scoped = await startServer(scope, {
        config: {
          api: {
            key: [
              { name: 'publisher', secret: keys.publisher, scopes: ['publish'] },
              { name: 'reader', secret: keys.reader, scopes: ['history', 'presence'] },
            ],
          },
        },
      })
      for (const method of ['presence', 'presence_stats', 'history', 'history_remove', 'channels', 'connections']) {
        assertRefused(await api(scoped, method, {}, keys.publisher), 'api_scope')
      }
      for (const method of ['publish', 'broadcast', 'connections', 'disconnect', 'info']) {
        assertRefused(await api(scoped, method, {}, keys.reader), 'api_scope')
      }
      assert.deepEqual((await api(scoped, 'channels', {}, keys.reader)).body.result, { channels: {}, total: 0 })
      const both = { commands: [{ publish: { channel: 'news:1', data: 1 } }, { channels: {} }] }
      const replies = async (key: string) => (await call(`${scoped.ops}/api/batch`, 'POST', both, { 'X-API-Key': key })).body.replies
      assert.deepEqual((await replies(keys.publisher)).map((r: any) => r.error?.name ?? 'fine'), ['fine', 'api_scope'])
      assert.deepEqual((await replies(keys.reader)).map((r: any) => r.error?.name ?? 'fine'), ['api_scope', 'fine'])
    })

    test('a key in the query is none', async () => {
      const reply = await call(`${server.ops}/api/info?api_key=${server.apiKey}`, 'POST', {})
      assertRefused(reply, 'api_key_missing')
    })

    test('in transport error mode a refusal has its HTTP status', async () => {
      const mode = { 'X-API-Key': server.apiKey, 'X-Centrifugo-Error-Mode': 'transport' }
      const ask = (method: string, params: object) => call(`${server.ops}/api/${method}`, 'POST', params, mode)
      for (const [method, params, status, code] of [
        ['publish', { channel: 'nowhere:1', data: 1 }, 404, 102],
        ['publish', { channel: 'plain:1' }, 400, 107],
        ['history', { channel: 'plain:1' }, 400, 108],
        ['history', { channel: 'log:pages', since: { offset: 1, epoch: 'elsewher' } }, 416, 112],
      ] as const) {
        const reply = await ask(method, params)
        assert.deepEqual([reply.status, reply.body.code], [status, code], JSON.stringify(reply.body))
      }
      assert.equal((await ask('info', {})).status, 200)
    })
  })
})
