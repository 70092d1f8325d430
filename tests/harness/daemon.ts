// A server of somebody else's as a child process: started, frozen, killed, started again, and gone with its test.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { onEnd, type Scope } from './scope.ts'
import { until, within } from './until.ts'

const kStopMs = 20_000
const kSaidChars = 64 * 1024

export interface Command {
  /** For messages of failures. */
  name: string
  program: string
  args: string[]
  cwd: string
  /** Where the process is root: the user it runs as. */
  user?: string
  /** How it is asked to stop at once but in order. */
  stopSignal?: NodeJS.Signals
  env?: Record<string, string>
}

/** Lives as long as this process; the process need not stay for it. */
export const kWholeProcess = Symbol('the test process')
export type Life = Scope | typeof kWholeProcess

export class Daemon {
  readonly #command: Command
  readonly #life: Life
  #child: ChildProcess | undefined
  #frozen = false
  #said = ''

  constructor(life: Life, command: Command) {
    this.#life = life
    this.#command = command
    if (life === kWholeProcess) process.on('exit', () => this.kill(command.stopSignal))
    else onEnd(life, () => this.stop())
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }
  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }
  /** The end of what it wrote to its terminal. */
  get said(): string {
    return this.#said
  }

  start(): void {
    const { name, program, args, cwd, user, stopSignal = 'SIGTERM', env = {} } = this.#command
    if (this.running) throw new Error(`${name} runs already`)
    // However the tests end, the kernel takes what they started with them. A change of user would undo that, so it
    // comes first.
    const tied = ['--pdeathsig', stopSignal.slice(3), program, ...args]
    const as = user !== undefined && process.getuid?.() === 0 ? [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', 'setpriv'] : []
    const child = spawn('setpriv', [...as, ...tied], { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-kSaidChars)))
      if (this.#life === kWholeProcess) (stream as unknown as { unref(): void }).unref()
    }
    child.on('error', (error) => (this.#said += `${program}: ${error.message}\n`))
    if (this.#life === kWholeProcess) child.unref()
    this.#child = child
  }

  /** Starts, and waits until `ready` holds. */
  async up(ready: () => Promise<boolean>): Promise<void> {
    this.start()
    await until(`${this.#command.name} to be ready`, async () => {
      if (!this.running) throw new Error(`${this.#command.name} ended`)
      return ready()
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#said}`)
    })
  }

  /** It is there and does nothing: its kernel goes on taking connections and bytes. */
  pause(): void {
    this.kill('SIGSTOP')
    this.#frozen = true
  }

  resume(): void {
    this.kill('SIGCONT')
    this.#frozen = false
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.running) this.#child!.kill(signal)
  }

  async ended(): Promise<void> {
    const child = this.#child
    if (child && this.running) await within(`${this.#command.name} to end`, once(child, 'exit'), kStopMs)
    this.#frozen = false
  }

  async stop(): Promise<void> {
    this.kill(this.#command.stopSignal ?? 'SIGTERM')
    if (this.#frozen) this.resume()
    await this.ended().catch(async (error: Error) => {
      this.kill()
      throw new Error(`${error.message}\n${this.#said}`)
    })
  }
}

/** What the kernel says that process is doing: `T` is stopped. */
export function stateOf(pid: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? ''
}
