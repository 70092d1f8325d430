// docs/start.md does what it says: its blocks are run as they stand, in their order, against a first start.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { onEnd } from '../harness/scope.ts'
import { startServer } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** The blocks of a language, as the page has them. */
function blocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1] ?? '')
}

test('the five minutes of docs/start.md', async (t) => {
  const server = await startServer(t, { bare: true, args: ['--dev'] })
  const page = readFileSync(path.join(root, 'docs/start.md'), 'utf8')
    .replaceAll('localhost:3002', `localhost:${server.port}`)
    .replaceAll('localhost:9090', `localhost:${server.opsPort}`)
  const shell = blocks(page, 'bash')
  const scripts = blocks(page, 'js')
  assert.equal(shell.length, 4, 'a user and a token, a purchase, a notification, an ending')
  assert.equal(scripts.length, 1)
  mkdirSync(path.join(server.dir, 'node_modules'))
  symlinkSync(path.join(root, 'sdk/gatecast'), path.join(server.dir, 'node_modules/gatecast'))
  writeFileSync(path.join(server.dir, 'tab.mjs'), scripts[0] ?? '')

  const bash = spawn('bash', ['-eu'], { cwd: server.dir, stdio: ['pipe', 'pipe', 'pipe'] })
  onEnd(t, () => void bash.kill())
  let said = ''
  for (const stream of [bash.stdout, bash.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  /** The same shell for all, as a reader has it. */
  const run = async (lines: string, n: number) => {
    bash.stdin.write(`${lines}\necho done-${n}\n`)
    await until(`block ${n} to be run`, () => said.includes(`done-${n}\n`)).catch((error: Error) => {
      throw new Error(`${error.message}\n${said}`)
    })
  }

  await run(shell[0] ?? '', 0)
  const tab = spawn(process.execPath, ['tab.mjs'], { cwd: server.dir, stdio: ['ignore', 'pipe', 'pipe'] })
  onEnd(t, () => void tab.kill())
  const ended = new Promise<number | null>((resolve) => tab.on('close', resolve))
  let shown = ''
  for (const stream of [tab.stdout, tab.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (shown += text))
  const says = (line: string) =>
    until(`the tab to say: ${line}`, () => shown.split('\n').includes(line)).catch((error: Error) => {
      throw new Error(`${error.message}\n${shown}\n${said}`)
    })

  await says('post 42 is locked')
  await run(shell[1] ?? '', 1)
  await says('post 42 is open')
  await run(shell[2] ?? '', 2)
  await says('unread: 1')
  await run(shell[3] ?? '', 3)
  await says('signed out: ended_by_operator')
  assert.equal(await within('the tab to end', ended), 0)
  assert.equal(shown.split('\n').filter((line) => line === 'post 42 is open').length, 1)
  assert.doesNotMatch(said, /"error"/)
})
