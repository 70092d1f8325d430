// Connections as they are, and those that closed last.
import { badge, field, fill, h, heading, link, route, userLink } from './dom.ts'
import { ago, bytes, count, number, rate, short, time } from './format.ts'
import { copyable, type Desk, troublePlace, type View } from './page.ts'
import { Table, type Column } from './table.ts'

export interface Connection {
  client: string
  user: string
  session: string
  transport: string
  ip: string
  channels: string[]
  num_channels: number
  queued_bytes: number
  rtt_ms?: number
  bytes_in: number
  bytes_out: number
  messages_in: number
  age_s: number
  compression?: boolean
  session_info?: { how: string; created_at: string; last_seen_at: string; user_agent: string }
}

interface Closed {
  client: string
  user: string
  session: string
  ip: string
  reason: string
  code: number
  closed_at: string
  age_s: number
  bytes_in: number
  bytes_out: number
  messages_in: number
}

interface Page<Row> {
  connections: Row[]
  total: number
}

export const endSession = (desk: Desk, session: string, user: string, after: () => void) =>
  desk.act({
    method: 'session_end',
    params: { session },
    label: 'End session',
    about: session,
    question: 'End this session?',
    consequence: `User ${user || 'nobody'} is signed out of it, and its connections close with 4502. The user may sign in again.`,
    done: ({ ended }) => (ended > 0 ? 'The session has ended.' : 'The session had ended before.'),
    after,
  })

export const disconnect = (desk: Desk, one: { client: string; user: string }, after: () => void) =>
  desk.act({
    method: 'disconnect',
    params: { user: one.user, client: one.client },
    label: 'Disconnect',
    about: one.client,
    question: 'Close this connection?',
    consequence: `The connection ${one.client} of user ${one.user || 'nobody'} closes with 3503. The session goes on: the user may connect again.`,
    done: () => 'The connection was closed.',
    after,
  })

/** The columns that every list of connections has. */
export function columns(desk: Desk, after: () => void, options: { user: boolean } = { user: true }): Column<Connection>[] {
  const all: Column<Connection>[] = [
    { label: 'User', cell: (c) => userLink(c.user) },
    { label: 'Client', cell: (c) => copyable(c.client, short(c.client)), fixed: true },
    { label: 'Address', cell: (c) => h('span', {}, c.ip, ' ', badge(c.transport)) },
    { label: 'Signed in', cell: (c) => (c.session_info ? h('span', {}, `${c.session_info.how}, `, time(c.session_info.created_at)) : '–') },
    { label: 'Channels', number: true, sort: 'channels', cell: (c) => h('span', { title: c.channels.join('\n') }, number(c.num_channels)) },
    { label: 'Waiting', number: true, sort: 'queue', cell: (c) => bytes(c.queued_bytes) },
    { label: 'Ping', number: true, sort: 'rtt', cell: (c) => (c.rtt_ms === undefined ? '–' : `${rate(c.rtt_ms)} ms`) },
    { label: 'In', number: true, sort: 'bytes_in', cell: (c) => bytes(c.bytes_in) },
    { label: 'Out', number: true, sort: 'bytes_out', cell: (c) => bytes(c.bytes_out) },
    { label: 'Since', sort: 'age', cell: (c) => ago(c.age_s), fixed: true },
    { label: 'Do', fixed: true, cell: (c) => h('span', { class: 'row' }, disconnect(desk, c, after), c.session && endSession(desk, c.session, c.user, after)) },
  ]
  return options.user ? all : all.slice(1)
}

const kLimit = 200
const kFilters = ['user', 'channel', 'session', 'client'] as const

export const connections: View = {
  path: 'connections',
  title: 'Connections',
  open(root, desk) {
    let sort = 'age'
    let order: 'asc' | 'desc' = 'desc'
    const inputs = kFilters.map((name) => h('input', { name, 'data-testid': `filter-${name}`, autocomplete: 'off', spellcheck: 'false' }))
    const which = h('select', { 'data-testid': 'which' }, h('option', { value: 'open' }, 'open now'), h('option', { value: 'closed' }, 'closed last'))
    const pause = h('button', { class: 'quiet', 'aria-pressed': 'false', 'data-testid': 'pause' }, 'Pause')
    const total = h('p', { class: 'soft', 'data-testid': 'total', 'aria-live': 'polite' })
    const failure = troublePlace()
    let paused = false

    const open = new Table<Connection>('Open connections', (c) => c.client, 'No connection fits.', columns(desk, () => look()), (column) => {
      order = column === sort && order === 'desc' ? 'asc' : 'desc'
      sort = column
      look()
    })
    const closed = new Table<Closed>('Connections that closed last', (c) => `${c.client} ${c.closed_at}`, 'None that fits is remembered.', [
      { label: 'User', cell: (c) => userLink(c.user) },
      { label: 'Client', cell: (c) => copyable(c.client, short(c.client)), fixed: true },
      { label: 'Address', cell: (c) => c.ip },
      { label: 'Why', cell: (c) => h('span', {}, h('code', {}, c.reason), c.code ? ` ${c.code}` : '') },
      { label: 'Closed', cell: (c) => time(c.closed_at) },
      { label: 'Lasted', number: true, cell: (c) => count(Math.round(c.age_s), 'second') },
      { label: 'In', number: true, cell: (c) => bytes(c.bytes_in) },
      { label: 'Out', number: true, cell: (c) => bytes(c.bytes_out) },
    ])
    const place = h('div', {}, open.element)

    const look = desk.every(3, async () => {
      const filter = Object.fromEntries(inputs.filter((input) => input.value.trim()).map((input) => [input.name, input.value.trim()]))
      await desk.attempt(failure, async () => {
        if (which.value === 'closed') {
          delete filter['channel']
          const page = await desk.call<Page<Closed>>('connections', { ...filter, closed: true, limit: kLimit })
          closed.show(page.connections)
          fill(place, closed.element)
          total.textContent = `${count(page.connections.length, 'connection')} shown`
        } else {
          const page = await desk.call<Page<Connection>>('connections', { ...filter, sort, order, limit: kLimit, with_session: true })
          open.show(page.connections)
          open.sorted(sort, order)
          fill(place, open.element)
          const more = page.total > page.connections.length ? `, the first ${number(page.connections.length)} shown` : ''
          total.textContent = `${count(page.total, 'connection')}${more}`
        }
      })
    }, () => paused)

    pause.addEventListener('click', () => {
      paused = !paused
      pause.setAttribute('aria-pressed', String(paused))
      pause.textContent = paused ? 'Go on' : 'Pause'
      if (!paused) look()
    })
    which.addEventListener('change', look)
    const names = { user: 'User', channel: 'Channel', session: 'Session', client: 'Client' }
    const form = h('form', { class: 'filters', role: 'search' }, ...inputs.map((input, i) => field(names[kFilters[i]!], input)),
      h('button', { 'data-testid': 'apply' }, 'Filter'))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      look()
    })
    fill(root, heading('Connections', field('Which', which), pause), form, failure, total, place,
      h('p', { class: 'soft small' }, 'Sessions of all who are connected: ', link('#/sessions', 'Sessions'), '. What a user did: ', link(route('audit', ''), 'Audit'), '.'))
  },
}
