// A TCP proxy before a server, whose connections fail in the ways of networks: each connection has its own fate, drawn
// from a seed. What the two ends do is theirs; the proxy reads no protocol.
import { connect, createServer, type AddressInfo, type Server as Listener, type Socket } from 'node:net'
import { onEnd, type Scope } from './scope.ts'

/** Mulberry32: the same seed gives the same story. */
export class Dice {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  /** From 0 up to but not including 1. */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.roll() * (most - least + 1))
  }
  pick<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length - 1)]!
  }
}

export type Direction = 'toServer' | 'toClient'

export interface Fault {
  /** Before each piece of bytes passes, in ms; the order stays. */
  delay?: { least: number; most: number }
  /** No faster than that, a direction. */
  bytesPerSecond?: number
  /** The connection is reset in the middle of what the server says, once so many bytes of it have passed. */
  cutAfter?: { least: number; most: number }
  /** These directions are held back: bytes wait, as for a network that is away, and pass once it is back. */
  hold?: readonly Direction[]
  /** These directions are swallowed for ever, and nobody is told: the other end is gone without a word. */
  lose?: readonly Direction[]
  /** New connections are reset at once. */
  refuse?: boolean
  /** For open connections too, or only for those that are made from now on. */
  only?: 'new'
}

/** One direction of a connection. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #direction: Direction
  readonly #pair: Pair
  #waiting = 0
  #last: Promise<void> = Promise.resolve()
  #passed = 0
  lost = false

  constructor(pair: Pair, direction: Direction, from: Socket, to: Socket) {
    this.#pair = pair
    this.#direction = direction
    this.#from = from
    this.#to = to
    from.on('data', (bytes) => this.#take(bytes))
    from.on('end', () => this.#then(() => void to.end()))
    from.on('error', () => pair.reset())
    from.on('close', () => this.#then(() => void to.destroy()))
  }

  /** Looks at the fault anew. */
  apply(): void {
    const { hold, lose } = this.#pair.fault
    if (lose?.includes(this.#direction)) this.lost = true
    if (hold?.includes(this.#direction)) this.#from.pause()
    else this.#from.resume()
  }

  #take(bytes: Buffer): void {
    const { delay, bytesPerSecond, cutAfter } = this.#pair.fault
    const { dice } = this.#pair
    const wait = (delay ? dice.between(delay.least, delay.most) : 0) + (bytesPerSecond ? (bytes.length / bytesPerSecond) * 1000 : 0)
    if (cutAfter && this.#direction === 'toClient') {
      const at = (this.#pair.cutAt ??= this.#passed + dice.between(cutAfter.least, cutAfter.most))
      if (this.#passed + bytes.length >= at) {
        const part = bytes.subarray(0, Math.max(0, at - this.#passed))
        return this.#then(() => this.#to.write(part, () => this.#pair.reset()), wait)
      }
    }
    this.#passed += bytes.length
    this.#then(() => void (this.#to.writable && this.#to.write(bytes)), wait)
  }

  /** After all before it, and after `wait` ms; meanwhile no more is read, so that nothing grows. */
  #then(deed: () => void, wait = 0): void {
    if (wait === 0 && this.#waiting === 0) return void (this.lost || deed())
    this.#waiting++
    this.#from.pause()
    this.#last = this.#last
      .then(() => (wait > 0 ? new Promise<void>((resolve) => setTimeout(resolve, wait)) : undefined))
      .then(() => {
        if (!this.lost) deed()
        if (--this.#waiting === 0) this.apply()
      })
  }
}

class Pair {
  readonly dice: Dice
  fault: Fault
  cutAt: number | undefined
  readonly #client: Socket
  readonly #server: Socket
  readonly #pipes: Pipe[]

  constructor(client: Socket, server: Socket, dice: Dice, fault: Fault) {
    this.dice = dice
    this.fault = fault
    this.#client = client
    this.#server = server
    this.#pipes = [new Pipe(this, 'toServer', client, server), new Pipe(this, 'toClient', server, client)]
    this.suffer(fault)
  }

  suffer(fault: Fault): void {
    this.fault = fault
    this.cutAt = undefined
    for (const pipe of this.#pipes) pipe.apply()
  }

  reset(): void {
    this.#client.resetAndDestroy()
    this.#server.resetAndDestroy()
  }

  get over(): boolean {
    return this.#client.destroyed && this.#server.destroyed
  }
}

export class FaultProxy {
  readonly seed: number
  /** Connections that were made to it. */
  accepted = 0
  readonly #dice: Dice
  readonly #listener: Listener
  readonly #pairs = new Set<Pair>()
  #to: number
  #fault: Fault = {}

  private constructor(to: number, seed: number) {
    this.#to = to
    this.seed = seed
    this.#dice = new Dice(seed)
    this.#listener = createServer({ noDelay: true }, (client) => this.#take(client))
  }

  static async open(scope: Scope, to: number, seed = 1): Promise<FaultProxy> {
    const proxy = new FaultProxy(to, seed)
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
  get open(): number {
    for (const pair of this.#pairs) if (pair.over) this.#pairs.delete(pair)
    return this.#pairs.size
  }

  suffer(fault: Fault): void {
    this.#fault = fault
    if (fault.only === 'new') return
    for (const pair of this.#pairs) pair.suffer(fault)
  }

  /** The network is away both ways, for open connections and new ones; what was on its way arrives after `heal`. */
  partition(): void {
    this.suffer({ hold: ['toServer', 'toClient'] })
  }

  /** New connections are reset at once; those that are open stay as they are. */
  refuse(): void {
    this.suffer({ refuse: true, only: 'new' })
  }

  /** The open connections are silent from here on, as after a cable was pulled; new ones work. */
  freeze(): void {
    for (const pair of this.#pairs) pair.suffer({ lose: ['toServer', 'toClient'] })
  }

  /** What was refused or held passes again. Connections of which something was swallowed stay dead. */
  heal(): void {
    this.suffer({})
  }

  /** Every open connection is reset at both ends. */
  cut(): void {
    for (const pair of this.#pairs) pair.reset()
    this.#pairs.clear()
  }

  /** New connections go to another server. */
  redirect(to: number): void {
    this.#to = to
  }

  #take(client: Socket): void {
    this.accepted++
    client.on('error', () => {})
    if (this.#fault.refuse) return void client.resetAndDestroy()
    const server = connect({ port: this.#to, host: '127.0.0.1', noDelay: true })
    const { only: _, ...fault } = this.#fault
    const pair = new Pair(client, server, new Dice(this.#dice.between(0, 2 ** 31)), fault)
    this.#pairs.add(pair)
    const gone = () => pair.over && this.#pairs.delete(pair)
    client.on('close', gone)
    server.on('close', gone)
  }
}
