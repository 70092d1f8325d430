// What the server does now: figures of /stats, rates between two looks at it, and the last minutes as lines.
import type { Shard, Stats } from './api.ts'
import { card, channelLink, facts, fill, h, heading } from './dom.ts'
import { bytes, duration, number, rate, time } from './format.ts'
import { troublePlace, type View } from './page.ts'
import { Sparkline } from './sparkline.ts'
import { Table } from './table.ts'

const kSeconds = 2
const kLooks = 150
const kLooksFirst = 30

interface Figure {
  id: string
  label: string
  unit: string
  /** The figure itself, or the counter whose rise a minute it is. */
  now?: (stats: Stats) => number
  total?: (stats: Stats) => number
}

const figures: Figure[] = [
  { id: 'connections', label: 'Connections', unit: 'open', now: (s) => s.activeConnections },
  { id: 'users', label: 'Users', unit: 'connected', now: (s) => s.users },
  { id: 'subscriptions', label: 'Subscriptions', unit: 'open', now: (s) => s.subscriptions },
  { id: 'in', label: 'Messages in', unit: 'a minute', total: (s) => s.totalMessages },
  { id: 'out', label: 'Messages out', unit: 'a minute', total: (s) => s.messagesSent },
  { id: 'deliveries', label: 'Deliveries', unit: 'a minute', total: (s) => s.deliveries },
  { id: 'connects', label: 'Connects', unit: 'a minute', total: (s) => s.totalConnections },
  { id: 'failures', label: 'Tokens refused', unit: 'a minute', total: (s) => s.authFailures },
  { id: 'refusals', label: 'All refusals', unit: 'a minute', total: (s) => s.errors },
]

class Tile {
  readonly element: HTMLElement
  readonly #figure: Figure
  readonly #value = h('strong', {}, '–')
  readonly #spark: Sparkline
  readonly #values: number[] = []

  constructor(figure: Figure) {
    this.#figure = figure
    this.#spark = new Sparkline(figure.label)
    const value = h('p', { class: 'figure', 'data-testid': `figure-${figure.id}` }, this.#value, ' ', h('span', { class: 'soft' }, figure.unit))
    this.element = h('section', { class: 'card tile' }, h('h2', {}, figure.label), value)
    this.element.append(this.#spark.element)
  }

  take(stats: Stats, before: Stats | null, minutes: number): void {
    const { now, total } = this.#figure
    // A counter that fell is that of a server that was started anew.
    const value = now ? now(stats) : before && minutes > 0 ? Math.max(0, total!(stats) - total!(before)) / minutes : null
    if (value === null) return
    this.#values.push(value)
    if (this.#values.length > kLooks) this.#values.shift()
    this.#value.textContent = rate(value)
    // The first minute is as wide as the tile, then the line gets denser.
    this.#spark.show(this.#values, Math.max(this.#values.length, kLooksFirst))
  }
}

type Pair = [string, number]
const greatest = (record: Record<string, number>, most: number): Pair[] =>
  Object.entries(record).sort(([, a], [, b]) => b - a).slice(0, most)

export const overview: View = {
  path: 'overview',
  title: 'Overview',
  open(root, desk) {
    const tiles = figures.map((figure) => new Tile(figure))
    const failure = troublePlace()
    const server = h('div', {})
    const failures = h('div', {})
    const channels = new Table<Pair>('Channels with the most subscribers', ([name]) => name, 'Nobody is subscribed to anything.', [
      { label: 'Channel', cell: ([name]) => channelLink(name) },
      { label: 'Subscribers', number: true, cell: ([, n]) => number(n) },
    ])
    const commands = new Table<Pair>('Commands of clients since the start', ([name]) => name, 'No client has sent anything.', [
      { label: 'Command', cell: ([name]) => h('code', {}, name) },
      { label: 'Received', number: true, cell: ([, n]) => number(n) },
    ])
    const refusals = new Table<Pair>('Refusals since the start, by code', ([name]) => name, 'Nothing was refused.', [
      { label: 'Code', cell: ([name]) => h('code', {}, name) },
      { label: 'Refused', number: true, cell: ([, n]) => number(n) },
    ])
    const shards = new Table<Shard>('Shards', ({ shard }) => String(shard), 'The server does not say.', [
      { label: 'Shard', cell: ({ shard }) => number(shard) },
      { label: 'Connections', number: true, cell: (s) => number(s.connections) },
      { label: 'Users', number: true, cell: (s) => number(s.users) },
      { label: 'Subscriptions', number: true, cell: (s) => number(s.subscriptions) },
      { label: 'Channels', number: true, cell: (s) => number(s.channels) },
      { label: 'Histories', number: true, cell: (s) => bytes(s.historyBytes) },
      { label: 'Logs', number: true, cell: (s) => bytes(s.logBytes) },
    ])
    fill(root, heading('Overview', h('span', { class: 'soft small' }, `looks every ${kSeconds} s, shows the last ${(kSeconds * kLooks) / 60} min`)), failure,
      h('div', { class: 'tiles' }, ...tiles.map((tile) => tile.element)),
      h('div', { class: 'halves' }, card('Fullest channels', channels.element), card('Commands of clients', commands.element), card('Refusals by code', refusals.element),
        card('Since the start', failures), card('Server', server)), card('Shards', shards.element))

    let before: Stats | null = null
    let at = 0
    desk.every(kSeconds, async () => {
      await desk.attempt(failure, async () => {
        const stats = await desk.api.stats()
        const now = performance.now()
        if (before && before.node !== stats.node) before = null
        for (const tile of tiles) tile.take(stats, before, (now - at) / 60_000)
        before = stats
        at = now
        channels.show(greatest(stats.connectionsByChannel, 10))
        commands.show(greatest(stats.messagesByType, 10))
        refusals.show(greatest(stats.errorsByCode ?? {}, 10))
        shards.show(stats.perShard ?? [])
        fill(failures, facts(
          ['Messages a minute', rate(stats.averageMessagesPerMinute)],
          ['Publications', number(stats.publications)],
          ['Over a rate limit', number(stats.rateLimited)],
          ['Slow clients closed', number(stats.slowConsumers)]))
        fill(server, facts(['Version', stats.version], ['Runs for', duration(stats.uptime)], ['Started', time(stats.startedAt)],
          ['Memory', stats.memory ? bytes(stats.memory.residentBytes) : '–'], ['Node', h('code', {}, stats.node)]))
      })
    })
  },
}
