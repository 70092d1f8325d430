// Commands of an operator against the running server, through its control socket.
import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { api, assertRefused, get } from '../harness/api.ts'
import { command } from '../harness/command.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { hasFailpoints, startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until, within } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

async function fine(server: Server, words: string[], options = {}): Promise<string> {
  const { code, out, err } = await command(server, words, options)
  assert.equal(code, 0, `gatecast ${words.join(' ')}: ${code}\n${out}\n${err}`)
  return out
}

const socketOf = (server: Server) => path.join((server.config.data as Table).dir as string, 'gatecast.sock')

/** One line to the control socket and its answer; empty where the connection was closed instead. */
async function line(server: Server, text: string | Uint8Array): Promise<string> {
  const socket = connect(socketOf(server))
  let answer = ''
  const ended = new Promise<void>((resolve) => {
    socket.setEncoding('utf8').on('data', (more: string) => {
      answer += more
      if (answer.endsWith('\n')) resolve()
    })
    socket.on('close', () => resolve()).on('error', () => resolve())
  })
  socket.write(text)
  await within('an answer of the control socket', ended)
  socket.destroy()
  return answer
}

describe('commands', () => {
  const suite = new Suite()
  let server: Server
  test('start', async () => void (server = await startServer(suite)))
  after(() => suite.close())

  test('the control socket is for its owner alone', () => {
    assert.equal(statSync(socketOf(server)).mode & 0o777, 0o600)
  })

  test('session list and end', async (t) => {
    const tokens = await signIn(server)
    const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, token: tokens.token })
    const ends: number[] = []
    centrifuge.on('disconnected', ({ code }) => ends.push(code))
    onEnd(t, () => centrifuge.disconnect())
    centrifuge.connect()
    await within('the client to connect', centrifuge.ready())
    const [heading, row] = (await fine(server, ['session', 'list', tokens.user.id])).trim().split('\n')
    assert.match(heading!, /^session +how +since \(UTC\) +last seen \(UTC\) +connected +ip +user agent$/)
    assert.match(row!, new RegExp(`^${tokens.session.id} +solana +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d +.* 1 +127\\.0\\.0\\.1 +node`))
    const json = JSON.parse(await fine(server, ['session', 'list', tokens.user.id, '--json']))
    assert.equal(json.sessions[0].id, tokens.session.id)
    assert.equal(await fine(server, ['session', 'end', tokens.session.id]), '1 session ended\n')
    assert.equal(await until('the client to be disconnected', () => ends[0]), 4502)
    assert.equal(await fine(server, ['session', 'end', tokens.session.id]), 'nothing to end: over already\n')
    assert.equal((await command(server, ['session', 'end'])).code, 2)
    const unknown = await command(server, ['session', 'list', 'nobody'])
    assert.deepEqual([unknown.code, unknown.out], [1, ''])
    assert.match(unknown.err, /unknown user/)
  })

  test('user show, block, unblock, delete', async () => {
    const tokens = await signIn(server)
    const user = tokens.user.id
    await api(server, 'user_upsert', { user: { id: user, nickname: 'An\u009bn\u007f', claims: { a: '\u001b[2J' } } })
    const shown = await fine(server, ['user', 'show', user])
    assert.match(shown, new RegExp(`id +${user}\n`))
    assert.match(shown, new RegExp(`solana +${tokens.user.wallet}`))
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(shown, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    assert.equal(await fine(server, ['user', 'block', user]), 'blocked now, sessions ended: 1\n')
    assertRefused(await get(server, '/api/v2/auth/check', tokens.token), 'user_blocked')
    assert.equal(await fine(server, ['user', 'block', user]), 'blocked before, too\n')
    assert.equal(await fine(server, ['user', 'unblock', user]), 'not blocked now, sessions ended: 0\n')
    assert.match(await fine(server, ['audit', user]), /user_blocked .* operator:\d+\n/)
    assert.equal(await fine(server, ['user', 'delete', user]), 'deleted, sessions ended: 0\n')
    assert.equal((await command(server, ['user', 'show', user])).code, 1)
  })

  test('token mint and publish', async (t) => {
    assert.equal((await command(server, ['token', 'mint', 'cmd-1'])).code, 1)
    const token = (await fine(server, ['token', 'mint', 'cmd-1', '--create'])).trim()
    const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, token })
    onEnd(t, () => centrifuge.disconnect())
    const heard: unknown[] = []
    const news = centrifuge.newSubscription('news:a')
    news.on('publication', ({ data }) => heard.push(data))
    news.subscribe()
    centrifuge.connect()
    await within('the subscription', news.ready())
    assert.equal(await fine(server, ['publish', 'news:a', '{"n":\n1}']), 'published\n')
    assert.deepEqual(await until('the publication', () => heard[0]), { n: 1 })
    assert.equal((await command(server, ['publish', 'news:a', 'hello'])).code, 2)
    assert.equal((await command(server, ['publish', 'unknown:a', '1'])).code, 1)
    assert.equal(await fine(server, ['session', 'end', '--user', 'cmd-1']), '1 session ended\n')
  })

  test('audit: kinds, limit, times', async () => {
    await signIn(server)
    const rows = JSON.parse(await fine(server, ['audit', '--json', '--limit', '3', '--kind', 'signin'])).rows
    assert.deepEqual([...new Set(rows.map(({ kind }: any) => kind))], ['signin'])
    assert.match(await fine(server, ['audit', '--limit', '1']), /^seq +at \(UTC\) +what .*\n\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /)
    assert.equal((await command(server, ['audit', '--limit', '0'])).code, 2)
  })

  test('import: what is refused is named with its line, a dry run changes nothing, a second run nothing more', async () => {
    const file = path.join(server.dir, 'users.jsonl')
    const users = [
      '{"id":"i-1","nickname":"one","claims":{"a":1}}',
      '',
      '{"id":"i 2"}',
      'not json',
      '{"id":"i-3","identities":[{"kind":"telegram","subject":"777"}]}',
      '{"id":"i-4","identities":[{"kind":"telegram","subject":"777"}]}',
      '{"id":"i-5","blocked":true}',
    ]
    writeFileSync(file, users.join('\n'))
    const dry = await command(server, ['user', 'import', file, '--dry-run'])
    assert.equal(dry.code, 1)
    assert.match(dry.out, /^6 users \(dry run\): 3 created, 0 changed, 0 unchanged, 3 refused\n$/)
    assert.equal((await command(server, ['user', 'show', 'i-1'])).code, 1)
    const real = await command(server, ['user', 'import', file])
    assert.equal(real.code, 1)
    assert.equal(real.out, '6 users: 3 created, 0 changed, 0 unchanged, 3 refused\n')
    assert.match(real.err, /line 3 \(i 2\): .*\n.*line 4: not one JSON object.*\n.*line 6 \(i-4\): /s)
    assert.match(await fine(server, ['user', 'show', 'i-5']), /blocked +yes/)
    const again = await command(server, ['user', 'import', file, '--json'])
    const { created, changed, unchanged, refused, lines } = JSON.parse(again.out)
    assert.deepEqual([created, changed, unchanged, refused], [0, 0, 3, 3])
    assert.deepEqual(lines.map(({ line, name }: any) => [line, name]).sort(), [[3, 'user_invalid'], [4, 'field_invalid'], [6, 'identity_taken']])
    assert.equal((await command(server, ['user', 'import', '/nowhere.jsonl'])).code, 1)
  })

  test('import from CSV, and from standard input', async () => {
    const csv = 'id,nickname,isCreator,claims,telegram\r\nc-1,"Ann, ""A""",yes,"{""k"":[1,\n2]}",4242\r\nc-2,,,,\r\n'
    const file = path.join(server.dir, 'users.csv')
    writeFileSync(file, csv)
    assert.equal(await fine(server, ['user', 'import', file]), '2 users: 2 created, 0 changed, 0 unchanged, 0 refused\n')
    assert.equal(
      await fine(server, ['user', 'import', '-', '--format', 'csv'], { stdin: csv }),
      '2 users: 0 created, 0 changed, 2 unchanged, 0 refused\n',
    )
    const { user } = (await api(server, 'user_get', { user: 'c-1' })).body.result
    assert.deepEqual([user.nickname, user.isCreator, user.claims], ['Ann, "A"', true, { k: [1, 2] }])
    writeFileSync(file, 'id,nick\nx,y\n')
    const wrong = await command(server, ['user', 'import', file])
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /no column 'nick'/)
  })

  test('export of one user, and the round trip of all', async (t) => {
    const { user } = await signIn(server)
    const one = JSON.parse(await fine(server, ['user', 'export', user.id]))
    assert.deepEqual([one.user.id, one.sessions.length], [user.id, 1])
    const all = await fine(server, ['user', 'export'])
    const count = all.trim().split('\n').length
    assert(count > 5)
    const none = `${count} users: 0 created, 0 changed, ${count} unchanged, 0 refused\n`
    assert.equal(await fine(server, ['user', 'import', '-'], { stdin: all }), none)
    const other = await startServer(t)
    await fine(other, ['user', 'import', '-'], { stdin: all })
    assert.equal(await fine(other, ['user', 'export']), all)
    assert.equal(await fine(other, ['user', 'import', '-'], { stdin: all }), none)
  })

  test('the control socket refuses what is no request, and goes on', async () => {
    const error = async (text: string) => JSON.parse(await line(server, text)).error.name
    assert.equal(await error('nonsense\n'), 'bad_json')
    assert.equal(await error('{}\n'), 'field_missing')
    assert.equal(await error('{"method":"none"}\n'), 'method_not_found')
    assert.equal(await error('{"method":"user_get","params":[]}\n'), 'bad_json')
    assert.equal(await error('{"method":"backup","params":{"file":"relative"}}\n'), 'field_invalid')
    // A line without an end is not kept beyond its bound.
    assert.equal(await line(server, Buffer.alloc(9 * 1024 * 1024, 0x20)), '')
    assert.match(await line(server, '{"method":"info"}\n{"method":'), /^\{"result":\{"nodes":/)
    // Someone who asks and goes does no harm.
    for (let i = 0; i < 30; i++) {
      const socket = connect(socketOf(server))
      await within('a connection', new Promise((resolve) => socket.once('connect', resolve).on('error', resolve)))
      socket.write('{"method":"user_list","params":{"limit":500}}\n'.repeat(5))
      socket.destroy()
    }
    await until('room for one that means it', async () => (await command(server, ['audit', '--limit', '1'])).code === 0)
  })
})

// Sanitised trees take half a minute for the whole number.
const count = Number(process.env.GATECAST_IMPORT_USERS ?? (hasFailpoints ? 10_000 : 100_000))

test(`${count} users come in, and in again, over the control socket`, async (t) => {
  const server = await startServer(t)
  const file = path.join(server.dir, 'many.jsonl')
  const user = (i: number) =>
    JSON.stringify({ id: `user-${i}`, nickname: `User ${i}`, identities: [{ kind: 'telegram', subject: `${i + 1}` }] })
  writeFileSync(file, Array.from({ length: count }, (_, i) => user(i)).join('\n') + '\n')
  const [first, second] = [`${count} created, 0 changed, 0 unchanged`, `0 created, 0 changed, ${count} unchanged`]
  for (const said of [first, second]) {
    const began = Date.now()
    const out = await fine(server, ['user', 'import', file], { limitMs: 120_000 })
    t.diagnostic(`${count} users: ${said} in ${Date.now() - began} ms`)
    assert.equal(out, `${count} users: ${said}, 0 refused\n`)
  }
})

test('without a server every command says so and fails', async (t) => {
  const server = await startServer(t)
  await server.stop()
  for (const words of [['session', 'list', 'u'], ['user', 'show', 'u'], ['user', 'export'], ['audit'], ['publish', 'a', '1'], ['backup', 'b']]) {
    const { code, out, err } = await command(server, words)
    assert.deepEqual([code, out], [1, ''], words.join(' '))
    assert.match(err, /^gatecast: no server runs here: .*gatecast\.sock/)
  }
})

test('a server that was killed leaves a socket; the next one takes its place', async (t) => {
  const killed = await startServer(t)
  killed.kill()
  await killed.ended()
  assert.equal((await command(killed, ['audit'])).code, 1)
  const server = await startServer(t, { again: killed })
  assert.match(await fine(server, ['audit']), /^seq/)
})

test('a data folder whose path is longer than a socket may have', async (t) => {
  const server = await startServer(t, { config: (dir) => ({ data: { dir: path.join(dir, 'd'.repeat(120)) } }) })
  assert.match(await fine(server, ['audit']), /^seq/)
})
