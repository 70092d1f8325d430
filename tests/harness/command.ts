// Commands of the program, run beside a server on its configuration.
import { spawn } from 'node:child_process'
import path from 'node:path'
import type { Server } from './server.ts'
import { within } from './until.ts'

const root = path.resolve(import.meta.dirname, '../..')
const program = process.env.GATECAST_BIN ?? path.join(root, 'build/check/gatecast')

export interface Outcome {
  code: number | null
  out: string
  err: string
}

/** `gatecast <words>` with the server's configuration and folder. */
export async function command(server: Server, words: string[], { stdin = '', limitMs = 60_000 } = {}): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATECAST_'))
  const child = spawn(program, [...words, '--config', path.join(server.dir, 'gatecast.toml')], {
    cwd: server.dir,
    env: { ...Object.fromEntries(inherited), UBSAN_OPTIONS: 'print_stacktrace=1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  try {
    return { code: await within(`gatecast ${words.join(' ')} to end`, ended, limitMs), out, err }
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${String(error)}\n${out}\n${err}`)
  }
}
