// Keeps the tokens of one session: the only place that stores, renews and forgets them.
//
// Tabs share a storage. One renews at a time (lock.ts) and saves before it uses what it got; the others take it from the
// storage. No answer is not a refusal: only a code that ends a session for good signs out, and then in every tab.
import { Age } from './age.ts'
import { asError, endsRenewal, endsSession, GatecastError, type ErrorCode } from './errors.ts'
import type { Code } from './codes.ts'
import { Emitter, type Undo } from './emitter.ts'
import { backoffMs } from './http.ts'
import type { Lock } from './lock.ts'
import type { TokenStorage } from './storage.ts'
import { openTabs, watchWaking, type Notice, type Tabs } from './tabs.ts'
import { heldOf, isEnded, isNewer, leadOf, sessionOf, storedIn, type Ended, type Held, type Session, type Tokens } from './tokens.ts'

export interface SignedOut {
  reason: Code
  message: string
  session: Session
}

export interface KeeperEvents {
  signedIn: Session
  signedOut: SignedOut
  renewed: Session
  error: GatecastError
}

export interface KeeperOptions {
  key: string
  storage: TokenStorage
  lock: Lock
  /** Asks for new tokens; fails with a GatecastError. */
  renew: (held: Held) => Promise<Tokens>
  /** Whether there is anything to ask with. */
  canRenew: (held: Held) => boolean
  /** Seconds before the end at which a token is renewed, in place of the usual ones. */
  renewBefore?: number | undefined
}

/** Timers of sleeping machines are late and long ones overflow, so none is longer than this. */
const kLongestTimerMs = 60_000
/** A token that is handed out stands at least for this long, or a tenth of its life. */
const kMarginMs = 10_000
/** How long what another tab has stored may take until it is seen here. */
const kSeenMs = 500
const kForceEveryMs = 30_000

export class TokenKeeper {
  readonly events: Emitter<KeeperEvents>
  /** Until the storage was read the first time. */
  readonly ready: Promise<void>
  readonly #options: KeeperOptions
  readonly #tabs: Tabs
  readonly #undo: Undo
  #held: Held | null = null
  #session: Session | null = null
  #age: Age | null = null
  /** Sessions that ended here: what a slow tab or an answer on its way still says of them counts no more. */
  readonly #over = new Map<string, number>()
  #jitter = 0
  #flight: Promise<Held> | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  /** Not before this performance.now(): after a failure, or as the server asked. */
  #blockedUntil = 0
  #askedToWait = false
  #forceNotBefore = 0
  #lastError: GatecastError | null = null
  #closed = false
  #reporting = false

  constructor(options: KeeperOptions) {
    this.#options = options
    this.events = new Emitter<KeeperEvents>((cause) => this.report(new GatecastError('handler_failed', { cause })))
    this.#tabs = openTabs(options.key, (notice) => void this.#heard(notice))
    this.#undo = watchWaking((why) => void this.#woke(why))
    this.ready = this.#load()
  }

  get session(): Session | null {
    return this.#session
  }

  get held(): Held | null {
    return this.#held
  }

  /** The server's clock, as the last token told it. */
  serverNow(): number {
    return this.#age?.serverNow ?? Date.now()
  }

  report(error: GatecastError): void {
    // A listener of errors that throws would be told of its own error for ever.
    if (this.#reporting) return void console.error(error)
    this.#reporting = true
    try {
      this.events.tell('error', error)
    } finally {
      this.#reporting = false
    }
  }

  /** A token that still stands a while; waits for a renewal only where there is none. */
  async token(): Promise<string> {
    await this.ready
    const held = this.#held
    if (!held) throw new GatecastError('not_signed_in')
    if (this.#remainingMs > Math.min(kMarginMs, held.life * 100)) return held.token
    try {
      if (this.#lastError && performance.now() < this.#blockedUntil) throw this.#lastError
      return (await this.#renew()).token
    } catch (error) {
      const now = this.#held
      if (now && this.#remainingMs > 0) return now.token
      throw error
    }
  }

  /** Renews now, unless another tab just has. Waits as the server asked, nothing else holds it back. */
  async refresh(): Promise<string> {
    await this.ready
    if (this.#askedToWait && this.#lastError && performance.now() < this.#blockedUntil) throw this.#lastError
    return (await this.#renew()).token
  }

  /** What to send in place of a token that was refused; null where another one would be refused too. */
  async instead(refused: string, code?: ErrorCode): Promise<string | null> {
    await this.ready
    await this.#takeStored()
    const held = this.#held
    if (!held) return null
    if (held.token !== refused) return this.token()
    if (!this.#options.canRenew(held)) return null
    if ((this.#age?.quietMs ?? 0) > 0 && !this.#mayForce(code)) return null
    return this.refresh()
  }

  /** Whether a renewal may follow so soon on the last one: as after the server's keys were exchanged. Not each time, since a
   * back end whose clock is wrong refuses every token. */
  #mayForce(code: ErrorCode | undefined): boolean {
    if (code === undefined || !(new GatecastError(code).needNewToken || endsSession(code))) return false
    if (performance.now() < this.#forceNotBefore) return false
    this.#forceNotBefore = performance.now() + kForceEveryMs
    return true
  }

  async signIn(tokens: Tokens): Promise<Session> {
    await this.ready
    const before = this.#session
    const held = heldOf(tokens)
    const notice = await this.#save(held)
    if (before && before.user.id !== held.user.id) this.#tellSignedOut(before, 'signed_out', 'another user signed in')
    this.#set(held, true)
    this.#tabs.post(notice)
    this.events.tell('signedIn', this.#session!)
    return this.#session!
  }

  /** The session is over: here, in the storage, in the other tabs. Of another session than the present one: nothing. */
  async end(session: string, code: Code, message: string): Promise<void> {
    if (this.#held?.session !== session) return
    this.#forget(code, message)
    this.#tabs.post({ type: 'ended', session, code, message })
    await this.#saveEnded(session, code, message)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#undo()
    this.#tabs.close()
    this.events.clear()
  }

  // Time.

  get #remainingMs(): number {
    return this.#age?.remainingMs ?? 0
  }

  #dueMs(held: Held): number {
    if (!this.#options.canRenew(held)) return this.#remainingMs
    const lead = leadOf(held.life, this.#options.renewBefore) * 1000
    const due = this.#remainingMs - lead * (1 + this.#jitter)
    return Math.max(due, this.#age?.quietMs ?? 0, this.#blockedUntil - performance.now())
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const held = this.#held
    if (!held || this.#closed) return
    this.#timer = setTimeout(() => void this.#tick(), Math.min(Math.max(this.#dueMs(held), 0), kLongestTimerMs))
    // In Node a waiting timer would keep the program from ending.
    const timer = this.#timer as { unref?: () => void }
    timer.unref?.()
  }

  async #tick(): Promise<void> {
    await this.#takeStored()
    const held = this.#held
    if (!held || this.#closed) return
    if (this.#dueMs(held) > 0) return this.#arm()
    // The flight itself reports, and arms the timer again.
    await this.#renew().catch(() => {})
  }

  async #woke(why: 'online' | 'visible'): Promise<void> {
    if (why === 'online' && !this.#askedToWait) this.#blockedUntil = 0
    await this.#tick()
  }

  // Renewal.

  #renew(): Promise<Held> {
    this.#flight ??= this.#renewLocked().finally(() => {
      this.#flight = null
      this.#arm()
    })
    return this.#flight
  }

  async #renewLocked(): Promise<Held> {
    const before = this.#held
    if (!before) throw new GatecastError('not_signed_in')
    return this.#options.lock.run(async (waited) => {
      await this.#takeStored()
      if (waited) await this.#awaitOther(before)
      const held = this.#held
      if (!held) throw new GatecastError('not_signed_in')
      // Another tab has, while this one waited.
      if (held.token !== before.token && this.#remainingMs > 0) return held
      if (!this.#options.canRenew(held)) return this.#runOut(held)
      let got: Held
      try {
        got = heldOf(await this.#options.renew(held), held)
      } catch (error) {
        return this.#failed(asError(error, 'network'), held)
      }
      this.#failures = 0
      this.#blockedUntil = 0
      this.#askedToWait = false
      this.#lastError = null
      return this.#take(got, held)
    })
  }

  async #runOut(held: Held): Promise<never> {
    if (this.#remainingMs > 0) throw new GatecastError('refresh_missing')
    await this.end(held.session, 'token_expired', 'the token ran out and cannot be renewed')
    throw new GatecastError('token_expired')
  }

  /** A browser tells its tabs of what is stored a moment after the lock is free again, later where the machine is busy. */
  async #awaitOther(before: Held): Promise<void> {
    for (let waited = 0; this.#held?.token === before.token && waited < kSeenMs; waited += kSeenMs / 10) {
      await new Promise((resolve) => setTimeout(resolve, kSeenMs / 10))
      await this.#takeStored()
    }
  }

  /** Saves, then uses, what a renewal gave; unless the session was ended or replaced meanwhile. */
  async #take(got: Held, asked: Held): Promise<Held> {
    await this.#takeStored()
    const now = this.#held
    if (!now) throw new GatecastError('not_signed_in')
    if (now.session !== asked.session || isNewer(now, got)) return now
    const notice = await this.#save(got)
    // A log-out while it was written stands.
    if (this.#held?.session !== asked.session) {
      await this.#saveEnded(asked.session, 'signed_out', 'signed out')
      throw new GatecastError('not_signed_in')
    }
    this.#set(got, true)
    this.#tabs.post(notice)
    this.events.tell('renewed', this.#session!)
    return got
  }

  async #failed(error: GatecastError, asked: Held): Promise<Held> {
    if (endsRenewal(error.code)) {
      await this.#takeStored()
      const now = this.#held
      if (now && now.session === asked.session && now.token !== asked.token) return now
      await this.end(asked.session, error.code, error.message)
      throw error
    }
    this.#failures += 1
    this.#lastError = error
    this.#askedToWait = error.retryAfterMs !== undefined
    this.#blockedUntil = performance.now() + Math.max(error.retryAfterMs ?? 0, backoffMs(this.#failures))
    this.report(error)
    throw error
  }

  // The storage, which the other tabs write too.

  async #stored(): Promise<Held | Ended | null> {
    return storedIn(await this.#options.storage.getItem(this.#options.key))
  }

  #load(): Promise<void> {
    try {
      const item = this.#options.storage.getItem(this.#options.key)
      // A storage that answers at once makes the session known before the first line after createClient.
      if (!(item instanceof Promise)) {
        this.#loaded(item)
        return Promise.resolve()
      }
      return item.then(
        (json) => this.#loaded(json),
        (cause: unknown) => this.report(new GatecastError('storage_failed', { cause })),
      )
    } catch (cause) {
      queueMicrotask(() => this.report(new GatecastError('storage_failed', { cause })))
      return Promise.resolve()
    }
  }

  #loaded(json: string | null): void {
    const stored = storedIn(json)
    if (stored && !isEnded(stored) && !this.#held) this.#set(stored, false)
  }

  /** What to tell the other tabs then. */
  async #save(held: Held): Promise<Notice> {
    try {
      await this.#options.storage.setItem(this.#options.key, JSON.stringify(held))
      return { type: 'changed' }
    } catch (cause) {
      this.report(new GatecastError('storage_failed', { cause }))
      return { type: 'held', held }
    }
  }

  async #saveEnded(session: string, code: Code, message: string): Promise<void> {
    try {
      // Another tab may have signed in again already.
      const stored = await this.#stored()
      if (stored && !isEnded(stored) && stored.session !== session) return
      await this.#options.storage.setItem(this.#options.key, JSON.stringify({ v: 1, ended: session, code, message } satisfies Ended))
    } catch (cause) {
      this.report(new GatecastError('storage_failed', { cause }))
    }
  }

  /** What another tab has stored since. A storage that is empty was cleared or lost, which ends nothing. */
  async #takeStored(): Promise<void> {
    let stored: Held | Ended | null
    try {
      stored = await this.#stored()
    } catch {
      return
    }
    if (stored) this.#takeFrom(stored)
  }

  #takeFrom(stored: Held | Ended): void {
    if (this.#closed) return
    const held = this.#held
    if (isEnded(stored)) {
      if (held?.session === stored.ended) this.#forget(stored.code, stored.message)
      return
    }
    if (stored.receivedAt <= (this.#over.get(stored.session) ?? -Infinity)) return
    if (held && held.session === stored.session) {
      if (!isNewer(stored, held)) return
      this.#set(stored, false)
      this.events.tell('renewed', this.#session!)
      return
    }
    const before = this.#session
    if (before && before.user.id !== stored.user.id) this.#tellSignedOut(before, 'signed_out', 'another user signed in')
    this.#set(stored, false)
    this.events.tell('signedIn', this.#session!)
  }

  async #heard(notice: Notice): Promise<void> {
    if (this.#closed) return
    if (notice.type === 'ended') {
      if (this.#held?.session === notice.session) this.#forget(notice.code, notice.message)
      return
    }
    if (notice.type === 'held') this.#takeFrom(notice.held)
    else await this.#takeStored()
  }

  // What is held.

  #set(held: Held, fresh: boolean): void {
    this.#held = held
    this.#session = sessionOf(held)
    this.#age = new Age(held, fresh)
    this.#jitter = Math.random() * 0.2
    this.#arm()
  }

  #forget(code: Code, message: string): void {
    const session = this.#session
    if (session) this.#over.set(session.id, Date.now())
    clearTimeout(this.#timer)
    this.#held = null
    this.#age = null
    this.#session = null
    this.#failures = 0
    this.#lastError = null
    this.#askedToWait = false
    if (session) this.#tellSignedOut(session, code, message)
  }

  #tellSignedOut(session: Session, reason: Code, message: string): void {
    this.events.tell('signedOut', { reason, message, session })
  }
}
