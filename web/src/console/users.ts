// Users: found by id, wallet or Telegram number, or paged through; of one: all that the server knows.
import { auditTable, type AuditRow } from './audit.ts'
import { columns, endSession, type Connection } from './connections.ts'
import { badge, card, facts, field, fill, h, heading, link, route, userLink, type Child } from './dom.ts'
import { number, short, time } from './format.ts'
import { copyable, troublePlace, type Desk, type View } from './page.ts'
import { Table } from './table.ts'
import { Refusal } from '../refusal.ts'

interface Identity {
  kind: string
  subject: string
  createdAt?: string
}

export interface User {
  id: string
  nickname: string
  isCreator: boolean
  isVerified: boolean
  blocked: boolean
  ref_code: string
  referrer?: string
  claims: Record<string, unknown>
  createdAt?: string
  identities: Identity[]
}

export interface Session {
  id: string
  createdAt: string
  lastSeenAt: string
  expiresAt: string
  how: string
  ip: string
  userAgent: string
  connected: number
}

interface Grant {
  id: string
  resource: string
  key?: string
  from: string
  until?: string
  meta: unknown
}

const kPage = 100

const marks = (user: User): Child => {
  const all: [boolean, HTMLElement][] = [
    [user.blocked, badge('blocked', 'bad')],
    [user.isCreator, badge('creator')],
    [user.isVerified, badge('verified')],
  ]
  const given = all.filter(([is]) => is).map(([, shown]) => shown)
  return given.length > 0 ? h('span', { class: 'row' }, ...given) : '–'
}

function list(root: HTMLElement, desk: Desk): void {
  const search = h('input', { 'data-testid': 'search', placeholder: 'id, wallet address or Telegram number', autocomplete: 'off', spellcheck: 'false' })
  const failure = troublePlace()
  const more = h('button', { class: 'quiet', 'data-testid': 'more', hidden: true }, 'More')
  const table = new Table<User>('Users', (user) => user.id, 'There is no user behind that place in the list.', [
    { label: 'User', cell: (user) => userLink(user.id) },
    { label: 'Nickname', cell: (user) => user.nickname || '–' },
    { label: 'Identities', cell: (user) => h('span', { class: 'lines' }, ...user.identities.map((one) => h('span', {}, `${one.kind} `, short(one.subject)))) },
    { label: 'Marks', cell: marks },
  ])
  let users: User[] = []
  const load = (after: string) =>
    desk.attempt(failure, async () => {
      const answer = await desk.call<{ users: User[]; next?: string }>('user_list', { limit: kPage, ...(after ? { after } : {}) })
      users = after && users.length > 0 ? [...users, ...answer.users] : answer.users
      table.show(users)
      more.hidden = !answer.next
    })
  more.addEventListener('click', () => void load(users.at(-1)?.id ?? ''))

  const find = async (text: string) => {
    for (const params of [{ user: text }, { subject: text }]) {
      try {
        const { user } = await desk.call<{ user: User }>('user_get', params)
        location.hash = route('users', user.id)
        return
      } catch (error) {
        if (!(error instanceof Refusal) || error.explanation.code !== 'user_unknown') throw error
      }
    }
    users = []
    more.hidden = true
    table.show([])
    failure.hidden = false
    fill(failure, h('strong', {}, 'No such user.'), ' Nobody has this id, wallet or Telegram number. An empty search lists all.')
  }
  const form = h('form', { class: 'filters', role: 'search' }, field('Find a user', search), h('button', { 'data-testid': 'apply' }, 'Find'))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    failure.hidden = true
    const text = search.value.trim()
    if (!text) return void load('')
    find(text).catch((error: unknown) => desk.attempt(failure, () => Promise.reject(error)))
  })
  fill(root, heading('Users'), form, failure, table.element, more)
  void load('')
}

/** A part of the page that another part's refusal does not take away. */
function part(title: string, ...children: Child[]): { element: HTMLElement; failure: HTMLElement } {
  const failure = troublePlace()
  return { element: card(title, failure, ...children), failure }
}

function one(root: HTMLElement, desk: Desk, id: string): void {
  const about = h('div', {})
  const acts = h('span', { class: 'row' })
  const unread = h('span', { 'data-testid': 'unread' }, '–')
  const identities = new Table<Identity>('Identities', (one) => `${one.kind} ${one.subject}`, 'The user has none: the application signs it in.', [
    { label: 'Kind', cell: (one) => one.kind },
    { label: 'Subject', cell: (one) => copyable(one.subject, h('code', {}, one.subject)), fixed: true },
    { label: 'Since', cell: (one) => time(one.createdAt) },
  ])
  const sessions = new Table<Session>('Sessions', (session) => session.id, 'No session is open.', sessionColumns(desk, id, () => look()))
  const open = new Table<Connection>('Connections', (c) => c.client, 'Not connected.', columns(desk, () => look(), { user: false }))
  const grants = new Table<Grant>('Grants', (grant) => grant.id, 'The user holds none.', [
    { label: 'Resource', cell: (grant) => h('code', {}, grant.resource) },
    { label: 'Key', cell: (grant) => grant.key || '–' },
    { label: 'From', cell: (grant) => time(grant.from) },
    { label: 'Until', cell: (grant) => (grant.until ? time(grant.until) : 'for ever') },
    { label: 'Do', fixed: true, cell: (grant) =>
      desk.act({
        method: 'grant_remove',
        params: { user: id, id: grant.id },
        label: 'Remove',
        about: grant.resource,
        question: 'Remove this grant?',
        consequence: `User ${id} loses ${grant.resource} at once, in every open tab.`,
        done: ({ removed }) => (removed > 0 ? 'The grant was removed.' : 'The grant was gone before.'),
        after: () => look(),
      }) },
  ])
  const history = auditTable('The user has left no trace.', false)
  const parts = {
    user: part('User', about),
    identities: part('Identities', identities.element),
    sessions: part('Sessions', sessions.element),
    connections: part('Connections', open.element),
    grants: part('Grants', grants.element),
    audit: part('What happened', history.element, h('p', {}, link(route('audit', id), 'All of it'))),
  }

  let drawn = ''
  const draw = (user: User) => {
    // Built anew only where something changed: a button must not be exchanged under the pointer.
    const text = JSON.stringify(user)
    if (text === drawn) return
    drawn = text
    fill(about, facts(['Id', copyable(user.id, h('code', {}, user.id))], ['Nickname', user.nickname || '–'], ['Marks', marks(user)],
      ['Since', time(user.createdAt)], ['Referral code', user.ref_code || '–'], ['Referred by', user.referrer ? userLink(user.referrer) : '–'],
      ['Unread notifications', unread], ['Claims', h('code', { class: 'data' }, JSON.stringify(user.claims))]))
    fill(acts, blockButton(desk, user, look), desk.act({
      method: 'session_end',
      params: { user: id },
      label: 'End all sessions',
      question: 'End all sessions of this user?',
      consequence: `User ${id} is signed out everywhere; all connections close with 4502. The user may sign in again.`,
      done: ({ ended }) => `Sessions ended: ${ended}.`,
      after: () => look(),
    }))
    identities.show(user.identities)
  }

  const look = desk.every(5, async () => {
    const known = await desk.attempt(parts.user.failure, async () => {
      const { user } = await desk.call<{ user: User }>('user_get', { user: id })
      draw(user)
    })
    if (!known) return
    await Promise.all([
      desk.attempt(parts.sessions.failure, async () => sessions.show((await desk.call<{ sessions: Session[] }>('sessions', { user: id })).sessions)),
      desk.attempt(parts.connections.failure, async () =>
        open.show((await desk.call<{ connections: Connection[] }>('connections', { user: id, limit: 100, with_session: true })).connections)),
      desk.attempt(parts.grants.failure, async () => grants.show((await desk.call<{ grants: Grant[] }>('grants', { user: id })).grants)),
      desk.attempt(parts.audit.failure, async () => history.show((await desk.call<{ rows: AuditRow[] }>('audit', { user: id, limit: 20 })).rows)),
      desk.attempt(parts.user.failure, async () =>
        fill(unread, number((await desk.call<{ unread: number }>('notifications', { user: id, limit: 1 })).unread))),
    ])
  })
  fill(root, heading(id, acts, link('#/users', 'All users')), ...Object.values(parts).map(({ element }) => element))
}

function blockButton(desk: Desk, user: User, after: () => void): HTMLElement {
  const blocked = user.blocked
  return desk.act({
    method: blocked ? 'user_unblock' : 'user_block',
    params: { user: user.id },
    label: blocked ? 'Unblock' : 'Block',
    question: blocked ? 'Unblock this user?' : 'Block this user?',
    consequence: blocked
      ? `User ${user.id} may sign in again.`
      : `User ${user.id} is signed out everywhere, all connections close with 4503, and no sign-in succeeds until you unblock.`,
    done: ({ ended }) => (blocked ? 'The user may sign in again.' : `The user is blocked. Sessions ended: ${ended}.`),
    after,
  })
}

export const sessionColumns = (desk: Desk, user: string, after: () => void) => [
  { label: 'Session', cell: (s: Session) => copyable(s.id, short(s.id)), fixed: true },
  { label: 'Signed in', cell: (s: Session) => h('span', {}, `${s.how}, `, time(s.createdAt)) },
  { label: 'Last seen', cell: (s: Session) => time(s.lastSeenAt) },
  { label: 'Ends', cell: (s: Session) => time(s.expiresAt) },
  { label: 'From', cell: (s: Session) => h('span', { class: 'lines' }, h('span', {}, s.ip), h('span', { class: 'soft small' }, s.userAgent)) },
  { label: 'Connections', number: true, cell: (s: Session) => number(s.connected) },
  { label: 'Do', fixed: true, cell: (s: Session) => endSession(desk, s.id, user, after) },
]

export const users: View = {
  path: 'users',
  title: 'Users',
  open: (root, desk, id) => (id ? one(root, desk, id) : list(root, desk)),
}
