// One WebSocket spoken by hand: the client protocol in JSON, each frame in the log. Nothing is repeated or hidden, so that
// what happens can be seen; applications use the SDK.
import { explainClose, explainReply } from '../explain.ts'
import { call } from './http.ts'
import { note } from './log.ts'
import { maskedText } from './mask.ts'
import { causeOf } from './verdict.ts'
import { Refusal } from '../refusal.ts'

const kAnswerMs = 15_000

export interface Closed {
  code: number
  reason: string
}

// Frames are whatever the server sent.
type Frame = any
type Push = { channel: string; pub?: { data: unknown; offset?: number }; unsubscribe?: { code: number; reason: string } }

/** Rejects with what did not come. */
export function inTime<Value>(what: string, promise: Promise<Value>, ms = kAnswerMs): Promise<Value> {
  let timer = 0
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new Refusal({ code: 'no answer', message: `${what} did not come within ${ms / 1000} s`, cure: '' })), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export function explainedClose({ code, reason }: Closed): Refusal {
  const known = explainClose(code, reason)
  if (code === 1006) {
    return new Refusal({ code: '1006', message: 'the connection broke without a close frame', cure: 'The network, a proxy or the server’s process ended it; see their logs.' })
  }
  return new Refusal({ code: known.code, message: `closed with ${code}, ${reason || 'no reason'}`, cure: known.cure })
}

export class Socket {
  readonly closed: Promise<Closed>
  /** A pong is sent for each ping, as the protocol wants. */
  answering = true
  pings = 0
  open = true
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (frame: Frame) => void>()
  readonly #watchers = new Set<(push: Push) => void>()
  readonly #pinged = new Set<() => void>()
  #id = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.onmessage = ({ data }) => String(data).split('\n').forEach((line) => this.#take(line))
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        this.open = false
        note('in', `close ${code} ${reason}`)
        resolve({ code, reason })
      }
    })
  }

  /** A browser tells no more of a refused upgrade than that it failed, so the same path is asked by HTTP. */
  static async connect(url: URL): Promise<{ socket: Socket; ms: number }> {
    note('out', `open ${maskedText(url.href)}`)
    const started = performance.now()
    const raw = new WebSocket(url)
    const socket = new Socket(raw)
    const opened = new Promise<boolean>((resolve) => {
      raw.onopen = () => resolve(true)
      void socket.closed.then(() => resolve(false))
    })
    if (await inTime('the upgrade', opened)) return { socket, ms: performance.now() - started }
    const { status, body } = await call('GET', 'connection/websocket')
    const reached = body.code === 'upgrade_required'
    throw new Refusal({
      code: 'upgrade failed',
      message: reached ? 'the server answers by HTTP, but the upgrade did not get through' : `the path answers ${status} ${body.code ?? ''}`,
      cure: reached ? 'A proxy between must pass Upgrade and Connection on, and speak HTTP/1.1; `gatecast doctor` names it.' : causeOf(body.code ?? ''),
    })
  }

  /** The result of a command: `{connect: {…}}` gives what the reply's `connect` has. */
  async command(command: Record<string, unknown>): Promise<{ result: Frame; ms: number }> {
    const id = ++this.#id
    const method = Object.keys(command)[0] ?? ''
    const answer = new Promise<Frame>((resolve) => this.#waiting.set(id, resolve))
    const started = performance.now()
    this.#send({ id, ...command })
    const over = this.closed.then((closed) => Promise.reject(explainedClose(closed)))
    const frame = await inTime(`the reply to ${method}`, Promise.race([answer, over]))
    if (frame.error) throw new Refusal(explainReply(frame.error.code, frame.error.message))
    return { result: frame[method] ?? {}, ms: performance.now() - started }
  }

  /** Calls `seen` for each push; returns the undo. */
  watch(seen: (push: Push) => void): () => void {
    this.#watchers.add(seen)
    return () => this.#watchers.delete(seen)
  }

  /** The next push of `channel` whose data `fits`. */
  publication(channel: string, fits: (data: unknown) => boolean): Promise<{ data: unknown; offset?: number }> {
    const came = new Promise<{ data: unknown; offset?: number }>((resolve) => {
      const undo = this.watch((push) => {
        if (push.channel !== channel || !push.pub || !fits(push.pub.data)) return
        undo()
        resolve(push.pub)
      })
    })
    return inTime('the publication', came)
  }

  /** The server's next ping. */
  ping(ms: number): Promise<void> {
    const came = new Promise<void>((resolve) => this.#pinged.add(resolve))
    const over = this.closed.then((closed) => Promise.reject(explainedClose(closed)))
    return inTime('the ping', Promise.race([came, over]), ms)
  }

  close(): void {
    this.#socket.close(1000)
  }

  #send(frame: unknown): void {
    const text = JSON.stringify(frame)
    note('out', maskedText(text))
    this.#socket.send(text)
  }

  #take(line: string): void {
    if (line === '') return
    note('in', maskedText(line))
    const frame = JSON.parse(line) as Frame
    if (Object.keys(frame).length === 0) return this.#takePing()
    const waiting = this.#waiting.get(frame.id)
    if (waiting) {
      this.#waiting.delete(frame.id)
      waiting(frame)
    } else if (frame.push) {
      for (const watcher of this.#watchers) watcher(frame.push as Push)
    }
  }

  #takePing(): void {
    this.pings++
    if (this.answering) this.#send({})
    for (const told of this.#pinged) told()
    this.#pinged.clear()
  }
}
