// The socket with a second judge: `websockets` for Python, which checks frames, closes and compression by itself.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test, type TestContext } from 'node:test'
import { api } from '../harness/api.ts'
import { numbers, publish } from '../harness/client.ts'
import { appToken, startRealtime } from '../harness/realtime.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { within } from '../harness/until.ts'

const script = path.resolve(import.meta.dirname, '../harness/websockets_client.py')

/** What `permessage-deflate` is to be offered with; null: not at all. */
type Deflate = Record<string, number | boolean> | null

class Python {
  readonly #process: ChildProcess
  readonly #answers: AsyncIterator<string>
  #complaints = ''

  constructor(t: TestContext, url: string) {
    // Debian's: the library is one of its packages.
    this.#process = spawn('/usr/bin/python3', [script, url], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]()
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text))
    onEnd(t, () => void this.#process.kill())
  }

  async do(command: object): Promise<any> {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`)
    const { value, done } = await within(JSON.stringify(command).slice(0, 80), this.#answers.next())
    if (done) throw new Error(this.#complaints)
    return JSON.parse(value)
  }

  /** Replies and pushes of the frames to come, until there are so many. */
  async replies(count: number): Promise<any[]> {
    const all: any[] = []
    while (all.length < count) {
      const { text } = await this.do({ read: true })
      assert(text, `${count} replies, there are ${all.length}`)
      all.push(...(text as string).split('\n').map((line) => JSON.parse(line)))
    }
    return all
  }
}

describe('websockets for Python', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite)
  })
  after(() => suite.close())

  async function opened(t: TestContext, user: string, deflate: Deflate = null) {
    const python = new Python(t, server.websocket)
    const { extensions } = await python.do({ open: deflate })
    await python.do({ send: JSON.stringify({ id: 1, connect: { token: await appToken(user) } }) })
    const [connected] = await python.replies(1)
    assert.match(connected.connect.client, /^[0-9a-f-]{36}$/)
    return { python, extensions: extensions as string[] }
  }

  test('a message in any number of fragments, with pings between the messages', async (t) => {
    const { python } = await opened(t, 'fragments')
    await python.do({ send: JSON.stringify({ id: 2, subscribe: { channel: 'plain:fragments' } }) })
    await python.replies(1)
    for (const [n, pieces] of [1, 2, 3, 17].entries()) {
      const text = JSON.stringify({ id: n + 3, publish: { channel: 'plain:fragments', data: { n, text: 'ü😀'.repeat(40) } } })
      const characters = [...text]
      const size = Math.ceil(characters.length / pieces)
      const parts = numbers(0, pieces - 1).map((i) => characters.slice(i * size, (i + 1) * size).join(''))
      await python.do({ send: pieces === 1 ? text : parts })
      const all = await python.replies(2)
      assert.deepEqual(all.find((one) => one.id === n + 3), { id: n + 3, publish: {} })
      assert.deepEqual(all.find((one) => one.push).push.pub.data, { n, text: 'ü😀'.repeat(40) })
      assert.deepEqual(await python.do({ ping: `ping ${n}` }), { pong: `ping ${n}` })
    }
  })

  test('pings with nothing and with the most that one may hold', async (t) => {
    const { python } = await opened(t, 'pings')
    for (const text of ['', 'x', 'y'.repeat(125)]) assert.deepEqual(await python.do({ ping: text }), { pong: text })
  })

  test('big messages both ways, in frames of every form of length', async (t) => {
    const { python } = await opened(t, 'big')
    await python.do({ send: JSON.stringify({ id: 2, subscribe: { channel: 'plain:big' } }) })
    await python.replies(1)
    for (const [n, size] of [100, 126, 1000, 65_000].entries()) {
      const data = 'z'.repeat(size)
      await python.do({ send: JSON.stringify({ id: n + 3, publish: { channel: 'plain:big', data } }) })
      const all = await python.replies(2)
      assert.equal(all.find((one) => one.push).push.pub.data, data)
    }
    // Many in one write: the answer is one frame or several, of more than 64 KB together.
    await python.do({ send: numbers(100, 350).map((id) => JSON.stringify({ id, publish: { channel: 'plain:big', data: 'w'.repeat(200) } })).join('\n') })
    const all = await python.replies(502)
    assert.equal(all.filter((one) => one.push).length, 251)
  })

  for (const [what, deflate, agreed] of [
    ['as it likes', {}, true],
    ['without context of its own', { client_no_context_takeover: true, server_no_context_takeover: true }, true],
    ['with a window of 9 bits of its own', { client_max_window_bits: 9 }, true],
    ['with windows of 15 bits', { client_max_window_bits: 15, server_max_window_bits: 15 }, true],
    ['not at all', null, false],
  ] as const) {
    test(`compression ${what}: what is said is understood`, async (t) => {
      const { python, extensions } = await opened(t, `deflate ${what}`, deflate as Deflate)
      assert.equal(extensions.length, agreed ? 1 : 0, String(extensions))
      const channel = `plain:deflate${what.length}`
      await python.do({ send: JSON.stringify({ id: 2, subscribe: { channel } }) })
      await python.replies(1)
      const texts = numbers(1, 20).map((n) => `${n} ${'words that come again, '.repeat(n * 4)}`)
      for (const [n, data] of texts.entries()) {
        if (n % 2) await publish(server, channel, data)
        else await python.do({ send: JSON.stringify({ id: n + 3, publish: { channel, data } }) })
      }
      // Two publish here, so the order is whichever the server heard first.
      const said = (await python.replies(30)).filter((one) => one.push).map((one) => one.push.pub.data as string)
      assert.deepEqual(said.sort((one, other) => parseInt(one) - parseInt(other)), texts)
      assert.deepEqual(await python.do({ ping: 'between' }), { pong: 'between' })
    })
  }

  test('closing by either side is a handshake with the code in both directions', async (t) => {
    for (const code of [1000, 1001, 3000, 4321]) {
      const { python } = await opened(t, `close${code}`)
      const { closed } = await python.do({ close: code, reason: 'bye' })
      assert.equal(closed, code)
    }
    const { python } = await opened(t, 'forced')
    await api(server, 'disconnect', { user: 'forced', disconnect: { code: 4444, reason: 'täglich' } })
    const [push] = await python.replies(1)
    assert.deepEqual(push, { push: { disconnect: { code: 4444, reason: 'täglich' } } })
    assert.deepEqual(await python.do({ read: true }), { closed: 4444, reason: 'täglich', sent: 4444 })
  })

  test('a message over the limit, in one frame or in fragments: 1009', async (t) => {
    for (const message of ['x'.repeat(70_000), numbers(1, 10).map(() => 'x'.repeat(7000))]) {
      const { python } = await opened(t, 'over')
      await python.do({ send: message })
      assert.equal((await python.do({ read: true })).closed, 1009)
    }
  })
})
