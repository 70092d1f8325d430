// One HTTP call to the server: bounded in time, repeated only where that has no second effect.
import { errorNamed, GatecastError } from './error.ts'

export interface Transport {
  fetch: typeof fetch
  /** Milliseconds that one try may take. */
  timeout: number
  /** Further tries of what may be repeated. */
  retries: number
}

export interface Ask {
  method: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /** Asking twice has the effect of asking once. */
  repeatable: boolean
  /** Milliseconds on top of the transport's, for an answer that is held back on purpose. */
  patience?: number
  signal?: AbortSignal | undefined
}

const kFirstPauseMs = 100
const kLongestPauseMs = 5_000

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** What the server, or whoever answered in its place, refused with. */
function refusal(status: number, retryAfter: string | null, text: string): GatecastError {
  const seconds = Number(retryAfter)
  const more = { status, retryAfter: retryAfter && seconds >= 0 ? seconds : undefined }
  try {
    const body = JSON.parse(text) as Record<string, unknown>
    const id = typeof body['requestId'] === 'string' ? body['requestId'] : undefined
    const name = body['code']
    if (typeof name === 'string') return errorNamed(name, { ...more, requestId: id })
  } catch {
    // Not the server's: a proxy's page, or another program on its port.
  }
  const passing = status === 429 || status >= 500
  return new GatecastError(passing ? 'temporarily_unavailable' : 'internal', { ...more, detail: `HTTP ${status} without a code` })
}

async function once(transport: Transport, url: string, ask: Ask): Promise<unknown> {
  const limit = AbortSignal.timeout(transport.timeout + (ask.patience ?? 0))
  const signal = ask.signal ? AbortSignal.any([limit, ask.signal]) : limit
  let response: Response
  let text: string
  try {
    // A redirect is not followed: the key and the token are for this address alone.
    const init: RequestInit = { method: ask.method, redirect: 'manual', cache: 'no-store', signal }
    if (ask.headers) init.headers = ask.headers
    if (ask.body !== undefined) init.body = ask.body
    response = await transport.fetch(url, init)
    text = await response.text()
  } catch (cause) {
    if (ask.signal?.aborted) throw ask.signal.reason
    const detail = `no answer from ${new URL(url).origin}${limit.aborted ? ' in time' : ''}`
    throw new GatecastError('temporarily_unavailable', { detail, cause })
  }
  // A browser or a worker shows nothing of a redirect, not even its status.
  const status = response.type === 'opaqueredirect' ? 302 : response.status
  if (!response.ok) throw refusal(status, response.headers.get('retry-after'), text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GatecastError('internal', { status: response.status, detail: 'the answer is no JSON', cause })
  }
}

/** Neither a redirect nor what a proxy has against the request goes away by itself. */
function passes({ temporary, status = 0 }: GatecastError): boolean {
  return temporary && (status < 300 || status === 429 || status >= 500)
}

/** The answer's JSON. Throws a GatecastError, or what `signal` was aborted with. */
export async function request(transport: Transport, url: string, ask: Ask): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    try {
      return await once(transport, url, ask)
    } catch (error) {
      if (!(error instanceof GatecastError) || !ask.repeatable || tries >= transport.retries) throw error
      // A call with this idempotency key is still running: its answer comes to who asks again.
      if (!passes(error) && error.code !== 'idempotency_busy') throw error
      const backoff = Math.min(kLongestPauseMs, kFirstPauseMs * 4 ** tries) * (0.5 + Math.random() / 2)
      if ((error.retryAfter ?? 0) * 1000 > kLongestPauseMs) throw error
      await pause(Math.max(backoff, (error.retryAfter ?? 0) * 1000), ask.signal)
    }
  }
}
