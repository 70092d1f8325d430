// Names in the log are fixed: every event and field in the source stands in docs/logging.md, and the other way round.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { documentedEvents } from '../harness/log_lines.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** From behind an opening parenthesis to its closing one. */
function argumentsAt(source: string, start: number): string {
  let depth = 1
  for (let at = start; at < source.length; at++) {
    const char = source[at]
    if (char === '"') {
      while (source[++at] !== '"') if (source[at] === '\\') at++
    } else if (char === '(') depth++
    else if (char === ')' && --depth === 0) return source.slice(start, at)
  }
  throw new Error('a call without an end')
}

const literals = (text: string): string[] => [...text.matchAll(/"([a-z_]+)"/g)].map(([, name]) => name!)

/** Events and fields of the calls in one file. */
function callsIn(source: string): { events: string[]; fields: string[] }[] {
  const calls = [...source.matchAll(/\b(?:log::(?:debug|info|warn|error|write)|render)\(/g)].map((match) => {
    const all = argumentsAt(source, match.index + match[0].length)
    const brace = all.indexOf('{')
    const before = brace < 0 ? all : all.slice(0, brace)
    const fields = brace < 0 ? [] : [...all.slice(brace).matchAll(/\{\s*((?:[^{}",]*"[a-z_]+")+)\s*,/g)].flatMap(([, names]) => literals(names!))
    return { events: literals(before), fields }
  })
  // Where the event is handed on.
  const reports = [...source.matchAll(/\breport\("([a-z_]+)"/g)].map(([, event]) => ({ events: [event!], fields: ['code', 'detail'] }))
  return [...calls, ...reports].filter(({ events }) => events.length > 0)
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(cpp|hpp)$/.test(entry.name) && !/_(test|fuzz)\.cpp$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
}

test('every event and field of the source is documented, and nothing else', () => {
  const documented = documentedEvents()
  const used = new Map<string, Set<string>>()
  for (const file of sources(path.join(root, 'src'))) {
    for (const { events, fields } of callsIn(readFileSync(file, 'utf8'))) {
      for (const event of events) {
        const known = documented.get(event)
        assert(known, `${path.relative(root, file)}: event "${event}" is not in docs/logging.md`)
        for (const field of fields) {
          assert(known.has(field), `${path.relative(root, file)}: field "${field}" of "${event}" is not in docs/logging.md`)
        }
        const seen = used.get(event) ?? new Set()
        for (const field of fields) seen.add(field)
        used.set(event, seen)
      }
    }
  }
  assert(used.size > 30, 'the source was read')
  for (const event of documented.keys()) assert(used.has(event), `docs/logging.md: nothing writes "${event}"`)
  // Events that share a row share its fields.
  const usedFields = new Set([...used.values()].flatMap((fields) => [...fields]))
  for (const [event, fields] of documented) {
    for (const field of fields) assert(usedFields.has(field), `docs/logging.md: nothing writes "${field}" of "${event}"`)
  }
})

test('what reads the source sees an undocumented name', () => {
  const [call, other] = callsIn('log::info("one", {{"code", info(e).name}, {b ? "left" : "right", x}}); log::warn(c ? "two" : "three");')
  assert.deepEqual(call, { events: ['one'], fields: ['code', 'left', 'right'] })
  assert.deepEqual(other, { events: ['two', 'three'], fields: [] })
})
