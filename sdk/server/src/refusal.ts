// How a back end refuses: with the code, text and members that the server itself would have used.
import { codes, type Code } from './codes.ts'
import { GatecastError } from './error.ts'

/** The token of `Authorization: Bearer …`, or "". */
export function bearerOf(header: string | null | undefined): string {
  return /^bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? ''
}

export interface RefusalForm {
  status: number
  headers: Record<string, string>
  body: { success: false; error: string; code: string; need_new_token?: true }
}

/** Not about the caller: the key that this back end holds is missing, unknown, or lacks a scope. */
const kOwnFaults: ReadonlySet<Code> = new Set<Code>(['api_key_missing', 'api_key_unknown', 'api_scope'])

/** Whether it says something about the caller. All else is a fault: of the code, or of how this back end is set up. */
export const isRefusal = (error: unknown): error is GatecastError => error instanceof GatecastError && !kOwnFaults.has(error.code)

/** Throws what is no refusal, so that it is logged and answered as a fault is. */
export function refusalOf(error: unknown): RefusalForm {
  if (!isRefusal(error)) throw error
  const { code, needNewToken } = error
  const { http, message, cure } = codes[code]
  const headers: Record<string, string> = { 'Cache-Control': 'no-store' }
  // RFC 6750 §3: without credentials the challenge names no error.
  if (http === 401) headers['WWW-Authenticate'] = code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"'
  if (error.retryAfter !== undefined) headers['Retry-After'] = String(error.retryAfter)
  const told = { success: false as const, error: `${message}. ${cure}`, code }
  return { status: http || 400, headers, body: needNewToken ? { ...told, need_new_token: true } : told }
}

export function refusalResponse(error: unknown): Response {
  const { status, headers, body } = refusalOf(error)
  return Response.json(body, { status, headers })
}
