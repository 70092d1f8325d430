// Who signs: a throw-away key of this tab, a wallet of the wallet standard, or the older window.solana.
import nacl from 'tweetnacl'
import { base58 } from './base58.ts'

/** `message` is what was really signed; a wallet may wrap the text before it signs. */
export interface Signed {
  message: Uint8Array
  signature: Uint8Array
}

export interface Signer {
  address: string
  sign(message: Uint8Array): Promise<Signed>
}

export function throwAwayKey(): Signer {
  const pair = nacl.sign.keyPair()
  return {
    address: base58(pair.publicKey),
    sign: async (message) => ({ message, signature: nacl.sign.detached(message, pair.secretKey) }),
  }
}

export interface Wallet {
  name: string
  connect(): Promise<Signer>
}

interface StandardAccount {
  address: string
}

interface StandardWallet {
  name: string
  features: Record<string, unknown>
}

interface ConnectFeature {
  connect(): Promise<{ accounts: readonly StandardAccount[] }>
}

interface SignFeature {
  signMessage(input: { account: StandardAccount; message: Uint8Array }): Promise<
    readonly { signedMessage: Uint8Array; signature: Uint8Array }[]
  >
}

interface LegacyWallet {
  connect(): Promise<{ publicKey?: { toString(): string } }>
  publicKey?: { toString(): string }
  signMessage(message: Uint8Array, display: 'utf8'): Promise<{ signature: Uint8Array } | Uint8Array>
}

declare global {
  interface Window {
    solana?: LegacyWallet
  }
}

function fromStandard(wallet: StandardWallet): Wallet | undefined {
  const connecting = wallet.features['standard:connect'] as ConnectFeature | undefined
  const signing = wallet.features['solana:signMessage'] as SignFeature | undefined
  if (!connecting || !signing) return undefined
  return {
    name: wallet.name,
    async connect() {
      const { accounts } = await connecting.connect()
      const account = accounts[0]
      if (!account) throw new Error(`${wallet.name} offered no account`)
      return {
        address: account.address,
        async sign(message) {
          const [output] = await signing.signMessage({ account, message })
          if (!output) throw new Error(`${wallet.name} signed nothing`)
          return { message: output.signedMessage, signature: output.signature }
        },
      }
    },
  }
}

function fromWindow(wallet: LegacyWallet): Wallet {
  return {
    name: 'Wallet',
    async connect() {
      const { publicKey = wallet.publicKey } = await wallet.connect()
      if (!publicKey) throw new Error('the wallet offered no account')
      return {
        address: publicKey.toString(),
        async sign(message) {
          const output = await wallet.signMessage(message, 'utf8')
          return { message, signature: output instanceof Uint8Array ? output : output.signature }
        },
      }
    },
  }
}

/** Calls `found` for every wallet that is installed, now and as they announce themselves. */
export function watchWallets(found: (wallet: Wallet) => void): void {
  const register = (...wallets: StandardWallet[]) => {
    for (const wallet of wallets) {
      const usable = fromStandard(wallet)
      if (usable) found(usable)
    }
  }
  const api = { register }
  window.addEventListener('wallet-standard:register-wallet', (event) => {
    const callback = (event as CustomEvent<unknown>).detail
    if (typeof callback === 'function') callback(api)
  })
  window.dispatchEvent(new CustomEvent('wallet-standard:app-ready', { detail: api }))
  if (window.solana) found(fromWindow(window.solana))
}
