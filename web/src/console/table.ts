// A table that is shown again and again: rows are known by a key, and what did not change stays as it is, with its focus
// and selection. On a narrow screen its style makes a card of each row.
import { empty, fill, h, type Child } from './dom.ts'

export interface Column<Row> {
  label: string
  cell(row: Row): Child
  /** Built once for a row: buttons, which must not be exchanged under the pointer. */
  fixed?: boolean
  number?: boolean
  /** The name the server sorts by. */
  sort?: string
}

export class Table<Row> {
  readonly element: HTMLElement
  readonly #columns: Column<Row>[]
  readonly #key: (row: Row) => string
  readonly #none: string
  readonly #body = h('tbody')
  readonly #shown = new Map<string, HTMLTableRowElement>()
  readonly #table: HTMLTableElement
  readonly #nothing: HTMLElement
  readonly #heads = new Map<string, HTMLElement>()

  constructor(caption: string, key: (row: Row) => string, none: string, columns: Column<Row>[], onSort?: (column: string) => void) {
    this.#columns = columns
    this.#key = key
    this.#none = none
    const heads = columns.map((column) => this.#head(column, onSort))
    this.#table = h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, h('tr', {}, ...heads)), this.#body)
    this.#nothing = empty(none)
    this.element = h('div', { class: 'table' }, this.#table, this.#nothing)
    this.show([])
    fill(this.#nothing, 'Asking…')
  }

  #head(column: Column<Row>, onSort?: (column: string) => void): HTMLElement {
    const head = h('th', { scope: 'col', class: column.number ? 'number' : undefined })
    const { sort } = column
    if (sort && onSort) {
      head.append(h('button', { class: 'plain', onclick: () => onSort(sort) }, column.label))
      this.#heads.set(sort, head)
    } else {
      head.append(column.label)
    }
    return head
  }

  sorted(by: string, order: 'asc' | 'desc'): void {
    for (const [column, head] of this.#heads) {
      if (column === by) head.setAttribute('aria-sort', order === 'asc' ? 'ascending' : 'descending')
      else head.removeAttribute('aria-sort')
    }
  }

  show(rows: Row[]): void {
    fill(this.#nothing, this.#none)
    this.#table.hidden = rows.length === 0
    this.#nothing.hidden = rows.length > 0
    const gone = new Set(this.#shown.keys())
    rows.forEach((row, place) => {
      const key = this.#key(row)
      gone.delete(key)
      const line = this.#shown.get(key) ?? this.#line(key)
      this.#columns.forEach((column, i) => this.#cell(line.cells[i]!, column, row))
      if (this.#body.children[place] !== line) this.#body.insertBefore(line, this.#body.children[place] ?? null)
    })
    for (const key of gone) {
      this.#shown.get(key)?.remove()
      this.#shown.delete(key)
    }
  }

  #line(key: string): HTMLTableRowElement {
    const line = h('tr', { 'data-key': key })
    for (const column of this.#columns) {
      line.append(h('td', { 'data-label': column.label, class: column.number ? 'number' : undefined }))
    }
    this.#shown.set(key, line)
    return line
  }

  #cell(cell: HTMLTableCellElement, column: Column<Row>, row: Row): void {
    if (column.fixed && cell.hasChildNodes()) return
    const fresh = h('td', {}, column.cell(row))
    if (!sameContent(fresh, cell)) cell.replaceChildren(...fresh.childNodes)
  }
}

function sameContent(a: Element, b: Element): boolean {
  if (a.childNodes.length !== b.childNodes.length) return false
  return [...a.childNodes].every((child, i) => child.isEqualNode(b.childNodes[i]!))
}
