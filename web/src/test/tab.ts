// The tokens this tab holds, and those it held. Kept in the tab's session storage, so that the test pages share them; gone
// with the tab.
import { decode, generationOf } from './token.ts'

const kKey = 'gatecast.test-pages'
const kPairsMax = 30

export interface Pair {
  token: string
  refreshToken: string | undefined
  /** By which step it came. */
  how: string
  at: number
}

class Tab {
  /** Oldest first; the last one counts. */
  pairs: Pair[] = []
  /** The access token is forgotten, as a page would that lost it. */
  forgotten = false
  readonly #watchers: (() => void)[] = []

  constructor() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(kKey) ?? 'null') as { token: string; refreshToken?: string } | null
      if (kept) this.pairs = [{ token: kept.token, refreshToken: kept.refreshToken, how: 'kept by this tab', at: Date.now() }]
    } catch {
      // Nothing readable is kept.
    }
  }

  get current(): Pair | undefined {
    return this.pairs.at(-1)
  }
  get token(): string | undefined {
    return this.forgotten ? undefined : this.current?.token
  }
  get refreshToken(): string | undefined {
    return this.current?.refreshToken
  }
  get userId(): string | undefined {
    const sub = decode(this.current?.token ?? '')?.claims['sub']
    return typeof sub === 'string' ? sub : undefined
  }
  get sessionId(): string | undefined {
    const sid = decode(this.current?.token ?? '')?.claims['sid']
    return typeof sid === 'string' ? sid : undefined
  }

  adopt(token: string, refreshToken: string | undefined, how: string): void {
    // An older generation never takes a newer one's place: answers may overtake one another.
    const kept = this.current?.refreshToken
    const older = (generationOf(refreshToken) ?? 0) < (generationOf(kept) ?? 0) && sameSession(refreshToken, kept)
    if (older) return
    this.pairs.push({ token, refreshToken, how, at: Date.now() })
    if (this.pairs.length > kPairsMax) this.pairs.shift()
    this.forgotten = false
    this.#changed()
  }

  forgetAccess(): void {
    this.forgotten = true
    this.#changed()
  }

  clear(): void {
    this.pairs = []
    this.forgotten = false
    this.#changed()
  }

  watch(changed: () => void): void {
    this.#watchers.push(changed)
    changed()
  }

  #changed(): void {
    const { current } = this
    if (current) sessionStorage.setItem(kKey, JSON.stringify({ token: current.token, refreshToken: current.refreshToken }))
    else sessionStorage.removeItem(kKey)
    for (const watcher of this.#watchers) watcher()
  }
}

const sameSession = (a: string | undefined, b: string | undefined) => a?.split('.')[2] === b?.split('.')[2]

export const tab = new Tab()
