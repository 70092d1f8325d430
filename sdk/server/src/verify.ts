// Verifies access tokens where they arrive, without asking the server: by its published keys, or by the secret it
// shares with its back ends. The keys are fetched once and again when an unknown one is named, at most twice a minute.
import { createRemoteJWKSet, customFetch, decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { Code } from './codes.ts'
import { GatecastError } from './error.ts'

export interface Claims extends JWTPayload {
  iss: string
  aud: string | string[]
  exp: number
  iat: number
  sub: string
  sid: string
  gen: number
  jti: string
}

/** Who calls, as a good token says. */
export interface Session {
  userId: string
  sessionId: string
  expiresAt: Date
  claims: Claims
  /** The token itself, to call gatecast in the user's name. */
  token: string
}

type Public = 'EdDSA' | 'ES256' | 'RS256'
type Shared = 'HS256' | 'HS384' | 'HS512'
export type Algorithm = Public | Shared

export interface VerifyOptions {
  /** The public address of the server, with its base path. */
  url: string
  /** `token.issuer` of the server's configuration. */
  issuer: string
  /** `token.audience` of the server's configuration. */
  audience: string
  /** Where the keys are, if not at url + /.well-known/jwks.json. */
  jwksUrl?: string
  /** For a server that signs with HS256: the secret, at least 32 bytes. Who holds it can make tokens. */
  secret?: string | Uint8Array
  /** How `secret` is written; `text` if not said. */
  secretEncoding?: 'text' | 'base64' | 'hex'
  /** Accepted algorithms: without a secret all with public keys, with one HS256 alone. */
  algorithms?: Algorithm[]
  fetch?: typeof fetch
}

const kTokenBytes = 8192
const kSecretBytes = 32
const kPublic: Public[] = ['EdDSA', 'ES256', 'RS256']

function secretBytes(secret: string | Uint8Array, encoding: VerifyOptions['secretEncoding']): Uint8Array {
  let bytes: Uint8Array
  if (typeof secret !== 'string') bytes = secret
  else if (encoding === 'hex') {
    if (!/^([0-9a-fA-F]{2})+$/.test(secret)) throw new TypeError('secret: not hex')
    bytes = Uint8Array.from(secret.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  } else if (encoding === 'base64') {
    bytes = Uint8Array.from(atob(secret), (letter) => letter.charCodeAt(0))
  } else bytes = new TextEncoder().encode(secret)
  if (bytes.length < kSecretBytes) throw new TypeError(`secret: at least ${kSecretBytes} bytes`)
  return bytes
}

function keysOf(options: VerifyOptions): JWTVerifyGetKey {
  if (options.secret !== undefined && options.secret.length === 0) throw new TypeError('secret: empty')
  const secret = options.secret === undefined ? undefined : secretBytes(options.secret, options.secretEncoding)
  const address = new URL(options.jwksUrl ?? `${options.url.replace(/\/+$/, '')}/.well-known/jwks.json`)
  const published = createRemoteJWKSet(address, {
    timeoutDuration: 5_000,
    cooldownDuration: 30_000,
    // As long as the server lets its keys be kept: a retired one counts no longer than that.
    cacheMaxAge: 300_000,
    ...(options.fetch ? { [customFetch]: options.fetch } : {}),
  })
  // The algorithm decides the kind of key, so a public key can never be taken for a secret.
  return (header, token) => {
    if (header.alg.startsWith('HS')) {
      if (!secret) throw new errors.JOSEAlgNotAllowed('no secret is configured')
      return secret
    }
    return published(header, token)
  }
}

function codeOf(error: unknown): Code {
  if (error instanceof errors.JWTExpired) return 'token_expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error
    if (claim === 'typ') return 'token_type'
    if (claim === 'iss') return 'token_issuer'
    if (claim === 'aud') return 'token_audience'
    return claim === 'nbf' && error.reason === 'check_failed' ? 'token_not_yet_valid' : 'token_claims'
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'token_signature'
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) return 'token_key_unknown'
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) return 'token_algorithm'
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return 'token_malformed'
  // What is left is the key set: it did not come, or is none.
  return 'temporarily_unavailable'
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** The session that a payload names. Errors: token_claims. */
export function sessionOf(claims: JWTPayload, token: string): Session {
  const { sub, sid, gen, jti, exp } = claims
  if (!isText(sub) || !isText(sid) || !isText(jti) || !Number.isInteger(gen) || (gen as number) < 1 || exp === undefined) {
    throw new GatecastError('token_claims')
  }
  return { userId: sub, sessionId: sid, expiresAt: new Date(exp * 1000), claims: claims as Claims, token }
}

/** NextAuth's cookie is such a token; it is mistaken for ours often enough to be told apart. */
function isEncrypted(token: string): boolean {
  try {
    return decodeProtectedHeader(token).enc !== undefined
  } catch {
    return false
  }
}

export type Verify = (token: string) => Promise<Session>

export function createVerifier(options: VerifyOptions): Verify {
  if (!isText(options.issuer)) throw new TypeError('issuer: as token.issuer of the server')
  if (!isText(options.audience)) throw new TypeError('audience: as token.audience of the server')
  const keys = keysOf(options)
  const algorithms: Algorithm[] = options.algorithms ?? (options.secret === undefined ? kPublic : ['HS256'])
  if (algorithms.length === 0) throw new TypeError('algorithms: none')
  const { issuer, audience } = options
  const requiredClaims = ['iss', 'aud', 'exp', 'iat', 'sub', 'sid', 'gen', 'jti']

  return async function verify(token) {
    if (!isText(token)) throw new GatecastError('token_missing')
    if (token.length > kTokenBytes) throw new GatecastError('token_malformed')
    const parts = token.split('.').length
    if (parts === 5 && isEncrypted(token)) throw new GatecastError('token_encrypted')
    if (parts !== 3) throw new GatecastError('token_malformed')
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms, typ: 'at+jwt', requiredClaims })
      return sessionOf(payload, token)
    } catch (error) {
      if (error instanceof GatecastError) throw error
      const code = codeOf(error)
      // Of a refused token the cause would carry the claims into whoever's log.
      throw new GatecastError(code, code === 'temporarily_unavailable' ? { detail: 'the key set', cause: error } : {})
    }
  }
}
