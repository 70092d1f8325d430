// What the suite gave or got in confidence, and the search for it where it must not be: in what servers print, show
// their operators, answer to refused calls, and write to the audit.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Rows } from './backends.ts'

/** Shorter ones are what tests send in place of a secret. */
const kCharsMin = 20
const kConfidential = /^(token|refreshToken|refresh_token|access_token|ticket|nonce|signature|signedMessage|initData|init_data|secret|code_verifier|password)$/

/** Every form of every secret known to this process, and what it is. */
const known = new Map<string, string>()

/** What of a value must not be seen: of tokens the parts that prove something, since ids in them are no secret. */
function provingParts(value: string): string[] {
  if (/^gcr1\./.test(value)) return value.split('.').slice(-2)
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(value)) return value.split('.').slice(-1)
  const hash = /(?:^|&)(?:hash|signature)=([^&]+)/g
  const signed = [...value.matchAll(hash)].map(([, part]) => part!)
  return signed.length > 0 ? signed : [value]
}

/** Notes a secret; what is too short to be one is left out. */
export function remember(what: string, value: unknown): void {
  if (typeof value !== 'string' || value.length < kCharsMin) return
  for (const part of provingParts(value)) {
    if (part.length < kCharsMin) continue
    const bytes = Buffer.from(part)
    for (const form of [part, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), encodeURIComponent(part)]) {
      known.set(form, what)
    }
  }
}

/** Notes every member of a request or reply whose name says that it is one. */
export function rememberMembers(body: unknown): void {
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return
  for (const [name, value] of Object.entries(body)) {
    if (kConfidential.test(name)) remember(name, value)
    else rememberMembers(value)
  }
}

/** What is known of `text`: the kinds of the secrets in it, never the secrets. */
export function leaksIn(text: string): string[] {
  const found = new Set<string>()
  for (const [form, what] of known) if (text.includes(form)) found.add(what)
  return [...found]
}

export function assertNoSecrets(where: string, text: string): void {
  assert.deepEqual(leaksIn(text), [], `secrets in ${where}`)
}

/** The daily log files of a server, as text. */
export function logText(dir: string): string {
  const folder = path.join(dir, 'data/logs')
  if (!existsSync(folder)) return ''
  return readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n')
}

/** The audit of a server's store, as text. */
export function auditText(rows: Rows | undefined): string {
  return rows?.has('audit') ? JSON.stringify(rows.all('SELECT * FROM audit')) : ''
}
