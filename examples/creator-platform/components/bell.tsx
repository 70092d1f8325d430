'use client'
import { useNotifications } from 'gatecast/react'

interface Purchase {
  title?: string
}

/** Notifications, alike in all tabs. Opening the list marks them read. */
export function Bell() {
  const { notifications, unread, markRead } = useNotifications({ limit: 10 })
  return (
    <details className="bell" onToggle={({ currentTarget }) => currentTarget.open && unread ? void markRead('all') : undefined}>
      <summary aria-label={`${unread ?? 0} unread notifications`}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 3a6 6 0 0 0-6 6c0 6-2 7-2 8h16c0-1-2-2-2-8a6 6 0 0 0-6-6Zm-2 16a2 2 0 0 0 4 0" />
        </svg>
        {unread ? <b data-testid="unread">{unread}</b> : null}
      </summary>
      <ul>
        {notifications.map(({ id, kind, data, createdAt }) => (
          <li key={id} data-testid="notification">
            {kind === 'purchase' ? `You bought “${(data as Purchase).title}”.` : kind}
            <time dateTime={createdAt}>{createdAt.slice(11, 16)}</time>
          </li>
        ))}
        {notifications.length === 0 && <li className="hint">Nothing yet.</li>}
      </ul>
    </details>
  )
}
