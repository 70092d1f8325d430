// permessage-deflate with clients that are not ours: `ws`, and frames written by hand.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import WebSocket from 'ws'
import { api } from '../harness/api.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const kNamespaces = [{ name: 'news', allow_subscribe_for_client: true }]

/** A client of `ws` that has connected and subscribed; what it reads from its socket is counted. */
async function reader(t: TestContext, server: Server, token: string, perMessageDeflate: boolean | object) {
  const socket = new WebSocket(server.websocket, { perMessageDeflate })
  onEnd(t, () => socket.terminate())
  const messages: string[] = []
  socket.on('message', (data) => messages.push(...data.toString().split('\n')))
  await within('the socket to open', new Promise((resolve) => socket.once('open', resolve)))
  socket.send(`${JSON.stringify({ id: 1, connect: { token } })}\n${JSON.stringify({ id: 2, subscribe: { channel: 'news:1' } })}`)
  await until('the subscription', () => messages.some((m) => m.includes('"id":2')))
  // The socket below, where the bytes are those of the wire.
  const bytes = () => (socket as unknown as { _socket: { bytesRead: number } })._socket.bytesRead
  return { socket, messages, bytes }
}

const article = (n: number) => ({ n, title: 'A title like any other', body: 'words that come again, words that come again. '.repeat(20) })

describe('compression', () => {
  test('is agreed on, and halves what goes over the wire', async (t) => {
    const server = await startServer(t, { config: { namespace: kNamespaces } })
    const { token } = await signIn(server)
    const deflated = await reader(t, server, token, true)
    const plain = await reader(t, server, token, false)
    assert.match(deflated.socket.extensions, /permessage-deflate/)
    assert.equal(plain.socket.extensions, '')
    const before = [deflated.bytes(), plain.bytes()]
    for (let n = 0; n < 20; n += 1) await api(server, 'publish', { channel: 'news:1', data: article(n) })
    for (const client of [deflated, plain]) {
      await until('the articles', () => client.messages.filter((m) => m.includes('"pub"')).length === 20)
      const got = client.messages.filter((m) => m.includes('"pub"')).map((m) => JSON.parse(m).push.pub.data)
      assert.deepEqual(got, Array.from({ length: 20 }, (_, n) => article(n)))
    }
    assert(deflated.bytes() - before[0]! < (plain.bytes() - before[1]!) / 2)
  })

  test('a client that must not use a large window goes on without', async (t) => {
    const server = await startServer(t, { config: { namespace: kNamespaces } })
    const { token } = await signIn(server)
    const client = await reader(t, server, token, { serverMaxWindowBits: 9 })
    assert.equal(client.socket.extensions, '')
  })

  test('off: nobody gets it', async (t) => {
    const server = await startServer(t, { config: { namespace: kNamespaces, realtime: { compression: false } } })
    const { token } = await signIn(server)
    assert.equal((await reader(t, server, token, true)).socket.extensions, '')
  })

  test('what a client compresses is bounded, and junk ends its connection', async (t) => {
    const server = await startServer(t, { config: { namespace: kNamespaces, limits: { message_bytes: 2048 } } })
    const { token } = await signIn(server)
    const write = (socket: WebSocket, payload: Buffer) => {
      const header = payload.length < 126 ? Buffer.from([0xc1, 0x80 | payload.length]) : Buffer.from([0xc1, 0x80 | 126, payload.length >> 8, payload.length & 255])
      // A mask of zeros leaves the payload as it is.
      ;(socket as unknown as { _socket: { write(b: Buffer): void } })._socket.write(Buffer.concat([header, Buffer.alloc(4), payload]))
    }
    const ended = (socket: WebSocket) => within('the end', new Promise<number>((resolve) => socket.once('close', resolve)))

    const bomb = await reader(t, server, token, true)
    const closed = ended(bomb.socket)
    write(bomb.socket, deflateRawSync(Buffer.alloc(2_000_000, 0x20)).subarray(0, 2000))
    assert.equal(await closed, 1009)

    const junk = await reader(t, server, token, true)
    const refused = ended(junk.socket)
    write(junk.socket, Buffer.from('ffffffffffff', 'hex'))
    assert.equal(await refused, 1002)

    const notText = await reader(t, server, token, true)
    const invalid = ended(notText.socket)
    write(notText.socket, deflateRawSync(Buffer.from([0xff, 0xfe, 0xfd])))
    assert.equal(await invalid, 1007)

    const good = await reader(t, server, token, true)
    good.socket.send(JSON.stringify({ id: 3, subscribe: { channel: `news:${'x'.repeat(200)}` } }))
    await until('the reply to a compressed command', () => good.messages.some((m) => m.includes('"id":3')))
  })
})
