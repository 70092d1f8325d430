// Ethereum wallets of ethers, and messages of siwe.
import assert from 'node:assert/strict'
import { Wallet, type HDNodeWallet } from 'ethers'
import { SiweMessage } from 'siwe'
import { post, type Reply } from './api.ts'
import type { Server } from './server.ts'
import type { Table } from './toml.ts'

export type EthereumWallet = HDNodeWallet
export const ethereumWallet = (): EthereumWallet => Wallet.createRandom()

export const ethereumConfig = (port: number, more: Table = {}): Table => ({
  enabled: true,
  domain: [`localhost:${port}`],
  uri: [`http://localhost:${port}`],
  chains: [1, 137],
  ...more,
})

export interface SiweChallenge {
  message: string
  nonce: string
  input: ConstructorParameters<typeof SiweMessage>[0] & { chainId: number; nonce: string; issuedAt: string }
}

export async function siweChallenge(server: Server, address: string, more: object = {}): Promise<SiweChallenge> {
  const body = { chain: 'ethereum', address, chainId: 1, ...more }
  const reply = await post(server, '/api/v2/auth/wallet/challenge', body)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}

/** A good message of the wallet by siwe, with these fields in place of the challenge's. */
export async function siweText(server: Server, address: string, over: object = {}, more: object = {}): Promise<string> {
  const { input } = await siweChallenge(server, address, more)
  return new SiweMessage({ ...(input as object), ...over } as Partial<SiweMessage>).prepareMessage()
}

export async function ethereumProof(wallet: EthereumWallet, message: string): Promise<object> {
  return { chain: 'ethereum', address: wallet.address, message, signature: await wallet.signMessage(message) }
}

export async function ethereumSignIn(server: Server, wallet: EthereumWallet, text?: string): Promise<Reply> {
  const message = text ?? (await siweChallenge(server, wallet.address)).message
  return post(server, '/api/v2/auth/wallet', await ethereumProof(wallet, message))
}
