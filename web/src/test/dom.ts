// Elements made by script: `h('p', { class: 'hint' }, 'text')`. `id` is also the test id.
type Attributes = Record<string, string | boolean | undefined>

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    made.setAttribute(name, value === true ? '' : value)
    if (name === 'id') made.dataset['testid'] = String(value)
  }
  made.append(...children)
  return made
}

/** A labelled field on a line of its own. */
export function field(id: string, label: string, attributes: Attributes = {}): [HTMLElement, HTMLInputElement] {
  const input = h('input', { id, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', ...attributes })
  return [h('div', { class: 'field' }, h('label', { for: id }, label), input), input]
}

export function area(id: string, label: string, attributes: Attributes = {}): [HTMLElement, HTMLTextAreaElement] {
  const input = h('textarea', { id, rows: '3', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', ...attributes })
  return [h('div', { class: 'field tall' }, h('label', { for: id }, label), input), input]
}

/** Rows of a table: the first is its head. */
export function table(id: string, label: string, head: string[]): [HTMLElement, HTMLTableSectionElement] {
  const body = h('tbody', { id })
  const columns = head.map((text) => h('th', { scope: 'col' }, text))
  const whole = h('table', { 'aria-label': label }, h('thead', {}, h('tr', {}, ...columns)), body)
  return [h('div', { class: 'wide', role: 'region', 'aria-label': label, tabindex: '0' }, whole), body]
}

export const row = (...cells: (Node | string)[]) => h('tr', {}, ...cells.map((cell) => h('td', {}, cell)))

let sections = 0

/** A numbered step of the page. */
export function section(name: string, title: string, hint: string, ...children: Node[]): HTMLElement {
  const number = h('span', { class: 'number', 'aria-hidden': 'true' }, String(++sections))
  return h(
    'section',
    { class: 'step', id: `step-${name}`, 'aria-labelledby': `title-${name}` },
    h('h2', { id: `title-${name}` }, number, title),
    h('p', {}, hint),
    ...children,
  )
}
