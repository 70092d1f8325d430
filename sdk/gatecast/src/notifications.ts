// The user's notifications: pages of them, and what changes while the page is open, in this tab or another.
import { Listeners, type Undo } from './emitter.ts'
import { asError, GatecastError } from './errors.ts'

export interface Notification {
  id: string
  kind: string
  data: unknown
  createdAt: string
  /** Null while unread. */
  readAt: string | null
}

export interface NotificationPage {
  notifications: Notification[]
  unread: number
  /** The `after` of the next page; null at the end. */
  next: string | null
}

export interface ListOptions {
  after?: string
  limit?: number
  unread?: boolean
}

export type NotificationChange =
  | { type: 'added'; notification: Notification; unread: number }
  | { type: 'read'; ids?: string[]; all?: true; unread: number }
  | { type: 'removed'; ids?: string[]; all?: true; read?: true; unread: number }
  /** The number of unread ones became known or was corrected. */
  | { type: 'unread'; unread: number }
  /** Something was missed while away: what is shown should be listed again. */
  | { type: 'stale'; unread: number }
  /** Nobody is signed in any more. */
  | { type: 'cleared'; unread: number }

interface Options {
  call: <Answer>(method: string, path: string, body?: unknown) => Promise<Answer>
  want: () => void
  signedIn: () => boolean
  report: (error: GatecastError) => void
}

interface Counted {
  unread: number
  /** Rises with each change of the inbox. */
  version?: number
}

const kPath = 'api/user/notifications'

export class Notifications {
  readonly #options: Options
  readonly #listeners: Listeners<[NotificationChange]>
  #unread: number | null = null
  /** Of the inbox, as of `#unread`: several servers' messages may overtake each other. */
  #version = 0
  /** The id of the newest that is known; undefined as long as none was asked for. */
  #newest: string | null | undefined

  constructor(options: Options) {
    this.#options = options
    this.#listeners = new Listeners((cause) => options.report(new GatecastError('handler_failed', { cause })))
  }

  /** Null as long as it is not known: it comes with the first list, or listener. */
  get unread(): number | null {
    return this.#unread
  }

  /** The newest first. */
  async list({ after, limit, unread }: ListOptions = {}): Promise<NotificationPage> {
    const query = new URLSearchParams()
    if (after !== undefined) query.set('after', after)
    if (limit !== undefined) query.set('limit', String(limit))
    if (unread !== undefined) query.set('unread', String(unread))
    const text = query.toString()
    const page = await this.#options.call<NotificationPage & Counted>('GET', text ? `${kPath}?${text}` : kPath)
    if (after === undefined && unread === undefined) this.#newest = page.notifications[0]?.id ?? null
    return { notifications: page.notifications, unread: this.#count(page), next: page.next ?? null }
  }

  async markRead(which: readonly string[] | 'all'): Promise<{ changed: number; unread: number }> {
    const done = await this.#options.call<{ changed: number } & Counted>('PATCH', kPath, which === 'all' ? { all: true } : { ids: which })
    return { changed: done.changed, unread: this.#count(done) }
  }

  async remove(which: readonly string[] | 'all' | 'read'): Promise<{ removed: number; unread: number }> {
    const body = typeof which === 'string' ? { [which]: true } : { ids: which }
    const done = await this.#options.call<{ removed: number } & Counted>('DELETE', kPath, body)
    return { removed: done.removed, unread: this.#count(done) }
  }

  on(fn: (change: NotificationChange) => void): Undo {
    const undo = this.#listeners.add(fn)
    this.#options.want()
    if (this.#unread === null && this.#options.signedIn()) this.#recount('unread')
    return undo
  }

  // From the connection.

  affair(affair: Record<string, unknown> & { type: string }): void {
    const said = { unread: affair['unread'], version: affair['version'] }
    const unread = typeof said.unread === 'number' ? this.#newer(said as Counted) : (this.#unread ?? 0)
    const which = {
      ...(Array.isArray(affair['ids']) ? { ids: affair['ids'] as string[] } : {}),
      ...(affair['all'] === true ? { all: true as const } : {}),
    }
    if (affair.type === 'notification.added') {
      this.#newest = (affair['notification'] as Notification).id
      this.#listeners.tell({ type: 'added', notification: affair['notification'] as Notification, unread })
    } else if (affair.type === 'notification.read') {
      this.#listeners.tell({ type: 'read', ...which, unread })
    } else if (affair.type === 'notification.removed') {
      this.#listeners.tell({ type: 'removed', ...which, ...(affair['read'] === true ? { read: true as const } : {}), unread })
    }
  }

  /** Who is signed in has become known. */
  begin(): void {
    if (this.#listeners.size > 0 && this.#unread === null && this.#options.signedIn()) this.#recount('unread')
  }

  /** Pushes may have been lost: asks whether anything is new. */
  stale(): void {
    // After a restore versions begin lower: what is asked for now counts, whatever came before.
    this.#version = 0
    if (this.#listeners.size === 0 || !this.#options.signedIn()) return
    const [newest, unread] = [this.#newest, this.#unread]
    this.list({ limit: 1 }).then(
      (page) => {
        const same = newest === this.#newest && unread === page.unread
        if (!same && newest !== undefined) this.#listeners.tell({ type: 'stale', unread: page.unread })
      },
      (error: unknown) => this.#options.report(asError(error, 'network')),
    )
  }

  reset(): void {
    this.#unread = null
    this.#version = 0
    this.#newest = undefined
    this.#listeners.tell({ type: 'cleared', unread: 0 })
    if (this.#listeners.size > 0 && this.#options.signedIn()) this.#recount('stale')
  }

  close(): void {
    this.#listeners.clear()
  }

  #recount(type: 'unread' | 'stale'): void {
    this.list({ limit: 1 }).then(
      ({ unread }) => type === 'stale' && this.#listeners.tell({ type, unread }),
      (error: unknown) => this.#options.report(asError(error, 'network')),
    )
  }

  /** Takes the count where it is not older than the one that is known; the one that counts from here on. */
  #newer({ unread, version }: Counted): number {
    // A server of before says no version: the last word counts.
    if (typeof version === 'number') {
      if (version < this.#version && this.#unread !== null) return this.#unread
      this.#version = version
    }
    this.#unread = unread
    return unread
  }

  #count(counted: Counted): number {
    const before = this.#unread
    const unread = this.#newer(counted)
    if (unread !== before) this.#listeners.tell({ type: 'unread', unread })
    return unread
  }
}
