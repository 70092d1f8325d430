// Sessions: of a user, or of everybody who is connected now.
import { type Connection, endSession } from './connections.ts'
import { field, fill, h, heading, userLink } from './dom.ts'
import { count, number, short, time } from './format.ts'
import { copyable, troublePlace, type View } from './page.ts'
import { Table } from './table.ts'
import { sessionColumns, type Session } from './users.ts'

interface Live {
  id: string
  user: string
  connections: number
  address: string
  info: Connection['session_info']
}

/** The sessions of connections, each once. */
function sessionsOf(connections: Connection[]): Live[] {
  const found = new Map<string, Live>()
  for (const { session, user, ip, session_info } of connections) {
    if (!session) continue
    const known = found.get(session)
    if (known) known.connections++
    else found.set(session, { id: session, user, connections: 1, address: ip, info: session_info })
  }
  return [...found.values()]
}

export const sessions: View = {
  path: 'sessions',
  title: 'Sessions',
  open(root, desk) {
    const user = h('input', { 'data-testid': 'filter-user', autocomplete: 'off', spellcheck: 'false' })
    const failure = troublePlace()
    const total = h('p', { class: 'soft', 'data-testid': 'total', 'aria-live': 'polite' })
    const place = h('div', {})
    const live = new Table<Live>('Sessions connected now', (s) => s.id, 'Nobody is connected.', [
      { label: 'Session', cell: (s) => copyable(s.id, short(s.id)), fixed: true },
      { label: 'User', cell: (s) => userLink(s.user) },
      { label: 'Signed in', cell: (s) => (s.info ? h('span', {}, `${s.info.how}, `, time(s.info.created_at)) : 'by another issuer') },
      { label: 'Last seen', cell: (s) => time(s.info?.last_seen_at) },
      { label: 'From', cell: (s) => h('span', { class: 'lines' }, h('span', {}, s.address), h('span', { class: 'soft small' }, s.info?.user_agent)) },
      { label: 'Connections', number: true, cell: (s) => number(s.connections) },
      { label: 'Do', fixed: true, cell: (s) => endSession(desk, s.id, s.user, () => look()) },
    ])
    let of: { user: string; table: Table<Session> } | null = null

    const look = desk.every(4, async () => {
      await desk.attempt(failure, async () => {
        const wanted = user.value.trim()
        if (wanted) {
          if (of?.user !== wanted) {
            of = { user: wanted, table: new Table<Session>(`Sessions of ${wanted}`, (s) => s.id, 'The user has no open session.', sessionColumns(desk, wanted, () => look())) }
          }
          const answer = await desk.call<{ sessions: Session[] }>('sessions', { user: wanted })
          of.table.show(answer.sessions)
          if (of.table.element.parentNode !== place) fill(place, of.table.element)
          total.textContent = `${count(answer.sessions.length, 'session')} of the user`
        } else {
          const answer = await desk.call<{ connections: Connection[]; total: number }>('connections', { limit: 1000, with_session: true })
          const found = sessionsOf(answer.connections)
          live.show(found)
          if (live.element.parentNode !== place) fill(place, live.element)
          const part = answer.total > answer.connections.length ? `, of the ${number(answer.connections.length)} oldest connections` : ''
          total.textContent = `${count(found.length, 'session')} connected now${part}`
        }
      })
    })
    const form = h('form', { class: 'filters', role: 'search' }, field('All sessions of user', user), h('button', { 'data-testid': 'apply' }, 'Show'))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      look()
    })
    fill(root, heading('Sessions'), form, failure, total, place)
  },
}
