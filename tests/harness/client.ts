// The official client for JavaScript with everything it reports kept, and subscriptions likewise.
import assert from 'node:assert/strict'
import {
  Centrifuge,
  type ClientInfo,
  type Options,
  type PublicationContext,
  type ServerSubscribedContext,
  type Subscription,
  type SubscriptionOptions,
} from 'centrifuge'
import WebSocket from 'ws'
import { api } from './api.ts'
import { onEnd, type Scope } from './scope.ts'
import { type Server } from './server.ts'
import { until, within } from './until.ts'

export interface Ended {
  code: number
  reason: string
}

/** Reconnects at once, has patience with a busy machine, and is disconnected with its test. */
export class Client {
  readonly centrifuge: Centrifuge
  readonly sockets: WebSocket[] = []
  /** Client ids, one for each time it connected. */
  readonly connects: string[] = []
  readonly ends: Ended[] = []
  /** Why it connects again; the first time is not among them. */
  readonly drops: Ended[] = []
  readonly errors: { type: string; code: number }[] = []
  /** Of subscriptions that the server makes. */
  readonly got: PublicationContext[] = []
  readonly subscribed: ServerSubscribedContext[] = []
  readonly unsubscribed: string[] = []
  readonly joins: { channel: string; info: ClientInfo }[] = []
  readonly leaves: { channel: string; info: ClientInfo }[] = []

  constructor(scope: Scope, address: string, options: Partial<Options>) {
    const sockets = this.sockets
    const base: typeof WebSocket = options.websocket ?? WebSocket
    class Kept extends base {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args)
        sockets.push(this)
      }
    }
    const eager = { minReconnectDelay: 20, maxReconnectDelay: 100, timeout: 15_000 }
    this.centrifuge = new Centrifuge(address, { ...eager, ...options, websocket: Kept })
    this.centrifuge.on('connected', ({ client }) => this.connects.push(client))
    this.centrifuge.on('disconnected', ({ code, reason }) => this.ends.push({ code, reason }))
    this.centrifuge.on('connecting', ({ code, reason }) => code !== 0 && this.drops.push({ code, reason }))
    this.centrifuge.on('error', ({ type, error }) => this.errors.push({ type, code: error.code }))
    this.centrifuge.on('publication', (context) => this.got.push(context))
    this.centrifuge.on('subscribed', (context) => this.subscribed.push(context))
    this.centrifuge.on('unsubscribed', ({ channel }) => this.unsubscribed.push(channel))
    this.centrifuge.on('join', ({ channel, info }) => this.joins.push({ channel, info }))
    this.centrifuge.on('leave', ({ channel, info }) => this.leaves.push({ channel, info }))
    onEnd(scope, () => this.centrifuge.disconnect())
  }

  async connect(): Promise<this> {
    this.centrifuge.connect()
    await within('the client to connect', this.centrifuge.ready())
    return this
  }

  /** The id of the connection it has. */
  get id(): string {
    return this.connects.at(-1) ?? ''
  }

  async end(): Promise<Ended> {
    return until('the client to be disconnected', () => this.ends[0])
  }

  /** Until it has connected that many times. */
  async connected(times: number): Promise<void> {
    await until(`${times} connections`, () => this.connects.length >= times)
  }

  /** The connection breaks off as a lost network would. */
  cut(): void {
    this.sockets.at(-1)!.terminate()
  }

  subscription(channel: string, options: Partial<SubscriptionOptions> = {}): Watched {
    return new Watched(this.centrifuge.newSubscription(channel, { minResubscribeDelay: 20, maxResubscribeDelay: 100, ...options }))
  }
}

export interface State {
  recovered: boolean
  wasRecovering: boolean
  positioned: boolean
  recoverable: boolean
}

/** A subscription of a client, with its events. */
export class Watched {
  readonly subscription: Subscription
  readonly publications: PublicationContext[] = []
  readonly joins: ClientInfo[] = []
  readonly leaves: ClientInfo[] = []
  readonly states: State[] = []
  /** Why it subscribes again; the first time is not among them. */
  readonly drops: Ended[] = []
  readonly ends: Ended[] = []
  readonly errors: { type: string; code: number }[] = []

  constructor(subscription: Subscription) {
    this.subscription = subscription
    subscription.on('publication', (context) => this.publications.push(context))
    subscription.on('join', ({ info }) => this.joins.push(info))
    subscription.on('leave', ({ info }) => this.leaves.push(info))
    subscription.on('subscribed', ({ recovered, wasRecovering, positioned, recoverable }) =>
      this.states.push({ recovered, wasRecovering, positioned, recoverable }),
    )
    subscription.on('subscribing', ({ code, reason }) => code !== 0 && this.drops.push({ code, reason }))
    subscription.on('unsubscribed', ({ code, reason }) => this.ends.push({ code, reason }))
    subscription.on('error', ({ type, error }) => this.errors.push({ type, code: error.code }))
  }

  get data(): unknown[] {
    return this.publications.map(({ data }) => data)
  }

  async on(): Promise<this> {
    this.subscription.subscribe()
    await within('the subscription', this.subscription.ready())
    return this
  }

  /** Until it has been subscribed that many times; the newest state. */
  async subscribed(times: number): Promise<State> {
    await until(`${times} subscriptions of ${this.subscription.channel}`, () => this.states.length >= times)
    return this.states.at(-1)!
  }

  async has(count: number): Promise<void> {
    await until(`${count} publications in ${this.subscription.channel}`, () => this.publications.length >= count).catch((error: Error) => {
      throw new Error(`${error.message}; there are ${this.publications.length}`)
    })
  }

  async refused(): Promise<Ended> {
    return until('the refusal', () => this.ends[0])
  }
}

export async function publish(server: Server, channel: string, data: unknown): Promise<{ offset?: number; epoch?: string }> {
  const reply = await api(server, 'publish', { channel, data })
  assert.equal(reply.body.error, undefined, JSON.stringify(reply.body))
  return reply.body.result
}

export async function publishAll(server: Server, channel: string, all: readonly unknown[]): Promise<void> {
  for (const data of all) await publish(server, channel, data)
}

/** `from` to `to`, both included. */
export const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
export const refusedWith = (code: number) => (error: { code: number }) => error.code === code
