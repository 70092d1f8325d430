// Asks the server whether the session behind a token still stands: a token alone says so only until it ends.
import type { JWTPayload } from 'jose'
import { GatecastError } from './error.ts'
import { request, type Transport } from './request.ts'
import { sessionOf, type Session } from './verify.ts'

export interface CheckOptions {
  transport: Transport
  url: string
  /** A key of scope `sessions`: the server then counts the calls as a back end's, not as one visitor's. */
  apiKey: string | undefined
  /** Milliseconds for which a yes is believed; 0: never. */
  cacheMs: number
}

const kCached = 10_000

interface Believed {
  session: Session
  until: number
}

function payloadOf(token: string): JWTPayload {
  try {
    const part = token.split('.')[1] ?? ''
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes)) as JWTPayload
  } catch {
    throw new GatecastError('token_malformed')
  }
}

/** The digest under which a yes is kept: the table then holds no token that could be used. */
async function digest(token: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))
  return String.fromCharCode(...new Uint8Array(bytes))
}

/** As the owner of the token: whom it is, or the code that says why not. */
async function asOwner({ transport, url }: CheckOptions, token: string): Promise<Session> {
  const headers = { Authorization: `Bearer ${token}` }
  const answer = (await request(transport, `${url}/api/v2/auth/session`, { method: 'GET', headers, repeatable: true })) as {
    user: { id: string }
    session: { id: string }
  }
  // A trusted issuer's token has neither our session nor our name for its user, and not every claim of ours.
  const claims = { gen: 1, jti: '-', ...payloadOf(token), sub: answer.user.id, sid: answer.session.id }
  return sessionOf(claims, token)
}

/** As a back end (RFC 7662). */
async function asBackEnd(options: CheckOptions, apiKey: string, token: string): Promise<Session> {
  const answer = (await request(options.transport, `${options.url}/oauth/introspect`, {
    method: 'POST',
    headers: { 'X-API-Key': apiKey, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token }).toString(),
    repeatable: true,
  })) as { active: boolean; sub: string; sid: string; gen: number; exp: number; jti?: string; claims?: object }
  if (answer.active) {
    const { active: _, claims, ...registered } = answer
    return sessionOf({ jti: '-', ...claims, ...registered }, token)
  }
  // Introspection gives no reasons; the owner is told.
  await asOwner(options, token)
  throw new GatecastError('session_unknown')
}

export type Check = (token: string) => Promise<Session>

export function createCheck(options: CheckOptions): Check {
  const believed = new Map<string, Believed>()

  async function ask(token: string): Promise<Session> {
    // What cannot be a header is no token, and nothing that the server should have to look at.
    if (typeof token !== 'string' || token === '') throw new GatecastError('token_missing')
    if (token.length > 8192 || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new GatecastError('token_malformed')
    return options.apiKey ? asBackEnd(options, options.apiKey, token) : asOwner(options, token)
  }

  return async function check(token) {
    if (options.cacheMs <= 0) return ask(token)
    const key = await digest(String(token))
    const kept = believed.get(key)
    if (kept && kept.until > Date.now()) return kept.session
    believed.delete(key)
    const session = await ask(token)
    // Insertion order is age: what is in front was asked about longest ago.
    if (believed.size >= kCached) believed.delete(believed.keys().next().value as string)
    believed.set(key, { session, until: Math.min(Date.now() + options.cacheMs, session.expiresAt.getTime()) })
    return session
  }
}
