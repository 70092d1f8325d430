// docs/tutorials/creator-platform.md says what is so: its excerpts are the example's, its commands do what stands beside them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { get, post } from '../harness/api.ts'
import { startServer } from '../harness/server.ts'
import { Wallet } from '../harness/wallet.ts'

const root = path.resolve(import.meta.dirname, '../..')
const example = path.join(root, 'examples/creator-platform')
const page = readFileSync(path.join(root, 'docs/tutorials/creator-platform.md'), 'utf8')

const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1] ?? '')

test('every excerpt stands in the file that it names', () => {
  const excerpts = [...blocks('toml'), ...blocks('tsx?')]
  assert(excerpts.length >= 7)
  for (const excerpt of excerpts) {
    const [, file, text] = /^(?:\/\/|#) (\S+)\n([\s\S]+)$/.exec(excerpt) ?? []
    assert(file && text, `no file's name at the head of:\n${excerpt}`)
    assert(readFileSync(path.join(example, file), 'utf8').includes(text), `${file} has no longer:\n${text}`)
  }
})

test('the configuration starts, a wallet signs in for the shop, and the commands give, take and lend', async (t) => {
  const server = await startServer(t, { bare: true, args: ['--dev'], config: { include: [path.join(example, 'gatecast.toml')] } })
  const wallet = new Wallet()
  const origin = { Origin: 'http://localhost:3000' }
  const asked = await fetch(`${server.origin}/api/v2/auth/wallet/challenge`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...origin },
    body: JSON.stringify({ chain: 'solana', address: wallet.address, uri: 'http://localhost:3000' }),
  })
  assert.equal(asked.headers.get('access-control-allow-origin'), origin.Origin)
  const { message } = (await asked.json()) as { message: string }
  assert.match(message, /^localhost:3000 wants you to sign in/)
  const signature = Buffer.from(wallet.sign(message)).toString('base64')
  const tokens = await post(server, '/api/v2/auth/wallet', { chain: 'solana', address: wallet.address, message, signature })
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body))
  const reader = tokens.body.user.id as string

  const commands = blocks('bash').map((block) => block.replaceAll('localhost:9090', `localhost:${server.opsPort}`))
  assert.equal(commands.length, 3, 'give, take, lend')
  const held = async () => {
    const reply = await get(server, '/api/user/grants', tokens.body.token)
    return reply.body.grants.map(({ resource, key, until }: any) => [resource, key, until !== undefined])
  }
  /** All blocks up to this one in one shell, as a reader's has run them. */
  const run = (count: number) => {
    const script = [commands[0], ...commands.slice(1, count)].join('\n')
    const env = { PATH: process.env.PATH, READER: reader }
    const done = spawnSync('bash', ['-eu'], { input: script, cwd: server.dir, env, encoding: 'utf8', timeout: 30_000 })
    assert.equal(done.status, 0, done.stderr)
    assert.doesNotMatch(done.stdout, /"error"/)
  }
  run(1)
  assert.deepEqual(await held(), [['post:43', 'gift', false]])
  run(2)
  assert.deepEqual(await held(), [])
  run(3)
  assert.deepEqual(await held(), [['post:43', 'trial', true]])
})
