// The page's elements: one look-up, one verdict line a step.
import type { Explanation } from '../explain.ts'
import { Refusal } from '../refusal.ts'

export function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no element #${id}`)
  return found as Kind
}

export const button = (id: string) => element<HTMLButtonElement>(id)
export const input = (id: string) => element<HTMLInputElement>(id)

export function show(id: string, text: string): void {
  const target = element(id)
  target.textContent = text
  target.hidden = false
}

export type StepName = 'key' | 'signin' | 'connect' | 'messages' | 'logout'
type Verdict = 'good' | 'bad' | 'busy'

const marks: Record<Verdict, string> = { good: '✓', bad: '✗', busy: '…' }

/** Writes the verdict of a step: mark, sentence, and a second line that says what to do. */
export function verdict(step: StepName, kind: Verdict, sentence: string, more = ''): void {
  const section = element(`step-${step}`)
  let line = section.querySelector<HTMLElement>('.verdict')
  if (!line) {
    line = document.createElement('p')
    line.className = 'verdict'
    line.setAttribute('role', 'status')
    line.dataset['testid'] = `verdict-${step}`
    section.append(line)
  }
  line.dataset['verdict'] = kind
  const mark = document.createElement('strong')
  mark.textContent = marks[kind]
  line.replaceChildren(mark, sentence)
  if (more) {
    const small = document.createElement('small')
    small.textContent = more
    line.append(small)
  }
}

export function refused(step: StepName, explanation: Explanation, requestId = ''): void {
  const request = requestId ? ` Request ${requestId}.` : ''
  verdict(step, 'bad', `${explanation.code}: ${explanation.message}`, explanation.cure + request)
}

/** Runs one action of a step and writes what it throws as the step's verdict. */
export async function attempt(step: StepName, action: () => Promise<void> | void): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (error instanceof Refusal) refused(step, error.explanation, error.requestId)
    else verdict(step, 'bad', error instanceof Error ? error.message : String(error))
  }
}
