// The tab's token: its state, the time it has left, its claims and what they mean.
import { clocks, inWords, kClockToleranceMs } from './clock.ts'
import { h, row, section, table } from './dom.ts'
import { tab } from './tab.ts'
import { decode, generationOf, meanings, shownValue, timeOf } from './token.ts'

const kTickMs = 1000

export function tokenSection(): HTMLElement {
  const state = h('strong', { id: 'token-state' })
  const left = h('span', { id: 'token-left', role: 'timer', 'aria-live': 'off' })
  const bar = h('progress', { id: 'token-bar', max: '1', value: '0', 'aria-label': 'Part of its life that is left' })
  const clock = h('p', { id: 'token-clock', class: 'hint', role: 'status', hidden: true })
  const refresh = h('dd', { id: 'token-refresh' })
  const [region, rows] = table('claims', 'Claims', ['claim', 'value', 'what it means'])
  const facts = h('dl', {}, h('dt', {}, 'State'), h('dd', {}, state), h('dt', {}, 'Time left'), h('dd', {}, left),
    h('dt', {}, 'Refresh token'), refresh)

  const tick = () => {
    const claims = decode(tab.token ?? '')?.claims
    const [exp, iat] = [timeOf(claims, 'exp'), timeOf(claims, 'iat')]
    const rest = exp === undefined ? undefined : exp - clocks.server()
    const kind = !tab.current ? 'none' : tab.forgotten ? 'forgotten' : rest === undefined ? 'unreadable' : rest > 0 ? 'good' : 'expired'
    state.textContent = kind
    state.dataset['state'] = kind
    left.textContent = rest === undefined ? '–' : rest > 0 ? inWords(rest) : `over since ${inWords(rest)}`
    bar.value = rest === undefined || exp === undefined || iat === undefined ? 0 : Math.max(0, Math.min(1, rest / (exp - iat)))
    const apart = clocks.difference ?? 0
    clock.hidden = Math.abs(apart) <= kClockToleranceMs
    clock.textContent = `This device's clock is ${inWords(apart)} ${apart > 0 ? 'behind' : 'ahead of'} the server's; times here go by the server's.`
  }
  tab.watch(() => {
    const decoded = decode(tab.token ?? '')
    const list = decoded ? [...Object.entries(decoded.header), ...Object.entries(decoded.claims)] : []
    rows.replaceChildren(...list.map(([name, value]) => row(h('code', {}, name), shownValue(name, value), meanings[name] ?? '')))
    region.hidden = list.length === 0
    const generation = generationOf(tab.refreshToken)
    refresh.textContent = generation === undefined ? 'none' : `generation ${generation}`
    tick()
  })
  setInterval(tick, kTickMs)
  return section('token', 'The token', 'What this tab holds, and what it says.', facts, bar, clock, region)
}
