// HTTP calls as a client makes them; refusals are compared with the registry of codes.
import assert from 'node:assert/strict'
import { codes, type Code } from '../../sdk/gatecast/src/codes.ts'
import { assertNoSecrets, remember, rememberMembers } from './secrets.ts'
import type { Server } from './server.ts'

export interface Reply {
  status: number
  headers: Headers
  // Bodies are whatever the server sent; each test says what it expects of them.
  body: any
}

/** A string or bytes go as they are, anything else as JSON. */
export async function call(url: string, method: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const raw = typeof body === 'string' || body instanceof Uint8Array
  const sent = body === undefined ? {} : { body: raw ? (body as BodyInit) : JSON.stringify(body) }
  const type: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const response = await fetch(url, { method, headers: { ...type, ...headers }, ...sent })
  const text = await response.text()
  let parsed: unknown = text
  if (response.headers.get('content-type')?.includes('json')) parsed = JSON.parse(text)
  rememberMembers(body)
  if (response.ok) rememberMembers(parsed)
  else assertNoSecrets('the answer to a refused call', text)
  return { status: response.status, headers: response.headers, body: parsed }
}

export function bearer(token: string): Record<string, string> {
  remember('token', token)
  return { Authorization: `Bearer ${token}` }
}

export const post = (server: Server, path: string, body: unknown, token?: string) =>
  call(server.origin + path, 'POST', body, token ? bearer(token) : {})

export const get = (server: Server, path: string, token?: string) =>
  call(server.origin + path, 'GET', undefined, token ? bearer(token) : {})

/** A method of the server API on the operators' port. */
export const api = (server: Server, method: string, params: unknown, key = server.apiKey) =>
  call(`${server.ops}/api/${method}`, 'POST', params, key ? { 'X-API-Key': key } : {})

/** The refusal is exactly this code, with the registry's status and text, and can be found in the log. */
export function assertRefused(reply: Reply, code: Code): void {
  const told = `${reply.status} ${JSON.stringify(reply.body)}`
  assert.equal(reply.body.code, code, told)
  assert.equal(reply.status, codes[code].http, told)
  assert.equal(reply.body.success, false, told)
  assert.equal(reply.body.error, `${codes[code].message}. ${codes[code].cure}`, told)
  assert.match(reply.body.requestId, /^\S{8,}$/, told)
  assert.equal(reply.body.need_new_token ?? false, codes[code].needNewToken, told)
}
