// Lives of access tokens by variant, and the variant on the metrics.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, post } from '../harness/api.ts'
import { startServer, type Server } from '../harness/server.ts'
import { claimsOf } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

const half = { name: 'half', share: 0.5, access_ttl: '10m' }

/** The sum of a counter's series that have these labels. */
async function metric(server: Server, name: string, labels: Record<string, string>): Promise<number> {
  const text = await (await fetch(`${server.ops}/metrics`)).text()
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
  return text
    .split('\n')
    .filter((line) => line.startsWith(`gatecast_${name}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

test('a share of the users has tokens of another life, in every session and renewal', async (t) => {
  const server = await startServer(t, { config: { session: { variant: [half] } } })
  const wallets = Array.from({ length: 24 }, () => new Wallet())
  const lives = []
  for (const wallet of wallets) {
    const first = await signIn(server, wallet)
    const again = await signIn(server, wallet)
    const renewed = await post(server, '/api/v2/auth/refresh', { refreshToken: first.refreshToken })
    assert.deepEqual([again.expiresIn, renewed.body.expiresIn], [first.expiresIn, first.expiresIn])
    const { exp, iat } = claimsOf(first.token)
    assert.equal(exp - iat, first.expiresIn)
    lives.push(first.expiresIn)
  }
  assert.deepEqual([...new Set(lives)].sort(), [1800, 600])
})

test('renewals and endings are counted by outcome and variant', async (t) => {
  const server = await startServer(t, {
    config: { session: { grace: '0s', variant: [{ ...half, name: 'all', share: 1 }] } },
  })
  const first = await signIn(server)
  assert.equal(first.expiresIn, 600)
  const renew = (refreshToken: string) => post(server, '/api/v2/auth/refresh', { refreshToken })
  const second = await renew(first.refreshToken)
  await renew(first.refreshToken)
  const third = await renew(second.body.refreshToken)
  await renew(third.body.refreshToken)
  await renew(first.refreshToken)
  await renew('gcr1.nonsense')
  const outcomes = async () => ({
    rotated: await metric(server, 'renewals_total', { outcome: 'rotated', variant: 'all' }),
    repeated: await metric(server, 'renewals_total', { outcome: 'repeated', variant: 'all' }),
    reused: await metric(server, 'renewals_total', { outcome: 'reused', variant: 'all' }),
    unknown: await metric(server, 'renewals_total', { outcome: 'refused', variant: 'none' }),
    ended: await metric(server, 'sessions_ended_total', { code: 'refresh_reuse', variant: 'all' }),
  })
  await until('the counters to be read', async () => (await outcomes()).ended === 1)
  assert.deepEqual(await outcomes(), { rotated: 3, repeated: 1, reused: 1, unknown: 1, ended: 1 })
})

test('without variants everyone has the configured life, and the label says none', async (t) => {
  const server = await startServer(t)
  const { token, expiresIn } = await signIn(server)
  assert.equal(expiresIn, 1800)
  await post(server, '/api/v2/auth/logout', {}, token)
  assert.equal((await get(server, '/api/v2/auth/check', token)).status, 401)
  assert.equal(await metric(server, 'sessions_ended_total', { code: 'signed_out', variant: 'none' }), 1)
})
