// The cookie of server-side rendering: it holds the access token, out of reach of the page's scripts.

export interface CookieOptions {
  /**
   * False: sent over plain http too, under a name without the prefix `__Host-`. For development only; browsers take a
   * secure cookie from http://localhost as well.
   */
  secure?: boolean
  /** Its name behind the prefix; `gatecast`. */
  name?: string
}

/** Browsers pass over what is longer, name and attributes included. */
export const kCookieBytes = 4096

export function cookieName({ secure = true, name = 'gatecast' }: CookieOptions): string {
  if (!/^[\w-]+$/.test(name)) throw new TypeError('cookie.name: letters, digits, _ and -')
  return secure ? `__Host-${name}` : name
}

/** A Set-Cookie field; without a token one that takes the cookie away. */
export function setCookie(options: CookieOptions, token: string, expiresAt: Date): string {
  const left = Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1000))
  const parts = [`${cookieName(options)}=${token}`, 'Path=/', `Max-Age=${token ? left : 0}`, 'HttpOnly', 'SameSite=Lax']
  if (options.secure !== false) parts.push('Secure')
  return parts.join('; ')
}

/** The value of a cookie in a Cookie field, or "". A name that is there twice is nobody's. */
export function cookieIn(field: string | null, name: string): string {
  const found = (field ?? '').split(';').map((pair) => pair.trim()).filter((pair) => pair.startsWith(`${name}=`))
  return found.length === 1 ? (found[0] ?? '').slice(name.length + 1) : ''
}
