// Operators of a server under test: their tokens, the configuration that knows them, and calls by them.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { bearer, call, type Reply } from './api.ts'
import type { Server } from './server.ts'
import type { Table } from './toml.ts'

export interface Operator {
  name: string
  role: 'view' | 'act'
  token: string
}

export const makeOperator = (name: string, role: Operator['role']): Operator => ({ name, role, token: `go_${randomBytes(32).toString('base64url')}` })

/** The configuration's part that knows them. */
export const operatorConfig = (...operators: Operator[]): Table => ({
  ops: {
    operator: operators.map(({ name, role, token }) => ({ name, role, sha256: createHash('sha256').update(token).digest('hex') })),
  },
})

export const ask = (server: Server, { token }: { token: string }, method: string, params: unknown = {}): Promise<Reply> =>
  call(`${server.ops}/api/${method}`, 'POST', params, bearer(token))

/** The result of a call that succeeds. */
export async function result(server: Server, person: { token: string }, method: string, params: unknown = {}): Promise<any> {
  const { status, body } = await ask(server, person, method, params)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.error, undefined, JSON.stringify(body))
  return body.result
}
