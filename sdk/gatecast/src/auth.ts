// Signing in and out, the user's sessions, and the identities that belong to one account.
import { endsSession, GatecastError } from './errors.ts'
import { backoffMs, type Http } from './http.ts'
import type { TokenKeeper } from './keeper.ts'
import { proveEthereum, type EthereumChallenge, type EthereumProof, type EthereumProvider } from './ethereum.ts'
import { proveSolana, type SolanaChallenge, type SolanaProof, type SolanaWallet } from './solana.ts'
import { proveTelegram, type TelegramGiven, type TelegramProof } from './telegram.ts'
import type { Held, Session, Tokens } from './tokens.ts'

export interface Identity {
  id: string
  kind: string
  address?: string
  telegram_id?: number
  username?: string
  first_name?: string
  createdAt: string
}

export interface OwnSession {
  id: string
  createdAt: string
  lastSeenAt: string
  expiresAt: string
  how: string
  ip: string
  userAgent: string
  current: boolean
  /** Connections open now. */
  connected: number
}

/** Of an identity that is linked already, made for linking: asked for where the sign-in is older than five minutes. */
export type Proof = SolanaProof | EthereumProof | TelegramProof

interface SignInOptions {
  /** Counts once, when the account is made. */
  refCode?: string | undefined
}

interface ProofOption {
  proof?: Proof | undefined
}

/** Signed in anew, or to the account that was there. */
export interface SignedIn extends Session {
  readonly created: boolean
  readonly referred: boolean
}

type Purpose = 'signin' | 'link'
type Call = <Answer>(method: string, path: string, body?: unknown) => Promise<Answer>

const kTries = 20

export class Auth {
  readonly #keeper: TokenKeeper
  readonly #http: Http
  readonly #call: Call
  #closed = false

  constructor(keeper: TokenKeeper, http: Http, call: Call) {
    this.#keeper = keeper
    this.#http = http
    this.#call = call
  }

  /** The same object until tokens change; null while nobody is signed in. */
  get session(): Session | null {
    return this.#keeper.session
  }

  isAuthenticated(): boolean {
    return this.#keeper.session !== null
  }

  /** A token that stands for a while yet. Waits for a renewal where there is none; fails where that fails. */
  getToken(): Promise<string> {
    return this.#keeper.token()
  }

  /** Renews now; parallel calls, and calls of other tabs, share one renewal. */
  refresh(): Promise<string> {
    return this.#keeper.refresh()
  }

  async signInWithSolana(wallet: SolanaWallet | { provider: SolanaWallet }, options: SignInOptions = {}): Promise<SignedIn> {
    return this.#signIn('api/v2/auth/wallet', await this.#solana(wallet, 'signin'), options)
  }

  async signInWithEthereum(provider: EthereumProvider | { provider: EthereumProvider }, options: SignInOptions = {}): Promise<SignedIn> {
    return this.#signIn('api/v2/auth/wallet', await this.#ethereum(provider, 'signin'), options)
  }

  /** Without arguments: the Mini App that this page is. */
  async signInWithTelegram({ refCode, ...given }: TelegramGiven & SignInOptions = {}): Promise<SignedIn> {
    return this.#signIn('api/v2/auth/telegram', proveTelegram(given), { refCode })
  }

  /** Takes tokens that a back end has got for this user, as by `token_mint`. */
  adopt(tokens: Tokens): Promise<Session> {
    if (typeof tokens?.token !== 'string' || tokens.token === '') throw new GatecastError('token_missing')
    return this.#keeper.signIn(tokens)
  }

  /** `this` is over here and in the other tabs at once, also offline: then the server is told once it can be reached,
   * as long as this page is open. The others fail where the server does not answer. */
  async logout({ scope = 'this', proof }: { scope?: 'this' | 'others' | 'all' } & ProofOption = {}): Promise<void> {
    await this.#keeper.ready
    const held = this.#keeper.held
    if (!held) {
      if (scope === 'this') return
      throw new GatecastError('not_signed_in')
    }
    if (scope !== 'this') await this.#call('POST', `api/v2/auth/logout/${scope}`, withProof(proof))
    if (scope === 'others') return
    await this.#keeper.end(held.session, 'signed_out', 'signed out')
    if (scope === 'this') await this.#tellServer(held, 1)
  }

  async sessions(): Promise<OwnSession[]> {
    return (await this.#call<{ sessions: OwnSession[] }>('GET', 'api/v2/auth/sessions')).sessions
  }

  async endSession(id: string, { proof }: ProofOption = {}): Promise<void> {
    await this.#call('DELETE', `api/v2/auth/sessions/${encodeURIComponent(id)}`, withProof(proof))
  }

  async identities(): Promise<(Identity & { current: boolean })[]> {
    return (await this.#call<{ identities: (Identity & { current: boolean })[] }>('GET', 'api/v2/auth/session')).identities
  }

  async linkSolana(wallet: SolanaWallet | { provider: SolanaWallet }, options: ProofOption = {}): Promise<Identity> {
    return this.#link('wallet', await this.#solana(wallet, 'link'), options)
  }

  async linkEthereum(provider: EthereumProvider | { provider: EthereumProvider }, options: ProofOption = {}): Promise<Identity> {
    return this.#link('wallet', await this.#ethereum(provider, 'link'), options)
  }

  async linkTelegram({ proof, ...given }: TelegramGiven & ProofOption = {}): Promise<Identity> {
    return this.#link('telegram', proveTelegram(given), { proof })
  }

  /** How many sessions ended: those that the identity had signed in. */
  async unlink(id: string, { proof }: ProofOption = {}): Promise<number> {
    return (await this.#call<{ ended: number }>('DELETE', `api/v2/auth/identities/${encodeURIComponent(id)}`, withProof(proof))).ended
  }

  /** A `proof` for what is refused with fresh_signin_required. */
  proveSolana(wallet: SolanaWallet | { provider: SolanaWallet }): Promise<Proof> {
    return this.#solana(wallet, 'link')
  }

  proveEthereum(provider: EthereumProvider | { provider: EthereumProvider }): Promise<Proof> {
    return this.#ethereum(provider, 'link')
  }

  close(): void {
    this.#closed = true
  }

  async #solana(wallet: SolanaWallet | { provider: SolanaWallet }, purpose: Purpose): Promise<SolanaProof> {
    const chosen = 'provider' in wallet ? wallet.provider : wallet
    return proveSolana(chosen, (address) => this.#challenge<SolanaChallenge>({ chain: 'solana', ...(address === undefined ? {} : { address }), purpose }))
  }

  async #ethereum(provider: EthereumProvider | { provider: EthereumProvider }, purpose: Purpose): Promise<EthereumProof> {
    const chosen = 'provider' in provider ? provider.provider : provider
    return proveEthereum(chosen, (address, chainId) =>
      this.#challenge<EthereumChallenge>({ chain: 'ethereum', address, ...(chainId === undefined ? {} : { chainId }), purpose }),
    )
  }

  #challenge<Challenge>(body: Record<string, unknown>): Promise<Challenge> {
    const { purpose, ...rest } = body
    return this.#http.call<Challenge>('POST', 'api/v2/auth/wallet/challenge', { body: purpose === 'link' ? body : rest })
  }

  async #signIn(path: string, proof: Proof, { refCode }: SignInOptions): Promise<SignedIn> {
    const body = { ...proof, ...(refCode === undefined ? {} : { ref_code: refCode }) }
    const tokens = await this.#http.call<Tokens>('POST', path, { body })
    if (typeof tokens.token !== 'string') throw new GatecastError('unexpected_reply')
    const session = await this.#keeper.signIn(tokens)
    return Object.freeze({ ...session, created: tokens.created === true, referred: tokens.referred === true })
  }

  async #link(kind: 'wallet' | 'telegram', own: Proof, { proof }: ProofOption): Promise<Identity> {
    const answer = await this.#call<{ identity: Identity }>('POST', `api/v2/auth/link/${kind}`, { ...own, ...withProof(proof) })
    return answer.identity
  }

  /** With the refresh token, which stands when the access token no longer does. Nothing of it is written down. */
  async #tellServer(held: Held, attempt: number): Promise<void> {
    try {
      if (held.refreshToken) await this.#http.call('POST', 'oauth/revoke', { body: new URLSearchParams({ token: held.refreshToken }) })
      else await this.#http.call('POST', 'api/v2/auth/logout', { body: {}, token: held.token })
    } catch (error) {
      const failure = error as GatecastError
      if (endsSession(failure.code) || !failure.temporary || attempt >= kTries || this.#closed) return
      const timer: unknown = setTimeout(() => void this.#tellServer(held, attempt + 1), Math.max(failure.retryAfterMs ?? 0, backoffMs(attempt)))
      ;(timer as { unref?: () => void }).unref?.()
    }
  }
}

function withProof(proof: Proof | undefined): { proof?: Proof } {
  return proof ? { proof } : {}
}
