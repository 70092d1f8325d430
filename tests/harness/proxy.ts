// A TCP proxy between clients and a server, whose connections break in the ways of networks.
import { connect, createServer, type AddressInfo, type Server as Listener, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { onEnd, type Scope } from './scope.ts'

/** What happens to the bytes of the pairs that are open, and of those to come. */
type Mood = 'passing' | 'refusing' | { delayMs: number }

interface Pair {
  client: Socket
  server: Socket
  /** Bytes vanish both ways, and neither end learns of it. */
  dead: boolean
}

export class Proxy {
  mood: Mood = 'passing'
  /** Connections that clients made. */
  accepted = 0
  #to: number
  readonly #listener: Listener
  readonly #pairs = new Set<Pair>()

  private constructor(to: number) {
    this.#to = to
    this.#listener = createServer((client) => this.#pair(client))
  }

  static async open(scope: Scope, to: number): Promise<Proxy> {
    const proxy = new Proxy(to)
    await new Promise<void>((resolve) => proxy.#listener.listen(0, '127.0.0.1', resolve))
    onEnd(scope, async () => {
      proxy.cut()
      await new Promise((resolve) => proxy.#listener.close(resolve))
    })
    return proxy
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }
  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }
  get websocket(): string {
    return `ws://127.0.0.1:${this.port}/connection/websocket`
  }

  /** Ends every open connection at both ends, with a reset. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    this.#pairs.clear()
  }

  /** New connections go to another server. */
  redirect(to: number): void {
    this.#to = to
  }

  /** The open connections are silent from here on, as after a cable was pulled; new ones work. */
  freeze(): void {
    for (const pair of this.#pairs) pair.dead = true
  }

  #pair(client: Socket): void {
    this.accepted++
    if (this.mood === 'refusing') return void client.resetAndDestroy()
    const server = connect({ port: this.#to, host: '127.0.0.1' })
    const pair: Pair = { client, server, dead: false }
    this.#pairs.add(pair)
    this.#carry(pair, client, server)
    this.#carry(pair, server, client)
  }

  #carry(pair: Pair, from: Socket, to: Socket): void {
    // One after the other, so that a delay keeps the order.
    let last: Promise<void> = Promise.resolve()
    const then = (deed: () => void) => {
      const wait = typeof this.mood === 'object' ? pause(this.mood.delayMs) : undefined
      last = last.then(() => wait).then(() => {
        if (!pair.dead) deed()
      })
    }
    from.on('data', (bytes) => then(() => void to.write(bytes)))
    from.on('end', () => then(() => void to.end()))
    from.on('error', () => then(() => void to.resetAndDestroy()))
  }
}
