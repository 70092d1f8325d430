// Buttons with verdicts: each action says what it saw, and where it failed why and what to do.
import { causes } from '../../../sdk/gatecast/src/causes.ts'
import type { Code } from '../../../sdk/gatecast/src/codes.ts'
import { explainName, type Explanation } from '../explain.ts'
import { h } from './dom.ts'
import { note } from './log.ts'
import { Refusal } from '../refusal.ts'

export type Kind = 'good' | 'warn' | 'bad'
export interface Said {
  kind: Kind
  text: string
  more?: string
}

const marks = { good: '✓', warn: '!', bad: '✗', busy: '…' }

export const good = (text: string, more = ''): Said => ({ kind: 'good', text, more })
export const warn = (text: string, more = ''): Said => ({ kind: 'warn', text, more })
export const bad = (text: string, more = ''): Said => ({ kind: 'bad', text, more })

export const causeOf = (code: string) => (code in causes ? causes[code as Code] : '')

export function explained({ code, message, cure }: Explanation, requestId = ''): Said {
  const request = requestId ? `Request ${requestId}.` : ''
  return bad(`${code}: ${message}`, [causeOf(code), cure, request].filter(Boolean).join(' '))
}

/** Something must be done first. */
export const need = (what: string) => new Refusal({ code: 'not yet', message: what, cure: '' })
export const refusedAs = (code: Code, more = '') => new Refusal({ ...explainName(code), message: explainName(code).message + more })

export class Action {
  readonly name: string
  readonly button: HTMLButtonElement
  readonly element: HTMLElement
  readonly #line: HTMLElement
  readonly #run: () => Promise<Said> | Said

  constructor(name: string, label: string, hint: string, run: () => Promise<Said> | Said, quiet = false) {
    this.name = name
    this.#run = run
    this.button = h('button', { id: name, type: 'button', class: quiet ? 'quiet' : '' }, label)
    this.button.setAttribute('aria-describedby', `verdict-${name}`)
    this.#line = h('p', { id: `verdict-${name}`, class: 'verdict', role: 'status', hidden: true })
    this.element = h('div', { class: 'action' }, this.button, h('div', {}, h('p', { class: 'hint' }, hint), this.#line))
    this.button.addEventListener('click', () => void this.run())
  }

  async run(): Promise<Kind> {
    this.#show('busy', 'working')
    this.button.disabled = true
    let said: Said
    try {
      said = await this.#run()
    } catch (error) {
      said = error instanceof Refusal ? explained(error.explanation, error.requestId) : bad(String(error))
    }
    this.button.disabled = false
    this.#show(said.kind, said.text, said.more)
    note('page', `${this.button.textContent}: ${marks[said.kind]} ${said.text}`)
    return said.kind
  }

  #show(kind: Kind | 'busy', text: string, more = ''): void {
    this.#line.hidden = false
    this.#line.dataset['verdict'] = kind
    this.#line.replaceChildren(h('strong', {}, marks[kind]), text)
    if (more) this.#line.append(h('small', {}, more))
  }
}

/** Runs `actions` one after the other; `persistent`: also after one that failed. */
export function allOf(name: string, label: string, hint: string, actions: Action[], persistent = false): Action {
  return new Action(name, label, hint, async () => {
    const failed: string[] = []
    for (const action of actions) {
      if ((await action.run()) !== 'bad') continue
      failed.push(action.button.textContent ?? action.name)
      if (!persistent) return bad(`stopped at “${failed[0]}”`, 'Its own line says why.')
    }
    if (failed.length === 0) return good(`all ${actions.length} steps went well`)
    return bad(`${failed.length} of ${actions.length} say no: ${failed.join(', ')}`)
  })
}
