// Ethereum wallets: providers of EIP-1193, announced by EIP-6963 or injected as window.ethereum.
import { hex, utf8 } from './bytes.ts'
import { GatecastError } from './errors.ts'
import { asking } from './solana.ts'

export interface EthereumProvider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>
}

export interface EthereumProof {
  chain: 'ethereum'
  address: string
  message: string
  signature: string
}

export interface EthereumChallenge {
  message: string
  input: Record<string, unknown>
}

type Ask = (address: string, chainId: number | undefined) => Promise<EthereumChallenge>

export async function proveEthereum(provider: EthereumProvider | null | undefined, ask: Ask): Promise<EthereumProof> {
  if (!provider) throw new GatecastError('wallet_missing')
  const accounts = await asking(() => provider.request({ method: 'eth_requestAccounts' }))
  const address = Array.isArray(accounts) ? (accounts[0] as unknown) : undefined
  if (typeof address !== 'string') throw new GatecastError('wallet_refused', { message: 'the wallet offered no account' })
  const chain = Number(await asking(() => provider.request({ method: 'eth_chainId' })))
  const { message, input } = await ask(address, Number.isSafeInteger(chain) && chain > 0 ? chain : undefined)
  const signature = await asking(() => provider.request({ method: 'personal_sign', params: [hex(utf8(message)), address] }))
  if (typeof signature !== 'string') throw new GatecastError('wallet_refused')
  // The challenge writes the address with its checksum.
  return { chain: 'ethereum', address: typeof input['address'] === 'string' ? input['address'] : address, message, signature }
}
