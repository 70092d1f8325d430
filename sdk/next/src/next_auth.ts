// The bridge from NextAuth: who is signed in there gets gatecast's tokens, without signing in again.
import { GatecastError, refusalResponse, type Gatecast, type JsonObject } from '@gatecast/server'
import { fromOwnPage, type OriginOptions } from './origin.ts'

export interface FromNextAuthOptions<NextSession> extends OriginOptions {
  /** NextAuth's session: `() => getServerSession(authOptions)`, or `auth` of version 5. */
  session(request: Request): Promise<NextSession | null>
  /** The application's own id of its user; `session.user.id` if not said. */
  userId?(session: NextSession): string | null | undefined
  /** Further claims of the token. */
  claims?(session: NextSession): JsonObject
  /** The visitor's address, for the list of sessions; behind a proxy only the application knows whom to believe. */
  ip?(request: Request): string | undefined
}

const usualId = (session: unknown) => (session as { user?: { id?: unknown } }).user?.id

/**
 * `export const { POST } = fromNextAuth(gatecast, { session })`: the page posts to it once and gives the answer to
 * `gatecast.auth.adopt`; the tokens renew themselves from there. The account is made where there is none.
 */
export function fromNextAuth<NextSession>(gatecast: Gatecast, options: FromNextAuthOptions<NextSession>) {
  async function POST(request: Request): Promise<Response> {
    try {
      // NextAuth's cookie alone would let any page have tokens made.
      if (!fromOwnPage(request.headers, options)) throw new GatecastError('origin_denied')
      const session = await options.session(request)
      const user = session && (options.userId ?? usualId)(session)
      if (!session || typeof user !== 'string' || user === '') throw new GatecastError('session_unknown')
      const ip = options.ip?.(request)
      const userAgent = request.headers.get('user-agent')?.slice(0, 256)
      const tokens = await gatecast.api.tokenMint({
        user,
        create: true,
        ...(options.claims ? { claims: options.claims(session) } : {}),
        ...(ip ? { ip } : {}),
        ...(userAgent ? { userAgent } : {}),
      })
      return Response.json(tokens, { headers: { 'Cache-Control': 'no-store' } })
    } catch (error) {
      return refusalResponse(error)
    }
  }
  return { POST }
}
