// A token's signature checked in the browser with the server's published keys: a second opinion, independent of ours.
import { demand } from './http.ts'
import { bare, decode } from './token.ts'
import { bad, good, warn, type Said } from './verdict.ts'

type Published = JsonWebKey & { kid?: string; alg?: string }

const algorithms: Record<string, AlgorithmIdentifier | RsaHashedImportParams | EcKeyImportParams> = {
  EdDSA: { name: 'Ed25519' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
}

const bytesOf = (text: string) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))

export async function checkWithPublishedKey(text: string): Promise<Said> {
  const token = bare(text)
  const decoded = decode(token)
  if (!decoded) return bad('it cannot be read')
  const { alg, kid } = decoded.header
  const { body } = await demand('GET', '.well-known/jwks.json')
  const keys = body.keys as Published[]
  if (String(alg).startsWith('HS')) return warn(`${String(alg)} has a shared secret`, 'It is never published; the doctor can tell known mistakes with it.')
  const algorithm = algorithms[String(alg)]
  const key = keys.find((each) => each.kid === kid)
  if (!algorithm || !key) {
    const known = keys.map((each) => each.kid).join(', ') || 'none'
    return bad(`no published key fits ${String(alg)} and kid ${String(kid ?? '–')}`, `Published: ${known}. Another server made it, or its key was retired.`)
  }
  if (!globalThis.crypto?.subtle) return warn('this browser checks signatures only on https and localhost')
  const { kty, crv, x, y, n, e } = key
  const plain = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined))
  try {
    const imported = await crypto.subtle.importKey('jwk', plain as JsonWebKey, algorithm, false, ['verify'])
    const how = alg === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : algorithm
    const signed = new TextEncoder().encode(token.slice(0, token.lastIndexOf('.')))
    const fine = await crypto.subtle.verify(how, imported, bytesOf(decoded.signature), signed)
    if (fine) return good(`the signature is good: published key ${String(kid)}`)
    return bad(`the signature was not made with the published key ${String(kid)}`, 'The token was changed, or another key has the same kid.')
  } catch (error) {
    return warn(`this browser cannot check ${String(alg)}`, String(error))
  }
}
