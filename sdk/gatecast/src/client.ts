// One client of one server: what its parts share, and how they hang together.
import { Auth } from './auth.ts'
import { Channels, type Channel } from './channels.ts'
import { Emitter, type Undo } from './emitter.ts'
import { endsSession, GatecastError } from './errors.ts'
import { NotificationFeed, type FeedOptions } from './feed.ts'
import { Grants, type Snapshot } from './grants.ts'
import { Http, refusalOf } from './http.ts'
import { TokenKeeper, type KeeperEvents } from './keeper.ts'
import { lockFor } from './lock.ts'
import { Notifications } from './notifications.ts'
import { Realtime, type Affair, type ConnectionChange, type ConnectionState, type RealtimeEvents } from './realtime.ts'
import { isLocalStorage, localStorageOr, memoryStorage, type TokenStorage } from './storage.ts'
import type { Held, Tokens } from './tokens.ts'
import { Wallets } from './wallets.ts'
import type { PublicationContext } from 'centrifuge'

export interface ClientOptions {
  /** localStorage where there is one, else memory. */
  storage?: 'local' | 'memory' | TokenStorage
  /** Under which tokens are stored; two applications on one origin with one server need two. */
  storageKey?: string
  realtime?: {
    /** Where it is not the server's own address. */
    websocket?: string
    /** Milliseconds; 500 and 20000. */
    minReconnectDelay?: number
    maxReconnectDelay?: number
  }
  /** Seconds before its end at which a token is renewed. */
  renewBefore?: number
  /** Gets tokens from a back end of the application: at the first need, and where there is no refresh token. Null: nobody
   * is signed in there. */
  tokens?: () => Promise<Tokens | null>
  /** Origins besides the server's and the page's that `fetch` sends the token to. */
  origins?: readonly string[]
  fetch?: typeof fetch
  /** In Node before version 22: that of the package ws. */
  WebSocket?: unknown
  onError?: (error: GatecastError) => void
}

export interface ClientEvents extends KeeperEvents {
  connection: ConnectionChange
  /** What the server says of the user's own affairs and no other part takes, as `session.ended` of another session. */
  affair: Affair
  /** Publications of channels that the server subscribed this connection to, as the personal one. */
  message: PublicationContext
}

/** After this many renewals a call that is refused stays refused. */
const kRetries = 2

export class Gatecast {
  readonly auth: Auth
  readonly wallets: Wallets
  readonly grants: Grants
  readonly notifications: Notifications
  /** Resolves when it is known whether somebody is signed in; with localStorage that is at once. */
  readonly ready: Promise<void>
  readonly #http: Http
  readonly #keeper: TokenKeeper
  readonly #realtime: Realtime
  readonly #channels: Channels
  readonly #events: Emitter<RealtimeEvents>
  readonly #origins: ReadonlySet<string>

  constructor(address: string | URL, options: ClientOptions = {}) {
    const fetcher = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
    const here = typeof window === 'undefined' ? undefined : window.location
    this.#http = new Http(here ? new URL(address, here.href) : address, fetcher)
    this.#origins = new Set([this.#http.base.origin, ...(here ? [here.origin] : []), ...(options.origins ?? []).map((origin) => new URL(origin).origin)])

    const storage = chosenStorage(options.storage)
    const key = options.storageKey ?? `gatecast:${this.#http.base.host}${this.#http.base.pathname}`
    const shared = isLocalStorage(storage) || (typeof options.storage === 'object' && typeof window !== 'undefined')
    const { tokens } = options
    this.#keeper = new TokenKeeper({
      key,
      storage,
      lock: lockFor(key, storage, shared),
      renewBefore: options.renewBefore,
      canRenew: ({ refreshToken }) => refreshToken !== undefined || tokens !== undefined,
      renew: (held) => this.#renew(held, tokens),
    })
    if (options.onError) this.#keeper.events.on('error', options.onError)

    const report = (error: GatecastError) => this.#keeper.report(error)
    this.#events = new Emitter<RealtimeEvents>((cause) => report(new GatecastError('handler_failed', { cause })))
    this.#realtime = new Realtime({
      url: options.realtime?.websocket ?? this.#http.websocketUrl,
      WebSocket: options.WebSocket,
      keeper: this.#keeper,
      events: this.#events,
      hello: () => ({ grants: this.grants.version }),
      minReconnectDelay: options.realtime?.minReconnectDelay,
      maxReconnectDelay: options.realtime?.maxReconnectDelay,
    })
    this.#channels = new Channels(this.#realtime, report)
    const call = <Answer>(method: string, path: string, body?: unknown) => this.#call<Answer>(method, path, body)
    const signedIn = () => this.#keeper.session !== null
    const want = () => this.#realtime.want()
    this.auth = new Auth(this.#keeper, this.#http, call)
    this.wallets = new Wallets(report)
    this.notifications = new Notifications({ call, want, signedIn, report })
    this.grants = new Grants({ load: (version) => this.#loadGrants(version), now: () => this.#keeper.serverNow(), want, signedIn, report, ready: () => this.ready })
    this.#wire()
    this.ready = this.#keeper.ready.then(() => this.#begin(tokens))
  }

  /** The session's and the connection's events. */
  on<Name extends keyof ClientEvents>(name: Name, fn: (event: ClientEvents[Name]) => void): Undo {
    const events = (name in kKeeperEvents ? this.#keeper.events : this.#events) as unknown as Emitter<ClientEvents>
    return events.on(name, fn)
  }

  get connection(): ConnectionState {
    return this.#realtime.state
  }

  connect(): void {
    this.#realtime.connect()
  }

  /** Stays away until connect(), whoever subscribes. */
  disconnect(): void {
    this.#realtime.disconnect()
  }

  channel<Data = unknown>(name: string): Channel<Data> {
    return this.#channels.channel<Data>(name)
  }

  /** A list of notifications that keeps itself in step. */
  feed(options: FeedOptions = {}): NotificationFeed {
    return new NotificationFeed(this.notifications, options, (cause) => this.#keeper.report(new GatecastError('handler_failed', { cause })))
  }

  /** `fetch` with the user's token, to the server, the page's own origin, and those of `origins`. A 401 renews the token and
   * repeats the call, at most twice; a body that is a stream is sent once. */
  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = this.#address(input)
    if (!this.#origins.has(url.origin)) throw new GatecastError('origin_unlisted', { message: `the token is not sent to ${url.origin}` })
    const once = init.body instanceof ReadableStream
    let token = await this.#keeper.token()
    for (let retries = 0; ; retries += 1) {
      // A request's own body can be read once, so each attempt sends a copy.
      const target = input instanceof Request ? input.clone() : url
      const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
      headers.set('Authorization', `Bearer ${token}`)
      const response = await this.#http.fetch(target, { ...init, headers })
      if (response.status !== 401 && response.status !== 403) return response
      const { code } = refusalOf(response, await response.clone().json().catch(() => undefined))
      // Whoever says that the session has ended, our server is asked, which may end it here.
      if (response.status === 403 && !endsSession(code)) return response
      const next = await this.#keeper.instead(token, code).catch(() => null)
      if (next === null || once || response.status === 403 || retries >= kRetries) return response
      token = next
    }
  }

  /** Ends connection, timers and listeners; the session stays. */
  close(): void {
    this.#channels.close()
    this.#realtime.close()
    this.#events.clear()
    this.grants.close()
    this.notifications.close()
    this.wallets.close()
    this.auth.close()
    this.#keeper.close()
  }

  #wire(): void {
    const { grants, notifications } = this
    const keeper = this.#keeper.events
    let user = this.#keeper.session?.user.id
    // Of a storage that answers later.
    void this.#keeper.ready.then(() => (user ??= this.#keeper.session?.user.id))
    keeper.on('signedIn', (session) => {
      if (session.user.id === user) return
      user = session.user.id
      grants.reset()
      notifications.reset()
    })
    keeper.on('signedOut', () => {
      if (this.#keeper.session) return
      user = undefined
      grants.reset()
      notifications.reset()
    })
    this.#events.on('welcome', (welcome) => grants.welcome(welcome['grants']))
    this.#events.on('gap', () => notifications.stale())
    this.#events.on('affair', (affair) => {
      if (affair.type.startsWith('grant.')) {
        grants.affair(affair)
        if (affair.type === 'grant.added') this.#channels.granted()
      } else if (affair.type.startsWith('notification.')) notifications.affair(affair)
    })
  }

  async #begin(tokens: ClientOptions['tokens']): Promise<void> {
    if (this.#keeper.session) {
      this.grants.begin()
      this.notifications.begin()
      return
    }
    if (!tokens) return
    try {
      const got = await tokens()
      if (got && !this.#keeper.session) await this.#keeper.signIn(got)
    } catch (cause) {
      this.#keeper.report(cause instanceof GatecastError ? cause : new GatecastError('network', { cause }))
    }
  }

  async #renew(held: Held, tokens: ClientOptions['tokens']): Promise<Tokens> {
    const { refreshToken } = held
    if (refreshToken) {
      const body = { refreshToken }
      const got = (await this.#realtime.renew(held)) ?? (await this.#http.call<Tokens>('POST', 'api/v2/auth/refresh', { body }))
      if (typeof got.token !== 'string') throw new GatecastError('unexpected_reply')
      return got
    }
    let got: Tokens | null
    try {
      got = (await tokens?.()) ?? null
    } catch (cause) {
      throw cause instanceof GatecastError ? cause : new GatecastError('network', { cause })
    }
    if (!got) throw new GatecastError('signed_out')
    return got
  }

  async #loadGrants(version: number): Promise<Snapshot> {
    if (this.#realtime.state === 'connected') {
      try {
        const snapshot = await this.#realtime.rpc<Snapshot>('gatecast.grants', version < 0 ? {} : { version })
        if (!snapshot.omitted) return snapshot
      } catch {
        // By HTTP then, which also says why.
      }
    }
    return this.#call<Snapshot>('GET', 'api/user/grants')
  }

  /** A call of the server's own API: its refusals are errors. */
  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    let token = await this.#keeper.token()
    for (let retries = 0; ; retries += 1) {
      try {
        return await this.#http.call<Answer>(method, path, { token, body })
      } catch (error) {
        const { status, code, message } = error as GatecastError
        const session = this.#keeper.held
        if (endsSession(code) && session?.token === token) await this.#keeper.end(session.session, code, message)
        if (status !== 401 || retries >= kRetries || !this.#keeper.session) throw error
        const next = await this.#keeper.instead(token, code)
        if (next === null) throw error
        token = next
      }
    }
  }

  #address(input: string | URL | Request): URL {
    if (input instanceof Request) return new URL(input.url)
    return new URL(input, typeof window === 'undefined' ? this.#http.base : window.location.href)
  }
}

const kKeeperEvents = { signedIn: true, signedOut: true, renewed: true, error: true } satisfies Record<keyof KeeperEvents, true>

function chosenStorage(chosen: ClientOptions['storage']): TokenStorage {
  if (typeof chosen === 'object') return chosen
  return chosen === 'memory' ? memoryStorage() : localStorageOr(memoryStorage)
}

/** `address`: of the server, with its base path if it has one; in a page it may be relative. */
export const createClient = (address: string | URL, options: ClientOptions = {}): Gatecast => new Gatecast(address, options)
