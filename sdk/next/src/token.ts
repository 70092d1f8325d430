// Where the token of a request is: `Authorization`, or the cookie where that is in use and no other site can have sent it.
import { bearerOf, GatecastError } from '@gatecast/server'
import { cookieIn, cookieName, type CookieOptions } from './cookie.ts'
import { fromOwnPage, type OriginOptions } from './origin.ts'

export interface TokenOptions extends OriginOptions {
  /** Read the session cookie too; false if not said. */
  cookie?: CookieOptions | false
}

const safe = (method: string) => /^(GET|HEAD|OPTIONS)$/.test(method)

/** Errors: token_missing; origin_denied for a cookie that another site's page had sent. */
export function tokenOf(headers: Headers, method: string | undefined, options: TokenOptions): string {
  const authorization = headers.get('authorization')
  if (authorization !== null) return bearerOf(authorization)
  const token = options.cookie ? cookieIn(headers.get('cookie'), cookieName(options.cookie)) : ''
  if (token === '') throw new GatecastError('token_missing')
  // A link from elsewhere has no Origin, and may be followed; what has an effect has one.
  const told = headers.has('origin') || (method !== undefined && !safe(method))
  if (told && !fromOwnPage(headers, options)) throw new GatecastError('origin_denied')
  return token
}
