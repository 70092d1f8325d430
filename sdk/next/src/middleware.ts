// A guard in front of pages and routes, for middleware.ts (edge) and proxy.ts (Node). It imports nothing of Node and
// nothing of Next. It is the first door, not the only one: what a page shows still asks getSession.
import { isRefusal, refusalResponse, type Verify } from '@gatecast/server'
import { tokenOf, type TokenOptions } from './token.ts'

export interface GuardOptions extends TokenOptions {
  /** How a token is judged: `gatecast.verifyToken`, or `gatecast.checkSession` to ask the server each time. */
  verify: Verify
  /** Guarded paths with everything below them, such as `/library`. Other paths are let through. */
  paths: readonly string[]
  /** Where a visitor without a session is sent, with `?next=` the way back; without it everybody gets 401. */
  signIn?: string
}

interface Asked extends Request {
  readonly nextUrl?: { pathname: string; search: string }
}

/** As a router may read it: decoded, slashes joined. Null where it cannot be read. */
function plainPath(pathname: string): string | null {
  try {
    return decodeURIComponent(pathname).replace(/[\\/]+/g, '/').toLowerCase()
  } catch {
    return null
  }
}

const isUnder = (path: string, root: string) => path === root || path.startsWith(root === '/' ? '/' : `${root}/`)

function wantsPage({ method, headers }: Request): boolean {
  const reads = method === 'GET' || method === 'HEAD'
  return reads && (headers.has('rsc') || (headers.get('accept') ?? '').includes('text/html'))
}

/** `export const middleware = guard({ … })`. Undefined lets the request through. */
export function guard(options: GuardOptions): (request: Request) => Promise<Response | undefined> {
  const { verify, signIn } = options
  const roots = options.paths.map((path) => path.replace(/(?<=.)\/+$/, '').toLowerCase())
  if (roots.length === 0 || roots.some((path) => !path.startsWith('/'))) throw new TypeError('paths: each begins with /')
  if (signIn !== undefined && roots.some((root) => isUnder(signIn.toLowerCase(), root))) {
    throw new TypeError('signIn: must not be under a guarded path')
  }

  return async (request: Asked) => {
    const { pathname, search } = request.nextUrl ?? new URL(request.url)
    const path = plainPath(pathname)
    if (path !== null && !roots.some((root) => isUnder(path, root))) return undefined
    try {
      await verify(tokenOf(request.headers, request.method, options))
      return undefined
    } catch (error) {
      const hasToSignIn = isRefusal(error) && error.needNewToken
      if (!hasToSignIn || signIn === undefined || !wantsPage(request)) return refusalResponse(error)
      const to = new URL(signIn, request.url)
      to.searchParams.set('next', pathname + search)
      // A redirect that depends on who asks is nobody else's.
      return new Response(null, { status: 307, headers: { Location: to.href, 'Cache-Control': 'no-store' } })
    }
  }
}
