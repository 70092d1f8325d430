// The bounds of what one answer, one channel, one history may be: reached over the wire, each with what it says then.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { api } from '../harness/api.ts'
import { opcodes, RawWebSocket } from '../harness/raw.ts'
import { appToken, metric, startRealtime } from '../harness/realtime.ts'
import { startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kAddress = '127.0.0.1'
const kLog = {
  name: 'log',
  allow_subscribe_for_client: true,
  allow_history_for_client: true,
  history_size: 100,
  history_ttl: '5m',
  force_recovery: true,
}

// Bounds of what one process keeps itself; a shared broker has its own.
const start = (t: TestContext, limits: Table, namespace: Table = kLog) =>
  startServer(t, { backends: 'own', config: { limits, realtime: { shards: 1 }, namespace: [namespace] } })

async function connect(t: TestContext, server: Server, token: string): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(t, server.port)
  socket.command({ id: 1, connect: { token } })
  assert((await socket.message()).connect)
  return socket
}

async function asked(socket: RawWebSocket, command: { id: number } & Record<string, unknown>): Promise<any> {
  socket.command(command)
  for (;;) {
    const message = await socket.message()
    if (message.id === command.id) return message
  }
}

async function publish(server: Server, channel: string, data: unknown): Promise<void> {
  const reply = await api(server, 'publish', { channel, data })
  assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
}

test('limits.channel_name_bytes: a longer name is 107, the longest is not', async (t) => {
  const server = await start(t, { channel_name_bytes: 20 })
  const { token, user } = await signIn(server)
  // A personal channel is as long as the user's id makes it.
  assert(`#${user.id}`.length > 20)
  const socket = await connect(t, server, token)
  assert((await asked(socket, { id: 2, subscribe: { channel: `log:${'x'.repeat(16)}` } })).subscribe)
  assert.equal((await asked(socket, { id: 3, subscribe: { channel: `log:${'x'.repeat(17)}` } })).error.code, 107)
})

test('limits.channels: one more is 106, and a line of the log has the address', async (t) => {
  const server = await start(t, { channels: 3 })
  const { token } = await signIn(server)
  const socket = await connect(t, server, token)
  for (let id = 2; id < 5; id++) assert((await asked(socket, { id, subscribe: { channel: `log:${id}` } })).subscribe)
  for (let id = 5; id < 8; id++) assert.equal((await asked(socket, { id, subscribe: { channel: `log:${id}` } })).error.code, 106)
  assert.equal(await metric(server, 'refusals_total', 'code="limit_exceeded"'), 3)
  const lines = await until('a line', () => {
    const found = server.output.split('\n').filter((line) => line.includes('"limited"') && line.includes('"limit_exceeded"'))
    return found.length > 0 ? found : undefined
  })
  assert(lines.length === 1 && lines[0]!.includes(kAddress), lines.join('\n'))
})

test('commands of a frame: 1024 are taken, one more is 3501', async (t) => {
  const server = await start(t, {})
  const { token } = await signIn(server)
  const call = (id: number) => JSON.stringify({ id, rpc: { method: 'gatecast.time' } })
  const frameOf = (count: number) => Array.from({ length: count }, (_, i) => call(i + 2)).join('\n')
  const fine = await connect(t, server, token)
  fine.send(opcodes.text, frameOf(1024))
  for (let id = 2; id < 1026; id++) assert.equal((await fine.message()).id, id)
  const over = await connect(t, server, token)
  over.send(opcodes.text, frameOf(1025))
  assert.equal((await over.close()).code, 3501)
})

test('limits.history_page: an answer has that many, a recovery of more is none', async (t) => {
  const server = await start(t, { history_page: 5 })
  const { token } = await signIn(server)
  for (let i = 0; i < 8; i++) await publish(server, 'log:a', i)
  const socket = await connect(t, server, token)
  const { publications, epoch } = (await asked(socket, { id: 2, history: { channel: 'log:a', limit: -1 } })).history
  assert.deepEqual(publications.map((one: any) => one.data), [0, 1, 2, 3, 4])
  const recover = (offset: number) => ({ channel: 'log:a', recover: true, offset, epoch })
  const near = (await asked(socket, { id: 3, subscribe: recover(3) })).subscribe
  assert.deepEqual([near.recovered, near.publications.length], [true, 5])
  await asked(socket, { id: 4, unsubscribe: { channel: 'log:a' } })
  const far = (await asked(socket, { id: 5, subscribe: recover(2) })).subscribe
  assert.deepEqual([far.recovered ?? false, far.publications], [false, undefined])
  await until('both to be counted', async () => {
    const [ok, not] = [await metric(server, 'recoveries_total', '"recovered"'), await metric(server, 'recoveries_total', '"unrecovered"')]
    return ok === 1 && not === 1
  })
})

test('limits.recovered_bytes: a recovery of more is none', async (t) => {
  const server = await start(t, { recovered_bytes: '8KB' })
  const { token } = await signIn(server)
  for (let i = 0; i < 4; i++) await publish(server, 'log:a', 'x'.repeat(3000))
  const socket = await connect(t, server, token)
  const { epoch } = (await asked(socket, { id: 2, history: { channel: 'log:a', limit: 0 } })).history
  const far = (await asked(socket, { id: 3, subscribe: { channel: 'log:a', recover: true, offset: 0, epoch } })).subscribe
  assert.deepEqual([far.recovered ?? false, far.publications], [false, undefined])
  await asked(socket, { id: 4, unsubscribe: { channel: 'log:a' } })
  const near = (await asked(socket, { id: 5, subscribe: { channel: 'log:a', recover: true, offset: 2, epoch } })).subscribe
  assert.deepEqual([near.recovered, near.publications.length], [true, 2])
})

test('limits.history_channels_shard: the channel published to least recently loses its history', async (t) => {
  const server = await start(t, { history_channels_shard: 3 })
  const { token } = await signIn(server)
  for (let i = 0; i < 5; i++) await publish(server, `log:${i}`, i)
  const socket = await connect(t, server, token)
  const kept: number[] = []
  for (let i = 0; i < 5; i++) {
    const { history } = await asked(socket, { id: 2 + i, history: { channel: `log:${i}`, limit: -1 } })
    kept.push(history.publications?.length ?? 0)
  }
  assert.deepEqual(kept, [0, 0, 1, 1, 1])
  await until('the counter', async () => (await metric(server, 'histories_evicted_total')) === 2)
})

test('limits.presence_clients: an answer has that many', async (t) => {
  const room = { name: 'room', allow_subscribe_for_client: true, presence: true, allow_presence_for_subscriber: true }
  const server = await start(t, { presence_clients: 2 }, room)
  const { token } = await signIn(server)
  let socket: RawWebSocket | undefined
  for (let i = 0; i < 4; i++) {
    socket = await connect(t, server, token)
    assert((await asked(socket, { id: 2, subscribe: { channel: 'room:a' } })).subscribe)
  }
  const { presence } = (await asked(socket!, { id: 3, presence: { channel: 'room:a' } })).presence
  assert.equal(Object.keys(presence).length, 2)
  assert.equal((await asked(socket!, { id: 4, presence_stats: { channel: 'room:a' } })).presence_stats.num_clients, 4)
})

for (const [bound, limits] of [
  ['limits.log_bytes_channel', { log_bytes_channel: '256KB' }],
  ['limits.log_bytes_shard', { log_bytes_channel: '256KB', log_bytes_shard: '256KB' }],
] as const) {
  test(`${bound}: the reader furthest behind is closed as slow, the others get everything`, async (t) => {
    // The queue's own bound is out of reach: it is the log's that is met.
    const server = await start(t, { ...limits, queue_bytes: '64MB' }, { name: 'log', allow_subscribe_for_client: true })
    const { token, user } = await signIn(server)
    const readers: RawWebSocket[] = []
    for (let i = 0; i < 9; i++) {
      const socket = await connect(t, server, token)
      assert((await asked(socket, { id: 2, subscribe: { channel: 'log:a' } })).subscribe)
      readers.push(socket)
    }
    const sleeper = readers.pop()!
    sleeper.raw.socket.pause()
    let sent = 0
    // The kernel's buffers take the first megabytes; how many is the machine's affair.
    await until('the sleeper to be cut', async () => {
      for (let i = 0; i < 16; i++) await publish(server, 'log:a', { i: sent++, text: 'x'.repeat(16_000) })
      for (const reader of readers) {
        for (let i = sent - 16; i < sent; i++) assert.equal((await reader.message()).push.pub.data.i, i)
      }
      return (await metric(server, 'slow_consumers_total')) === 1
    }, 60_000)
    const line = await until('a line', () =>
      server.output.split('\n').find((one) => one.includes('"limited"') && one.includes('"slow"')),
    )
    assert(line.includes(kAddress) && line.includes(user.id), line)
    assert(readers.every(({ raw }) => !raw.closed))
  })
}

test('a personal channel has whatever name the id of the user gives it', async (t) => {
  const server = await startRealtime(t, { limits: { channel_name_bytes: 8 } })
  for (const user of ['Zoë Ωmega', 'x'.repeat(64), '#', '"quoted"']) {
    const socket = await RawWebSocket.open(t, server.port)
    socket.command({ id: 1, connect: { token: await appToken(user) } })
    assert.deepEqual(Object.keys((await socket.message()).connect.subs), [`#${user}`])
  }
})
