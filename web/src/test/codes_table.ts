// The registry for people: every code with its cause and its cure, to search in.
import { causes } from '../../../sdk/gatecast/src/causes.ts'
import { codes, type Code, type CodeInfo } from '../../../sdk/gatecast/src/codes.ts'
import { field, h, row, section, table } from './dom.ts'

const all = Object.entries(codes) as [Code, CodeInfo][]

function numbers(info: CodeInfo): string {
  const parts: [string, number][] = [['HTTP', info.http], ['close', info.close], ['reply', info.reply], ['unsubscribe', info.unsub]]
  return parts.filter(([, number]) => number !== 0).map(([what, number]) => `${what} ${number}`).join(', ')
}

function codeRow([code, info]: [Code, CodeInfo]): HTMLTableRowElement {
  return row(h('code', {}, code), numbers(info), `${info.message}. ${causes[code]}`, info.cure)
}

const head = ['code', 'seen as', 'what happened', 'what to do']

export function codesSection(): HTMLElement {
  const [line, input] = field('code-search', 'Code, number or word', { type: 'search' })
  const count = h('p', { id: 'code-count', class: 'hint', role: 'status' })
  const [region, rows] = table('codes', 'Codes', head)
  const show = () => {
    const wanted = input.value.trim().toLowerCase()
    const found = wanted === '' ? [] : all.map((entry) => ({ entry, made: codeRow(entry) }))
      .filter(({ made }) => made.textContent.toLowerCase().includes(wanted))
    rows.replaceChildren(...found.map(({ made }) => made))
    region.hidden = found.length === 0
    count.textContent = wanted === '' ? `${all.length} codes are known.` : `${found.length} of ${all.length} fit.`
  }
  input.addEventListener('input', show)
  show()
  return section('codes', 'What a code means', 'Every refusal of the server has a name; each has one cause and one cure.', line, count, region)
}

export function closeCodes(): HTMLElement {
  const closing = all.filter(([, info]) => info.close !== 0).sort(([, a], [, b]) => a.close - b.close)
  const [region, rows] = table('close-codes', 'Close codes', head)
  rows.append(...closing.map(codeRow))
  return region
}
