// docs/tutorials/telegram-mini-app.md says what is so: its excerpts are the example's, and its configuration starts.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { remember } from '../harness/secrets.ts'
import { startServer } from '../harness/server.ts'
import { bot, initData, person, telegramSignIn } from '../harness/telegram.ts'

const root = path.resolve(import.meta.dirname, '../..')
const example = path.join(root, 'examples/telegram-mini-app')
const page = readFileSync(path.join(root, 'docs/tutorials/telegram-mini-app.md'), 'utf8')

test('every excerpt stands in the file that it names', () => {
  const excerpts = [...page.matchAll(/^```(?:ts|js|toml)\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
  assert(excerpts.length >= 7)
  for (const excerpt of excerpts) {
    const [, file, text] = /^(?:\/\/|#) (\S+)\n([\s\S]+)$/.exec(excerpt) ?? []
    assert(file && text, `no file's name at the head of:\n${excerpt}`)
    assert(readFileSync(path.join(example, file), 'utf8').includes(text), `${file} has no longer:\n${text}`)
  }
})

test('the configuration starts as the tutorial starts it, and takes what Telegram signed for a week', async (t) => {
  const ours = bot(7_300_000_001)
  const secret = randomBytes(36).toString('base64')
  remember('bot token', ours.token)
  remember('JWT_SECRET', secret)
  const server = await startServer(t, {
    bare: true,
    args: ['--dev'],
    config: { include: [path.join(example, 'gatecast.toml')] },
    env: { TELEGRAM_BOT_TOKEN: ours.token, JWT_SECRET: secret },
  })
  const { status, body } = await telegramSignIn(server, { initData: initData(ours, person()) })
  assert.equal(status, 200, JSON.stringify(body))
  // Lives differ a little, so that not all who came at once renew at once.
  assert(body.expiresIn > 6 * 86_400 && body.expiresIn <= 7 * 86_400, String(body.expiresIn))
})
