// What the tabs of an origin tell each other: that the stored tokens have changed, or a session has ended. The tokens
// themselves only where they could not be stored, since a tab that renews with the ones before would look like a thief.
import type { Code } from './codes.ts'
import { isCode } from './errors.ts'
import { inPage } from './page.ts'
import type { Undo } from './emitter.ts'
import { isEnded, storedIn, type Held } from './tokens.ts'

export type Notice = { type: 'changed' } | { type: 'held'; held: Held } | { type: 'ended'; session: string; code: Code; message: string }

export interface Tabs {
  post(notice: Notice): void
  close(): void
}

function noticeIn(data: unknown): Notice | undefined {
  const notice = data as { type?: unknown; held?: unknown; session?: unknown; code?: unknown; message?: unknown } | null
  if (notice?.type === 'changed') return { type: 'changed' }
  if (notice?.type === 'held') {
    const held = storedIn(JSON.stringify(notice.held ?? null))
    return held && !isEnded(held) ? { type: 'held', held } : undefined
  }
  if (notice?.type === 'ended' && typeof notice.session === 'string' && isCode(notice.code)) {
    return { type: 'ended', session: notice.session, code: notice.code, message: String(notice.message) }
  }
  return undefined
}

/** BroadcastChannel tells at once; `storage` events reach tabs of browsers, and modes, that have none. */
export function openTabs(key: string, heard: (notice: Notice) => void): Tabs {
  if (!inPage()) return { post: () => {}, close: () => {} }
  const undo: Undo[] = []
  let channel: BroadcastChannel | undefined
  try {
    channel = new BroadcastChannel(key)
    channel.onmessage = ({ data }) => {
      const notice = noticeIn(data)
      if (notice) heard(notice)
    }
  } catch {
    channel = undefined
  }
  // `key` is null where the whole storage was cleared.
  const stored = (event: StorageEvent) => (event.key === key || event.key === null) && heard({ type: 'changed' })
  window.addEventListener('storage', stored)
  undo.push(() => window.removeEventListener('storage', stored))
  return {
    post(notice) {
      try {
        channel?.postMessage(notice)
      } catch {
        // Closed under us, as by a page on its way out.
      }
    },
    close() {
      channel?.close()
      for (const step of undo) step()
    },
  }
}

/** Calls `woke` when the page may have slept, or the network is back. */
export function watchWaking(woke: (why: 'online' | 'visible') => void): Undo {
  if (!inPage()) return () => {}
  const online = () => woke('online')
  const visible = () => document.visibilityState === 'visible' && woke('visible')
  window.addEventListener('online', online)
  window.addEventListener('pageshow', visible)
  document.addEventListener('visibilitychange', visible)
  document.addEventListener('resume', visible)
  return () => {
    window.removeEventListener('online', online)
    window.removeEventListener('pageshow', visible)
    document.removeEventListener('visibilitychange', visible)
    document.removeEventListener('resume', visible)
  }
}
