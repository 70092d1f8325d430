// examples/creator-platform: built once for what its sources are now, and started as a deployment would.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onEnd, type Scope } from './scope.ts'
import { assertNoSecrets } from './secrets.ts'
import { buildFolder, type Server } from './server.ts'
import { until, within } from './until.ts'

const root = path.resolve(import.meta.dirname, '../..')
const example = path.join(root, 'examples/creator-platform')
const next = path.join(example, 'node_modules/next/dist/bin/next')
const kBuildMs = 240_000

function sourcesHash(): string {
  const hash = createHash('sha256').update(process.version)
  const files = ['examples/creator-platform/**/*.{ts,tsx,css,json}', 'sdk/*/dist/**/*.js', 'sdk/*/package.json'].flatMap((pattern) =>
    globSync(pattern, { cwd: root, exclude: (name) => /(^|\/)(node_modules|\.next|data)(\/|$)/.test(String(name)) }),
  )
  for (const file of files.sort()) {
    // Next writes these itself.
    if (/next-env\.d\.ts$|tsbuildinfo$/.test(file) || !statSync(path.join(root, file)).isFile()) continue
    hash.update(`${file}\n`).update(readFileSync(path.join(root, file)))
  }
  return hash.digest('hex')
}

/** Nothing where the last build was of the same sources. */
export function buildShop(): void {
  assert(existsSync(next), 'examples/creator-platform has no packages: ./dev setup')
  const stamp = path.join(buildFolder, 'creator-platform.hash')
  const now = sourcesHash()
  if (existsSync(path.join(example, '.next/BUILD_ID')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' as const }
  const built = spawnSync(process.execPath, [next, 'build'], { cwd: example, env, encoding: 'utf8', timeout: kBuildMs })
  assert.equal(built.status, 0, `next build failed:\n${built.stdout}${built.stderr}`)
  mkdirSync(buildFolder, { recursive: true })
  writeFileSync(stamp, now)
}

export interface Shop {
  readonly origin: string
  /** What it wrote into its own books. */
  orders(): { id: string; user: string; post: string }[]
}

/** `port`: where it listens; the nginx in front has to know. */
export async function startShop(scope: Scope, server: Server, port: number): Promise<Shop> {
  buildShop()
  const data = mkdtempSync(path.join(tmpdir(), 'gatecast-shop-'))
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GATECAST_|NODE_OPTIONS|NODE_TEST)/.test(name))
  const process_ = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', String(port)], {
    cwd: example,
    env: {
      ...Object.fromEntries(inherited),
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      SHOP_DATA: data,
      GATECAST_URL: server.origin,
      GATECAST_API_URL: server.ops,
      GATECAST_API_KEY: server.apiKey,
      GATECAST_ISSUER: 'tests.example',
      GATECAST_AUDIENCE: 'tests',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [process_.stdout, process_.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const closed = new Promise<void>((resolve) => process_.on('close', () => resolve()))
  onEnd(scope, async () => {
    process_.kill()
    await within('the shop to end', closed)
    rmSync(data, { recursive: true, force: true })
    assertNoSecrets("the shop's output", output)
    assert(!/Error:|⨯/.test(output), output.slice(0, 4000))
  })
  const origin = `http://127.0.0.1:${port}`
  await until('the shop to answer', async () => {
    if (process_.exitCode !== null) throw new Error(`the shop ended:\n${output}`)
    return fetch(origin).then((reply) => reply.ok, () => false)
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${output}`)
  })
  const file = path.join(data, 'orders.json')
  return { origin, orders: () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []) }
}
