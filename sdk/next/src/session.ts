// Who calls, in server components, route handlers and server actions; and the route that keeps the session cookie.
import { bearerOf, GatecastError, isRefusal, refusalResponse, type Gatecast, type Session } from '@gatecast/server'
import { headers as headersOfRequest } from 'next/headers.js'
import { kCookieBytes, setCookie } from './cookie.ts'
import { fromOwnPage } from './origin.ts'
import { tokenOf, type TokenOptions } from './token.ts'

export interface CheckOption {
  /** Ask the server, so that an ended session counts no more at once; false: the token alone. */
  check?: boolean
}

export type Handler<Context> = (request: Request, session: Session, context: Context) => Response | Promise<Response>
export type Route<Context> = (request: Request, context: Context) => Promise<Response>

export interface NextGatecast {
  /**
   * Whose request this is, or null. A server component or action has no request at hand; a route handler passes it.
   * Throws what is not about the visitor – a server that does not answer, an API key that is not good –: that is no signing out.
   */
  getSession(request?: Request, options?: CheckOption): Promise<Session | null>
  /** A route handler for who has a session; all others are refused as the server would refuse them. */
  withSession<Context = unknown>(handler: Handler<Context>, options?: CheckOption): Route<Context>
  /**
   * `export const { POST, DELETE } = auth.cookieRoute`: the browser hands in its token after every sign-in and renewal
   * and gets it as a cookie that only the server reads. `keepCookie` of @gatecast/next/client calls it.
   */
  cookieRoute: { POST(request: Request): Promise<Response>; DELETE(request: Request): Promise<Response> }
}

export type NextOptions = TokenOptions

export function createNextGatecast(gatecast: Gatecast, options: NextOptions = {}): NextGatecast {
  const judge = (token: string, check: boolean) => (check ? gatecast.checkSession(token) : gatecast.verifyToken(token))

  async function getSession(request?: Request, { check = false }: CheckOption = {}): Promise<Session | null> {
    const headers = request?.headers ?? new Headers(await headersOfRequest())
    try {
      return await judge(tokenOf(headers, request?.method, options), check)
    } catch (error) {
      if (isRefusal(error) && !error.temporary) return null
      throw error
    }
  }

  function withSession<Context>(handler: Handler<Context>, { check = false }: CheckOption = {}): Route<Context> {
    return async (request, context) => {
      let session: Session
      try {
        session = await judge(tokenOf(request.headers, request.method, options), check)
      } catch (error) {
        return refusalResponse(error)
      }
      return handler(request, session, context)
    }
  }

  const cookieRoute: NextGatecast['cookieRoute'] = {
    async POST(request) {
      const { cookie } = options
      if (!cookie) return refusalResponse(new GatecastError('not_found'))
      try {
        if (!fromOwnPage(request.headers, options)) throw new GatecastError('origin_denied')
        const { token, expiresAt } = await gatecast.checkSession(bearerOf(request.headers.get('authorization')))
        const field = setCookie(cookie, token, expiresAt)
        if (field.length > kCookieBytes) throw new GatecastError('header_too_large')
        return Response.json(
          { success: true, expiresAt: expiresAt.toISOString() },
          { headers: { 'Set-Cookie': field, 'Cache-Control': 'no-store' } },
        )
      } catch (error) {
        return refusalResponse(error)
      }
    },
    async DELETE(request) {
      const { cookie } = options
      if (!cookie) return refusalResponse(new GatecastError('not_found'))
      if (!fromOwnPage(request.headers, options)) return refusalResponse(new GatecastError('origin_denied'))
      const headers = { 'Set-Cookie': setCookie(cookie, '', new Date(0)), 'Cache-Control': 'no-store' }
      return Response.json({ success: true }, { headers })
    },
  }

  return { getSession, withSession, cookieRoute }
}
