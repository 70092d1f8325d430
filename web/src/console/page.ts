// What every view is given: the API, who is asking, and the ways to act, to ask first, and to say what came of it.
import type { Api, Me } from './api.ts'
import { element, fill, h, type Child } from './dom.ts'
import { Refusal } from '../refusal.ts'

export type Undo = () => void

export interface View {
  path: string
  title: string
  /** Fills `root`; what it started ends with the signal. `argument` is what follows the path. */
  open(root: HTMLElement, desk: Desk, argument: string): void
}

export interface Act {
  method: string
  params: unknown
  label: string
  /** What a screen reader says instead, where the label alone does not name the object. */
  about?: string
  question: string
  consequence: string
  done(result: any): string
  after?(): void
}

/** A view's desk: lasts as long as the view is open. */
export class Desk {
  readonly api: Api
  readonly me: Me
  readonly signal: AbortSignal

  constructor(api: Api, me: Me, signal: AbortSignal) {
    this.api = api
    this.me = me
    this.signal = signal
  }

  may = (method: string) => this.me.methods.includes(method)

  call<Result>(method: string, params: unknown = {}): Promise<Result> {
    return this.api.call<Result>(method, params, this.signal)
  }

  /**
   * Runs `look` now and again `seconds` after each end, but not while the tab is hidden or `held` says so. What it gives
   * looks at once, whatever `held` says; where a look is under way it may have asked for something else, so one follows.
   */
  every(seconds: number, look: () => Promise<void>, held: () => boolean = () => false): () => void {
    let timer = 0
    let running = false
    let again = false
    const run = async (asked: boolean) => {
      clearTimeout(timer)
      if (this.signal.aborted) return
      if (running) {
        again ||= asked
        return
      }
      running = true
      if (asked || (!document.hidden && !held())) await look()
      while (again && !this.signal.aborted) {
        again = false
        await look()
      }
      running = false
      if (!this.signal.aborted) timer = window.setTimeout(() => void run(false), seconds * 1000)
    }
    const wake = () => !document.hidden && void run(false)
    document.addEventListener('visibilitychange', wake, { signal: this.signal })
    this.signal.addEventListener('abort', () => clearTimeout(timer))
    void run(true)
    return () => void run(true)
  }

  /** What `work` throws is shown in `place`; true where it went well. */
  async attempt(place: HTMLElement, work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      place.hidden = true
      return true
    } catch (error) {
      if (!this.signal.aborted) trouble(place, error)
      return false
    }
  }

  /** A button for a method with an effect: asks first, and is off, with the reason, where the role forbids it. */
  act(act: Act): HTMLElement {
    const allowed = this.may(act.method)
    const button = h('button', {
      class: 'quiet danger small',
      'data-testid': `act-${act.method}`,
      'aria-label': act.about && `${act.label}: ${act.about}`,
      disabled: !allowed,
      title: allowed ? undefined : `Your role is ${this.me.role}: it may look only.`,
    }, act.label)
    button.addEventListener('click', async () => {
      if (!(await confirmed(act.question, act.consequence, act.label))) return
      button.disabled = true
      try {
        notice(act.done(await this.api.call(act.method, act.params)), 'good')
        act.after?.()
      } catch (error) {
        notice(sentence(error), 'bad')
      }
      button.disabled = false
    })
    return button
  }
}

function sentence(error: unknown): string {
  if (!(error instanceof Refusal)) return error instanceof Error ? error.message : String(error)
  const { code, message, cure } = error.explanation
  return `${code}: ${message}. ${cure}`
}

export function trouble(place: HTMLElement, error: unknown): void {
  const known = error instanceof Refusal ? error : null
  fill(
    place,
    h('strong', {}, known ? known.explanation.message : 'Something went wrong'),
    h('span', {}, ` ${known ? known.explanation.cure : sentence(error)}`),
    known && h('code', { class: 'small' }, ` ${known.explanation.code}${known.requestId ? `, request ${known.requestId}` : ''}`),
  )
  place.hidden = false
}

/** The place of a view's refusals. */
export const troublePlace = () => h('p', { class: 'trouble', role: 'alert', 'data-testid': 'trouble', hidden: true })

let noticeTimer = 0
export function notice(text: string, kind: 'good' | 'bad'): void {
  const place = element('notice')
  place.textContent = text
  place.dataset['kind'] = kind
  place.hidden = false
  clearTimeout(noticeTimer)
  noticeTimer = window.setTimeout(() => (place.hidden = true), 8000)
}

export function confirmed(title: string, text: string, label: string): Promise<boolean> {
  const dialog = element<HTMLDialogElement>('confirm')
  element('confirm-title').textContent = title
  element('confirm-text').textContent = text
  const yes = element<HTMLButtonElement>('confirm-yes')
  yes.textContent = label
  return new Promise((resolve) => {
    const ended = new AbortController()
    const end = (answer: boolean) => {
      ended.abort()
      dialog.close()
      resolve(answer)
    }
    yes.addEventListener('click', () => end(true), ended)
    element('confirm-no').addEventListener('click', () => end(false), ended)
    dialog.addEventListener('cancel', () => end(false), ended)
    dialog.showModal()
    // What does nothing has the focus first.
    element('confirm-no').focus()
  })
}

export function copyable(text: string, shown: Child): HTMLElement {
  const button = h('button', { class: 'plain', title: `Copy ${text}`, 'aria-label': `Copy ${text}` }, shown)
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text).then(
      () => notice('Copied.', 'good'),
      () => notice('The browser did not allow it to be copied.', 'bad'),
    )
  })
  return button
}
