// Signed webhooks: every event, in order, at least once, whatever the receiver or the server goes through.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { api, get, call } from '../harness/api.ts'
import { Receiver, type Mood } from '../harness/receiver.ts'
import { startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const hookOf = (receiver: Receiver, more: Table = {}): Table => ({
  webhook: [{ name: 'app', url: receiver.url, secret: receiver.secret, ...more }],
})

/** Makes users one after another and gives their ids. */
async function makeUsers(server: Server, prefix: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
  for (const id of ids) {
    const reply = await api(server, 'user_upsert', { user: { id } })
    assert.equal(reply.body.result?.created, true, JSON.stringify(reply.body))
  }
  return ids
}

/** Without the repetitions that "at least once" allows: what came again had come before. */
function firstTimes(receiver: Receiver): number[] {
  const seen = new Set<number>()
  const firsts: number[] = []
  for (const { seq } of receiver.taken) {
    if (seen.has(seq)) continue
    assert(firsts.length === 0 || seq > firsts[firsts.length - 1]!, `seq ${seq} came after ${firsts.at(-1)}`)
    seen.add(seq)
    firsts.push(seq)
  }
  return firsts
}

async function metric(server: Server, line: string): Promise<number> {
  const { body } = await call(`${server.ops}/metrics`, 'GET')
  const found = String(body).split('\n').find((each) => each.startsWith(`gatecast_${line} `))
  return Number(found?.split(' ').at(-1) ?? 0)
}

test('what happens arrives at once, signed, and only what is asked for', async (t) => {
  const receiver = await Receiver.open(t)
  const server = await startServer(t, { config: hookOf(receiver, { kinds: ['user.created', 'session.ended'] }) })
  const tokens = await signIn(server)
  const began = Date.now()
  await until('the user to be told of', () => receiver.users('user.created').includes(tokens.user.id))
  assert(Date.now() - began < 1500, `${Date.now() - began} ms`)
  await api(server, 'session_end', { user: tokens.user.id })
  await until('the end to be told of', () => receiver.users('session.ended').includes(tokens.user.id))
  assert.deepEqual([...new Set(receiver.taken.map(({ type }) => type))].sort(), ['session.ended', 'user.created'])
  await until('two deliveries to be counted', async () => (await metric(server, 'webhook_deliveries_total{outcome="ok"}')) >= 2)
})

test('a receiver that fails in every way and recovers has every event in order', async (t) => {
  const receiver = await Receiver.open(t)
  const server = await startServer(t, { config: hookOf(receiver) })
  const ids: string[] = []
  const moods: Mood[] = [500, 'broken', 404]
  for (const mood of moods) {
    receiver.mood = mood
    const { tries } = receiver
    ids.push(...(await makeUsers(server, `mood-${mood}`, 5)))
    await until('a try that fails', () => receiver.tries > tries)
  }
  await receiver.close()
  ids.push(...(await makeUsers(server, 'refused', 5)))
  receiver.mood = 200
  await receiver.listen()
  await until('all events', () => receiver.users('user.created').length >= ids.length, 60_000)
  assert.deepEqual(receiver.users('user.created'), ids)
  firstTimes(receiver)
  assert((await metric(server, 'webhook_deliveries_total{outcome="refused"}')) >= 2)
  const complaints = server.output.split('\n').filter((line) => /\bwebhook\b/.test(line) && /warn/i.test(line))
  assert(complaints.length <= 2, complaints.join('\n'))
})

test('a receiver that never answers is given up, and asked again', async (t) => {
  const receiver = await Receiver.open(t)
  receiver.mood = 'silent'
  const server = await startServer(t, { config: hookOf(receiver) })
  const ids = await makeUsers(server, 'silent', 3)
  await until('a second try', () => receiver.tries >= 2)
  receiver.mood = 200
  await until('all events', () => new Set(receiver.users('user.created')).size === ids.length, 30_000)
  firstTimes(receiver)
})

test('killed in between, the server tells everything, in order, at least once', async (t) => {
  const receiver = await Receiver.open(t)
  let server = await startServer(t, { config: hookOf(receiver) })
  const ids: string[] = []
  for (let pass = 0; pass < 3; pass++) {
    receiver.mood = pass === 1 ? 503 : 200
    ids.push(...(await makeUsers(server, `kill-${pass}`, 20)))
    server.kill()
    await server.ended()
    server = await startServer(t, { again: server })
  }
  receiver.mood = 200
  await until('all events', () => new Set(receiver.users('user.created')).size === ids.length, 60_000)
  const firsts = firstTimes(receiver)
  const feed = await call(`${server.ops}/api/events?limit=1000`, 'GET', undefined, { 'X-API-Key': server.apiKey })
  assert.deepEqual(firsts, feed.body.events.map(({ seq }: { seq: number }) => seq))
})

test('a new webhook begins at now; one that was removed for a while goes on where it was', async (t) => {
  const receiver = await Receiver.open(t)
  const plain = await startServer(t)
  await makeUsers(plain, 'before', 3)
  await plain.stop()
  const hooked = await startServer(t, { again: plain, config: hookOf(receiver) })
  await makeUsers(hooked, 'with', 2)
  await until('two events', () => receiver.users('user.created').length === 2)
  await hooked.stop()
  const without = await startServer(t, { again: plain })
  await makeUsers(without, 'without', 2)
  await without.stop()
  await startServer(t, { again: plain, config: hookOf(receiver) })
  await until('four events', () => receiver.users('user.created').length === 4)
  assert.deepEqual(receiver.users('user.created'), ['with-0', 'with-1', 'without-0', 'without-1'])
})

test('a receiver that hangs does not keep the server from stopping, nor from serving', async (t) => {
  const receiver = await Receiver.open(t)
  receiver.mood = 'silent'
  const server = await startServer(t, { config: hookOf(receiver) })
  const { token } = await signIn(server)
  await until('a try', () => receiver.tries > 0)
  assert.equal((await get(server, '/api/v2/auth/check', token)).status, 200)
  const began = Date.now()
  await server.stop()
  assert(Date.now() - began < 15_000, `${Date.now() - began} ms`)
})
