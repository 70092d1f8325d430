// Calls of the public routes, each written to the log. Paths are relative to the program's base path.
import { explainName } from '../explain.ts'
import { clocks } from './clock.ts'
import { note } from './log.ts'
import { masked } from './mask.ts'
import { Refusal } from '../refusal.ts'

const root = new URL('..', document.baseURI)

export interface Reply {
  status: number
  ok: boolean
  // Bodies are whatever the server sent.
  body: any
  ms: number
}

export interface Asking {
  body?: unknown
  token?: string | undefined
}

export async function call(method: string, path: string, { body, token }: Asking = {}): Promise<Reply> {
  const headers: Record<string, string> = {}
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (token !== undefined) headers['Authorization'] = `Bearer ${token}`
  note('out', `${method} /${path}${body === undefined ? '' : ` ${masked(body)}`}`)
  const [from, started] = [clocks.device(), performance.now()]
  let response: Response
  try {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    response = await fetch(new URL(path, root), { method, headers, cache: 'no-store', ...sent })
  } catch (error) {
    note('in', `no answer: ${String(error)}`)
    throw new Refusal({ code: 'network', message: 'the server did not answer', cure: 'Is it running, and is this device online?' })
  }
  const ms = performance.now() - started
  clocks.heard(response.headers.get('Date'), from, clocks.device())
  const answer = await response.json().catch(() => ({}))
  note('in', `${response.status} ${masked(answer)} (${ms.toFixed(0)} ms)`)
  return { status: response.status, ok: response.ok && answer.success !== false, body: answer, ms }
}

/** The reply of a call that is to succeed; a refusal is thrown with its code and request id. */
export async function demand(method: string, path: string, asking: Asking = {}): Promise<Reply> {
  const reply = await call(method, path, asking)
  if (reply.ok) return reply
  const { code = `http_${reply.status}`, error = '', requestId = '' } = reply.body
  throw new Refusal(explainName(code, error), requestId)
}

export function websocketAddress(query: Record<string, string> = {}): URL {
  const url = new URL('connection/websocket', root)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url
}
