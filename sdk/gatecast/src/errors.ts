// What goes wrong, as one type: a code of the server's registry, or of this package where no server was asked.
import { codes, type Code, type CodeInfo } from './codes.ts'

type ClientInfo = Pick<CodeInfo, 'temporary' | 'needNewToken' | 'message' | 'cure'>

/** Codes of this package, for what never reached a server. */
export const clientCodes = {
  network: { temporary: true, needNewToken: false, message: 'the server did not answer', cure: 'Check the address and the connection; what can be repeated is tried again by itself.' },
  not_signed_in: { temporary: false, needNewToken: true, message: 'not signed in', cure: 'Sign in first.' },
  not_connected: { temporary: true, needNewToken: false, message: 'not connected', cure: 'Call connect() and wait for the connection.' },
  unexpected_reply: { temporary: false, needNewToken: false, message: 'the answer was not one of gatecast', cure: 'Check the address given to createClient, and what a proxy makes of it.' },
  origin_unlisted: { temporary: false, needNewToken: false, message: 'the token is not sent to this origin', cure: 'Name the origin in `origins` of createClient, or call it with the ordinary fetch.' },
  wallet_missing: { temporary: false, needNewToken: false, message: 'no usable wallet', cure: 'Install a wallet, or pass one that can sign messages.' },
  wallet_refused: { temporary: false, needNewToken: false, message: 'the wallet did not sign', cure: 'Confirm the request in the wallet.' },
  storage_failed: { temporary: true, needNewToken: false, message: 'tokens could not be stored', cure: 'Make room in the storage, or pass another `storage`; until then a reload signs out.' },
  no_websocket: { temporary: false, needNewToken: false, message: 'no WebSocket here', cure: 'Node has one from version 22 on; before that pass the package ws: createClient(url, { WebSocket }).' },
  handler_failed: { temporary: false, needNewToken: false, message: 'a function of the application threw', cure: 'See `cause`.' },
} as const satisfies Record<string, ClientInfo>

export type ClientCode = keyof typeof clientCodes
export type ErrorCode = Code | ClientCode

export interface ErrorDetails {
  message?: string | undefined
  status?: number | undefined
  requestId?: string | undefined
  /** Milliseconds that the server asked to wait. */
  retryAfterMs?: number | undefined
  cause?: unknown
}

export class GatecastError extends Error {
  override readonly name = 'GatecastError'
  readonly code: ErrorCode
  /** What to do about it, in a sentence. */
  readonly cure: string
  readonly status: number | undefined
  /** Finds the refusal in the server's log. */
  readonly requestId: string | undefined
  /** The same may succeed later. */
  readonly temporary: boolean
  readonly needNewToken: boolean
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const info = describe(code)
    super(details.message ?? info.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.cure = info.cure
    this.temporary = info.temporary
    this.needNewToken = info.needNewToken
    this.status = details.status
    this.requestId = details.requestId
    this.retryAfterMs = details.retryAfterMs
  }
}

export const isCode = (text: unknown): text is Code => typeof text === 'string' && Object.hasOwn(codes, text)

/** A newer server may know codes that this package does not: nothing is claimed about them. */
function describe(code: ErrorCode): ClientInfo {
  if (isCode(code)) return codes[code]
  if (Object.hasOwn(clientCodes, code)) return clientCodes[code]
  return { temporary: false, needNewToken: false, message: code, cure: '' }
}

/** Several codes share a number; the text on the wire tells them apart. */
function named(number: number, text: string, of: 'close' | 'reply' | 'unsub'): Code | undefined {
  const same = Object.entries(codes).filter(([, info]) => number !== 0 && info[of] === number)
  const found = same.find(([name, info]) => info.message === text || name === text) ?? same[0]
  return found?.[0] as Code | undefined
}

/** The code behind a number of a close frame, an error of a command, or an unsubscription. */
export const codeOfClose = (number: number, reason: string): Code | undefined => named(number, reason, 'close')
export const codeOfUnsubscribe = (number: number, reason: string): Code | undefined => named(number, reason, 'unsub')

/** Numbers below 100 are the client library's own: time-outs, a transport that closed. */
export function errorOfReply(number: number, message: string): GatecastError {
  if (number < 100) return new GatecastError('not_connected', { message: message || 'not connected' })
  return new GatecastError(named(number, message, 'reply') ?? (`reply_${number}` as ErrorCode), { message })
}

export function asError(error: unknown, code: ErrorCode): GatecastError {
  return error instanceof GatecastError ? error : new GatecastError(code, { cause: error })
}

/** Refusals after which a session never works again. */
const kEndings: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'session_unknown', 'signed_out', 'ended_by_operator', 'user_blocked', 'refresh_reuse', 'session_expired', 'session_limit', 'identity_unlinked',
])
export const endsSession = (code: ErrorCode): code is Code => kEndings.has(code)

/** Likewise, of a renewal alone. */
export const endsRenewal = (code: ErrorCode): code is Code => kEndings.has(code) || code === 'refresh_invalid' || code === 'refresh_missing'
