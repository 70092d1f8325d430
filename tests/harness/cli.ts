// The program's commands, run to their end.
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const program = process.env.GATECAST_BIN ?? path.resolve(import.meta.dirname, '../../build/check/gatecast')

export interface Outcome {
  code: number | null
  out: string
  err: string
}

export function gatecast(args: string[], input = '', env: Record<string, string> = {}): Outcome {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATECAST_') && !name.endsWith('_SECRET'))
  const done = spawnSync(program, args, { input, encoding: 'utf8', env: { ...Object.fromEntries(inherited), ...env }, timeout: 30_000 })
  if (done.error) throw done.error
  return { code: done.status, out: done.stdout, err: done.stderr }
}
