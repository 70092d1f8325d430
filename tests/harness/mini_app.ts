// examples/telegram-mini-app as a deployment has it: built, and served beside gatecast from one origin; and its worker.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onEnd, type Scope } from './scope.ts'
import { buildSdk } from './sdk.ts'
import { assertNoSecrets } from './secrets.ts'
import { freePort, type Server } from './server.ts'
import { until, within } from './until.ts'

const example = path.resolve(import.meta.dirname, '../../examples/telegram-mini-app')
const vite = path.join(example, 'node_modules/vite/bin/vite.js')
export const kAppLink = 'https://t.me/test_bot/grove'

const inherited = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(GATECAST_|NODE_OPTIONS|NODE_TEST)/.test(name)))

/** Ended with the test; nothing secret in what it printed. */
function run(scope: Scope, args: string[], env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: example, env: { ...inherited(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = new Promise((resolve) => child.on('close', resolve))
  onEnd(scope, async () => {
    child.kill()
    await within('the example to end', ended)
    assertNoSecrets(`what ${args[0]} printed`, output)
  })
  return child
}

/** Built into a folder of the test's own. */
export function buildMiniApp(scope: Scope): string {
  assert(existsSync(vite), 'examples/telegram-mini-app has no packages: ./dev setup test web')
  buildSdk()
  const dist = mkdtempSync(path.join(tmpdir(), 'gatecast-mini-app-'))
  onEnd(scope, () => rmSync(dist, { recursive: true, force: true }))
  const env = { ...inherited(), VITE_APP_LINK: kAppLink }
  const built = spawnSync(process.execPath, [vite, 'build', '--outDir', dist, '--logLevel', 'warn'], { cwd: example, env, encoding: 'utf8' })
  assert.equal(built.status, 0, `vite build failed:\n${built.stdout}${built.stderr}`)
  return dist
}

/** Where the app is, with `server` behind the same origin. */
export async function serveMiniApp(scope: Scope, dist: string, server: Server): Promise<string> {
  const port = await freePort()
  const child = run(scope, [vite, 'preview', '--host', '127.0.0.1', '--port', `${port}`, '--strictPort', '--outDir', dist], { GATECAST_URL: server.origin })
  await until('the app to be served', async () => {
    assert.equal(child.exitCode, null, 'vite preview has ended')
    return fetch(`http://127.0.0.1:${port}/`).then((reply) => reply.ok, () => false)
  })
  return `http://localhost:${port}`
}

export const startWorker = (scope: Scope, server: Server, apiKey: string): ChildProcess =>
  run(scope, ['worker.mjs'], { GATECAST_API_URL: server.ops, GATECAST_API_KEY: apiKey })
