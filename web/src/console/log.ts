// The log as it is written.
import { field, fill, h, heading } from './dom.ts'
import { number, time } from './format.ts'
import { troublePlace, type View } from './page.ts'

const kKept = 1000
const kWait = 20
const kLevels = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof kLevels)[number]

interface Line {
  seq: number
  line: { time: string; level: Level; event: string } & Record<string, unknown>
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function row({ line }: Line): HTMLElement {
  const { time: at, level, event, ...fields } = line
  const pairs = Object.entries(fields).flatMap(([name, value]) => [' ', h('span', { class: 'soft' }, `${name}=`), text(value)])
  const shown = time(at)
  shown.textContent = at.slice(11, 23)
  // Here the clock's time is what one looks for.
  shown.removeAttribute('datetime')
  return h('li', { 'data-level': level }, shown, ' ', h('span', { class: 'level' }, level), ' ', h('strong', {}, event), ...pairs)
}

export const log: View = {
  path: 'log',
  title: 'Log',
  open(root, desk) {
    const level = h('select', { 'data-testid': 'level' }, ...kLevels.map((name) => h('option', { value: name, selected: name === 'info' }, `${name} and above`)))
    const filter = h('input', { type: 'search', 'data-testid': 'filter', autocomplete: 'off', spellcheck: 'false' })
    const pause = h('button', { class: 'quiet', type: 'button', 'aria-pressed': 'false', 'data-testid': 'pause' }, 'Pause')
    const clear = h('button', { class: 'quiet', type: 'button', 'data-testid': 'clear' }, 'Clear')
    const failure = troublePlace()
    const state = h('p', { class: 'soft', 'data-testid': 'total', 'aria-live': 'off' }, 'Asking…')
    const list = h('ol', { class: 'log', 'data-testid': 'lines', tabindex: 0, 'aria-label': 'Log lines, the newest last' })
    let lines: Line[] = []
    let after = 0
    let paused = false
    let waiting = 0

    const fits = ({ line }: Line) =>
      kLevels.indexOf(line.level) >= kLevels.indexOf(level.value as Level) && JSON.stringify(line).toLowerCase().includes(filter.value.trim().toLowerCase())
    const say = () => {
      const held = paused ? `, ${number(waiting)} more while paused` : ''
      state.textContent = `${number(list.childElementCount)} of ${number(lines.length)} lines${held}`
    }
    /** Whoever has scrolled up reads; the list stays where it is then. */
    const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 24
    const draw = () => {
      fill(list, ...lines.filter(fits).map(row))
      list.scrollTop = list.scrollHeight
      waiting = 0
      say()
    }
    const add = (fresh: Line[], gap: boolean) => {
      lines = [...lines, ...fresh].slice(-kKept)
      if (paused) {
        waiting += fresh.filter(fits).length
        return say()
      }
      const follow = atEnd()
      if (gap) list.append(h('li', { class: 'soft' }, '… lines between are gone'))
      list.append(...fresh.filter(fits).map(row))
      while (list.childElementCount > kKept) list.firstElementChild?.remove()
      if (follow) list.scrollTop = list.scrollHeight
      say()
    }

    desk.every(0.2, async () => {
      const well = await desk.attempt(failure, async () => {
        const answer = await desk.call<{ lines: Line[]; next: number; gap: boolean }>('log_tail', { after, limit: 500, wait: kWait })
        after = answer.next
        add(answer.lines, answer.gap)
      })
      // A server that is away is asked again, but not five times a second.
      if (!well && !desk.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 2000))
    })
    level.addEventListener('change', draw)
    filter.addEventListener('input', draw)
    clear.addEventListener('click', () => {
      lines = []
      draw()
    })
    pause.addEventListener('click', () => {
      paused = !paused
      pause.setAttribute('aria-pressed', String(paused))
      pause.textContent = paused ? 'Go on' : 'Pause'
      if (!paused) draw()
      else say()
    })
    const form = h('form', { class: 'filters', role: 'search' }, field('Level', level), field('Contains', filter), pause, clear)
    form.addEventListener('submit', (event) => event.preventDefault())
    fill(root, heading('Log'), form, failure, state, list)
  },
}
