// The list of a user's sessions, with the connections each has now.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { get } from '../harness/api.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

test('each session says how many connections it has now, on all shards', async (t) => {
  const server = await startServer(t, { config: { realtime: { shards: 3 } } })
  const wallet = new Wallet()
  const [one, two] = [await signIn(server, wallet), await signIn(server, wallet)]
  const stranger = await signIn(server)
  const connect = async (token: string) => {
    const client = new Centrifuge(server.websocket, { websocket: WebSocket, token })
    onEnd(t, () => client.disconnect())
    client.connect()
    await within('a client to connect', client.ready())
    return client
  }
  const counts = async (token: string) => {
    const { body } = await get(server, '/api/v2/auth/sessions', token)
    return Object.fromEntries(body.sessions.map((s: { id: string; connected: number }) => [s.id, s.connected]))
  }
  assert.deepEqual(await counts(one.token), { [one.session.id]: 0, [two.session.id]: 0 })
  const clients = await Promise.all(Array.from({ length: 6 }, () => connect(one.token)))
  await connect(two.token)
  await connect(stranger.token)
  assert.deepEqual(await counts(one.token), { [one.session.id]: 6, [two.session.id]: 1 })
  assert.deepEqual(await counts(two.token), { [one.session.id]: 6, [two.session.id]: 1 })
  assert.deepEqual(await counts(stranger.token), { [stranger.session.id]: 1 })
  for (const client of clients.slice(2)) client.disconnect()
  await until('the closed ones not to count', async () => (await counts(one.token))[one.session.id] === 2)
})
