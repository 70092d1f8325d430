// Bytes on a TCP socket: what no well-behaved client sends.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { onEnd, type Scope } from './scope.ts'
import { until } from './until.ts'

export interface RawReply {
  status: number
  headers: Map<string, string>
  body: string
}

export class RawSocket {
  readonly socket: Socket
  received = Buffer.alloc(0)
  closed = false
  /** Why the connection broke, such as ECONNRESET; empty where it ended in order. */
  broken = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => (this.received = Buffer.concat([this.received, bytes])))
    socket.on('error', (error: NodeJS.ErrnoException) => (this.broken = error.code ?? error.message))
    socket.on('end', () => (this.closed = true))
    socket.on('close', () => (this.closed = true))
  }

  static async open(scope: Scope, port: number): Promise<RawSocket> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const raw = new RawSocket(socket)
    onEnd(scope, () => void socket.destroy())
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return raw
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Takes one HTTP reply from what was received; HEAD replies have no body. */
  async reply(method = 'GET'): Promise<RawReply> {
    const end = await until('the head of a reply', () => {
      const at = this.received.indexOf('\r\n\r\n')
      if (at < 0 && this.closed) throw new Error(`closed without a reply: ${JSON.stringify(this.received.toString())}`)
      return at >= 0 ? at + 4 : 0
    })
    const [first = '', ...lines] = this.received.subarray(0, end - 4).toString('latin1').split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
    assert(status, `not a status line: ${first}`)
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304
    const length = bodiless ? 0 : Number(headers.get('content-length') ?? 0)
    await until('the body of a reply', () => this.received.length >= end + length)
    const body = this.received.subarray(end, end + length).toString()
    this.received = this.received.subarray(end + length)
    return { status, headers, body }
  }

  async closedByPeer(limitMs?: number): Promise<void> {
    await until('the server to close the socket', () => this.closed, limitMs)
  }
}

export interface Frame {
  opcode: number
  payload: Buffer
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/** A client's frame, masked unless told otherwise. */
export function frame(opcode: number, payload: string | Uint8Array, { masked = true, fin = true, bits = 0 } = {}): Buffer {
  const data = Buffer.from(payload)
  const length = data.length < 126 ? [data.length] : data.length < 65536 ? [126] : [127]
  const head = Buffer.from([(fin ? 0x80 : 0) | bits | opcode, (masked ? 0x80 : 0) | length[0]!])
  const extended = Buffer.alloc(length[0] === 126 ? 2 : length[0] === 127 ? 8 : 0)
  if (length[0] === 126) extended.writeUInt16BE(data.length)
  if (length[0] === 127) extended.writeBigUInt64BE(BigInt(data.length))
  if (!masked) return Buffer.concat([head, extended, data])
  const mask = randomBytes(4)
  const body = Buffer.from(data.map((byte, i) => byte ^ mask[i % 4]!))
  return Buffer.concat([head, extended, mask, body])
}

/** A WebSocket by hand: after the handshake, frames in and out as bytes. */
export class RawWebSocket {
  readonly raw: RawSocket
  readonly frames: Frame[] = []

  private constructor(raw: RawSocket) {
    this.raw = raw
  }

  static async open(scope: Scope, port: number, target = '/connection/websocket'): Promise<RawWebSocket> {
    const raw = await RawSocket.open(scope, port)
    raw.send(
      `GET ${target} HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
    const reply = await raw.reply()
    assert.equal(reply.status, 101, reply.body)
    return new RawWebSocket(raw)
  }

  send(opcode: number, payload: string | Uint8Array, options = {}): void {
    this.raw.send(frame(opcode, payload, options))
  }

  command(command: object): void {
    this.send(opcodes.text, JSON.stringify(command))
  }

  /** Moves whole frames from the received bytes to `frames`. */
  #take(): void {
    for (;;) {
      const bytes = this.raw.received
      if (bytes.length < 2) return
      assert.equal(bytes[1]! & 0x80, 0, 'a server must not mask')
      const short = bytes[1]! & 0x7f
      const start = short < 126 ? 2 : short === 126 ? 4 : 10
      if (bytes.length < start) return
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
      if (bytes.length < start + length) return
      this.frames.push({ opcode: bytes[0]! & 0x0f, payload: bytes.subarray(start, start + length) })
      this.raw.received = bytes.subarray(start + length)
    }
  }

  /** The next frame; fails when the socket closes first. */
  async next(): Promise<Frame> {
    return until('a frame', () => {
      this.#take()
      if (this.frames.length === 0 && this.raw.closed) throw new Error('closed without a frame')
      return this.frames.shift()
    })
  }

  /** The next reply or push, as JSON; one frame may carry several lines. */
  #lines: string[] = []
  async message(): Promise<any> {
    while (this.#lines.length === 0) {
      const { opcode, payload } = await this.next()
      if (opcode === opcodes.text) this.#lines.push(...payload.toString().split('\n').filter(Boolean))
      else assert.notEqual(opcode, opcodes.close, `closed: ${closeOf(payload).code} ${closeOf(payload).reason}`)
    }
    return JSON.parse(this.#lines.shift()!)
  }

  /** Skips to the close frame. */
  async close(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const { opcode, payload } = await this.next()
      if (opcode === opcodes.close) return closeOf(payload)
    }
  }
}

function closeOf(payload: Buffer): { code: number; reason: string } {
  return { code: payload.length >= 2 ? payload.readUInt16BE() : 1005, reason: payload.subarray(2).toString() }
}
