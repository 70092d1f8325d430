// Elements by code. Text is always set as text: what users named themselves and their channels is shown, never parsed.
export type Child = Node | string | number | null | undefined | false
export type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>

/** An element; `on…` attributes are listeners, false and undefined leave an attribute out. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  element.append(...present(children))
  return element
}

const present = (children: Child[]): (Node | string)[] =>
  children
    .filter((child): child is Node | string | number => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)))

export const fill = (target: Element, ...children: Child[]) => target.replaceChildren(...present(children))

export function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no element #${id}`)
  return found as Kind
}

/** A heading, a line below it, and what is beside it. */
export const heading = (title: string, ...beside: Child[]) =>
  h('div', { class: 'heading' }, h('h1', {}, title), h('div', { class: 'row' }, ...beside))

export const card = (title: string, ...children: Child[]) => h('section', { class: 'card' }, h('h2', {}, title), ...children)

let labels = 0
/** A field with its label before it. */
export function field(label: string, input: HTMLElement): HTMLElement {
  input.id ||= `field-${++labels}`
  return h('div', { class: 'field' }, h('label', { for: input.id }, label), input)
}

export function facts(...pairs: [string, Child][]): HTMLElement {
  const list = h('dl', { class: 'facts' })
  for (const [name, value] of pairs) list.append(h('dt', {}, name), h('dd', {}, value))
  return list
}

export const link = (href: string, text: string) => h('a', { href }, text)
/** Where a thing is shown by its own page. */
export const route = (view: string, argument: string) => `#/${view}/${encodeURIComponent(argument)}`
/** A name that others chose: cut where it is long, all of it in the title. */
const named = (view: string, name: string) => h('a', { href: route(view, name), class: 'name', title: name }, name)
export const userLink = (id: string) => (id ? named('users', id) : h('span', { class: 'soft' }, 'nobody'))
export const channelLink = (name: string) => named('channels', name)
export const badge = (text: string, kind = '') => h('span', { class: `badge ${kind}` }, text)
export const empty = (text: string) => h('p', { class: 'empty' }, text)
