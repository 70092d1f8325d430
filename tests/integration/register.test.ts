// Who gets an account by signing in: everyone, nobody, or whom the application's hook allows.
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { assertRefused, get } from '../harness/api.ts'
import { onEnd } from '../harness/scope.ts'
import { launch, startServer } from '../harness/server.ts'
import { bot, initData, person, telegramConfig, telegramSignIn } from '../harness/telegram.ts'
import type { Table } from '../harness/toml.ts'
import { challenge, signIn, trySignIn, Wallet } from '../harness/wallet.ts'

const first = bot(7_000_000_001)

/** The application's side: checks the signature of each question, and answers as told. */
class Hook {
  readonly secret = randomBytes(36).toString('base64url')
  readonly questions: any[] = []
  status = 200
  answer: unknown = { allow: true }
  silent = false
  url = ''

  async listen(t: TestContext): Promise<this> {
    const http = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks)
        const [, seconds, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['gatecast-signature'])) ?? []
        const expected = createHmac('sha256', this.secret).update(`${seconds}.`).update(body).digest('hex')
        assert.equal(mac, expected)
        assert(Math.abs(Number(seconds) - Date.now() / 1000) < 30)
        this.questions.push(JSON.parse(body.toString()))
        if (this.silent) return
        const text = typeof this.answer === 'string' ? this.answer : JSON.stringify(this.answer)
        response.writeHead(this.status, { 'content-type': 'application/json' }).end(text)
      })
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    onEnd(t, () => {
      http.closeAllConnections()
      http.close()
    })
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/register`
    return this
  }
  get config(): Table {
    const { signin } = telegramConfig([first]) as { signin: Table }
    return { signin: { ...signin, register: 'ask', hook_url: this.url, hook_secret: this.secret } }
  }
}

test('closed: only who is known signs in', async (t) => {
  const open = await startServer(t)
  const wallet = new Wallet()
  const known = await signIn(open, wallet)
  await open.stop()
  const server = await startServer(t, { again: open, config: { signin: { register: 'closed' } } })
  assert.equal((await signIn(server, wallet)).user.id, known.user.id)
  const stranger = new Wallet()
  const { message } = await challenge(server, stranger)
  for (let i = 0; i < 2; i++) assertRefused(await trySignIn(server, stranger, message), 'registration_closed')
})

test('ask: the hook names the user, once', async (t) => {
  const hook = await new Hook().listen(t)
  const server = await startServer(t, { config: hook.config })
  hook.answer = { allow: true, user: { id: 'user-42', nickname: 'Ada L.', isVerified: true } }
  const ada = person()
  const made = await telegramSignIn(server, { initData: initData(first, ada, { start_param: 'ref_ABC' }) })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  assert.equal(made.body.user.id, 'user-42')
  assert.equal(made.body.user.nickname, 'Ada L.')
  assert.equal(made.body.user.isVerified, true)
  assert.equal(hook.questions.length, 1)
  const [{ kind, identity, ref_code, ip }] = hook.questions
  assert.deepEqual([kind, identity.kind, identity.subject, ref_code, ip], ['registration', 'telegram', String(ada.id), 'ABC', '127.0.0.1'])
  assert.equal(identity.profile.username, ada.username)
  assert.equal((await telegramSignIn(server, { initData: initData(first, ada) })).body.user.id, 'user-42')
  assert.equal(hook.questions.length, 1, 'who is known is not asked about')
  // The same id again is another person's account.
  const { message } = await challenge(server, new Wallet(), {})
  assert(message)
  assertRefused(await telegramSignIn(server, { initData: initData(first, person()) }), 'registration_refused')
})

test('ask: whatever is not a yes is a no, and uses nothing up', async (t) => {
  const hook = await new Hook().listen(t)
  const server = await startServer(t, { config: hook.config })
  const wallet = new Wallet()
  const { message } = await challenge(server, wallet)
  const attempt = (answer: unknown, status = 200) => {
    hook.answer = answer
    hook.status = status
    return trySignIn(server, wallet, message)
  }
  for (const answer of [{ allow: false }, {}, { allow: 'yes' }, { allow: 1 }]) {
    assertRefused(await attempt(answer), 'registration_refused')
  }
  for (const answer of ['', 'yes', '[]', { allow: true, user: { id: 'a b' } }, { allow: true, user: { id: '' } }]) {
    assertRefused(await attempt(answer), 'temporarily_unavailable')
  }
  for (const status of [201, 302, 403, 500]) assertRefused(await attempt({ allow: true }, status), 'temporarily_unavailable')
  hook.silent = true
  const began = Date.now()
  const late = await attempt({ allow: true })
  assertRefused(late, 'temporarily_unavailable')
  assert.equal(late.headers.get('retry-after'), '2')
  assert(Date.now() - began < 6000, 'the hook has two seconds')
  hook.silent = false
  const made = await attempt({ allow: true })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  assert.equal((await get(server, '/api/v2/auth/check', made.body.token)).status, 200)
  assert.doesNotMatch(server.output, new RegExp(hook.secret))
})

test('ask: many at once make one account', async (t) => {
  const hook = await new Hook().listen(t)
  const server = await startServer(t, { config: hook.config })
  const data = initData(first, person())
  const replies = await Promise.all(Array.from({ length: 5 }, () => telegramSignIn(server, { initData: data })))
  const ids = new Set(replies.map(({ status, body }) => (assert.equal(status, 200, JSON.stringify(body)), body.user.id)))
  assert.equal(ids.size, 1)
})

const bad: [string, Table, RegExp][] = [
  ['no address', { hook_secret: 'x7'.repeat(20) + randomBytes(20).toString('hex') }, /signin\.hook_url: is missing/],
  ['no secret', { hook_url: 'https://app.example/hook' }, /signin\.hook_secret: is missing/],
  ['a short secret', { hook_url: 'https://app.example/hook', hook_secret: 'short' }, /signin\.hook_secret/],
  ['an address in the clear', { hook_url: 'http://app.example/hook', hook_secret: randomBytes(36).toString('hex') }, /signin\.hook_url/],
  ['another mode', { register: 'maybe' }, /signin\.register: must be one of open, closed, ask/],
]
for (const [what, signin, told] of bad) {
  test(`a hook with ${what} refuses the start`, async (t) => {
    const server = await launch(t, { config: { signin: { register: 'ask', ...signin } } })
    assert.notEqual((await server.ended()).code, 0)
    await server.says(told)
  })
}
