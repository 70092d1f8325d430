// The audit log: newest first, older rows by the page.
import { field, fill, h, heading, userLink } from './dom.ts'
import { number, short, time } from './format.ts'
import { copyable, troublePlace, type View } from './page.ts'
import { Table, type Column } from './table.ts'

export interface AuditRow {
  seq: number
  at: string
  kind: string
  user?: string
  session?: string
  ip?: string
  code?: string
  detail?: string
  count?: number
}

const kPage = 100
// Proposed while one types; any other may be asked for as well.
const kKinds = ['signin', 'signin_unproven', 'signout', 'operator', 'ended', 'refusal', 'api_call', 'user_created', 'user_changed', 'user_blocked',
  'user_unblocked', 'user_deleted', 'linked', 'unlinked', 'grant_added', 'grant_changed', 'grant_removed', 'grant_expired', 'renewal_reissued',
  'renewal_repeated', 'store_rewound']

export function auditTable(none: string, withUser = true): Table<AuditRow> {
  const all: Column<AuditRow>[] = [
    { label: 'When', cell: (row) => time(row.at) },
    { label: 'What', cell: (row) => h('span', {}, h('code', {}, row.kind), row.count ? ` × ${number(row.count)}` : '') },
    { label: 'User', cell: (row) => (row.user ? userLink(row.user) : '–') },
    { label: 'Code', cell: (row) => (row.code ? h('code', {}, row.code) : '–') },
    { label: 'Address', cell: (row) => row.ip ?? '–' },
    { label: 'Session', fixed: true, cell: (row) => (row.session ? copyable(row.session, short(row.session)) : '–') },
    { label: 'Detail', cell: (row) => h('span', { class: 'data' }, row.detail ?? '') },
  ]
  return new Table<AuditRow>('Audit log', (row) => String(row.seq), none, withUser ? all : all.filter(({ label }) => label !== 'User'))
}

export const audit: View = {
  path: 'audit',
  title: 'Audit',
  open(root, desk, of) {
    const user = h('input', { 'data-testid': 'filter-user', autocomplete: 'off', spellcheck: 'false', value: of })
    const kind = h('input', { 'data-testid': 'filter-kind', list: 'kinds', autocomplete: 'off', spellcheck: 'false', placeholder: 'any' })
    const kinds = h('datalist', { id: 'kinds' }, ...kKinds.map((value) => h('option', { value })))
    const failure = troublePlace()
    const older = h('button', { class: 'quiet', 'data-testid': 'older', hidden: true }, 'Older')
    const table = auditTable('Nothing of the kind was kept.')
    let rows: AuditRow[] = []
    const load = (before?: number) =>
      desk.attempt(failure, async () => {
        const params = {
          limit: kPage,
          ...(user.value.trim() ? { user: user.value.trim() } : {}),
          ...(kind.value.trim() ? { kinds: [kind.value.trim()] } : {}),
          ...(before ? { before } : {}),
        }
        const answer = await desk.call<{ rows: AuditRow[] }>('audit', params)
        rows = before ? [...rows, ...answer.rows] : answer.rows
        table.show(rows)
        older.hidden = answer.rows.length < kPage
      })
    older.addEventListener('click', () => void load(rows.at(-1)?.seq))
    const form = h('form', { class: 'filters', role: 'search' }, field('Kind', kind), kinds, field('User', user), h('button', { 'data-testid': 'apply' }, 'Show'))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void load()
    })
    fill(root, heading('Audit'), form, failure, table.element, older)
    void load()
  },
}
