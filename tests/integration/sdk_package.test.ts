// What is published of the package `gatecast`: its files, that it needs nothing but centrifuge, its types under both ways of
// resolving modules, the oldest Node it promises, and the examples of its README.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { buildSdk } from '../harness/sdk.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const sdk = path.join(root, 'sdk')
const npm = path.join(root, 'tools/node/node_modules/.bin/npm')
const tsc = path.join(sdk, 'node_modules/.bin/tsc')
const env = { ...process.env, PATH: `${path.join(root, 'tools/node/node_modules/.bin')}:${process.env.PATH}` }
/** Of version 20; the tests themselves run on a newer one. */
const oldNode = path.join(root, 'tests/node_modules/node20/bin/node')

describe('the package gatecast', () => {
  let folder: string
  let packed: { path: string; size: number }[]

  /** An application's folder into which the packed package was installed. */
  before(async () => {
    buildSdk()
    folder = mkdtempSync(path.join(tmpdir(), 'gatecast-package-'))
    const { stdout } = await run(npm, ['pack', '--json', '--pack-destination', folder], { cwd: path.join(sdk, 'gatecast'), env })
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string; size: number }[] }]
    packed = files
    const modules = path.join(folder, 'node_modules')
    mkdirSync(path.join(modules, 'gatecast'), { recursive: true })
    await run('tar', ['-xzf', path.join(folder, filename), '--strip-components=1', '-C', path.join(modules, 'gatecast')])
    // centrifuge is a dependency, which brings its own two; react is the application's.
    for (const name of ['centrifuge', 'events', 'protobufjs', '@protobufjs', 'long', 'react', 'react-dom', 'scheduler', '@types', 'csstype']) symlinkSync(path.join(sdk, 'node_modules', name), path.join(modules, name))
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('it has its scripts, types and README, and nothing else', () => {
    const names = packed.map(({ path: name }) => name)
    for (const name of ['README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/react/index.js', 'dist/react/index.d.ts']) assert(names.includes(name), name)
    assert.deepEqual(names.filter((name) => !/^(README\.md|LICENSE|package\.json|dist\/[\w/]+\.(js|d\.ts|js\.map|d\.ts\.map))$/.test(name)), [])
  })

  test('it imports itself, centrifuge, and react in the hooks alone', () => {
    const dist = path.join(folder, 'node_modules/gatecast/dist')
    const imports = new Set<string>()
    for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'))) {
      for (const [, from] of readFileSync(path.join(dist, name), 'utf8').matchAll(/(?:from|import)\s*\(?['"]([^'"]+)['"]/g)) {
        if (!from!.startsWith('.')) imports.add(`${name.startsWith('react') ? 'react: ' : ''}${from}`)
      }
    }
    assert.deepEqual([...imports].sort(), ['centrifuge', 'react: react'])
    const { dependencies, peerDependenciesMeta } = JSON.parse(readFileSync(path.join(folder, 'node_modules/gatecast/package.json'), 'utf8'))
    assert.deepEqual([Object.keys(dependencies), peerDependenciesMeta], [['centrifuge'], { react: { optional: true } }])
  })

  test('the oldest Node it promises loads it, hooks too, and nothing keeps the program from ending', async () => {
    const script = `
      import { createClient, codes, GatecastError } from 'gatecast'
      import { useSession } from 'gatecast/react'
      const gatecast = createClient('http://127.0.0.1:1')
      await gatecast.auth.adopt({ token: 'a.b.c', expiresIn: 3600, refreshToken: 'gcr1.k.s.1.x.y', session: { id: 's' }, user: { id: 'u' } })
      const failure = await gatecast.auth.refresh().catch((error) => error)
      console.log(JSON.stringify([process.versions.node.split('.')[0] === '20', gatecast.auth.session.user.id, failure.code, failure instanceof GatecastError, typeof useSession, codes.signed_out.close]))`
    writeFileSync(path.join(folder, 'old.js'), script)
    const { stdout, stderr } = await run(oldNode, ['old.js'], { cwd: folder, timeout: 20_000 })
    assert.deepEqual([JSON.parse(stdout), stderr], [[true, 'u', 'network', true, 'function', 4501], ''])
  })

  test('on a server the hooks show that nobody is there, and nothing is opened', async () => {
    const script = `
      import { createElement as h } from 'react'
      import { renderToString } from 'react-dom/server'
      import { createClient } from 'gatecast'
      import * as hooks from 'gatecast/react'
      const calls = []
      const client = createClient('https://app.example', { fetch: async (url) => (calls.push(String(url)), new Response('{}')), WebSocket: class { constructor(url) { calls.push(url) } } })
      await client.auth.adopt({ token: 'a.b.c', expiresIn: 3600, session: { id: 's' }, user: { id: 'u' } })
      function Page() {
        const { subscribed } = hooks.useChannel('chat:1', () => {})
        const { notifications, unread } = hooks.useNotifications()
        return JSON.stringify([hooks.useSession(), hooks.useConnection(), hooks.useGrant('post:1'), hooks.useGrants(), hooks.useWallets(), subscribed, notifications, unread])
      }
      const html = renderToString(h(hooks.GatecastProvider, { client }, h(Page)))
      console.log(JSON.stringify([html.replaceAll('&quot;', '"'), calls]))`
    writeFileSync(path.join(folder, 'server.js'), script)
    const { stdout } = await run(oldNode, ['server.js'], { cwd: folder, timeout: 20_000 })
    assert.deepEqual(JSON.parse(stdout), ['[null,"disconnected",false,[],[],false,[],null]', []])
  })

  for (const [module, moduleResolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']] as const) {
    test(`its types hold with moduleResolution ${moduleResolution}, and the README's examples by them`, async () => {
      const readme = readFileSync(path.join(folder, 'node_modules/gatecast/README.md'), 'utf8')
      const examples = [...readme.matchAll(/```(tsx?)\n([\s\S]*?)```/g)]
      assert(examples.length >= 5, String(examples.length))
      const inside = path.join(folder, moduleResolution)
      mkdirSync(inside, { recursive: true })
      const given = "import type { Gatecast, EthereumProvider } from 'gatecast'\ndeclare global {\n  const gatecast: Gatecast\n  const show: (...what: unknown[]) => void\n  const injected: EthereumProvider\n}\n"
      writeFileSync(path.join(inside, 'given.d.ts'), given)
      writeFileSync(path.join(inside, 'ws.d.ts'), "declare module 'ws' {\n  const WebSocket: unknown\n  export default WebSocket\n}\n")
      for (const [number, [, kind, text]] of examples.entries()) writeFileSync(path.join(inside, `example${number}.${kind}`), `${text}\nexport {}\n`)
      const compilerOptions = { module, moduleResolution, target: 'es2022', lib: ['es2023', 'dom'], jsx: 'react-jsx', strict: true, noEmit: true, types: [], exactOptionalPropertyTypes: true }
      writeFileSync(path.join(inside, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }))
      await run(tsc, ['-p', inside]).catch((error: { stdout: string }) => assert.fail(error.stdout))
    })
  }
})
