// How many came by the user's link: one notification each, which the application's worker sends (worker.mjs).
import type { Gatecast } from 'gatecast'

const kPage = 200

/** Calls `show` with the number now, and whenever it changes, in this and every other open tab. */
export function watchReferrals(gatecast: Gatecast, show: (count: number) => void): () => void {
  const seen = new Set<string>()
  const load = async () => {
    for (let after: string | undefined; ; ) {
      const page = await gatecast.notifications.list({ limit: kPage, ...(after === undefined ? {} : { after }) })
      for (const { id, kind } of page.notifications) if (kind === 'referral') seen.add(id)
      if (page.next === null) break
      after = page.next
    }
    show(seen.size)
  }
  const undo = gatecast.notifications.on((change) => {
    if (change.type === 'stale') void load()
    if (change.type !== 'added' || change.notification.kind !== 'referral') return
    seen.add(change.notification.id)
    show(seen.size)
  })
  void load()
  return undo
}
