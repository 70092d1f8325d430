// A page of an application: one client, and what happened to it, for the browser tests to read.
import { createClient, type Gatecast, type SignedOut, type Tokens } from 'gatecast'

export interface PageApp {
  gatecast: Gatecast
  signedIn: string[]
  signedOut: SignedOut[]
  renewed: number
  errors: string[]
  states: string[]
  adopt(tokens: Tokens): Promise<unknown>
}

declare global {
  interface Window {
    app: PageApp
    server: string
    /** A renewal that was asked for. */
    wanted?: Promise<string>
  }
}

const gatecast = createClient(window.server, { realtime: { minReconnectDelay: 50, maxReconnectDelay: 300 } })
const app: PageApp = {
  gatecast,
  signedIn: [],
  signedOut: [],
  renewed: 0,
  errors: [],
  states: [],
  adopt: (tokens) => gatecast.auth.adopt(tokens),
}
gatecast.on('signedIn', ({ id }) => app.signedIn.push(id))
gatecast.on('signedOut', (event) => app.signedOut.push(event))
gatecast.on('renewed', () => (app.renewed += 1))
gatecast.on('error', ({ code }) => app.errors.push(code))
gatecast.on('connection', ({ state }) => app.states.push(state))
window.app = app
