// Tokens as the server gives them, and as they are kept: which of two is newer, and how long one still stands.
import { isCode } from './errors.ts'
import type { Code } from './codes.ts'

export interface User {
  id: string
  wallet?: string
  telegram_id?: number
  username?: string
  first_name?: string
  nickname?: string
  avatar?: string
  isCreator?: boolean
  isVerified?: boolean
  ref_code?: string
}

/** An answer of sign-in, renewal or the server API's `token_mint`. Only `token` must be there. */
export interface Tokens {
  token: string
  /** Seconds from now; without it the token's own `exp` and `iat` say. */
  expiresIn?: number
  expiresAt?: string
  refreshToken?: string
  refreshExpiresAt?: string
  session?: { id: string }
  user?: Partial<User>
  created?: boolean
  referred?: boolean
}

export interface Session {
  readonly id: string
  readonly user: User
  /** Of the access token, by the server's clock. */
  readonly expiresAt: string
  /** Of the session, where it is not renewed; absent where it cannot be renewed. */
  readonly refreshExpiresAt?: string
}

/** What is stored of a session. */
export interface Held {
  v: 1
  token: string
  /** Seconds from its receipt. */
  life: number
  /** By this machine's clock, in milliseconds. */
  receivedAt: number
  expiresAt: string
  refreshToken?: string
  refreshExpiresAt?: string
  session: string
  user: User
}

/** Stands in the storage where a session was, for tabs that slept while it ended. */
export interface Ended {
  v: 1
  ended: string
  code: Code
  message: string
}

export function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as unknown
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
const kUnknownLife = 60

/** `before`: what a renewal without user or session leaves as it was. */
export function heldOf(tokens: Tokens, before?: Held, now = Date.now()): Held {
  const claims = claimsOf(tokens.token)
  const exp = number(claims['exp'])
  const iat = number(claims['iat'])
  const life = number(tokens.expiresIn) ?? (exp !== undefined && iat !== undefined ? exp - iat : kUnknownLife)
  const expiresAt = text(tokens.expiresAt) ?? new Date(exp !== undefined ? exp * 1000 : now + life * 1000).toISOString()
  const refreshToken = text(tokens.refreshToken) ?? before?.refreshToken
  const refreshExpiresAt = text(tokens.refreshExpiresAt) ?? before?.refreshExpiresAt
  const id = text(tokens.user?.id) ?? before?.user.id ?? text(claims['sub']) ?? ''
  return {
    v: 1,
    token: tokens.token,
    life,
    receivedAt: now,
    expiresAt,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(refreshExpiresAt === undefined ? {} : { refreshExpiresAt }),
    session: text(tokens.session?.id) ?? text(claims['sid']) ?? before?.session ?? text(claims['jti']) ?? tokens.token.slice(-16),
    user: { ...before?.user, ...tokens.user, id },
  }
}

/** Nothing that is not of this form is taken from a storage that other scripts of the page may write. */
export function storedIn(json: string | null): Held | Ended | null {
  try {
    const item = JSON.parse(json ?? 'null') as Partial<Held & Ended> | null
    if (item?.v !== 1) return null
    if (text(item.ended) && isCode(item.code)) return { v: 1, ended: item.ended!, code: item.code, message: String(item.message ?? '') }
    const whole = text(item.token) && text(item.session) && text(item.user?.id) && text(item.expiresAt)
    return whole && number(item.life) !== undefined && number(item.receivedAt) !== undefined ? (item as Held) : null
  } catch {
    return null
  }
}

export const isEnded = (item: Held | Ended | null): item is Ended => item !== null && 'ended' in item

/** `gcr1.<key id>.<session>.<generation>.<secret>.<mac>`; 0 where it is none. */
export function generationOf(refreshToken: string | undefined): number {
  const parts = (refreshToken ?? '').split('.')
  const generation = Number(parts[3])
  return parts[0] === 'gcr1' && Number.isSafeInteger(generation) ? generation : 0
}

/** Of one session: the later generation, within one the token that was made later. */
export function isNewer(one: Held, than: Held): boolean {
  const [a, b] = [generationOf(one.refreshToken), generationOf(than.refreshToken)]
  if (a !== b) return a > b
  const later = Date.parse(one.expiresAt) - Date.parse(than.expiresAt)
  // The server tells seconds; who came later within one is known here.
  return later === 0 ? one.receivedAt > than.receivedAt : later > 0
}

export function sessionOf(held: Held): Session {
  return Object.freeze({
    id: held.session,
    user: Object.freeze({ ...held.user }),
    expiresAt: held.expiresAt,
    ...(held.refreshExpiresAt === undefined ? {} : { refreshExpiresAt: held.refreshExpiresAt }),
  })
}

const kDay = 86_400

/** Seconds before its end at which a token is renewed: an hour for those of days, five minutes for those of less, a
 * fifth of the life of very short ones. */
export function leadOf(life: number, wanted?: number): number {
  if (wanted !== undefined) return Math.min(wanted, life / 2)
  return life >= kDay ? 3600 : Math.min(300, life / 5)
}
