// Tokens the server would not hand out: a good one's claims, changed, under the server's own key.
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from './server.ts'
import type { Table } from './toml.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString())

export const claimsOf = (token: string) => decode(token.split('.')[1])
export const nowSeconds = () => Math.floor(Date.now() / 1000)

/** The same token with other claims or header members; `undefined` takes one out. */
export function resigned(server: Server, token: string, claims: object, header: object = {}): string {
  const [key] = (server.config.token as Table).key as Table[]
  const [head, body] = token.split('.')
  const input = `${encode({ ...decode(head), ...header })}.${encode({ ...decode(body), ...claims })}`
  const signature = sign(null, Buffer.from(input), createPrivateKey(readFileSync(key!.file as string)))
  return `${input}.${signature.toString('base64url')}`
}
