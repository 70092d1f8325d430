// Tokens as anybody can read them: the parts of a JWT, and of a refresh token what is no secret.
export interface Decoded {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  signature: string
}

function part(text: string): Record<string, unknown> | undefined {
  try {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The token without what is often copied along with it. */
export const bare = (text: string) => text.trim().replace(/^["']|["']$/g, '').replace(/^bearer\s+/i, '').trim()

export function decode(text: string): Decoded | undefined {
  const [head = '', body = '', signature, ...more] = bare(text).split('.')
  if (signature === undefined || more.length > 0) return undefined
  const [header, claims] = [part(head), part(body)]
  return header && claims ? { header, claims, signature } : undefined
}

/** A claim that is a time, in milliseconds. */
export function timeOf(claims: Record<string, unknown> | undefined, name: string): number | undefined {
  const value = claims?.[name]
  return typeof value === 'number' ? value * 1000 : undefined
}

export function generationOf(refreshToken: string | undefined): number | undefined {
  const parts = refreshToken?.split('.') ?? []
  return parts[0] === 'gcr1' && parts.length === 6 ? Number(parts[3]) : undefined
}

export const meanings: Record<string, string> = {
  iss: 'issuer: who made the token',
  aud: 'audience: for whom it is; the server takes only its own',
  exp: 'expires: from then on it is refused, by the server’s clock',
  iat: 'issued at: when it was made',
  nbf: 'not before: refused until then',
  sub: 'subject: the user',
  sid: 'session: ends, and all its tokens and connections with it',
  gen: 'generation: rises by one with each renewal',
  jti: 'the token’s own id',
  typ: 'what kind of token',
  alg: 'how it is signed',
  kid: 'which key signed it',
  wallet: 'address of the wallet that signed in',
  userId: 'the user, by the name applications know',
  user_id: 'the user, by the name applications know',
  id: 'the user, by the name applications know',
  telegram_id: 'the user’s id at Telegram',
  telegramId: 'the user’s id at Telegram',
  username: 'the user’s name at Telegram',
  nickname: 'the user’s name in the application',
  ref_code: 'the user’s own referral code',
  refCode: 'the user’s own referral code',
  isCreator: 'a flag of the application',
  isVerified: 'a flag of the application',
  info: 'what others see of the connection',
  channels: 'channels that the server subscribes at connect',
  subs: 'channels that the server subscribes at connect, with options',
  expire_at: 'when the connection ends, instead of exp',
}

/** A claim's value for people: times also as a date. */
export function shownValue(name: string, value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (!/^(exp|iat|nbf|expire_at|auth_time)$/.test(name) || typeof value !== 'number') return text
  const date = new Date(value * 1000)
  return Number.isNaN(date.getTime()) ? text : `${text} – ${date.toISOString().replace('.000', '')}`
}
