// A wallet: an Ed25519 key, the sign-in text, and signing in with it.
import assert from 'node:assert/strict'
import nacl from 'tweetnacl'
import { post, type Reply } from './api.ts'
import { base58 } from './base58.ts'
import type { Server } from './server.ts'

export interface Fields {
  domain: string
  address: string
  statement?: string | undefined
  uri?: string | undefined
  version?: string | undefined
  chainId?: string | undefined
  nonce?: string | undefined
  issuedAt?: string | undefined
  expirationTime?: string | undefined
  notBefore?: string | undefined
}

/** The text of Sign In With Solana, written from the fields. */
export function messageText(fields: Fields): string {
  const lines = [`${fields.domain} wants you to sign in with your Solana account:`, fields.address]
  if (fields.statement !== undefined) lines.push('', fields.statement)
  const advanced = [
    ['URI', fields.uri],
    ['Version', fields.version],
    ['Chain ID', fields.chainId],
    ['Nonce', fields.nonce],
    ['Issued At', fields.issuedAt],
    ['Expiration Time', fields.expirationTime],
    ['Not Before', fields.notBefore],
  ].filter(([, value]) => value !== undefined)
  if (advanced.length > 0) lines.push('', ...advanced.map(([name, value]) => `${name}: ${value}`))
  return lines.join('\n')
}

/** The envelope of Ledger's off-chain messages, version 0, around `text`. */
export function ledgerEnvelope(text: Uint8Array, publicKey: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16LE(text.length)
  const start = Buffer.concat([Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([0])])
  return Buffer.concat([start, Buffer.alloc(32), Buffer.from([0, 1]), publicKey, length, text])
}

export interface Challenge {
  message: string
  nonce: string
  expiresAt: string
  input: Fields
}

export interface Tokens {
  token: string
  expiresIn: number
  expiresAt: string
  refreshToken: string
  refreshExpiresAt: string
  session: { id: string }
  user: { id: string; wallet: string }
}

export class Wallet {
  readonly #pair = nacl.sign.keyPair()

  get publicKey(): Uint8Array {
    return this.#pair.publicKey
  }
  get address(): string {
    return base58(this.#pair.publicKey)
  }
  sign(message: string | Uint8Array): Uint8Array {
    return nacl.sign.detached(new Uint8Array(Buffer.from(message)), this.#pair.secretKey)
  }
}

export async function challenge(server: Server, wallet: Wallet, more: object = {}): Promise<Challenge> {
  const reply = await post(server, '/api/v2/auth/wallet/challenge', {
    chain: 'solana',
    address: wallet.address,
    ...more,
  })
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}

/** Sends a sign-in of `text` signed by the wallet; `over` replaces members of the request. */
export async function trySignIn(server: Server, wallet: Wallet, text: string, over: object = {}): Promise<Reply> {
  const body = {
    chain: 'solana',
    address: wallet.address,
    message: text,
    signature: Buffer.from(wallet.sign(text)).toString('base64'),
    ...over,
  }
  const reply = await post(server, '/api/v2/auth/wallet', body)
  if (reply.status === 200) server.signIns++
  return reply
}

export async function signIn(server: Server, wallet = new Wallet()): Promise<Tokens> {
  const { message } = await challenge(server, wallet)
  const reply = await trySignIn(server, wallet, message)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}
