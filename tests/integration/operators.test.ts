// Operators' tokens on the operators' port: who gets in, what each role may do, and what is kept of it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { api, assertRefused, call, get } from '../harness/api.ts'
import { gatecast } from '../harness/cli.ts'
import { Client } from '../harness/client.ts'
import { ask, makeOperator, operatorConfig, result } from '../harness/operators.ts'
import { metric } from '../harness/realtime.ts'
import type { Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const ann = makeOperator('ann', 'act')
const eve = makeOperator('eve', 'view')
const start = (t: Scope, more: Table = {}) => startServer(t, { config: { ...operatorConfig(ann, eve), ...more } })
const connected = (t: Scope, server: Server, token: string) => new Client(t, server.websocket, { token }).connect()

test('a token says who calls and what that one may call', async (t) => {
  const server = await start(t)
  const [of, by] = [await result(server, ann, 'whoami'), await result(server, eve, 'whoami')]
  assert.equal(of.actor, 'operator:ann')
  assert.equal(of.role, 'act')
  assert.equal(by.role, 'view')
  for (const method of ['connections', 'channels', 'sessions', 'user_get', 'user_list', 'audit', 'token_doctor', 'config', 'log_tail']) {
    assert.ok(of.methods.includes(method) && by.methods.includes(method), method)
  }
  for (const method of ['disconnect', 'session_end', 'user_block', 'user_unblock']) {
    assert.ok(of.methods.includes(method) && !by.methods.includes(method), method)
  }
})

test('what has no effect is answered to both roles, what has one only to act', async (t) => {
  const server = await start(t)
  const user = await signIn(server)
  for (const person of [ann, eve]) {
    assert.equal((await result(server, person, 'user_get', { user: user.user.id })).user.id, user.user.id)
    assert.equal((await result(server, person, 'sessions', { user: user.user.id })).sessions[0].id, user.session.id)
  }
  assertRefused(await ask(server, eve, 'session_end', { session: user.session.id }), 'operator_role')
  assertRefused(await ask(server, eve, 'user_block', { user: user.user.id }), 'operator_role')
  assertRefused(await ask(server, eve, 'disconnect', { user: user.user.id }), 'operator_role')
  assert.equal((await get(server, '/api/v2/auth/session', user.token)).status, 200, 'a refused call had an effect')

  assert.deepEqual(await result(server, ann, 'session_end', { session: user.session.id }), { ended: 1 })
  assertRefused(await get(server, '/api/v2/auth/session', user.token), 'ended_by_operator')
})

test('an operator closes a connection, ends its session, blocks its user: the socket says which', async (t) => {
  const server = await start(t)
  const [one, two, three] = [await signIn(server), await signIn(server), await signIn(server)]
  const clients = [await connected(t, server, one.token), await connected(t, server, two.token), await connected(t, server, three.token)]
  await result(server, ann, 'disconnect', { user: one.user.id, client: clients[0]!.id })
  await result(server, ann, 'session_end', { session: two.session.id })
  await result(server, ann, 'user_block', { user: three.user.id })
  assert.deepEqual((await Promise.all(clients.map((client) => client.end()))).map(({ code }) => code), [3503, 4502, 4503])
  assert.equal((await get(server, '/api/v2/auth/session', one.token)).status, 200, 'to disconnect ended the session')
  await result(server, ann, 'user_unblock', { user: three.user.id })
  assert.equal((await result(server, ann, 'user_get', { user: three.user.id })).user.blocked, false)
})

test('nobody makes tokens, accounts or copies with an operator\'s token', async (t) => {
  const server = await start(t)
  const cases: [string, unknown][] = [
    ['token_mint', { user: 'u1', create: true }],
    ['subscription_token', { user: 'u1', channel: 'chat:x' }],
    ['user_upsert', { user: { id: 'u1' } }],
    ['user_delete', { user: 'u1' }],
    ['publish', { channel: 'chat:x', data: 1 }],
    ['broadcast', { channels: ['chat:x'], data: 1 }],
    ['backup', { file: path.join(server.dir, 'copy.db') }],
    ['reload', {}],
  ]
  for (const [method, params] of cases) assertRefused(await ask(server, ann, method, params), 'operator_method')
  assertRefused(await ask(server, ann, 'burn'), 'not_found')
  assert.equal((await api(server, 'user_get', { user: 'u1' })).body.error.name, 'user_unknown')
})

test('the token opens no other route, and no key or session opens these for an operator', async (t) => {
  const server = await start(t)
  const header = { Authorization: `Bearer ${ann.token}` }
  assertRefused(await call(`${server.ops}/api`, 'POST', '{"method":"info","params":{}}', header), 'api_key_missing')
  assertRefused(await call(`${server.ops}/api/batch`, 'POST', { commands: [{ info: {} }] }, header), 'api_key_missing')
  assertRefused(await call(`${server.ops}/api/events`, 'GET', undefined, header), 'api_key_missing')
  assertRefused(await get(server, '/api/v2/auth/session', ann.token), 'token_malformed')
  const user = await signIn(server)
  for (const token of [user.token, server.apiKey, ann.token.slice(0, -1), `${ann.token}x`]) {
    assertRefused(await ask(server, { token }, 'info'), 'operator_unknown')
  }
  assertRefused(await call(`${server.ops}/api/info`, 'POST', {}, { Authorization: `Basic ${Buffer.from(`ann:${ann.token}`).toString('base64')}` }), 'operator_unknown')
  assertRefused(await api(server, 'info', {}, ann.token), 'api_key_unknown')
  assertRefused(await call(`${server.ops}/api/info`, 'POST', {}), 'api_key_missing')
  assertRefused(await call(`${server.ops}/api/info?token=${ann.token}`, 'POST', {}), 'api_key_missing')
  // Nor is it taken where clients are.
  assert.equal((await call(`${server.origin}/api/info`, 'POST', {}, header)).status, 404)
})

test('wrong tokens are counted by address; a good one is not, and is refused with the rest once they were too many', async (t) => {
  const server = await start(t, { limits: { rate_strict: 3, rate_liberal: 0, rate_connect: 0 } })
  for (let i = 0; i < 10; i++) await result(server, ann, 'info')
  for (let i = 0; i < 3; i++) assertRefused(await ask(server, { token: `go_wrong${i}` }, 'info'), 'operator_unknown')
  const refused = await ask(server, { token: 'go_wrong3' }, 'info')
  assertRefused(refused, 'rate_limited')
  assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  assertRefused(await ask(server, ann, 'info'), 'rate_limited')
  // Whoever floods the operators' port shuts nobody out of signing in, and API keys go on.
  assert.ok((await signIn(server)).token)
  assert.equal((await api(server, 'info', {})).status, 200)
  assert.equal(await metric(server, 'rate_limited_total', 'class="operators"'), 2)
  assert.equal(await metric(server, 'operator_calls_total', 'outcome="refused"'), 3)
  assert.equal(await metric(server, 'operator_calls_total', 'outcome="ok"'), 10)
})

test('what operators do, and what they tried, is in the audit under their names', async (t) => {
  const server = await start(t)
  const user = await signIn(server)
  const client = await connected(t, server, user.token)
  await ask(server, eve, 'session_end', { session: user.session.id })
  await result(server, ann, 'disconnect', { user: user.user.id })
  await client.end()
  await result(server, ann, 'user_block', { user: user.user.id })
  const { rows } = await result(server, eve, 'audit', { limit: 100 })
  const details = rows.map((row: { detail?: string }) => row.detail ?? '')
  assert.ok(details.includes('operator:eve session_end refused: the role is view'), details.join('\n'))
  assert.ok(details.includes('operator:ann disconnect 1 closed with 3503'), details.join('\n'))
  const block = rows.find((row: { kind: string }) => row.kind === 'user_blocked')
  assert.match(block.detail, /operator:ann/)
  assert.equal(rows.find((row: { detail?: string }) => row.detail?.startsWith('operator:ann disconnect')).ip, '127.0.0.1')
})

test('config says every value with its source and no secret; after a reload what waits for a restart', async (t) => {
  const server = await start(t)
  const read = async () => new Map<string, any>((await result(server, eve, 'config')).values.map((one: { key: string }) => [one.key, one]))
  const before = await read()
  assert.equal(before.get('http.address').value, `"127.0.0.1:${server.port}"`)
  assert.match(before.get('http.address').from, /gatecast\.toml:\d+:\d+$/)
  assert.equal(before.get('realtime.ping').from, 'default')
  assert.equal(before.get('session.key[0].secret').value, '"***"')
  assert.match(before.get('session.key[0] fingerprint').value, /^[0-9a-f]{4}(:[0-9a-f]{4}){3}$/)

  const file = path.join(server.dir, 'gatecast.toml')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('[realtime]', '[realtime]\nping = "20s"').replace('allow_publish_for_subscriber = true', 'allow_publish_for_subscriber = false'))
  server.kill('SIGHUP')
  await until('the reload', async () => (await read()).get('realtime.ping').waits === '"20s"')
  const after = await read()
  assert.equal(after.get('realtime.ping').value, '"25s"', 'a key that waits for a restart is said to be in force')
  assert.equal(after.get('namespace[0].allow_publish_for_subscriber').value, 'false')
})

test('log_tail gives what is written, waits for what is not, and ends its wait in time', async (t) => {
  const server = await start(t)
  // The log is written behind the server's back: its first line may come after the first answer.
  const first = await until('the line of the start', async () => {
    const answer = await result(server, eve, 'log_tail', { limit: 500 })
    return answer.lines.some(({ line }: { line: { event: string } }) => line.event === 'start') && answer
  })
  const waiting = (async () => {
    for (let { next } = first; ; ) {
      const answer = await result(server, eve, 'log_tail', { after: next, wait: 20 })
      if (answer.lines.some(({ line }: { line: { event: string } }) => line.event === 'signin')) return answer
      next = answer.next
    }
  })()
  const user = await signIn(server)
  const heard = await waiting
  const line = heard.lines.find(({ line }: { line: { event: string } }) => line.event === 'signin').line
  assert.equal(line.user, user.user.id)
  assert.equal(heard.gap, false)
  for (const params of [{ wait: 26 }, { limit: 0 }, { limit: 501 }, { after: -1 }, { lines: 3 }]) {
    assert.equal((await ask(server, eve, 'log_tail', params)).body.error.name, 'field_invalid', JSON.stringify(params))
  }
})

test('a user is found by wallet as well as by id', async (t) => {
  const server = await start(t)
  const user = await signIn(server)
  assert.equal((await result(server, eve, 'user_get', { subject: user.user.wallet })).user.id, user.user.id)
  assert.equal((await ask(server, eve, 'user_get', { subject: 'nobody' })).body.error.name, 'user_unknown')
  assert.equal((await ask(server, eve, 'user_get', { subject: 'a', user: 'b' })).body.error.name, 'field_invalid')
  assert.equal((await ask(server, eve, 'user_get', {})).body.error.name, 'field_missing')
})

test('an operator that is taken out of the configuration is out at the next reload; one that is put in is in', async (t) => {
  const server = await start(t)
  const made = gatecast(['operator', 'new', 'joe'])
  assert.equal(made.code, 0)
  const token = made.out.slice(0, made.out.indexOf('\n'))
  const file = path.join(server.dir, 'gatecast.toml')
  const hash = createHash('sha256').update(ann.token).digest('hex')
  writeFileSync(file, readFileSync(file, 'utf8').replace(hash, createHash('sha256').update('another').digest('hex')))
  appendFileSync(file, `\n${made.out.slice(made.out.indexOf('[[ops.operator]]'))}`)
  assertRefused(await ask(server, { token }, 'whoami'), 'operator_unknown')
  server.kill('SIGHUP')
  await until('the new operator to be known', async () => (await ask(server, { token }, 'whoami')).status === 200)
  assert.equal((await result(server, { token }, 'whoami')).role, 'view')
  assertRefused(await ask(server, ann, 'whoami'), 'operator_unknown')
})

test('with --dev an operator is made, whose token the folder keeps and the start names', async (t) => {
  const server = await startServer(t, { bare: true, args: ['--dev'] })
  const token = readFileSync(path.join(server.dir, 'data/dev-operator.key'), 'utf8').trim()
  await server.says(/dev-operator\.key/)
  await server.says(/\/console/)
  const me = await result(server, { token }, 'whoami')
  assert.deepEqual([me.actor, me.role], ['operator:dev', 'act'])
})

test('the console is on the operators\' port alone, the demo on the public one alone', async (t) => {
  const server = await start(t, { pages: { enabled: true } })
  const text = async (address: string) => (await call(address, 'GET')) as { status: number; body: any; headers: Headers }
  const page = await text(`${server.ops}/console`)
  assert.equal(page.status, 200)
  assert.equal((await text(`${server.origin}/console`)).status, 404)
  assert.equal((await text(`${server.ops}/demo`)).status, 404)
  const script = /src="\.\/(assets\/console-[\w-]+\.js)"/.exec(page.body)?.[1]
  assert.ok(script, page.body)
  assert.equal((await text(`${server.ops}/${script}`)).status, 200)
  assert.equal((await text(`${server.origin}/${script}`)).status, 404)
  const demo = await text(`${server.origin}/demo`)
  const other = /src="\.\/(assets\/demo-[\w-]+\.js)"/.exec(demo.body)?.[1]
  assert.equal((await text(`${server.origin}/${other}`)).status, 200)
  assert.equal((await text(`${server.ops}/${other}`)).status, 404)
  assert.doesNotMatch(page.body, /ann|eve|operator:/, 'the page says who may use it')
})
