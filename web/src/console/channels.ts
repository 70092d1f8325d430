// Channels with subscribers; of one: who is there, and what was published last.
import { card, channelLink, facts, field, fill, h, heading, link, userLink } from './dom.ts'
import { columns, type Connection } from './connections.ts'
import { count, number, short } from './format.ts'
import { troublePlace, type Desk, type View } from './page.ts'
import { Table } from './table.ts'
import { Refusal } from '../refusal.ts'

const kPage = 100

type Listed = [string, { num_clients: number }]

function list(root: HTMLElement, desk: Desk): void {
  const pattern = h('input', { 'data-testid': 'pattern', placeholder: 'chat:*', autocomplete: 'off', spellcheck: 'false' })
  const failure = troublePlace()
  const total = h('p', { class: 'soft', 'data-testid': 'total', 'aria-live': 'polite' })
  const more = h('button', { class: 'quiet', 'data-testid': 'more', hidden: true }, 'More')
  let pages = 1
  const table = new Table<Listed>('Channels with subscribers', ([name]) => name, 'No channel with subscribers fits.', [
    { label: 'Channel', cell: ([name]) => channelLink(name) },
    { label: 'Subscribers', number: true, cell: ([, { num_clients }]) => number(num_clients) },
  ])
  const look = desk.every(5, async () => {
    await desk.attempt(failure, async () => {
      const rows: Listed[] = []
      let after = ''
      let all = 0
      for (let page = 0; page < pages; page++) {
        const params = { limit: kPage, ...(pattern.value ? { pattern: pattern.value } : {}), ...(after ? { after } : {}) }
        const answer = await desk.call<{ channels: Record<string, { num_clients: number }>; total: number; next?: string }>('channels', params)
        rows.push(...Object.entries(answer.channels))
        if (page === 0) all = answer.total
        after = answer.next ?? ''
        if (!after) break
      }
      table.show(rows)
      more.hidden = !after
      total.textContent = `${count(all, 'channel')}${rows.length < all ? `, the first ${number(rows.length)} shown` : ''}`
    })
  })
  more.addEventListener('click', () => (pages++, look()))
  const form = h('form', { class: 'filters', role: 'search' }, field('Name or pattern', pattern), h('button', { 'data-testid': 'apply' }, 'Filter'))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    pages = 1
    look()
  })
  fill(root, heading('Channels'), form, failure, total, table.element, more)
}

interface Present {
  user: string
  client: string
}
interface Publication {
  offset: number
  data: unknown
  info?: { user?: string }
}

function one(root: HTMLElement, desk: Desk, channel: string): void {
  const failure = troublePlace()
  const figures = h('div', {})
  const subscribers = new Table<Connection>('Subscribers', (c) => c.client, 'Nobody is subscribed.', columns(desk, () => look()))
  const present = new Table<Present>('Presence', (p) => p.client, 'Nobody is present.', [
    { label: 'User', cell: (p) => userLink(p.user) },
    { label: 'Client', cell: (p) => short(p.client) },
  ])
  const history = new Table<Publication>('Publications', (p) => String(p.offset), 'Nothing is kept.', [
    { label: 'Offset', number: true, cell: (p) => number(p.offset) },
    { label: 'Data', cell: (p) => h('code', { class: 'data' }, JSON.stringify(p.data)) },
    { label: 'From', cell: (p) => (p.info?.user ? userLink(p.info.user) : 'the server API') },
  ])
  const presence = h('div', { 'data-testid': 'presence' }, present.element)
  const kept = h('div', { 'data-testid': 'history' }, history.element)
  /** A namespace without the feature is no trouble: it is said where the list would be. */
  const optional = async (place: HTMLElement, table: HTMLElement, feature: string, ask: () => Promise<void>) => {
    try {
      await ask()
      fill(place, table)
    } catch (error) {
      if (!(error instanceof Refusal) || error.explanation.code !== 'not_available') throw error
      fill(place, h('p', { class: 'empty' }, `The namespace keeps no ${feature}.`))
    }
  }
  const look = desk.every(4, async () => {
    await desk.attempt(failure, async () => {
      const page = await desk.call<{ connections: Connection[]; total: number }>('connections', { channel, limit: 100, with_session: true })
      subscribers.show(page.connections)
      await optional(presence, present.element, 'presence', async () => {
        const answer = await desk.call<{ presence: Record<string, Present> }>('presence', { channel })
        present.show(Object.values(answer.presence))
      })
      let stream: { offset: number; epoch: string } | null = null
      await optional(kept, history.element, 'history', async () => {
        const answer = await desk.call<{ publications: Publication[]; offset: number; epoch: string }>('history', { channel, limit: 20, reverse: true })
        history.show(answer.publications)
        stream = answer
      })
      const at = stream as { offset: number; epoch: string } | null
      fill(figures, facts(['Subscribers', number(page.total)], ['Position', at ? `${number(at.offset)} of epoch ${at.epoch}` : '–']))
    })
  })
  fill(root, heading(channel, link('#/channels', 'All channels')), failure, card('Now', figures), card('Subscribers', subscribers.element),
    card('Presence', presence), card('Last publications', kept))
}

export const channels: View = {
  path: 'channels',
  title: 'Channels',
  open: (root, desk, channel) => (channel ? one(root, desk, channel) : list(root, desk)),
}
