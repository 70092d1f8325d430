// An application's site, of another origin than the server: one page with one script.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onEnd, type Scope } from './scope.ts'

export interface Site {
  origin: string
  /** The server whose address pages find in `window.server`; it is started after the site, whose origin it allows. */
  server: string
}

export async function openSite(scope: Scope, script: string): Promise<Site> {
  const site: Site = { origin: '', server: '' }
  const listener = createServer((request, reply) => {
    if (request.url === '/page.js') return void reply.setHeader('Content-Type', 'text/javascript').end(script)
    const server = `<script>window.server = ${JSON.stringify(site.server)}</script>`
    reply.setHeader('Content-Type', 'text/html; charset=utf-8')
    reply.end(`<!doctype html><title>site</title><link rel=icon href=data:,><div id=root></div>${server}<script type=module src=/page.js></script>`)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onEnd(scope, () => new Promise<void>((resolve) => (listener.closeAllConnections(), listener.close(() => resolve()))))
  site.origin = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  return site
}
