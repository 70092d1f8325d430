// What the server side of the shop knows of gatecast. Read at start, so one build runs everywhere.
import { createGatecast } from '@gatecast/server'

export const gatecast = createGatecast({
  url: process.env.GATECAST_URL ?? 'http://127.0.0.1:3002',
  apiUrl: process.env.GATECAST_API_URL ?? 'http://127.0.0.1:9090',
  apiKey: process.env.GATECAST_API_KEY,
  issuer: process.env.GATECAST_ISSUER ?? 'creator-platform',
  audience: process.env.GATECAST_AUDIENCE ?? 'creator-platform',
})

/** The cookie of pages that are made on the server. Browsers take a secure one from http://localhost too. */
export const cookie = { name: 'lantern' }
