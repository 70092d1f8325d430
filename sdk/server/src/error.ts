// What a call was refused for: a code of the registry, with its text, its cure, and whether it passes.
import { codes, type Code } from './codes.ts'

export interface ErrorDetail {
  /** HTTP status of the answer, where there was one. */
  status?: number | undefined
  /** The id under which the server's log has the refusal. */
  requestId?: string | undefined
  /** Seconds after which the server wants to be asked again. */
  retryAfter?: number | undefined
  /** For the log: what exactly happened. Never has a token, key or secret. */
  detail?: string | undefined
  cause?: unknown
}

export class GatecastError extends Error {
  override readonly name = 'GatecastError'
  readonly code: Code
  /** What to do about it, in one sentence. */
  readonly cure: string
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly retryAfter: number | undefined
  readonly detail: string | undefined
  /** The same again may succeed later. */
  readonly temporary: boolean
  /** The caller has to renew or sign in. */
  readonly needNewToken: boolean

  constructor(code: Code, more: ErrorDetail = {}) {
    const known = codes[code]
    super(more.detail ? `${known.message} (${more.detail})` : known.message, { cause: more.cause })
    this.code = code
    this.cure = known.cure
    this.status = more.status
    this.requestId = more.requestId
    this.retryAfter = more.retryAfter
    this.detail = more.detail
    this.temporary = known.temporary
    this.needNewToken = known.needNewToken
  }
}

export const isCode = (name: unknown): name is Code => typeof name === 'string' && Object.hasOwn(codes, name)

/** The error of a name that the server gave; one that this version does not know is kept in the detail. */
export function errorNamed(name: unknown, more: ErrorDetail = {}): GatecastError {
  if (isCode(name)) return new GatecastError(name, more)
  return new GatecastError('internal', { ...more, detail: `the server answered ${more.status ?? ''} ${String(name)}` })
}
