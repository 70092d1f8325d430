// One holder at a time among the tabs of an origin: by Web Locks, else by a lease in localStorage, else in this process.
//
// A holder may be frozen by the browser with the lock in its hands, so waiting is bounded and then goes on without: the
// server answers two renewals at once alike, so a lock saves a request and never decides who is right.
import type { TokenStorage } from './storage.ts'

export interface Lock {
  /** `waited`: another held it before, and has most likely done what this one is about to do. */
  run<Value>(work: (waited: boolean) => Promise<Value>): Promise<Value>
}

/** How long another tab's renewal may take before this one no longer waits for it. */
export const kLockWaitMs = 10_000
const kLeaseMs = 8_000
const kSettleMs = 40
const kPollMs = 60
const kBusy = Symbol('busy')

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export function webLock(name: string, locks: LockManager, waitMs = kLockWaitMs): Lock {
  return {
    async run(work) {
      const waiting = new AbortController()
      const timer = setTimeout(() => waiting.abort(), waitMs)
      let begun = false
      const begin = (waited: boolean) => {
        begun = true
        clearTimeout(timer)
        return work(waited)
      }
      try {
        const outcome = await locks.request(name, { ifAvailable: true }, (lock) => (lock === null ? kBusy : begin(false)))
        if (outcome !== kBusy) return outcome
        return await locks.request(name, { signal: waiting.signal }, () => begin(true))
      } catch (error) {
        // Aborted while it waited, or locks are not to be had here (an opaque origin).
        if (begun) throw error
        return await work(true)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

interface Lease {
  owner: string
  until: number
}

function leaseIn(text: string | null): Lease | undefined {
  try {
    const lease = JSON.parse(text ?? 'null') as Partial<Lease> | null
    return typeof lease?.owner === 'string' && typeof lease.until === 'number' ? (lease as Lease) : undefined
  } catch {
    return undefined
  }
}

/** Writes its name, waits a moment, and looks whether it stands: two that write at once both see the later one. */
export function leaseLock(key: string, storage: TokenStorage, waitMs = kLockWaitMs, now: () => number = Date.now): Lock {
  const owner = Math.random().toString(36).slice(2)
  const take = async (): Promise<boolean> => {
    const held = leaseIn(await storage.getItem(key))
    // A lease that ends later than any could was written under another clock.
    if (held && held.owner !== owner && held.until > now() && held.until <= now() + kLeaseMs) return false
    await storage.setItem(key, JSON.stringify({ owner, until: now() + kLeaseMs } satisfies Lease))
    await pause(kSettleMs * (0.5 + Math.random()))
    return leaseIn(await storage.getItem(key))?.owner === owner
  }
  return {
    async run(work) {
      let taken = false
      let waited = 0
      try {
        for (; !(taken = await take()) && waited < waitMs; waited += kPollMs) await pause(kPollMs)
      } catch {
        // Without the storage there is nobody to agree with.
      }
      try {
        return await work(waited > 0)
      } finally {
        try {
          if (taken && leaseIn(await storage.getItem(key))?.owner === owner) await storage.removeItem(key)
        } catch {
          // The lease runs out by itself.
        }
      }
    },
  }
}

export const noLock: Lock = { run: (work) => work(false) }

/** The best there is here. `shared`: other tabs read the same storage. */
export function lockFor(key: string, storage: TokenStorage, shared: boolean): Lock {
  if (!shared) return noLock
  const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
  // navigator.locks is missing on pages without TLS.
  return locks ? webLock(key, locks) : leaseLock(`${key}:lease`, storage)
}
