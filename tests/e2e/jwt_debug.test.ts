// The page /test/jwt-debug: every button, and right about tokens that are wrong in the ways they are.
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { api, call } from '../harness/api.ts'
import { giveLedger, startBrowser } from '../harness/browser.ts'
import { makeOperator, operatorConfig } from '../harness/operators.ts'
import { metric } from '../harness/realtime.ts'
import { Suite, type Scope } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig } from '../harness/telegram.ts'
import { shots, TestPage } from '../harness/test_page.ts'
import { claimsOf, nowSeconds } from '../harness/token.ts'
import { merged } from '../harness/toml.ts'
import { signIn, Wallet } from '../harness/wallet.ts'

const secret = randomBytes(36).toString('base64')
const operator = makeOperator('ann', 'view')
const telegramBot = bot(7_100_000_001)
const kHour = 3600

/** A token of the server's claims, changed, under `key`. */
function signedAs(token: string, claims: object, key = secret): string {
  const [head] = token.split('.')
  const body = Buffer.from(JSON.stringify({ ...claimsOf(token), ...claims })).toString('base64url')
  return `${head}.${body}.${createHmac('sha256', key).update(`${head}.${body}`).digest('base64url')}`
}

describe('/test/jwt-debug', () => {
  const suite = new Suite()
  let server: Server
  let browser: Browser
  before(async () => {
    mkdirSync(shots, { recursive: true })
    const shared = { token: { algorithm: 'HS256', key: [{ kid: 'h1', algorithm: 'HS256', secret }] }, pages: { enabled: true }, limits: { rate_strict: 0 } }
    server = await startServer(suite, { config: merged(merged(shared, operatorConfig(operator)), telegramConfig([telegramBot])) })
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  const open = (t: Scope, options = {}) => TestPage.open(t, browser, server, 'jwt-debug', options)
  const sessions = async (user: string) => (await api(server, 'sessions', { user })).body.result.sessions
  const findings = (at: TestPage) =>
    at.page.locator('[data-finding]').evaluateAll((all) => all.filter((one) => one.getAttribute('data-verdict') === 'bad').map((one) => one.getAttribute('data-finding')))

  /** Pastes a token and presses Examine. */
  async function examine(at: TestPage, token: string, key = ''): Promise<(string | null)[]> {
    await at.at('token').fill(token)
    await at.at('operator').fill(key)
    await at.press('diagnose')
    return findings(at)
  }

  test('each step of signing in, and all at once: a session at the server; the token’s state, claims and time left', async (t) => {
    const at = await open(t)
    assert.equal(await at.text('token-state'), 'none')
    assert.match((await at.bad('send-proof')).text, /sign the text first/)
    assert.deepEqual((await at.good('make-key')).calls, [], 'the key never leaves the tab')
    assert.deepEqual((await at.good('get-challenge')).calls, ['POST /api/v2/auth/wallet/challenge 200'])
    assert.match(await at.text('challenge'), new RegExp(`^${server.domain} wants you to sign in with your Solana account:`))
    assert.deepEqual((await at.good('sign-text')).calls, [])
    assert.deepEqual((await at.good('send-proof')).calls, ['POST /api/v2/auth/wallet 200'])
    const user = await at.user()
    assert.deepEqual((await sessions(user)).map(({ how }: { how: string }) => how), ['solana'])

    assert.equal(await at.text('token-state'), 'good')
    assert.match(await at.text('token-left'), /^29 min \d+ s$|^30 min$/)
    const before = await at.text('token-left')
    await at.page.waitForFunction((was) => document.getElementById('token-left')?.textContent !== was, before)
    assert.match(await at.text('claims'), new RegExp(`sub\\s+${user}\\s+subject: the user`))
    assert.match(await at.text('token-refresh'), /generation 1/)

    await at.good('sign-in')
    assert.equal(await at.user(), user, 'the same key is the same user')
    assert.equal((await sessions(user)).length, 2)
    assert.deepEqual((await at.good('forget')).calls, [], 'forgetting ends nothing')
    assert.equal((await sessions(user)).length, 2)
    assert.equal(await at.text('token-state'), 'none')
    await at.assertSound(server)
  })

  test('an installed wallet signs, also one that wraps the text; a pasted token, a pasted refresh token, pasted initData', async (t) => {
    const wallet = new Wallet()
    const at = await open(t, {
      prepare: (page: TestPage['page']) => giveLedger(page, wallet),
    })
    await at.page.getByRole('button', { name: 'Test Wallet' }).click()
    await at.good('get-challenge')
    await at.good('sign-text')
    await at.good('send-proof')
    assert.equal((await api(server, 'user_get', { user: await at.user() })).body.result.user.identities[0].subject, wallet.address)

    const mine = await signIn(server)
    await at.at('paste-token').fill(mine.refreshToken)
    assert.deepEqual((await at.good('use-token')).calls, ['POST /api/v2/auth/refresh 200'])
    assert.equal(await at.session(), mine.session.id)
    assert.match(await at.text('token-refresh'), /generation 1/, 'so soon after the sign-in it is the same generation')
    await at.at('paste-token').fill(`"${mine.token}"`)
    assert.deepEqual((await at.say('warn', 'use-token')).calls, [])
    assert.match(await at.text('token-refresh'), /none/)
    await at.at('paste-token').fill('eyJ')
    assert.match((await at.bad('use-token')).text, /no token that can be read/)

    const ada = person()
    await at.at('paste-initdata').fill(initData(telegramBot, ada))
    assert.deepEqual((await at.good('use-initdata')).calls, ['POST /api/v2/auth/telegram 200'])
    assert.deepEqual((await sessions(await at.user())).map(({ how }: { how: string }) => how), ['telegram'])
    await at.at('paste-initdata').fill(initData(bot(7_100_000_002), person()))
    assert.match((await at.bad('use-initdata')).text, /initdata_signature: initData does not verify[\s\S]*bot/)
    await at.assertSound(server)
  })

  test('a good token: every step asks what it says it asks, and nothing is wrong', async (t) => {
    const at = await open(t)
    await at.good('sign-in')
    assert.deepEqual((await at.good('take-own')).calls, [])
    assert.match((await at.good('read-form')).text, /HS256, key h1, of tests.example, for tests/)
    assert.deepEqual((await at.good('compare-clocks')).calls, ['POST /api/v2/auth/validate 200'])
    assert.deepEqual((await at.say('warn', 'check-signature')).calls, ['GET /.well-known/jwks.json 200'])
    assert.deepEqual((await at.good('ask-validate')).calls, ['POST /api/v2/auth/validate 200'])
    assert.deepEqual((await at.good('ask-check')).calls, ['GET /api/v2/auth/check 200'])
    const asked = await at.good('ask-doctor')
    assert.deepEqual(asked.calls, ['POST /test/token-doctor 200'])
    assert.match(asked.text, /The server is tests\.example and takes tokens for tests\. Findings about keys need an operator/)
    assert.equal((await at.good('diagnose')).calls.length, 5)
    assert.deepEqual(await findings(at), [])
    await at.assertSound(server)
    await at.page.evaluate(() => scrollTo(0, 0))
    await at.shoot('jwt-debug-light')
  })

  test('a secret in quotes: the signature is wrong for anybody, the mistake is named to an operator', async (t) => {
    const at = await open(t)
    const { token } = await signIn(server)
    const wrong = signedAs(token, {}, `"${secret}"`)
    assert.deepEqual(await examine(at, wrong), ['token_signature', 'signature'])
    assert.match(await at.text('verdict-ask-doctor'), /need an operator’s token/)
    assert.doesNotMatch(await at.page.locator('#diagnosis').innerText(), /in quotes|fingerprint [0-9a-f]{4}|h1/)
    assert.deepEqual(await examine(at, wrong, 'go_somebody-elses'), ['token_signature', 'signature'])
    assert.match(await at.text('verdict-ask-doctor'), /operator’s token is not known here/)
    assert((await examine(at, wrong, operator.token)).includes('secret_quoted_double'))
    assert.match(await at.page.locator('#diagnosis').innerText(), /quotes/)
    assert(!(await at.page.content()).includes(secret), 'the secret is shown')
    await at.assertSound(server)
    await at.shoot('jwt-debug-quoted')
  })

  test('another audience', async (t) => {
    const at = await open(t)
    const { token } = await signIn(server)
    assert.deepEqual(await examine(at, signedAs(token, { aud: 'another' })), ['token_audience', 'audience'])
    assert.match(await at.page.locator('#diagnosis').innerText(), /Its aud is "another"; "tests" is expected/)
    await at.assertSound(server)
  })

  test('a clock off by an hour: the device’s, the issuer’s ahead, the issuer’s behind', async (t) => {
    const { token } = await signIn(server)
    const ahead = await open(t, { clockAhead: 60 })
    assert.deepEqual(await examine(ahead, token), ['device_clock'])
    assert.match(await ahead.text('verdict-compare-clocks'), /This device’s clock is (1 h|59 min 59 s|1 h 1 s) ahead of the server’s\. That is a whole number of hours/)
    await ahead.at('paste-token').fill(token)
    await ahead.press('use-token')
    assert.equal(await ahead.text('token-state'), 'good', 'times go by the server’s clock')
    await ahead.assertSound(server)

    const at = await open(t)
    const now = nowSeconds()
    assert.deepEqual(await examine(at, signedAs(token, { iat: now + kHour, exp: now + 2 * kHour })), ['issuer_clock'])
    assert.match(await at.page.locator('#diagnosis').innerText(), /made .* from now\. That is a whole number of hours: a time zone is wrong/)
    const late = await examine(at, signedAs(token, { iat: now - kHour - 60, exp: now - kHour }))
    assert.deepEqual(late, ['token_expired', 'expired_clock'])
    await at.assertSound(server)
  })

  test('an ended session: the button ends it, and the page says when and why', async (t) => {
    const at = await open(t)
    await at.good('sign-in')
    const user = await at.user()
    await at.good('take-own')
    assert.deepEqual((await at.good('logout')).calls, ['POST /api/v2/auth/logout 200'])
    assert.deepEqual(await sessions(user), [])
    await at.press('diagnose')
    assert.deepEqual(await findings(at), ['signed_out'])
    assert.match(await at.page.locator('#diagnosis').innerText(), /The session was ended at 2\d{3}-.*: signed out/)
    assert.match((await at.bad('logout')).text, /signed_out/)
    await at.assertSound(server)
  })

  test('the look-up of codes, and the log: copied as it is shown, cleared', async (t) => {
    const at = await open(t, { permissions: ['clipboard-read', 'clipboard-write'] })
    await at.at('code-search').fill('4501')
    assert.match(await at.text('codes'), /signed_out[\s\S]*close 4501/)
    await at.at('code-search').fill('nothing of the kind')
    assert.match(await at.text('code-count'), /^0 of/)
    await at.good('sign-in')
    await at.click('log-copy')
    await at.at('log-said').getByText('copied').waitFor()
    const copied = await at.page.evaluate(() => navigator.clipboard.readText())
    assert.match(copied, /→ POST \/api\/v2\/auth\/wallet /)
    assert.match(copied, /"signature":"•••"/)
    const { token, refreshToken } = await at.kept()
    for (const part of [token.split('.')[2]!, refreshToken.split('.')[4]!, refreshToken.split('.')[5]!]) assert(!copied.includes(part), 'the log shows a secret')
    await at.click('log-clear')
    assert.equal(await at.text('log'), '')
    await at.assertSound(server)
  })

  test('every button has been pressed; on a phone, in the dark, nothing is cut off; the policy is strict', async (t) => {
    const at = await open(t, { viewport: { width: 360, height: 740 }, colorScheme: 'dark', deviceScaleFactor: 2 })
    await at.assertEveryButtonPressed()
    assert.match(at.policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
    assert.doesNotMatch(at.policy, /unsafe|\*|https?:/)
    assert.equal(await at.page.locator('[style], script:not([src]), style').count(), 0)
    await at.good('sign-in')
    await at.good('take-own')
    await at.press('diagnose')
    await at.at('code-search').fill('close 45')
    await at.assertNothingCutOff()
    await at.shoot('jwt-debug-phone-dark')
    await at.assertSound(server)
  })
})

test('the doctor’s route: strict, uncounted for operators, closed where pages are off', async (t) => {
  const server = await startServer(t, { config: merged({ pages: { enabled: true }, limits: { rate_strict: 4 } }, operatorConfig(operator)) })
  const ask = (body: unknown) => call(`${server.origin}/test/token-doctor`, 'POST', body)
  const { token } = await signIn(server)
  for (let i = 0; i < 5; i++) {
    assert.equal((await ask({ token })).body.good, true, 'a good token is not counted')
    assert.equal((await ask({ token: 'x', operator: operator.token })).body.operator, true, 'an operator is not counted')
  }
  assert.equal((await ask({ token, other: 1 })).body.code, 'field_invalid')
  for (let i = 0; i < 2; i++) assert.equal((await ask({ token, operator: `go_guess-${i}` })).body.operator, false)
  assert.equal(await metric(server, 'auth_failures_total', 'operator_unknown'), 2)
  assert.equal((await ask({ token, operator: 'go_guess' })).body.code, 'rate_limited', 'guesses at operators’ tokens are counted')
  const closed = await startServer(t)
  assert.equal((await call(`${closed.origin}/test/token-doctor`, 'POST', { token })).status, 404)
  assert.equal((await call(`${closed.origin}/test/jwt-debug`, 'GET')).status, 404)
})

test('an asymmetric key: the browser checks the signature with the published one, and sees a changed token', async (t) => {
  const server = await startServer(t, { config: { pages: { enabled: true } } })
  const browser = await startBrowser(t)
  const at = await TestPage.open(t, browser, server, 'jwt-debug')
  await at.good('sign-in')
  await at.good('take-own')
  assert.match((await at.good('check-signature')).text, /the signature is good: published key t1/)
  assert.equal(await metric(server, 'auth_failures_total'), 0)
  const { token } = await at.kept()
  const [head, body, signature] = token.split('.')
  await at.at('token').fill(`${head}.${Buffer.from(JSON.stringify({ ...claimsOf(token), sub: 'u_other' })).toString('base64url')}.${signature}`)
  assert.match((await at.bad('check-signature')).text, /not made with the published key t1/)
  await at.bad('ask-validate')
  assert.equal(await metric(server, 'auth_failures_total'), 1)
  assert.ok(body)
})
