// The list of findings about a token: the page's own and the server's, the worst first.
import { h } from './dom.ts'

export interface Finding {
  id: string
  verdict: 'ok' | 'warn' | 'wrong'
  text: string
  cure?: string
}

const order = ['wrong', 'warn', 'ok']
const kinds = { ok: 'good', warn: 'warn', wrong: 'bad' }
const marks = { ok: '✓', warn: '!', wrong: '✗' }

export class Diagnosis {
  readonly element = h('ul', { id: 'diagnosis', class: 'findings', 'aria-live': 'polite', 'aria-label': 'Findings' })
  readonly #of = new Map<string, Finding[]>()

  clear(): void {
    this.#of.clear()
    this.element.replaceChildren()
  }

  /** Replaces what `source` found before. */
  set(source: string, findings: Finding[]): void {
    this.#of.set(source, findings)
    // What several say is listed once, in the words of the last: the doctor knows most.
    const last = new Map([...this.#of.values()].flat().map((finding) => [finding.id, finding]))
    const all = [...last.values()].sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))
    this.element.replaceChildren(...all.map((finding) => {
      const line = h('li', { class: 'verdict', 'data-verdict': kinds[finding.verdict], 'data-finding': finding.id },
        h('strong', {}, marks[finding.verdict]), finding.text)
      line.append(h('small', {}, [finding.cure ?? '', `(${finding.id})`].join(' ').trim()))
      return line
    }))
  }
}
