// Everything that is wrong with a token, at once. The token is sent to the server and kept nowhere.
import { card, field, fill, h, heading } from './dom.ts'
import { verdicts, type Verdict } from './verdicts.ts'
import { troublePlace, type View } from './page.ts'

interface Finding {
  id: string
  verdict: 'ok' | 'warn' | 'wrong'
  text: string
  cure?: string
}

const levels: Record<Finding['verdict'], Verdict['level']> = { ok: 'ok', warn: 'warn', wrong: 'fail' }

export const doctor: View = {
  path: 'doctor',
  title: 'Token doctor',
  open(root, desk) {
    const token = h('textarea', { rows: 5, 'data-testid': 'token-text', autocomplete: 'off', spellcheck: 'false', required: true })
    const failure = troublePlace()
    const outcome = h('div', { 'aria-live': 'polite', 'data-testid': 'findings' })
    const clear = h('button', { type: 'button', class: 'quiet', 'data-testid': 'clear' }, 'Clear')
    clear.addEventListener('click', () => {
      token.value = ''
      fill(outcome)
      failure.hidden = true
    })
    const form = h('form', {}, field('Access token', token), h('div', { class: 'row' }, h('button', { 'data-testid': 'examine' }, 'Examine'), clear))
    form.addEventListener('submit', async (event) => {
      event.preventDefault()
      fill(outcome)
      await desk.attempt(failure, async () => {
        const { good, findings } = await desk.call<{ good: boolean; findings: Finding[] }>('token_doctor', { token: token.value.trim() })
        const list = findings.map(({ id, verdict, text, cure }) => ({ id, level: levels[verdict], text, ...(cure ? { cure } : {}) }))
        fill(outcome, card(good ? 'The token is good.' : 'The token is refused.', verdicts(list)))
      })
    })
    fill(root, heading('Token doctor'), card('Paste a token', form), failure, outcome)
  },
}
