// A list of findings: mark, what was seen, what to do.
import { h } from './dom.ts'

export interface Verdict {
  id: string
  level: 'ok' | 'warn' | 'fail' | 'skip'
  text: string
  cure?: string
}

const marks: Record<Verdict['level'], [string, string]> = {
  ok: ['✓', 'good'],
  warn: ['!', 'doubtful'],
  fail: ['✗', 'bad'],
  skip: ['–', 'not looked at'],
}

export const verdicts = (list: Verdict[]) =>
  h('ul', { class: 'verdicts' }, ...list.map(({ id, level, text, cure }) =>
    h('li', { 'data-level': level, 'data-id': id },
      h('span', { class: 'mark', role: 'img', 'aria-label': marks[level][1] }, marks[level][0]),
      h('div', {}, h('p', {}, h('code', {}, id), ' ', text), cure && h('p', { class: 'cure' }, cure)))))
