// The live log of a page: what went out, what came in, what the page did; tokens are masked before they get here.
import { h, section } from './dom.ts'

const kEntriesMax = 400

export type Direction = 'out' | 'in' | 'page'
const marks: Record<Direction, string> = { out: '→', in: '←', page: '·' }

const list = h('ol', { id: 'log', class: 'mono log', role: 'log', 'aria-label': 'Log', tabindex: '0' })

export function note(direction: Direction, text: string): void {
  const time = new Date().toISOString().slice(11, 23)
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
  list.append(h('li', { 'data-direction': direction }, h('time', {}, time), ` ${marks[direction]} ${text}`))
  while (list.children.length > kEntriesMax) list.firstElementChild?.remove()
  if (atEnd) list.scrollTop = list.scrollHeight
}

/** Copies text; where the page is not served securely there is no clipboard, and the text is selected instead. */
export async function copy(text: string, from: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(text)
    return 'copied'
  } catch {
    getSelection()?.selectAllChildren(from)
    return 'selected: press Ctrl+C (a clipboard needs https or localhost)'
  }
}

export function logSection(): HTMLElement {
  const said = h('span', { id: 'log-said', class: 'hint', role: 'status' })
  const copying = h('button', { id: 'log-copy', class: 'quiet', type: 'button' }, 'Copy')
  const clearing = h('button', { id: 'log-clear', class: 'quiet', type: 'button' }, 'Clear')
  copying.addEventListener('click', async () => {
    said.textContent = await copy([...list.children].map((line) => line.textContent).join('\n'), list)
  })
  clearing.addEventListener('click', () => {
    list.replaceChildren()
    said.textContent = 'cleared'
  })
  return section(
    'log',
    'Log',
    'Every request, answer and frame of this page. Tokens, signatures and tickets are masked.',
    h('div', { class: 'row' }, copying, clearing, said),
    list,
  )
}
