// Solana wallets, of whatever make, as one thing: they know an address, and sign a text or a sign-in.
import { base64, sameBytes, utf8 } from './bytes.ts'
import { asError, GatecastError } from './errors.ts'

/** A wallet of the wallet standard. */
export interface StandardWallet {
  name: string
  icon?: string
  features: Readonly<Record<string, unknown>>
  accounts?: readonly StandardAccount[]
  chains?: readonly string[]
}

interface StandardAccount {
  address: string
  features?: readonly string[]
}

type Bytes = Uint8Array

/** window.solana of Phantom, Solflare and their like; also what @solana/wallet-adapter's `useWallet()` gives. */
export interface InjectedSolana {
  publicKey?: { toString(): string } | null
  connect?: () => Promise<unknown>
  signMessage?: ((message: Bytes, display?: 'utf8') => Promise<Bytes | { signature: Bytes }>) | undefined
}

/** A key of the application's own. */
export interface SolanaSigner {
  address: string
  sign(message: Bytes): Promise<Bytes> | Bytes
}

export type SolanaWallet = StandardWallet | InjectedSolana | SolanaSigner

export interface SolanaChallenge {
  message: string
  input: Record<string, unknown>
}

export interface SolanaProof {
  chain: 'solana'
  address: string
  message?: string
  signedMessage?: string
  signature: string
}

type Ask = (address: string | undefined) => Promise<SolanaChallenge>

interface Output {
  signedMessage: Bytes
  signature: Bytes
  account?: StandardAccount
}

interface Features {
  'standard:connect'?: { connect(): Promise<{ accounts: readonly StandardAccount[] }> }
  'solana:signMessage'?: { signMessage(input: { account: StandardAccount; message: Bytes }): Promise<readonly Output[]> }
  'solana:signIn'?: { signIn(input: Record<string, unknown>): Promise<readonly Output[]> }
}

/** What fails inside a wallet is mostly its user's "no". */
export async function asking<Value>(what: () => Promise<Value> | Value): Promise<Value> {
  try {
    return await what()
  } catch (error) {
    throw asError(error, 'wallet_refused')
  }
}

/** The text as it is where the wallet signed just that, else the bytes it wrapped it in. */
function proof(address: string, text: string, signed: Bytes, signature: Bytes): SolanaProof {
  const said = sameBytes(signed, utf8(text)) ? { message: text } : { signedMessage: base64(signed) }
  return { chain: 'solana', address, ...said, signature: base64(signature) }
}

async function byStandard(wallet: StandardWallet, ask: Ask): Promise<SolanaProof> {
  const features = wallet.features as Features
  const signIn = features['solana:signIn']
  if (signIn) {
    const { message, input } = await ask(undefined)
    const [output] = await asking(() => signIn.signIn(input))
    if (!output?.account) throw new GatecastError('wallet_refused')
    return proof(output.account.address, message, output.signedMessage, output.signature)
  }
  const signMessage = features['solana:signMessage']
  if (!signMessage) throw new GatecastError('wallet_missing', { message: `${wallet.name} cannot sign messages of Solana` })
  const connected = await asking(async () => (await features['standard:connect']?.connect())?.accounts ?? wallet.accounts ?? [])
  const account = connected.find(({ features }) => features?.includes('solana:signMessage')) ?? connected[0]
  if (!account) throw new GatecastError('wallet_refused', { message: `${wallet.name} offered no account` })
  const { message } = await ask(account.address)
  const [output] = await asking(() => signMessage.signMessage({ account, message: utf8(message) }))
  if (!output) throw new GatecastError('wallet_refused')
  return proof(account.address, message, output.signedMessage, output.signature)
}

async function byInjected(wallet: InjectedSolana, ask: Ask): Promise<SolanaProof> {
  const { signMessage } = wallet
  if (!signMessage) throw new GatecastError('wallet_missing', { message: 'the wallet cannot sign messages' })
  if (!wallet.publicKey && wallet.connect) await asking(() => wallet.connect?.())
  const address = wallet.publicKey?.toString()
  if (!address) throw new GatecastError('wallet_refused', { message: 'the wallet offered no account' })
  const { message } = await ask(address)
  const bytes = utf8(message)
  const output = await asking(() => signMessage.call(wallet, bytes, 'utf8'))
  return proof(address, message, bytes, output instanceof Uint8Array ? output : output.signature)
}

async function bySigner(signer: SolanaSigner, ask: Ask): Promise<SolanaProof> {
  const { message } = await ask(signer.address)
  const bytes = utf8(message)
  return proof(signer.address, message, bytes, await asking(() => signer.sign(bytes)))
}

export function proveSolana(wallet: SolanaWallet | null | undefined, ask: Ask): Promise<SolanaProof> {
  if (!wallet) throw new GatecastError('wallet_missing')
  if ('features' in wallet) return byStandard(wallet, ask)
  if ('sign' in wallet) return bySigner(wallet, ask)
  return byInjected(wallet, ask)
}

