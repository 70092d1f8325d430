// The wallets that are installed: of the wallet standard, announced by EIP-6963, and the older window.solana and
// window.ethereum. Extensions announce themselves when they like, so the list grows.
import { Listeners, type Undo } from './emitter.ts'
import { GatecastError } from './errors.ts'
import { inPage } from './page.ts'
import type { EthereumProvider } from './ethereum.ts'
import type { InjectedSolana, SolanaWallet, StandardWallet } from './solana.ts'

interface Common {
  /** Stable between visits: of the wallet's own name or reverse domain. */
  id: string
  name: string
  /** A data: address, as the wallet gives it. */
  icon?: string
}

export type Wallet =
  | (Common & { chain: 'solana'; source: 'wallet-standard' | 'injected'; provider: SolanaWallet })
  | (Common & { chain: 'ethereum'; source: 'eip-6963' | 'injected'; provider: EthereumProvider })

interface Announced {
  info: { uuid: string; name: string; icon?: string; rdns?: string }
  provider: EthereumProvider
}

interface Injected {
  solana?: InjectedSolana & { isPhantom?: boolean; isSolflare?: boolean; isBackpack?: boolean }
  solflare?: InjectedSolana
  ethereum?: EthereumProvider
}

const icon = (data: unknown): { icon?: string } => (typeof data === 'string' && data.startsWith('data:image/') ? { icon: data } : {})

export class Wallets {
  readonly #listeners: Listeners<[readonly Wallet[]]>
  readonly #standard = new Map<StandardWallet, Wallet>()
  readonly #announced = new Map<string, Wallet>()
  readonly #undo: Undo[] = []
  #looking = false
  #list: readonly Wallet[] = Object.freeze([])

  constructor(report: (error: GatecastError) => void) {
    this.#listeners = new Listeners((cause) => report(new GatecastError('handler_failed', { cause })))
  }

  /** The same array until it changes. Empty where there is no page. */
  list(): readonly Wallet[] {
    this.#look()
    return this.#list
  }

  onChange(fn: (wallets: readonly Wallet[]) => void): Undo {
    this.#look()
    return this.#listeners.add(fn)
  }

  close(): void {
    for (const step of this.#undo.splice(0)) step()
    this.#listeners.clear()
  }

  #look(): void {
    if (!inPage()) return
    if (this.#looking) return this.#refresh()
    this.#looking = true
    const register = (...wallets: StandardWallet[]): Undo => {
      for (const wallet of wallets) this.#add(wallet)
      this.#refresh()
      return () => {
        for (const wallet of wallets) this.#standard.delete(wallet)
        this.#refresh()
      }
    }
    const api = Object.freeze({ register })
    this.#listen('wallet-standard:register-wallet', ({ detail }) => typeof detail === 'function' && detail(api))
    this.#listen('eip6963:announceProvider', ({ detail }) => this.#announce(detail as Partial<Announced> | null))
    window.dispatchEvent(new CustomEvent('wallet-standard:app-ready', { detail: api }))
    window.dispatchEvent(new Event('eip6963:requestProvider'))
    this.#refresh()
  }

  #listen(name: string, fn: (event: CustomEvent<unknown>) => void): void {
    const listener = (event: Event) => fn(event as CustomEvent<unknown>)
    window.addEventListener(name, listener)
    this.#undo.push(() => window.removeEventListener(name, listener))
  }

  #add(wallet: StandardWallet): void {
    const features = wallet?.features
    if (!features || !('solana:signMessage' in features || 'solana:signIn' in features)) return
    this.#standard.set(wallet, { id: `solana:${wallet.name}`, name: wallet.name, ...icon(wallet.icon), chain: 'solana', source: 'wallet-standard', provider: wallet })
  }

  #announce(detail: Partial<Announced> | null): void {
    const { info, provider } = detail ?? {}
    if (typeof info?.uuid !== 'string' || typeof provider?.request !== 'function') return
    this.#announced.set(info.uuid, { id: `ethereum:${info.rdns ?? info.uuid}`, name: String(info.name), ...icon(info.icon), chain: 'ethereum', source: 'eip-6963', provider })
    this.#refresh()
  }

  #refresh(): void {
    const next = [...this.#standard.values(), ...this.#announced.values(), ...this.#injected()]
    const same = next.length === this.#list.length && next.every(({ provider }, i) => provider === this.#list[i]?.provider)
    if (same) return
    this.#list = Object.freeze(next)
    this.#listeners.tell(this.#list)
  }

  /** The older ways, where the same wallet has not announced itself in the newer one. */
  #injected(): Wallet[] {
    const { solana, solflare, ethereum } = window as Injected
    const found: Wallet[] = []
    const standard = new Set([...this.#standard.values()].map(({ name }) => name))
    const names: [InjectedSolana | undefined, string][] = [
      [solana, solana?.isPhantom ? 'Phantom' : solana?.isSolflare ? 'Solflare' : solana?.isBackpack ? 'Backpack' : 'Solana wallet'],
      [solflare === solana ? undefined : solflare, 'Solflare'],
    ]
    for (const [provider, name] of names) {
      if (provider?.signMessage && !standard.has(name)) found.push({ id: `solana:${name}`, name, chain: 'solana', source: 'injected', provider })
    }
    const known = [...this.#announced.values()].some(({ provider }) => provider === ethereum)
    // With announced wallets window.ethereum is one of them, or a wrapper around one.
    if (ethereum && !known && this.#announced.size === 0) found.push({ id: 'ethereum:injected', name: 'Ethereum wallet', chain: 'ethereum', source: 'injected', provider: ethereum })
    return found
  }
}
