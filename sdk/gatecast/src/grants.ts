// What the user may have: the server's list, kept in step by versions.
//
// Versions of a user rise by one with each change. A push that is not the next one means that something was missed, and the
// whole list is asked for; so does each connection, which gets it only where it is behind.
import { Listeners, type Undo } from './emitter.ts'
import { asError, GatecastError } from './errors.ts'

export interface Grant {
  id: string
  resource: string
  key?: string
  from: string
  /** Absent: for ever. */
  until?: string
  meta: Record<string, unknown>
}

export type GrantChange =
  | { type: 'loaded'; version: number }
  | { type: 'added'; version: number; grant: Grant }
  | { type: 'removed'; version: number; grant: Grant; reason: 'removed' | 'expired' }
  /** A grant began or ran out by the clock, and the server has not said so yet. */
  | { type: 'clock'; version: number }
  /** Nobody is signed in any more. */
  | { type: 'cleared'; version: number }

export interface Snapshot {
  version: number
  grants?: Grant[]
  unchanged?: boolean
  /** The list is too long for a message: HTTP has it. */
  omitted?: boolean
}

interface Options {
  /** By the open connection, else by HTTP. */
  load: (version: number) => Promise<Snapshot>
  /** The server's clock. */
  now: () => number
  /** Somebody listens: a connection is wanted. */
  want: () => void
  signedIn: () => boolean
  /** Resolves when it is known whether somebody is signed in. */
  ready: () => Promise<void>
  report: (error: GatecastError) => void
}

const kUnknown = -1
const kLongestTimerMs = 60_000

export class Grants {
  readonly #options: Options
  readonly #listeners: Listeners<[GrantChange]>
  #byId = new Map<string, Grant>()
  #version = kUnknown
  #list: readonly Grant[] = []
  #flight: Promise<readonly Grant[]> | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Counts sign-ins, so that an answer about the user before is not taken for this one's. */
  #era = 0

  constructor(options: Options) {
    this.#options = options
    this.#listeners = new Listeners((cause) => options.report(new GatecastError('handler_failed', { cause })))
  }

  /** -1 as long as nothing is known. */
  get version(): number {
    return this.#version
  }

  get loaded(): boolean {
    return this.#version !== kUnknown
  }

  /** The same array until something changes. */
  list(): readonly Grant[] {
    return this.#list
  }

  /** Whether the user holds the resource now; false as long as nothing is known. */
  has(resource: string): boolean {
    return this.#list.some((grant) => grant.resource === resource && this.#stands(grant))
  }

  /** Asks the server; parallel calls share one request. */
  load(): Promise<readonly Grant[]> {
    this.#flight ??= this.#load().finally(() => (this.#flight = null))
    return this.#flight
  }

  on(fn: (change: GrantChange) => void): Undo {
    const undo = this.#listeners.add(fn)
    this.#wake()
    return undo
  }

  /** Tells whether the resource is held: once that is known, and whenever it changes. */
  watch(resource: string, fn: (held: boolean) => void): Undo {
    let told: boolean | undefined
    const look = () => {
      if (!this.loaded && this.#options.signedIn()) return
      const held = this.has(resource)
      if (held === told) return
      told = held
      fn(held)
    }
    const undo = this.#listeners.add(look)
    let over = false
    void this.#options.ready().then(() => {
      if (over || told !== undefined) return
      try {
        look()
      } catch (cause) {
        this.#options.report(new GatecastError('handler_failed', { cause }))
      }
    })
    this.#wake()
    return () => {
      over = true
      undo()
    }
  }

  /** Who is signed in has become known. */
  begin(): void {
    if (this.#listeners.size > 0) this.#wake()
  }

  // From the connection.

  welcome(snapshot: unknown): void {
    // What a new connection says is the newest, also where a restored server counts from further back.
    if (!isSnapshot(snapshot)) return
    if (snapshot.omitted && snapshot.version !== this.#version) return this.#reload()
    this.#take(snapshot, true)
  }

  affair(affair: { type: string; version?: unknown; grant?: unknown; reason?: unknown }): void {
    const { version, grant } = affair
    if (typeof version !== 'number' || !isGrant(grant)) return
    // Recovered pushes may be older than the list that came with the connect reply.
    if (version <= this.#version) return
    if (version !== this.#version + 1) return this.#reload()
    this.#version = version
    if (affair.type === 'grant.added') {
      this.#byId.set(grant.id, grant)
      this.#changed({ type: 'added', version, grant })
    } else {
      this.#byId.delete(grant.id)
      this.#changed({ type: 'removed', version, grant, reason: affair.reason === 'expired' ? 'expired' : 'removed' })
    }
  }

  /** Another user, or none. */
  reset(): void {
    this.#era += 1
    this.#flight = null
    this.#byId = new Map()
    this.#version = kUnknown
    this.#changed({ type: 'cleared', version: kUnknown })
    this.begin()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #wake(): void {
    this.#options.want()
    if (!this.loaded && this.#options.signedIn()) this.#reload()
  }

  #reload(): void {
    this.load().catch((error: unknown) => this.#options.report(asError(error, 'network')))
  }

  async #load(): Promise<readonly Grant[]> {
    const era = this.#era
    const snapshot = await this.#options.load(this.#version)
    if (era === this.#era) this.#take(snapshot)
    return this.#list
  }

  #take({ version, grants, unchanged }: Snapshot, certain = false): void {
    if (unchanged || grants === undefined || version === this.#version) return
    // An answer that was overtaken by a push.
    if (version < this.#version && !certain) return
    this.#version = version
    this.#byId = new Map(grants.filter(isGrant).map((grant) => [grant.id, grant]))
    this.#changed({ type: 'loaded', version })
  }

  #changed(change: GrantChange): void {
    this.#list = Object.freeze([...this.#byId.values()])
    this.#arm()
    this.#listeners.tell(change)
  }

  #stands({ from, until }: Grant): boolean {
    const now = this.#options.now()
    // A second of patience: the server's clock is known to the second, and what it gives now is held now.
    return Date.parse(from) <= now + 1000 && (until === undefined || Date.parse(until) > now)
  }

  /** The next moment at which a grant begins or ends, for pages that are not connected then. */
  #arm(): void {
    clearTimeout(this.#timer)
    const now = this.#options.now()
    const moments = this.#list.flatMap(({ from, until }) => [Date.parse(from), until === undefined ? NaN : Date.parse(until)])
    const next = Math.min(...moments.filter((moment) => moment > now))
    if (!Number.isFinite(next)) return
    const wait = next - now
    this.#timer = setTimeout(
      () => {
        if (wait <= kLongestTimerMs) this.#listeners.tell({ type: 'clock', version: this.#version })
        this.#arm()
      },
      Math.min(wait + 5, kLongestTimerMs),
    )
    const timer = this.#timer as { unref?: () => void }
    timer.unref?.()
  }
}

function isGrant(value: unknown): value is Grant {
  const grant = value as Partial<Grant> | null
  return typeof grant?.id === 'string' && typeof grant.resource === 'string' && typeof grant.from === 'string'
}

function isSnapshot(value: unknown): value is Snapshot {
  const snapshot = value as Partial<Snapshot> | null | undefined
  return typeof snapshot?.version === 'number' && (snapshot.unchanged === true || snapshot.omitted === true || Array.isArray(snapshot.grants))
}
