// What a back end holds: one object that verifies tokens, asks about sessions and calls the server API.
import { createApi, type Api } from './api.ts'
import { createCheck, type Check } from './check.ts'
import type { Transport } from './request.ts'
import { createVerifier, type Verify, type VerifyOptions } from './verify.ts'

export interface Options extends VerifyOptions {
  /** The operators' port, for the server API; http://127.0.0.1:9090 if not said. */
  apiUrl?: string
  /** A key of [[api.key]]. Without one there is no server API, and sessions are asked about as their owners. */
  apiKey?: string | undefined
  /** Milliseconds that one try of a call may take; 10 000. */
  timeout?: number
  /** Further tries where nobody answered or the refusal is temporary; 2. */
  retries?: number
  /** Milliseconds for which a session that stood is taken to stand; 0, so that an ending counts at once. */
  checkCache?: number
}

export interface Gatecast {
  /** Whose token it is, by signature and claims alone. An ended session's token is good until it expires. */
  verifyToken: Verify
  /** Whose token it is, by the server's word: ended sessions and blocked users are refused from that moment on. */
  checkSession: Check
  api: Api
}

const kApiUrl = 'http://127.0.0.1:9090'
const kTimeoutMs = 10_000
const kRetries = 2

function address(name: string, text: string): string {
  if (!/^https?:$/.test(new URL(text).protocol)) throw new TypeError(`${name}: an http or https address`)
  return text.replace(/\/+$/, '')
}

export function createGatecast(options: Options): Gatecast {
  const url = address('url', options.url)
  const transport: Transport = {
    // Called as a bare function: browsers and workers refuse a fetch that is called as a member.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    timeout: options.timeout ?? kTimeoutMs,
    retries: options.retries ?? kRetries,
  }
  return {
    verifyToken: createVerifier({ ...options, url }),
    checkSession: createCheck({ transport, url, apiKey: options.apiKey, cacheMs: options.checkCache ?? 0 }),
    api: createApi({ transport, apiUrl: address('apiUrl', options.apiUrl ?? kApiUrl), apiKey: options.apiKey ?? '' }),
  }
}
