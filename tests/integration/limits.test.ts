// Limits of sign-in: who is refused, who is not, and what a flood leaves behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, call } from '../harness/api.ts'
import { startServer, type Server } from '../harness/server.ts'
import { until } from '../harness/until.ts'
import { Wallet } from '../harness/wallet.ts'

const behindProxy = (limits: object) => ({
  config: { http: { trusted_proxies: ['127.0.0.1/32'] }, limits: { ...limits } },
})

let challenges = 0

/** A sign-in of `wallet` from an address, signed by `by`; its challenge comes from an address of its own. */
async function signInFrom(server: Server, ip: string, wallet: Wallet, by = wallet) {
  const asked = await call(
    `${server.origin}/api/v2/auth/wallet/challenge`,
    'POST',
    { chain: 'solana', address: wallet.address },
    { 'X-Forwarded-For': `10.1.${challenges >> 8}.${challenges++ & 255}` },
  )
  const { message } = asked.body
  const body = {
    chain: 'solana',
    address: wallet.address,
    message,
    signature: Buffer.from(by.sign(message)).toString('base64'),
  }
  return call(`${server.origin}/api/v2/auth/wallet`, 'POST', body, { 'X-Forwarded-For': ip })
}

test('a flood on a wallet from elsewhere does not keep its owner out', async (t) => {
  const server = await startServer(t, behindProxy({ rate_strict: 5 }))
  const [wallet, thief] = [new Wallet(), new Wallet()]
  const codes = []
  for (let i = 0; i < 20; i++) codes.push((await signInFrom(server, '203.0.113.66', wallet, thief)).body.code)
  assert.deepEqual(codes, [...Array(5).fill('signature_invalid'), ...Array(15).fill('rate_limited')])
  const own = await signInFrom(server, '198.51.100.1', wallet)
  assert.equal(own.status, 200, JSON.stringify(own.body))
  // Neither from the flood's own address does another person's IPv6 network suffer.
  assert.equal((await signInFrom(server, '2001:db8::1', wallet)).status, 200)
})

test('many people behind one address sign in again, and only failures and registrations count', async (t) => {
  const server = await startServer(t, behindProxy({ rate_strict: 4 }))
  const office = '203.0.113.7'
  const people = [new Wallet(), new Wallet(), new Wallet()]
  for (const person of people) assert.equal((await signInFrom(server, office, person)).status, 200)
  for (let i = 0; i < 12; i++) assert.equal((await signInFrom(server, office, people[i % 3]!)).status, 200)
  assertRefused(await signInFrom(server, office, people[0]!, new Wallet()), 'signature_invalid')
  assertRefused(await signInFrom(server, office, people[0]!), 'rate_limited')
})

test('what is given back is bounded by the liberal figure', async (t) => {
  const server = await startServer(t, behindProxy({ rate_strict: 4, rate_liberal: 10 }))
  const wallet = new Wallet()
  const statuses = []
  for (let i = 0; i < 13; i++) statuses.push((await signInFrom(server, '203.0.113.7', wallet)).status)
  assert.deepEqual(statuses, [...Array(10).fill(200), ...Array(3).fill(429)])
})

test('a page of an allowed origin can read when to come back', async (t) => {
  const origin = 'https://app.example'
  const server = await startServer(t, { config: { http: { allowed_origins: [origin] }, limits: { rate_strict: 1 } } })
  const attempt = () => call(`${server.origin}/api/v2/auth/wallet`, 'POST', { chain: 'solana' }, { Origin: origin })
  await attempt()
  const over = await attempt()
  assertRefused(over, 'rate_limited')
  assert.match(over.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  assert.match(over.headers.get('access-control-expose-headers') ?? '', /\bretry-after\b/)
})

test('a flood of refusals is a few rows of the audit log, with their number', async (t) => {
  const server = await startServer(t, behindProxy({}))
  const [wallet, thief] = [new Wallet(), new Wallet()]
  const floods = 60
  for (let i = 0; i < floods; i++) await signInFrom(server, '203.0.113.66', wallet, thief)
  assert.equal((await signInFrom(server, '198.51.100.1', wallet)).status, 200)
  const rows = (kind: string) => server.rows.all(`SELECT * FROM audit WHERE kind = '${kind}'`)
  // The success is there at once, the refusals within seconds.
  assert.equal(rows('signin').length, 1)
  const refusals = await until('the refusals to be noted', () => {
    const found = rows('refusal').filter((row) => row.code === 'signature_invalid')
    return found.reduce((sum, row) => sum + Number(row.count), 0) === floods ? found : undefined
  })
  assert(refusals.length <= 5, `${refusals.length} rows`)
  for (const row of refusals) assert.equal(row.ip, '203.0.113.66')
})
