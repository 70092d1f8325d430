// Runs at the edge: a token is verified by the published keys alone.
import { bearerOf, refusalResponse } from '@gatecast/server'
import { gatecast } from '@/lib/gatecast'

export const runtime = 'edge'

export async function GET(request: Request): Promise<Response> {
  try {
    const { userId, sessionId } = await gatecast.verifyToken(bearerOf(request.headers.get('authorization')))
    return Response.json({ user: userId, session: sessionId })
  } catch (error) {
    return refusalResponse(error)
  }
}
