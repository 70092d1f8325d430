// The HTTP half: challenge, sign-in, log-out. Refusals have their code and request id.
import { base64 } from './base58.ts'
import { explainName } from '../explain.ts'
import type { Signer } from './signer.ts'
import { Refusal } from '../refusal.ts'

export interface Tokens {
  token: string
  expiresIn: number
  expiresAt: string
  session: { id: string }
  user: { id: string }
}

/** Paths are relative to the page, so that they work below http.base_path. */
const address = (path: string) => new URL(path, document.baseURI)

export function websocketAddress(): string {
  const url = address('connection/websocket')
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

async function post<Answer>(path: string, body: unknown, token?: string): Promise<Answer> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' }
  if (token) headers['Authorization'] = `Bearer ${token}`
  let response: Response
  try {
    response = await fetch(address(path), { method: 'POST', headers, body: JSON.stringify(body) })
  } catch {
    throw new Refusal({ code: 'network', message: 'the server did not answer', cure: 'Is it running?' })
  }
  const answer = await response.json().catch(() => ({}))
  if (!response.ok || answer.success === false) {
    const code = answer.code ?? `http_${response.status}`
    throw new Refusal(explainName(code, answer.error ?? response.statusText), answer.requestId)
  }
  return answer
}

export async function challenge(signer: Signer): Promise<string> {
  const answer = await post<{ message: string }>('api/v2/auth/wallet/challenge', {
    chain: 'solana',
    address: signer.address,
  })
  return answer.message
}

/** Lets the signer sign `text`; sends the signed bytes themselves where the wallet wrapped them. */
export async function signIn(signer: Signer, text: string): Promise<Tokens> {
  const plain = new TextEncoder().encode(text)
  const { message, signature } = await signer.sign(plain)
  const same = message.length === plain.length && message.every((byte, i) => byte === plain[i])
  return post<Tokens>('api/v2/auth/wallet', {
    chain: 'solana',
    address: signer.address,
    ...(same ? { message: text } : { signedMessage: base64(message) }),
    signature: base64(signature),
  })
}

export const logOut = (token: string) => post<{ success: boolean }>('api/v2/auth/logout', {}, token)
