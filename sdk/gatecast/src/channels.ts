// Channels that the application subscribes to: any number of subscribers share one subscription on the wire.
import {
  type ClientInfo,
  type FilterNode,
  type HistoryOptions,
  type HistoryResult,
  type PresenceResult,
  type PresenceStatsResult,
  type PublicationContext,
  type StreamPosition,
  type SubscribedContext,
  type Subscription,
} from 'centrifuge'
import type { Undo } from './emitter.ts'
import { codeOfUnsubscribe, GatecastError } from './errors.ts'
import { fromCommand, type Realtime } from './realtime.ts'

export interface ChannelHandlers<Data = unknown> {
  publication?: (publication: Publication<Data>) => void
  subscribed?: (context: SubscribedContext) => void
  /** The server ended it, and it does not come back by itself, save where a missing grant is given later. */
  unsubscribed?: (error: GatecastError) => void
  join?: (who: ClientInfo) => void
  leave?: (who: ClientInfo) => void
  error?: (error: GatecastError) => void
}

export interface Publication<Data = unknown> extends Omit<PublicationContext, 'data'> {
  data: Data
}

/** Of the first subscriber; those that join it share them. */
export interface ChannelOptions {
  /** Asks for what was missed while away; where the namespace forces it this is not needed. */
  recover?: boolean
  /** Where to begin, as of a page that was made on the server. */
  since?: StreamPosition
  /** A subscription token, or who gets one. */
  token?: string
  getToken?: (channel: string) => Promise<string>
  /** Comings and goings. */
  joins?: boolean
  /** Only publications whose tags fit. */
  filter?: FilterNode
  delta?: 'fossil'
  data?: unknown
}

export interface Channel<Data = unknown> {
  readonly name: string
  subscribe(handlers: ((data: Data, publication: Publication<Data>) => void) | ChannelHandlers<Data>, options?: ChannelOptions): Undo
  publish(data: Data): Promise<void>
  history(options?: HistoryOptions): Promise<HistoryResult>
  presence(): Promise<PresenceResult>
  presenceStats(): Promise<PresenceStatsResult>
}

interface Shared {
  subscription: Subscription
  handlers: Set<ChannelHandlers>
  latest: SubscribedContext | null
  ended: GatecastError | null
}

export class Channels {
  readonly #realtime: Realtime
  readonly #report: (error: GatecastError) => void
  readonly #shared = new Map<string, Shared>()

  constructor(realtime: Realtime, report: (error: GatecastError) => void) {
    this.#realtime = realtime
    this.#report = report
  }

  channel<Data>(name: string): Channel<Data> {
    const call = async <Answer>(what: () => Promise<Answer>): Promise<Answer> => {
      this.#realtime.want()
      try {
        return await what()
      } catch (error) {
        throw fromCommand(error)
      }
    }
    const client = () => this.#realtime.centrifuge
    return {
      name,
      subscribe: (handlers, options = {}) => this.#subscribe(name, handlers as ChannelHandlers, options),
      publish: (data) => call(async () => void (await client().publish(name, data))),
      history: (options = {}) => call(() => client().history(name, options)),
      presence: () => call(() => client().presence(name)),
      presenceStats: () => call(() => client().presenceStats(name)),
    }
  }

  /** Those that ended for want of a grant ask again. */
  granted(): void {
    for (const shared of this.#shared.values()) {
      if (shared.ended?.code === 'grant_missing') this.#begin(shared)
    }
  }

  close(): void {
    for (const [name, { subscription }] of this.#shared) {
      this.#shared.delete(name)
      this.#drop(subscription)
    }
  }

  #subscribe(name: string, given: ((data: unknown, publication: Publication) => void) | ChannelHandlers, options: ChannelOptions): Undo {
    const handlers: ChannelHandlers =
      typeof given === 'function' ? { publication: (publication) => given(publication.data, publication) } : given
    let shared = this.#shared.get(name)
    const joined = shared !== undefined
    if (!shared) this.#shared.set(name, (shared = this.#make(name, options)))
    const entry = shared
    // An object of its own: the same handlers may subscribe twice, and are taken back one by one.
    const own = { ...handlers }
    entry.handlers.add(own)
    if (!joined || entry.ended) this.#begin(entry)
    else if (entry.latest) {
      const context = entry.latest
      queueMicrotask(() => entry.handlers.has(own) && this.#guard(() => own.subscribed?.(context)))
    }
    this.#realtime.want()
    return () => {
      if (!entry.handlers.delete(own) || entry.handlers.size > 0) return
      // A turn later: React takes effects back and makes them again, and the wire need not know.
      setTimeout(() => {
        if (entry.handlers.size > 0 || this.#shared.get(name) !== entry) return
        this.#shared.delete(name)
        this.#drop(entry.subscription)
      }, 0)
    }
  }

  #begin(shared: Shared): void {
    shared.ended = null
    shared.subscription.subscribe()
  }

  #drop(subscription: Subscription): void {
    subscription.unsubscribe()
    subscription.removeAllListeners()
    this.#realtime.centrifuge.removeSubscription(subscription)
  }

  #make(name: string, { recover, since, token, getToken, joins, filter, delta, data }: ChannelOptions): Shared {
    const subscription = this.#realtime.centrifuge.newSubscription(name, {
      ...(recover === undefined ? {} : { recoverable: recover }),
      ...(since === undefined ? {} : { since }),
      ...(token === undefined ? {} : { token }),
      ...(getToken === undefined ? {} : { getToken: ({ channel }) => getToken(channel) }),
      ...(joins === undefined ? {} : { joinLeave: joins }),
      ...(filter === undefined ? {} : { tagsFilter: filter }),
      ...(delta === undefined ? {} : { delta }),
      ...(data === undefined ? {} : { data }),
    })
    const shared: Shared = { subscription, handlers: new Set(), latest: null, ended: null }
    const tell = (what: (handlers: ChannelHandlers) => void) => {
      for (const handlers of [...shared.handlers]) {
        if (shared.handlers.has(handlers)) this.#guard(() => what(handlers))
      }
    }
    subscription.on('publication', (context) => tell(({ publication }) => publication?.(context)))
    subscription.on('join', ({ info }) => tell(({ join }) => join?.(info)))
    subscription.on('leave', ({ info }) => tell(({ leave }) => leave?.(info)))
    subscription.on('subscribing', () => (shared.latest = null))
    subscription.on('subscribed', (context) => {
      shared.latest = context
      tell(({ subscribed }) => subscribed?.(context))
    })
    subscription.on('error', ({ error }) => tell((handlers) => handlers.error?.(fromCommand(error))))
    subscription.on('unsubscribed', ({ code, reason }) => {
      shared.latest = null
      // 0 is our own doing.
      if (code === 0) return
      const ended = code < 2000 ? fromCommand({ code: code < 100 ? 103 : code, message: reason }) : new GatecastError(codeOfUnsubscribe(code, reason) ?? 'unsubscribed', { message: reason })
      shared.ended = ended
      tell(({ unsubscribed }) => unsubscribed?.(ended))
    })
    return shared
  }

  #guard(call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.#report(new GatecastError('handler_failed', { cause }))
    }
  }
}
