// The one connection of a client: the official Centrifuge client, with its tokens from the keeper.
//
// It is wanted from connect(), or the first subscription, until disconnect(); it stands while somebody is signed in.
import { Centrifuge, UnauthorizedError, type PublicationContext } from 'centrifuge'
import { asError, codeOfClose, endsSession, errorOfReply, GatecastError, type ErrorCode } from './errors.ts'
import type { Emitter } from './emitter.ts'
import type { TokenKeeper } from './keeper.ts'
import { type Held, type Tokens } from './tokens.ts'

export type ConnectionState = 'connected' | 'connecting' | 'disconnected'

export interface ConnectionChange {
  state: ConnectionState
  /** Of the close, where the server closed for a reason. */
  error?: GatecastError
}

/** What the server says on the personal channel about the user's own affairs. */
export interface Affair {
  type: string
  [member: string]: unknown
}

export interface RealtimeEvents {
  connection: ConnectionChange
  /** The connect reply's `data.gatecast`. */
  welcome: Record<string, unknown>
  affair: Affair
  /** The personal channel begins here: what was published on it before did not come, or not all of it. */
  gap: null
  /** Of channels that the server subscribed this connection to. */
  message: PublicationContext
}

export interface RealtimeOptions {
  url: string
  WebSocket?: unknown
  keeper: TokenKeeper
  events: Emitter<RealtimeEvents>
  /** Of the connect command's `data.gatecast`. */
  hello: () => Record<string, unknown>
  minReconnectDelay?: number | undefined
  maxReconnectDelay?: number | undefined
}

/** Times in a row that the server may close for the token's sake before the client stays away. */
const kTokenRefusals = 3
const kInvalidToken = 3500

const isPersonal = (channel: string): boolean => channel.startsWith('#')

export class Realtime {
  readonly #options: RealtimeOptions
  #client: Centrifuge | null = null
  #wanted = false
  /** disconnect() was called, so that subscribing alone does not connect. */
  #declined = false
  /** The token that the connection was made with, and its session. */
  #token = ''
  #session = ''
  #refusals = 0
  #refusal: ErrorCode | undefined
  #waiting = false
  #state: ConnectionState = 'disconnected'

  constructor(options: RealtimeOptions) {
    this.#options = options
    const { keeper } = options
    keeper.events.on('signedIn', ({ id }) => {
      this.#refusals = 0
      if (this.#session !== id) this.#client?.disconnect()
      this.#go()
    })
    keeper.events.on('renewed', () => {
      if (this.#refusals === 0) return
      this.#refusals = 0
      this.#go()
    })
    keeper.events.on('signedOut', ({ session }) => {
      if (this.#session === session.id || !keeper.session) this.#client?.disconnect()
    })
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** The library's client, for what this package has no name for. */
  get centrifuge(): Centrifuge {
    return (this.#client ??= this.#make())
  }

  connect(): void {
    this.#declined = false
    this.#refusals = 0
    this.want()
  }

  /** Connects unless the application has said not to. */
  want(): void {
    if (this.#declined) return
    this.#checkWebSocket()
    this.#wanted = true
    this.#go()
  }

  disconnect(): void {
    this.#declined = true
    this.#wanted = false
    this.#client?.disconnect()
  }

  async rpc<Answer>(method: string, data: unknown): Promise<Answer> {
    try {
      return (await this.centrifuge.rpc(method, data)).data as Answer
    } catch (error) {
      throw fromCommand(error)
    }
  }

  /** Tokens by the open connection; null where only HTTP can tell, as of why a session has ended. */
  async renew({ refreshToken, session }: Held): Promise<Tokens | null> {
    if (this.#state !== 'connected' || this.#session !== session || !refreshToken) return null
    try {
      return await this.rpc<Tokens>('gatecast.renew', { refreshToken })
    } catch {
      return null
    }
  }

  close(): void {
    this.#wanted = false
    this.#client?.disconnect()
    this.#client?.removeAllListeners()
    this.#client = null
  }

  #go(): void {
    const { keeper } = this.#options
    if (this.#wanted && keeper.session) this.centrifuge.connect()
    else if (this.#wanted && !this.#waiting) {
      this.#waiting = true
      void keeper.ready.then(() => {
        this.#waiting = false
        if (keeper.session && this.#wanted) this.centrifuge.connect()
      })
    }
  }

  /** Says so where it is asked for, instead of trying for ever. */
  #checkWebSocket(): void {
    if ((this.#options.WebSocket ?? globalThis.WebSocket) === undefined) throw new GatecastError('no_websocket')
  }

  #make(): Centrifuge {
    const { url, keeper, events, hello, minReconnectDelay, maxReconnectDelay } = this.#options
    const client = new Centrifuge(url, {
      websocket: this.#options.WebSocket ?? globalThis.WebSocket,
      name: 'gatecast-js',
      getToken: async () => this.#freshToken(),
      getData: async () => ({ gatecast: hello() }),
      ...(minReconnectDelay === undefined ? {} : { minReconnectDelay }),
      ...(maxReconnectDelay === undefined ? {} : { maxReconnectDelay }),
    })
    client.on('state', ({ newState }) => (this.#state = newState as ConnectionState))
    client.on('connecting', () => {
      // Each connection begins with the newest token instead of the one that was new when the last began.
      client.setToken('')
      events.tell('connection', { state: 'connecting' })
    })
    client.on('connected', ({ data }) => {
      this.#refusals = 0
      const welcome = (data as { gatecast?: unknown } | undefined)?.gatecast
      events.tell('welcome', (welcome ?? {}) as Record<string, unknown>)
      events.tell('connection', { state: 'connected' })
    })
    client.on('disconnected', ({ code, reason }) => this.#ended(code, reason))
    client.on('error', ({ type, error }) => {
      if (this.#state === 'connecting') client.setToken('')
      // A failed renewal was reported by the keeper; below 100 it is the network, which the state tells.
      if (error.code >= 100 && error.code !== 109 && type !== 'connectToken' && type !== 'refreshToken') keeper.report(errorOfReply(error.code, error.message))
    })
    client.on('subscribed', ({ channel, wasRecovering, recovered }) => {
      if (isPersonal(channel) && !(wasRecovering && recovered)) events.tell('gap', null)
    })
    client.on('publication', (context) => {
      const affair = (context.data as { gatecast?: Affair } | null | undefined)?.gatecast
      // Nobody but the server may publish an object with this member.
      if (isPersonal(context.channel) && typeof affair?.type === 'string') events.tell('affair', affair)
      else events.tell('message', context)
    })
    return client
  }

  async #freshToken(): Promise<string> {
    const { keeper } = this.#options
    let token: string
    try {
      const refused = this.#refusals > 0 ? await keeper.instead(this.#token, this.#refusal) : null
      token = refused ?? (await keeper.token())
    } catch (error) {
      const failure = asError(error, 'network')
      if (!keeper.session) throw new UnauthorizedError(failure.message)
      throw failure
    }
    this.#token = token
    this.#session = keeper.session?.id ?? ''
    return token
  }

  #ended(number: number, reason: string): void {
    const { keeper, events } = this.#options
    // Below 3000 stand the library's own codes: it was told to disconnect, or nobody is signed in.
    const code = number < 3000 ? undefined : codeOfClose(number, reason)
    const error = number < 3000 ? undefined : new GatecastError(code ?? 'unexpected_reply', { message: reason })
    const session = this.#session
    events.tell('connection', { state: 'disconnected', ...(error ? { error } : {}) })
    if (!error) {
      if (number === 1) this.#again()
      return
    }
    if (code && number > 4500 && endsSession(code)) return void keeper.end(session, code, reason)
    keeper.report(error)
    if (number !== kInvalidToken && !error.needNewToken) return
    this.#refusal = code
    this.#again()
  }

  /** The token was refused, not the session: with another token it may go. */
  #again(): void {
    this.#refusals += 1
    if (this.#refusals <= kTokenRefusals) queueMicrotask(() => this.#go())
  }
}

/** The library fails with plain objects. */
export function fromCommand(error: unknown): GatecastError {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (error instanceof GatecastError || typeof code !== 'number') return asError(error, 'not_connected')
  return errorOfReply(code, String(message ?? ''))
}

