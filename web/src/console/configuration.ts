// Every key of the configuration, its value in force and where it came from.
import { badge, field, fill, h, heading } from './dom.ts'
import { count } from './format.ts'
import { troublePlace, type View } from './page.ts'
import { Table } from './table.ts'

interface Value {
  key: string
  value: string
  from: string
  waits?: string
}

export const configuration: View = {
  path: 'config',
  title: 'Configuration',
  open(root, desk) {
    const filter = h('input', { 'data-testid': 'filter', type: 'search', autocomplete: 'off', spellcheck: 'false' })
    const set = h('input', { type: 'checkbox', id: 'only-set', 'data-testid': 'only-set' })
    const failure = troublePlace()
    const total = h('p', { class: 'soft', 'data-testid': 'total', 'aria-live': 'polite' })
    const table = new Table<Value>('Configuration', (value) => value.key, 'No key fits.', [
      { label: 'Key', cell: ({ key }) => h('code', {}, key) },
      { label: 'Value', cell: ({ value, waits }) =>
        h('span', { class: 'lines' }, h('code', { class: 'data' }, value), waits !== undefined && h('span', {}, badge('waits for a restart', 'warn'), ' ', h('code', {}, waits))) },
      { label: 'From', cell: ({ from }) => h('span', { class: from === 'default' ? 'soft' : undefined }, from) },
    ])
    let values: Value[] = []
    const show = () => {
      const text = filter.value.trim().toLowerCase()
      const fitting = values.filter(({ key, value, from }) => (!set.checked || from !== 'default') && `${key} ${value} ${from}`.toLowerCase().includes(text))
      table.show(fitting)
      total.textContent = `${count(fitting.length, 'key')} of ${values.length}`
    }
    filter.addEventListener('input', show)
    set.addEventListener('change', show)
    const form = h('form', { class: 'filters', role: 'search' }, field('Filter', filter), h('div', { class: 'check' }, set, h('label', { for: 'only-set' }, 'only what was set')))
    form.addEventListener('submit', (event) => event.preventDefault())
    fill(root, heading('Configuration'), h('p', { class: 'soft' }, 'Secrets are shown by their fingerprints: the first bytes of their SHA-256.'), form, failure, total, table.element)
    void desk.attempt(failure, async () => {
      values = (await desk.call<{ values: Value[] }>('config')).values
      show()
    })
  },
}
