// The account's sessions, with a button to end each.
import { h, row, table } from './dom.ts'
import { demand } from './http.ts'
import { tab } from './tab.ts'
import { Action, explained, good, need, type Said } from './verdict.ts'
import { Refusal } from '../refusal.ts'

interface Listed {
  id: string
  createdAt: string
  lastSeenAt: string
  how: string
  ip: string
  userAgent: string
  current: boolean
  connected: number
}

export class Sessions {
  readonly list: Action
  readonly region: HTMLElement
  readonly said = h('p', { id: 'session-said', class: 'verdict', role: 'status', hidden: true })
  readonly #rows: HTMLTableSectionElement

  constructor() {
    ;[this.region, this.#rows] = table('sessions', 'Sessions', ['session', 'signed in', 'by', 'from', 'connections', ''])
    this.region.hidden = true
    this.list = new Action('list-sessions', 'List', 'GET /api/v2/auth/sessions: all that stand.', () => this.#load(), true)
  }

  async #load(): Promise<Said> {
    if (!tab.token) throw need('sign in first')
    const { body } = await demand('GET', 'api/v2/auth/sessions', { token: tab.token })
    const sessions = body.sessions as Listed[]
    this.#rows.replaceChildren(...sessions.map((one) => this.#row(one)))
    this.region.hidden = false
    return good(`${sessions.length} sessions`)
  }

  #row(one: Listed): HTMLTableRowElement {
    const end = h('button', { type: 'button', class: 'quiet', 'data-session': one.id, 'aria-label': `End session ${one.id.slice(0, 6)}` }, 'End')
    end.addEventListener('click', () => void this.#end(one, end))
    const name = h('code', {}, `${one.id.slice(0, 6)}…`)
    const made = row(one.current ? h('span', {}, name, ' (this)') : name, one.createdAt, one.how, one.ip, String(one.connected), end)
    made.dataset['current'] = String(one.current)
    return made
  }

  async #end(one: Listed, button: HTMLButtonElement): Promise<void> {
    button.disabled = true
    let said: Said
    try {
      await demand('DELETE', `api/v2/auth/sessions/${one.id}`, { token: tab.token })
      said = good(`session ${one.id.slice(0, 6)}… has ended`)
      button.replaceWith('ended')
    } catch (error) {
      button.disabled = false
      said = explained(error instanceof Refusal ? error.explanation : { code: 'error', message: String(error), cure: '' })
    }
    this.said.hidden = false
    this.said.dataset['verdict'] = said.kind
    this.said.replaceChildren(said.text, h('small', {}, said.more ?? ''))
  }
}
