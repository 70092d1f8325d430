// The doctor's checks of the running server.
import { card, fill, h, heading } from './dom.ts'
import { count } from './format.ts'
import { troublePlace, type View } from './page.ts'
import { verdicts, type Verdict } from './verdicts.ts'

interface Check {
  id: string
  level: Verdict['level']
  seen: string
  cure?: string
}

export const checks: View = {
  path: 'checks',
  title: 'Checks',
  open(root, desk) {
    const failure = troublePlace()
    const outcome = h('div', { 'aria-live': 'polite', 'data-testid': 'checks' })
    const again = h('button', { class: 'quiet', 'data-testid': 'again' }, 'Check again')
    const look = async () => {
      again.disabled = true
      await desk.attempt(failure, async () => {
        const { checks } = await desk.call<{ checks: Check[] }>('checks')
        const of = (level: Check['level']) => checks.filter((check) => check.level === level)
        const [bad, doubtful] = [of('fail').length, of('warn').length]
        const title = bad + doubtful === 0 ? 'All is well.' : `${count(bad, 'fault')}, ${count(doubtful, 'warning')}.`
        // What needs a hand comes first.
        const ordered = [...of('fail'), ...of('warn'), ...of('ok'), ...of('skip')]
        fill(outcome, card(title, verdicts(ordered.map(({ id, level, seen, cure }) => ({ id, level, text: seen, ...(cure ? { cure } : {}) })))))
      })
      again.disabled = false
    }
    again.addEventListener('click', () => void look())
    fill(root, heading('Checks', again), failure, outcome)
    void look()
  },
}
