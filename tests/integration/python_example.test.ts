// examples/python as it is shipped, run by the machine's Python, against the real program.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import path from 'node:path'
import { test } from 'node:test'
import { bearer, call, post } from '../harness/api.ts'
import { onEnd, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { nowSeconds } from '../harness/token.ts'
import { until } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

const folder = path.resolve(import.meta.dirname, '../../examples/python')

async function startShop(t: Scope, server: Server, secret: string): Promise<{ origin: string; output: () => string }> {
  const shop = spawn('python3', ['-B', '-W', 'error', 'app.py', '0'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      GATECAST_URL: server.origin,
      GATECAST_API_URL: server.ops,
      GATECAST_API_KEY: server.apiKey,
      GATECAST_WEBHOOK_SECRET: secret,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [shop.stdout, shop.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const closed = new Promise((resolve) => shop.on('close', resolve))
  onEnd(t, async () => {
    shop.kill()
    await closed
    assert.doesNotMatch(output, /Traceback|Warning/)
  })
  const port = await until('the shop', () => /listening on (\d+)/.exec(output)?.[1]).catch((error: Error) => {
    throw new Error(`${error.message}\n${output}`)
  })
  return { origin: `http://127.0.0.1:${port}`, output: () => output }
}

test('the Python shop: who calls, a sale that every tab learns of, and an ended session refused', async (t) => {
  const server = await startServer(t)
  const shop = await startShop(t, server, 'unused')
  const { token, user } = await signIn(server)
  const me = await call(`${shop.origin}/me`, 'GET', undefined, bearer(token))
  assert.deepEqual([me.status, me.body], [200, { user: user.id }])

  const buy = () => call(`${shop.origin}/buy/42`, 'POST', {}, bearer(token))
  assert.deepEqual((await buy()).body, { post: '42', new: true })
  assert.deepEqual((await buy()).body, { post: '42', new: false })
  const held = await call(`${server.origin}/api/user/grants`, 'GET', undefined, bearer(token))
  assert.deepEqual(held.body.grants.map(({ resource, key }: any) => [resource, key]), [['post:42', 'shop']])

  const refusals = [
    await call(`${shop.origin}/me`, 'GET'),
    await call(`${shop.origin}/me`, 'GET', undefined, { Authorization: 'Bearer a.b' }),
    await call(`${shop.origin}/me`, 'GET', undefined, bearer(`${token.slice(0, -4)}AAAA`)),
    await call(`${shop.origin}/nothing`, 'POST', {}),
  ]
  assert.deepEqual(
    refusals.map(({ status, body }) => [status, body.code]),
    [[401, 'token_missing'], [401, 'token_malformed'], [401, 'session_unknown'], [404, 'not_found']],
  )
  await post(server, '/api/v2/auth/logout', {}, token)
  const ended = await call(`${shop.origin}/me`, 'GET', undefined, bearer(token))
  assert.deepEqual([ended.status, ended.body.code], [401, 'session_unknown'])
})

test('the Python shop takes the real webhooks, and no others', async (t) => {
  const secret = randomBytes(32).toString('base64')
  const first = await startServer(t)
  const shop = await startShop(t, first, secret)
  await first.stop()
  const url = `${shop.origin}/hooks/gatecast`
  const server = await startServer(t, { again: first, config: { webhook: [{ name: 'shop', url, secret }] } })
  const { user } = await signIn(server)
  await until('the event', () => new RegExp(`^\\d+ user\\.created ${user.id}$`, 'm').test(shop.output()))

  const body = JSON.stringify({ webhook: 'shop', events: [{ seq: 1, type: 'user.created', user: 'evil' }] })
  const sign = (at: number, key: string) => `t=${at},v1=${createHmac('sha256', key).update(`${at}.${body}`).digest('hex')}`
  const send = async (signature: string) =>
    (await fetch(url, { method: 'POST', body, headers: { 'Gatecast-Signature': signature } })).status
  assert.equal(await send(sign(nowSeconds(), 'another')), 401)
  assert.equal(await send(sign(nowSeconds() - 301, secret)), 401)
  assert.equal(await send(''), 401)
  assert.doesNotMatch(shop.output(), /evil/)
  assert.equal(await send(sign(nowSeconds(), secret)), 200)
  await until('the genuine one', () => shop.output().includes('evil'))
})
