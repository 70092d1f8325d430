// The package `gatecast` as an application has it: built, with everything it reports kept, and its HTTP calls counted.
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import type { ClientOptions, Gatecast, GatecastError, Session, SignedOut, TokenStorage } from 'gatecast'
import WebSocket from 'ws'
import { metric } from './realtime.ts'
import { onEnd, type Scope } from './scope.ts'
import { rememberMembers } from './secrets.ts'
import type { Server } from './server.ts'
import { Wallet } from './wallet.ts'

const sdk = path.resolve(import.meta.dirname, '../../sdk')

/** Tests run what is published, so the sources are built first; that takes a moment where nothing has changed. */
export function buildSdk(): void {
  const modules = path.join(sdk, 'node_modules')
  // Files of tests run side by side; one that loads what another one writes would find half of it.
  execFileSync('flock', [path.join(modules, '.gatecast.lock'), path.join(modules, '.bin/tsc'), '-b', path.join(sdk, 'gatecast')], { stdio: 'inherit' })
}

buildSdk()
// Not by an import statement, which would load what was built before.
const { createClient } = await import('gatecast')

export interface Call {
  method: string
  path: string
  status: number
}

/** A client with what happened to it. */
export class App {
  readonly gatecast: Gatecast
  readonly calls: Call[] = []
  readonly signedIn: Session[] = []
  readonly signedOut: SignedOut[] = []
  readonly renewed: Session[] = []
  readonly errors: GatecastError[] = []
  readonly states: string[] = []
  /** Runs in place of a call's answer: what the network does to it. */
  network: ((answer: Response, call: Call) => Response | Promise<Response>) | undefined

  constructor(scope: Scope, address: string, options: ClientOptions = {}) {
    const counting: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init)
      const url = new URL(input instanceof Request ? input.url : input)
      const call = { method: init?.method ?? 'GET', path: url.pathname, status: answer.status }
      this.calls.push(call)
      if (answer.ok) rememberMembers(await answer.clone().json().catch(() => undefined))
      return this.network ? this.network(answer, call) : answer
    }
    const eager = { minReconnectDelay: 20, maxReconnectDelay: 200, ...options.realtime }
    this.gatecast = createClient(address, { WebSocket, fetch: counting, ...options, realtime: eager, onError: (error) => this.errors.push(error) })
    this.gatecast.on('signedIn', (session) => this.signedIn.push(session))
    this.gatecast.on('signedOut', (event) => this.signedOut.push(event))
    this.gatecast.on('renewed', (session) => this.renewed.push(session))
    this.gatecast.on('connection', ({ state }) => this.states.push(state))
    onEnd(scope, () => this.gatecast.close())
  }

  async signIn(wallet = new Wallet()): Promise<Session> {
    return this.gatecast.auth.signInWithSolana(signerOf(wallet))
  }

  /** Calls of this path. */
  count(path: string): number {
    return this.calls.filter((call) => call.path === path).length
  }
}

export const kRefresh = '/api/v2/auth/refresh'

export const signerOf = (wallet: Wallet) => ({ address: wallet.address, sign: (message: Uint8Array) => wallet.sign(message) })

/** A storage that answers in its own time, as of an extension or of Telegram's cloud; several clients may share it. */
export function slowStorage(): TokenStorage & { items: Map<string, string> } {
  const items = new Map<string, string>()
  const later = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    items,
    getItem: async (key) => (await later(), items.get(key) ?? null),
    setItem: async (key, value) => (await later(), void items.set(key, value)),
    removeItem: async (key) => (await later(), void items.delete(key)),
  }
}

/** Renewals that the server has answered, in whatever way. */
export const renewals = (server: Server): Promise<number> => metric(server, 'renewals_total')
