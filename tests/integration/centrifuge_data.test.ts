// What is published arrives as it was written: every byte of it, every size, in order; with the official client, and
// on the wire.
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { call } from '../harness/api.ts'
import { Client, numbers, publish } from '../harness/client.ts'
import { RawWebSocket } from '../harness/raw.ts'
import { appToken, startRealtime } from '../harness/realtime.ts'
import { Suite } from '../harness/scope.ts'
import { type Server } from '../harness/server.ts'
import { within } from '../harness/until.ts'

/** JSON texts, and what they are on the wire where that is not the same: line breaks between values are left out. */
const kTexts: [string, string?][] = [
  ['9007199254740993'],
  ['-9007199254740993'],
  ['18446744073709551616'],
  ['123456789012345678901234567890.000000000000000000000000000001'],
  ['-0'],
  ['1.0'],
  ['1E+2'],
  ['1e-400'],
  ['0.1e400'],
  ['null'],
  ['false'],
  ['""'],
  ['[]'],
  ['{}'],
  ['{"b":1,"a":2,"":3}'],
  ['{"a":1,"a":2}'],
  ['{ "a" : [ 1 ,\t2 ] }'],
  ['[1,\n2,\r\n3]', '[1,2,3]'],
  ['\n{\n  "a": "x\\ny",\n  "b": "\\r"\n}\n', '{  "a": "x\\ny",  "b": "\\r"}'],
  ['"\\u0000\\u001f\\"\\\\\\/\\b\\f\\n\\r\\t"'],
  ['"\\u2028\\u2029\\ud83d\\ude00\\uD800"'],
  ['"\u2028\u2029\u007f\u0085\ufeff"'],
  ['"😀𐍈𠜎é\u0301\u{10ffff}\u{e0001}"'],
  ['"</script><!--"'],
  [`${'['.repeat(30)}"deep"${']'.repeat(30)}`],
]

/** A string of every plane: the first, the last, and some between of each. */
const kPlanes = numbers(0, 16)
  .flatMap((plane) => [0x20, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff].map((low) => plane * 0x10000 + low))
  .map((point) => String.fromCodePoint(point))
  .join('')

describe('what is published', { concurrency: true }, () => {
  const suite = new Suite()
  let server: Server
  before(async () => {
    server = await startRealtime(suite)
  })
  after(() => suite.close())
  const connect = async (t: TestContext, user: string) => new Client(t, server.websocket, { token: await appToken(user) }).connect()
  /** A socket without a library between, subscribed to the channel. */
  async function wire(t: TestContext, user: string, channel: string): Promise<RawWebSocket> {
    const socket = await RawWebSocket.open(t, server.port)
    socket.send(1, [{ id: 1, connect: { token: await appToken(user) } }, { id: 2, subscribe: { channel } }].map((c) => JSON.stringify(c)).join('\n'))
    await socket.message()
    assert.equal((await socket.message()).id, 2)
    return socket
  }
  /** Of the publications that come next the text of `data`. */
  async function lines(socket: RawWebSocket, count: number): Promise<string[]> {
    const got: string[] = []
    while (got.length < count) {
      const { opcode, payload } = await socket.next()
      if (opcode !== 1) continue
      for (const line of payload.toString().split('\n')) {
        const data = /"pub":\{"data":(.*?)(,"(info|offset)":.*)?\}\}\}$/s.exec(line)?.[1]
        if (data !== undefined) got.push(data)
      }
    }
    return got
  }

  test('through the server API: the text on the wire is the text that was sent', async (t) => {
    const socket = await wire(t, 'wire', 'plain:wire')
    for (const [sent, expected = sent] of kTexts) {
      const reply = await call(`${server.ops}/api/publish`, 'POST', `{"channel":"plain:wire","data":${sent}}`, { 'X-API-Key': server.apiKey })
      assert.equal(reply.body.error, undefined, `${sent}: ${JSON.stringify(reply.body)}`)
      assert.deepEqual(await lines(socket, 1), [expected])
    }
  })

  test('by a client: likewise, to itself, to others, and from the history', async (t) => {
    const socket = await wire(t, 'writer', 'log:wire')
    const other = await wire(t, 'reader', 'log:wire')
    // A line break between values would end the command: clients write none.
    const texts = kTexts.map(([text]) => text).filter((text) => !text.includes('\n'))
    for (const [n, text] of texts.entries()) socket.send(1, `{"id":${n + 3},"publish":{"channel":"log:wire","data":${text}}}`)
    assert.deepEqual(await lines(socket, texts.length), texts)
    assert.deepEqual(await lines(other, texts.length), texts)
    other.send(1, '{"id":99,"history":{"channel":"log:wire","limit":-1}}')
    const { payload } = await other.next()
    let at = 0
    for (const text of texts) {
      at = payload.indexOf(`{"data":${text},`, at)
      assert(at >= 0, text)
    }
  })

  test('numbers at the edge of what a double holds, every plane of Unicode, and lone surrogates', async (t) => {
    const client = await connect(t, 'planes')
    const chat = await client.subscription('plain:planes').on()
    const values = [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 53 + 2, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, kPlanes, '\ud800', '\udfff!', { [kPlanes]: [kPlanes] }, 'line\nline\r\nline\u2028', ' ', true, [null]]
    for (const value of values) {
      await chat.subscription.publish(value)
      await publish(server, 'plain:planes', value)
    }
    await chat.has(values.length * 2)
    assert.deepEqual(chat.data, values.flatMap((value) => [value, value]))
  })

  test('from 1 byte to 60 KB, compressible and not, compressed and not', async (t) => {
    const client = await connect(t, 'sizes')
    const plain = await wire(t, 'sizes2', 'plain:sizes')
    const chat = await client.subscription('plain:sizes').on()
    const sizes = [1, 2, 3, 100, 123, 124, 125, 126, 127, 128, 254, 255, 256, 257, 1000, 4095, 4096, 4097, 16_383, 16_384, 16_385, 32_768, 60_000]
    let seed = 1
    // A generator of Park and Miller: the same bytes in every run.
    const noise = (length: number) => Array.from({ length }, () => String.fromCharCode(0x23 + ((seed = (seed * 48_271) % 0x7fffffff) % 57))).join('')
    const values: unknown[] = sizes.flatMap((size): unknown[] => (size < 3 ? [size] : ['é'.repeat((size - 2) / 2), noise(size - 2)]))
    for (const value of values) await publish(server, 'plain:sizes', value)
    await chat.has(values.length)
    assert.deepEqual(chat.data, values)
    assert.deepEqual(await lines(plain, values.length), values.map((value) => JSON.stringify(value)))
    await Promise.all(values.map((value) => chat.subscription.publish(value)))
    await chat.has(values.length * 2)
    assert.deepEqual(chat.data.slice(values.length), values)
  })

  test('five publishers with a thousand messages each: every reader sees the same order, and of each publisher its own', async (t) => {
    const [one, two] = [await connect(t, 'reader1'), await connect(t, 'reader2')]
    const readers = [await one.subscription('plain:order').on(), await two.subscription('plain:order').on()]
    const writers = await Promise.all(numbers(1, 5).map((w) => connect(t, `writer${w}`)))
    await within('every publication to be accepted', Promise.all(writers.flatMap((writer, w) => numbers(1, 1000).map((n) => writer.centrifuge.publish('plain:order', [w, n])))), 60_000)
    for (const reader of readers) await reader.has(5000)
    assert.deepEqual(readers[0]!.data, readers[1]!.data)
    for (const [w, writer] of writers.entries()) {
      const own = readers[0]!.publications.filter(({ info }) => info!.client === writer.id)
      assert.deepEqual(own.map(({ data }) => data), numbers(1, 1000).map((n) => [w, n]))
    }
  })
})
