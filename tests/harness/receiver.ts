// An application's server that takes webhooks: it checks the signature by itself, and fails where it is told to.
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onEnd, type Scope } from './scope.ts'

export interface Event {
  seq: number
  type: string
  at: string
  user?: string
  session?: string
  reason?: string
  data: object
}

/** A status, no answer at all, or a connection that breaks. */
export type Mood = number | 'silent' | 'broken'

export class Receiver {
  readonly secret = randomBytes(32).toString('base64')
  mood: Mood = 200
  /** Of requests that were answered with 200, in their order. */
  readonly taken: Event[] = []
  tries = 0
  port = 0
  #http: HttpServer | undefined
  readonly #sockets = new Set<Socket>()

  static async open(scope: Scope): Promise<Receiver> {
    const receiver = new Receiver()
    await receiver.listen()
    onEnd(scope, () => receiver.close())
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`
  }
  users(type: string): string[] {
    return this.taken.filter((event) => event.type === type).map(({ user }) => user ?? '')
  }

  async listen(): Promise<void> {
    const http = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => this.#take(request.headers, Buffer.concat(parts), response))
    })
    http.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {})
    })
    this.#http = http
    await new Promise<void>((resolve) => http.listen(this.port, '127.0.0.1', resolve))
    this.port = (http.address() as AddressInfo).port
  }

  /** From here on nobody listens. */
  async close(): Promise<void> {
    const http = this.#http
    this.#http = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (http) await new Promise((resolve) => http.close(resolve))
  }

  #take(headers: NodeJS.Dict<string | string[]>, body: Buffer, response: ServerResponse): void {
    this.tries++
    assert.equal(headers['content-type'], 'application/json')
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['gatecast-signature'])) ?? []
    assert(t && v1, `signature: ${headers['gatecast-signature']}`)
    assert(Math.abs(Date.now() / 1000 - Number(t)) < 30, `t=${t}`)
    assert.equal(v1, createHmac('sha256', this.secret).update(`${t}.`).update(body).digest('hex'))
    if (this.mood === 'silent') return
    if (this.mood === 'broken') return void response.destroy()
    if (this.mood === 200) this.taken.push(...(JSON.parse(body.toString()) as { events: Event[] }).events)
    response.writeHead(this.mood).end()
  }
}
