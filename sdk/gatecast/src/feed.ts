// A list of notifications that keeps itself in step: pages as they are asked for, changes as they come.
import { Listeners, type Undo } from './emitter.ts'
import { asError, GatecastError } from './errors.ts'
import type { Notification, NotificationChange, Notifications } from './notifications.ts'

export interface FeedState {
  readonly notifications: readonly Notification[]
  /** Null as long as it is not known. */
  readonly unread: number | null
  readonly loading: boolean
  readonly hasMore: boolean
  readonly error: GatecastError | null
}

export interface FeedOptions {
  /** Of a page; 50. */
  limit?: number
  /** Only unread ones. */
  unread?: boolean
}

const kEmpty: FeedState = Object.freeze({ notifications: Object.freeze([]), unread: null, loading: false, hasMore: false, error: null })

export class NotificationFeed {
  readonly #source: Notifications
  readonly #options: FeedOptions
  readonly #listeners: Listeners<[FeedState]>
  #state: FeedState = kEmpty
  #next: string | null = null
  #undo: Undo | null = null
  /** Counts beginnings, so that a page of before is not appended to a list of after. */
  #era = 0

  constructor(source: Notifications, options: FeedOptions = {}, failed: (error: unknown) => void = () => {}) {
    this.#source = source
    this.#options = options
    this.#listeners = new Listeners(failed)
  }

  /** The same object until something changes. */
  get state(): FeedState {
    return this.#state
  }

  /** The first listener begins it, the last one's undo ends it. */
  on(fn: (state: FeedState) => void): Undo {
    const undo = this.#listeners.add(fn)
    if (!this.#undo) {
      this.#undo = this.#source.on((change) => this.#changed(change))
      void this.reload()
    }
    return () => {
      undo()
      if (this.#listeners.size > 0) return
      this.#undo?.()
      this.#undo = null
      this.#era += 1
    }
  }

  reload(): Promise<void> {
    this.#era += 1
    return this.#page(undefined)
  }

  async loadMore(): Promise<void> {
    if (this.#next !== null && !this.#state.loading) await this.#page(this.#next)
  }

  async #page(after: string | undefined): Promise<void> {
    const era = this.#era
    this.#set({ loading: true, error: null })
    try {
      const page = await this.#source.list({ ...this.#options, ...(after === undefined ? {} : { after }) })
      if (era !== this.#era) return
      this.#next = page.next
      const before = after === undefined ? [] : this.#state.notifications
      const known = new Set(before.map(({ id }) => id))
      const notifications = [...before, ...page.notifications.filter(({ id }) => !known.has(id))]
      this.#set({ notifications, unread: page.unread, hasMore: page.next !== null, loading: false })
    } catch (error) {
      const failure = asError(error, 'network')
      if (era === this.#era) this.#set({ loading: false, error: failure.code === 'not_signed_in' ? null : failure })
    }
  }

  #changed(change: NotificationChange): void {
    const { unread } = change
    const all = this.#state.notifications
    const chosen = (ids: string[] | undefined) => new Set(ids)
    if (change.type === 'added') {
      const rest = all.filter(({ id }) => id !== change.notification.id)
      return this.#set({ notifications: [change.notification, ...rest], unread })
    }
    if (change.type === 'read') {
      const ids = chosen(change.ids)
      const readAt = new Date().toISOString()
      const touched = (one: Notification) => one.readAt === null && (change.all === true || ids.has(one.id))
      const notifications = this.#options.unread ? all.filter((one) => !touched(one)) : all.map((one) => (touched(one) ? { ...one, readAt } : one))
      return this.#set({ notifications, unread })
    }
    if (change.type === 'removed') {
      const ids = chosen(change.ids)
      const gone = (one: Notification) => change.all === true || (change.read === true && one.readAt !== null) || ids.has(one.id)
      return this.#set({ notifications: all.filter((one) => !gone(one)), unread })
    }
    if (change.type === 'stale') return void this.reload()
    if (change.type === 'cleared') {
      this.#era += 1
      this.#next = null
      return this.#set(kEmpty)
    }
    this.#set({ unread })
  }

  #set(change: Partial<FeedState>): void {
    this.#state = Object.freeze({ ...this.#state, ...change })
    this.#listeners.tell(this.#state)
  }
}
