// The lines of a server's log as objects, and what docs/logging.md says of them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { logText } from './secrets.ts'
import type { Server } from './server.ts'
import { until } from './until.ts'

export type LogLine = Record<string, unknown> & { time: string; level: string; event: string }

export const logLines = (server: Server): LogLine[] =>
  logText(server.dir)
    .split('\n')
    .filter((line) => line)
    .map((line) => JSON.parse(line))

/** The first line of that event with those fields, once it is written. */
export function logLine(server: Server, event: string, fields: Record<string, unknown> = {}): Promise<LogLine> {
  const wanted = Object.entries({ event, ...fields })
  const what = `a line ${JSON.stringify({ event, ...fields })}`
  return until(what, () => logLines(server).find((line) => wanted.every(([name, value]) => line[name] === value)))
}

/** Each event of docs/logging.md with its fields. */
export function documentedEvents(): Map<string, Set<string>> {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/logging.md'), 'utf8')
  const names = (cell: string) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!)
  const rows = text.slice(text.indexOf('| event | level |')).split('\n').slice(2)
  const events = new Map<string, Set<string>>()
  for (const row of rows.filter((line) => line.startsWith('|'))) {
    const [, event, , fields] = row.split('|')
    for (const name of names(event!)) events.set(name, new Set(names(fields!)))
  }
  assert(events.size > 30, 'docs/logging.md has its table')
  return events
}

/** Every line is of a documented event and has documented fields alone. */
export function assertDocumented(lines: LogLine[]): void {
  const documented = documentedEvents()
  for (const line of lines) {
    const fields = documented.get(line.event)
    assert(fields, `event "${line.event}" is not documented`)
    const { time, level, event, ...rest } = line
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.match(level, /^(debug|info|warn|error)$/)
    for (const name of Object.keys(rest)) assert(fields.has(name), `field "${name}" of "${event}" is not documented`)
  }
}
