// Calls to the server: JSON out, JSON or a GatecastError in, never longer than a bound.
import { GatecastError, type ErrorCode } from './errors.ts'

export interface CallOptions {
  body?: unknown
  token?: string | undefined
}

const kTimeMs = 15_000

/** Seconds or a date, as RFC 9110 10.2.3 has it. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header.trim() === '') return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** Of an answer that is not the server's own, as of a proxy in front of it. */
function codeOfStatus(status: number): ErrorCode {
  if (status === 429) return 'rate_limited'
  if (status === 413) return 'body_too_large'
  if (status >= 500) return status === 501 || status === 505 ? 'unexpected_reply' : 'temporarily_unavailable'
  return 'unexpected_reply'
}

/** The refusal in a response, if it is one: `{success:false, code, error, requestId}`. */
export function refusalOf(response: Response, body: unknown): GatecastError {
  const told = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const code = typeof told['code'] === 'string' ? (told['code'] as ErrorCode) : codeOfStatus(response.status)
  const requestId = typeof told['requestId'] === 'string' ? told['requestId'] : (response.headers.get('x-request-id') ?? undefined)
  const message = typeof told['error'] === 'string' ? told['error'] : undefined
  return new GatecastError(code, { message, status: response.status, requestId, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) })
}

export class Http {
  readonly base: URL
  readonly fetch: typeof fetch
  readonly #timeMs: number

  /** `address` may have a path, where the server has a base path. */
  constructor(address: string | URL, fetcher: typeof fetch, timeMs = kTimeMs) {
    this.base = new URL(address)
    if (!this.base.pathname.endsWith('/')) this.base.pathname += '/'
    this.base.search = ''
    this.base.hash = ''
    this.fetch = fetcher
    this.#timeMs = timeMs
  }

  url(path: string): URL {
    return new URL(path.replace(/^\//, ''), this.base)
  }

  get websocketUrl(): string {
    const url = this.url('connection/websocket')
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    return url.href
  }

  async call<Answer>(method: string, path: string, { body, token }: CallOptions = {}): Promise<Answer> {
    const form = body instanceof URLSearchParams
    const headers: Record<string, string> = {}
    if (body !== undefined) headers['Content-Type'] = form ? 'application/x-www-form-urlencoded' : 'application/json'
    if (token !== undefined) headers['Authorization'] = `Bearer ${token}`
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.#timeMs)
    let response: Response
    let text: string
    try {
      response = await this.fetch(this.url(path), {
        method,
        headers,
        signal: late.signal,
        // No cookie is needed or wanted: the bearer token is the proof.
        credentials: 'omit',
        cache: 'no-store',
        ...(body === undefined ? {} : { body: form ? body.toString() : JSON.stringify(body) }),
      })
      text = await response.text()
    } catch (cause) {
      throw new GatecastError('network', { cause })
    } finally {
      clearTimeout(timer)
    }
    let answer: unknown
    try {
      answer = JSON.parse(text)
    } catch {
      answer = undefined
    }
    const refused = !response.ok || (answer as { success?: unknown } | undefined)?.success === false
    if (refused || typeof answer !== 'object' || answer === null) throw refusalOf(response, answer)
    return answer as Answer
  }
}

/** Before the n-th attempt that follows failures: growing, and spread so that clients do not come back all at once. */
export function backoffMs(failures: number, random = Math.random()): number {
  const most = Math.min(60_000, 1000 * 2 ** Math.min(failures - 1, 6))
  return most * (0.5 + random / 2)
}
