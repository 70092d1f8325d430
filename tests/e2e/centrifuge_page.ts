// What scenarios have in the page: the official client, its events kept, and the test that does things outside.
//
// `install` runs in the page before anything else, so it uses nothing of this module.
import type { Centrifuge as Client, ClientInfo, Options, Subscription, SubscriptionOptions } from 'centrifuge'

declare const Centrifuge: typeof Client

export interface Seen {
  client: Client
  connects: string[]
  /** Codes: of reconnections, of the end, of errors. */
  drops: number[]
  ends: number[]
  errors: number[]
  personal: unknown[]
}

export interface Heard {
  sub: Subscription
  data: any[]
  joins: ClientInfo[]
  leaves: ClientInfo[]
  /** `recovered` of each time it was subscribed. */
  recovered: boolean[]
  drops: number[]
  ends: number[]
}

export interface Kit {
  /** Asks the test, which runs outside of the browser. */
  ask(what: string, ...args: unknown[]): Promise<any>
  connect(options: Partial<Options>, address?: string): Promise<Seen>
  seen(options: Partial<Options>, address?: string): Seen
  hear(seen: Seen, channel: string, options?: Partial<SubscriptionOptions>): Heard
  subscribe(seen: Seen, channel: string, options?: Partial<SubscriptionOptions>): Promise<Heard>
  until(what: string, condition: () => unknown): Promise<void>
  numbers(from: number, to: number): number[]
}

export function install(): void {
  const scope = window as unknown as { kit: Kit; address: string; ask(what: string, args: unknown[]): Promise<unknown> }
  const seen = (options: Partial<Options>, address = scope.address): Seen => {
    const client = new Centrifuge(address, { minReconnectDelay: 20, maxReconnectDelay: 100, timeout: 15_000, ...options })
    const all: Seen = { client, connects: [], drops: [], ends: [], errors: [], personal: [] }
    client.on('connected', (context) => all.connects.push(context.client))
    client.on('connecting', ({ code }) => code !== 0 && all.drops.push(code))
    client.on('disconnected', ({ code }) => all.ends.push(code))
    client.on('error', ({ error }) => all.errors.push(error.code))
    client.on('publication', ({ data }) => all.personal.push(data))
    return all
  }
  const hear = ({ client }: Seen, channel: string, options: Partial<SubscriptionOptions> = {}): Heard => {
    const sub = client.newSubscription(channel, { minResubscribeDelay: 20, ...options })
    const all: Heard = { sub, data: [], joins: [], leaves: [], recovered: [], drops: [], ends: [] }
    sub.on('publication', ({ data }) => all.data.push(data))
    sub.on('join', ({ info }) => all.joins.push(info))
    sub.on('leave', ({ info }) => all.leaves.push(info))
    sub.on('subscribed', ({ recovered }) => all.recovered.push(recovered))
    sub.on('subscribing', ({ code }) => code !== 0 && all.drops.push(code))
    sub.on('unsubscribed', ({ code }) => all.ends.push(code))
    sub.subscribe()
    return all
  }
  scope.kit = {
    ask: (what, ...args) => scope.ask(what, args),
    seen,
    async connect(options, address) {
      const all = seen(options, address)
      all.client.connect()
      await all.client.ready(15_000)
      return all
    },
    hear,
    async subscribe(of, channel, options) {
      const all = hear(of, channel, options)
      await all.sub.ready(15_000)
      return all
    },
    async until(what, condition) {
      const end = performance.now() + 20_000
      while (!(await condition())) {
        if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    numbers: (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i),
  }
}
