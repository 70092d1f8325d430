// Every close code that the server can be made to send, and what the official client makes of it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Options } from 'centrifuge'
import WebSocket from 'ws'
import { api, bearer, call, get, post } from '../harness/api.ts'
import { Client, numbers, publish } from '../harness/client.ts'
import { appToken, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig } from '../harness/telegram.ts'
import { until } from '../harness/until.ts'
import { signIn, Wallet, type Tokens } from '../harness/wallet.ts'

const kUserConnections = 3
const kSessions = 3
const kQuietMs = 3000
const kTelegram = bot(7_000_000_004)

const suite = new Suite()
let server: Server
/** Clients that were ended for good, and how many sockets they had opened until then. */
const ended: { what: string; client: Client; sockets: number }[] = []

const ok = (status: number, body: unknown) => assert.equal(status, 200, JSON.stringify(body))
const asked = async (method: string, params: object) => {
  const { body } = await api(server, method, params)
  assert.equal(body.error, undefined, JSON.stringify(body))
}
const renewed = async (refreshToken: string): Promise<Tokens> => (await post(server, '/api/v2/auth/refresh', { refreshToken })).body

/** Clients live as long as the suite: what they do after their end counts too. */
async function client(token: string, options: Partial<Options> = {}): Promise<Client> {
  return new Client(suite, server.websocket, { token, getToken: async () => token, ...options })
}

const connected = async (token: string, options: Partial<Options> = {}) => (await client(token, options)).connect()

/** The end is this one, and is noted for the count of attempts after it. */
async function endsWith(one: Client, code: number, reason: string): Promise<void> {
  assert.deepEqual(await one.end(), { code, reason })
  assert.deepEqual(one.drops, [], 'it tried again before it gave up')
  ended.push({ what: `${code} ${reason}`, client: one, sockets: one.sockets.length })
}

/** The client is told of a break, and comes back by itself. */
async function returnsAfter(one: Client, code: number, reason?: string): Promise<void> {
  await one.connected(2)
  assert.equal(one.drops[0]!.code, code)
  if (reason !== undefined) assert.equal(one.drops[0]!.reason, reason)
  assert.deepEqual(one.ends, [])
}

/** A socket of which `swallows` says what it does not send. */
const mute = (swallows: (text: string) => boolean) =>
  class extends WebSocket {
    override send(data: Parameters<WebSocket['send']>[0]): void {
      if (!swallows(String(data))) super.send(data)
    }
  }

describe('ends', () => {
  before(async () => {
    server = await startRealtime(suite, {
      ...telegramConfig([kTelegram]),
      session: { grace: '0s', per_user: kSessions },
      realtime: { ping: '1s', pong: '900ms' },
      limits: { user_connections: kUserConnections, stale_time: '1s', queue_bytes: 65536 },
    })
  })
  after(() => suite.close())

  describe('for good', { concurrency: true }, () => {
    test('3500: a token that is none', async () => {
      const one = await client('nonsense')
      one.centrifuge.connect()
      await endsWith(one, 3500, 'invalid token: not a JWT')
    })

    test('3501: no token', async () => {
      const one = new Client(suite, server.websocket, {})
      one.centrifuge.connect()
      await endsWith(one, 3501, 'no token')
    })

    for (const [what, text] of [
      ['no JSON', 'hello'],
      ['no command', '{"id":7}'],
      ['an unknown command', '{"id":7,"obey":{}}'],
      ['a second connect', '{"id":7,"connect":{"token":"x"}}'],
      ['a pong that nothing asked for', '{}'],
    ] as const) {
      test(`3501: ${what}`, async () => {
        const one = await connected(await appToken(`bad ${what}`))
        one.sockets[0]!.send(text)
        await endsWith(one, 3501, 'bad request')
      })
    }

    test('3502: a socket that never connects', async () => {
      const one = await client(await appToken('stale'), { websocket: mute(() => true) })
      one.centrifuge.connect()
      await endsWith(one, 3502, 'stale')
    })

    test('3503: an operator', async () => {
      const one = await connected(await appToken('forced'))
      await asked('disconnect', { user: 'forced' })
      await endsWith(one, 3503, 'force disconnect')
    })

    test('3504: one connection too many of a user, and the others stay', async () => {
      const token = await appToken('many')
      const first = await Promise.all(numbers(1, kUserConnections).map(() => connected(token)))
      const one = await client(token)
      one.centrifuge.connect()
      await endsWith(one, 3504, 'connection limit')
      assert(first.every(({ drops, ends }) => drops.length + ends.length === 0))
    })

    test('3508: a message to the server, which takes none', async () => {
      const one = await connected(await appToken('sender'))
      await one.centrifuge.send({ hello: 'server' })
      await endsWith(one, 3508, 'not available')
    })

    test('1009: a message that is too large; the client has a code of its own for it', async () => {
      const one = await connected(await appToken('large'))
      one.centrifuge.publish('plain:large', randomBytes(400_000).toString('base64')).catch(() => {})
      await endsWith(one, 3, 'message size limit exceeded')
    })

    for (const [code, reason] of [[3500, 'a reason'], [3999, 'of the'], [4500, 'application'], [4999, 'ünïcode ✓']] as const) {
      test(`${code}: the application's own`, async () => {
        const one = await connected(await appToken(`own${code}`))
        await asked('disconnect', { user: `own${code}`, disconnect: { code, reason } })
        await endsWith(one, code, reason)
      })
    }

    test('4501: signed out', async () => {
      const { token } = await signIn(server)
      const one = await connected(token)
      ok((await post(server, '/api/v2/auth/logout', {}, token)).status, 'logout')
      await endsWith(one, 4501, 'signed out')
    })

    test('4502: ended by an operator', async () => {
      const { token, session } = await signIn(server)
      const one = await connected(token)
      await asked('session_end', { session: session.id })
      await endsWith(one, 4502, 'ended by operator')
    })

    test('4503: blocked', async () => {
      const { token, user } = await signIn(server)
      const one = await connected(token)
      await asked('user_block', { user: user.id })
      await endsWith(one, 4503, 'user blocked')
    })

    test('4504: a copied refresh token was used', async () => {
      const first = await signIn(server)
      const second = await renewed(first.refreshToken)
      const third = await renewed(second.refreshToken)
      const one = await connected(third.token)
      assert.equal((await post(server, '/api/v2/auth/refresh', { refreshToken: first.refreshToken })).status, 401)
      await endsWith(one, 4504, 'refresh token reused')
    })

    test('4506: one session too many', async () => {
      const wallet = new Wallet()
      const one = await connected((await signIn(server, wallet)).token)
      for (let n = 0; n < kSessions; n += 1) await signIn(server, wallet)
      await endsWith(one, 4506, 'session limit')
    })

    test('4507: the identity was unlinked', async () => {
      const { token } = await signIn(server)
      const ada = person()
      const link = await post(server, '/api/v2/auth/link/telegram', { initData: initData(kTelegram, ada) }, token)
      ok(link.status, link.body)
      const own = await post(server, '/api/v2/auth/telegram', { initData: initData(kTelegram, ada) })
      ok(own.status, own.body)
      const one = await connected(own.body.token)
      const all = (await get(server, '/api/v2/auth/session', token)).body.identities as { id: string; kind: string }[]
      const { id } = all.find(({ kind }) => kind.includes('telegram'))!
      const unlink = await call(`${server.origin}/api/v2/auth/identities/${id}`, 'DELETE', undefined, bearer(token))
      ok(unlink.status, unlink.body)
      await endsWith(one, 4507, 'identity unlinked')
    })
  })

  describe('for a moment', { concurrency: true }, () => {
    for (const [code, reason] of [[3000, 'connection closed'], [3011, 'force reconnect'], [3499, 'any'], [4000, 'of the'], [4499, 'application']] as const) {
      test(`${code}: the application's own`, async () => {
        const one = await connected(await appToken(`own${code}`))
        await asked('disconnect', { user: `own${code}`, disconnect: { code, reason } })
        await returnsAfter(one, code, reason)
      })
    }

    test('3012: a client that answers no ping', async () => {
      const one = await connected(await appToken('no pong'), { websocket: mute((text) => text === '{}') })
      await returnsAfter(one, 3012, 'no pong')
    })

    test('3008: a client that does not read; it comes back to what is new, and nothing is out of order', async () => {
      // With pings that come seldom: those that it does not answer would end it first.
      const patient = await startRealtime(suite, { limits: { queue_bytes: 65536 } })
      const token = await appToken('slow')
      const one = await new Client(suite, patient.websocket, { token }).connect()
      const log = await one.subscription('long:slow').on()
      const socket = one.sockets[0]!
      socket.pause()
      // More than the buffers of both kernels take, and nothing that compresses.
      const filler = randomBytes(40_000).toString('base64')
      let n = 0
      await until('the server to give it up', async () => {
        await publish(patient, 'long:slow', { n: (n += 1), filler })
        return (await call(`${patient.ops}/stats`, 'GET')).body.slowConsumers === 1
      })
      socket.resume()
      await returnsAfter(one, 3008, 'slow')
      const { recovered, wasRecovering } = await log.subscribed(2)
      assert.equal(wasRecovering, true)
      await publish(patient, 'long:slow', { n: (n += 1) })
      const got = () => log.data.map((data) => (data as { n: number }).n)
      await until('the last', () => got().at(-1) === n)
      const read = got().findIndex((each, i) => each !== i + 1)
      assert.deepEqual(got(), recovered ? numbers(1, n) : [...numbers(1, read), n])
    })

    test('1003 and 1007: binary, and text that is none; the client sees a transport that closed', async () => {
      for (const [data, code] of [[Buffer.from('{}'), 1003], [Buffer.from([0xc3, 0x28]), 1007]] as const) {
        const one = await connected(await appToken(`data${code}`))
        const close = new Promise<number>((resolve) => one.sockets[0]!.once('close', resolve))
        one.sockets[0]!.send(data, { binary: code === 1003 })
        assert.equal(await close, code)
        await returnsAfter(one, 1)
      }
    })
  })

  test('who was ended for good does not try again', async () => {
    assert(ended.length >= 20, `${ended.length} ends`)
    await pause(kQuietMs)
    for (const { what, client: one, sockets } of ended) assert.equal(one.sockets.length, sockets, what)
  })
})
