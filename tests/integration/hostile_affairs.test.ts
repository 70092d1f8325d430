// What a stranger tried on grants, notifications and the operators' methods, and what once broke by it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { api, assertRefused, call, get } from '../harness/api.ts'
import { gatecast } from '../harness/cli.ts'
import { Client } from '../harness/client.ts'
import { command } from '../harness/command.ts'
import { Suite } from '../harness/scope.ts'
import { remember } from '../harness/secrets.ts'
import { startServer, type Server } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'

const kYear = 366 * 24 * 3600
const issuerSecret = randomBytes(36).toString('base64url')
remember('secret of the issuer', issuerSecret)

const suite = new Suite()
let server: Server
before(async () => {
  const trusted = [{ name: 'app', issuer: 'https://app.example', audience: 'chat', secret: issuerSecret, subject: 'prefix' }]
  server = await startServer(suite, { config: { token: { trusted } } })
  await done('user_upsert', { user: { id: 'ann' } })
})
after(() => suite.close())

async function done(method: string, params: object, at = server): Promise<any> {
  const { status, body } = await api(at, method, params)
  assert.equal(status, 200, JSON.stringify(body))
  assert.ok('result' in body, `${method}: ${JSON.stringify(body)}`)
  return body.result
}
async function refused(method: string, params: object, code: string): Promise<void> {
  const { body } = await api(server, method, params)
  assert.equal(body.error?.name, code, `${method} ${JSON.stringify(params)}: ${JSON.stringify(body)}`)
}
const appToken = (sub: string) =>
  new SignJWT({ iss: 'https://app.example', aud: 'chat', sub, iat: nowSeconds(), exp: nowSeconds() + 600 })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(new TextEncoder().encode(issuerSecret))

describe('the times of a grant', () => {
  // The next change of all was once put into nanoseconds, which end in the year 2262.
  test('an end that is centuries away is just far', async () => {
    const { grant } = await done('grant_add', { user: 'ann', resource: 'far', until: '9999-12-31T23:59:59Z' })
    assert.equal(grant.until, '9999-12-31T23:59:59Z')
    const soon = await done('grant_add', { user: 'ann', resource: 'soon', ttl: 1, from: '2020-01-01T00:00:00Z' })
    assert.equal(soon.version, 1, 'it was over before it began')
    assert.equal((await done('grants', { user: 'ann' })).grants.length, 1)
  })

  test('none is written with a year of five digits', async () => {
    await refused('grant_add', { user: 'ann', resource: 'late', from: '9999-12-31T00:00:00Z', ttl: kYear }, 'field_invalid')
    await refused('grant_add', { user: 'ann', resource: 'late', from: '9999-12-31T00:00:00Z' }, 'field_invalid')
  })

  test('an empty text is no time, and not for ever', async () => {
    await refused('grant_add', { user: 'ann', resource: 'empty', until: '' }, 'field_invalid')
    await refused('grant_add', { user: 'ann', resource: 'empty', from: '' }, 'field_invalid')
    assert.equal((await done('grant_add', { user: 'ann', resource: 'null', until: null, from: null })).grant.until, undefined)
  })
})

// PostgreSQL keeps no zero byte in a text: it was once "the store failed", to be tried again for ever.
describe('a zero byte', () => {
  test('in a text is refused, the same on every store', async () => {
    const { user, grants } = await done('user_export', { user: 'ann' })
    for (const [method, params] of [
      ['user_upsert', { user: { id: 'ann', nickname: 'a\0b' } }],
      ['user_upsert', { user: { id: 'ann', identities: [{ kind: 'app', subject: '\0' }] } }],
      ['grant_add', { user: 'ann', resource: 'post:1\0' }],
      ['grant_add', { user: 'ann\0', resource: 'post:1' }],
      ['notify', { user: 'ann', kind: 'like\0', data: 1 }],
      ['notify', { users: ['ann', '\0'], kind: 'like', data: 1 }],
      ['publish', { channel: 'a\0', data: 1 }],
    ] as const) {
      await refused(method, params, 'field_invalid')
    }
    const now = await done('user_export', { user: 'ann' })
    assert.deepEqual([now.user, now.grants, now.notifications], [user, grants, []])
  })

  test('in a value passes on as it came', async () => {
    await done('grant_add', { user: 'ann', resource: 'zero', meta: { a: '\0' } })
    const { grants } = await done('grants', { user: 'ann' })
    assert.deepEqual(grants.find(({ resource }: { resource: string }) => resource === 'zero').meta, { a: '\0' })
    await done('grant_remove', { user: 'ann', resource: 'zero' })
  })

  test('in the name that an issuer gives is no name', async () => {
    const { status, body } = await get(server, '/api/user/grants', await appToken('7\0'))
    assert.equal(status, 401, JSON.stringify(body))
  })
})

test('a filter that `grants` does not have is named', () => refused('grants', { user: 'ann', resource: 'far' }, 'field_invalid'))

test('no batch waits for the log as often as it has commands', async () => {
  const { body } = await api(server, 'batch', { commands: [{ log_tail: { limit: 1 } }, { info: {} }] })
  assert.equal(body.replies[0].error?.name, 'bad_request', JSON.stringify(body))
  assert.ok(body.replies[1].info)
})

describe('a trusted issuer’s user, of whom there is no row', () => {
  test('what is kept of them is shown and deleted like anybody’s', async () => {
    await refused('user_export', { user: 'other:7' }, 'user_unknown')
    await refused('user_delete', { user: 'app:7' }, 'user_unknown')
    await done('grant_add', { user: 'app:7', resource: 'post:1' })
    await done('notify', { user: 'app:7', kind: 'like', data: 1, key: 'k' })
    const shown = await done('user_export', { user: 'app:7' })
    assert.deepEqual([shown.user.id, shown.grants.length, shown.notifications.length, shown.sessions], ['app:7', 1, 1, []])
    assert.deepEqual(await done('user_delete', { user: 'app:7' }), { ended: 0 })
    const token = await appToken('7')
    assert.deepEqual((await get(server, '/api/user/grants', token)).body, { success: true, version: 0, grants: [] })
    assert.deepEqual((await get(server, '/api/user/notifications', token)).body.notifications, [])
    assert.deepEqual(await done('notify', { user: 'app:7', kind: 'like', data: 1, key: 'k' }), { notified: 1, repeated: 0, unknown: [] })
    await done('user_delete', { user: 'app:7' })
    await refused('user_delete', { user: 'app:7' }, 'user_unknown')
  })
})

test('a user is found by an address as any tool writes it', async () => {
  const address = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
  await done('user_upsert', { user: { id: 'eve', identities: [{ kind: 'ethereum', subject: address }] } })
  for (const subject of [address, address.toLowerCase()]) assert.equal((await done('user_get', { subject })).user.id, 'eve')
  await refused('user_get', { subject: 'nobody' }, 'user_unknown')
})

test('who guesses at operators’ tokens on the token page is told how long to wait', async (t) => {
  const few = await startServer(t, { config: { pages: { enabled: true }, limits: { rate_strict: 5 } } })
  const guess = () => call(`${few.origin}/test/token-doctor`, 'POST', { token: 'x', operator: 'go_guess' })
  let reply = await guess()
  for (let i = 0; i < 10 && reply.status === 200; i++) reply = await guess()
  assertRefused(reply, 'rate_limited')
  assert.match(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
})

test('what a deleted user was told is not read by who has the id next', async (t) => {
  await done('user_upsert', { user: { id: 'gone' } })
  await done('notify', { user: 'gone', kind: 'private', data: 'a secret' })
  await done('user_delete', { user: 'gone' })
  assert.deepEqual((await done('history', { channel: '#gone', limit: 10 })).publications, [])
  const { token } = await done('token_mint', { user: 'gone', create: true })
  const next = await new Client(t, server.websocket, { token }).connect()
  assert.deepEqual((await next.centrifuge.history('#gone', { limit: 10 })).publications, [])
})

test('the doctor does not take an empty URL for none', () => {
  const { code, err } = gatecast(['doctor', '--dev', '--url', ''])
  assert.equal(code, 2, err)
  assert.match(err, /URL/)
})

test('a version of grants that was given before a restore is not given again', async (t) => {
  const first = await startServer(t, { backends: 'own' })
  await done('user_upsert', { user: { id: 'ann' } }, first)
  await done('grant_add', { user: 'ann', resource: 'a' }, first)
  const file = path.join(first.dir, 'copy.db')
  const copied = await command(first, ['backup', file])
  assert.equal(copied.code, 0, copied.err)
  const { version } = await done('grant_add', { user: 'ann', resource: 'b' }, first)
  await first.stop()
  const restored = await command(first, ['restore', file])
  assert.equal(restored.code, 0, restored.err)
  const again = await startServer(t, { again: first })
  assert.deepEqual((await done('grants', { user: 'ann' }, again)).grants.map((grant: { resource: string }) => grant.resource), ['a'])
  assert((await done('grant_add', { user: 'ann', resource: 'c' }, again)).version > version, 'a tab that knows b would take this for its list')
})
