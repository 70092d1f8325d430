// Express: who calls, on every request; and webhooks. The types are those of Express's own requests, by shape.
import type { Gatecast } from './gatecast.ts'
import { bearerOf, isRefusal, refusalOf } from './refusal.ts'
import type { Session } from './verify.ts'
import { webhookHandler, type WebhookOptions } from './webhook.ts'

declare global {
  namespace Express {
    interface Request {
      /** Set by `session` of @gatecast/server/express. */
      gatecast?: Session
    }
  }
}

interface Incoming extends AsyncIterable<Uint8Array> {
  headers: Record<string, string | string[] | undefined>
  gatecast?: Session
}

interface Outgoing {
  status(code: number): Outgoing
  set(headers: Record<string, string>): unknown
  json(body: unknown): unknown
  end(): unknown
}

export type Middleware = (request: Incoming, response: Outgoing, next: (error?: unknown) => void) => Promise<void>

export interface SessionOptions {
  /** Ask the server on every request, so that an ended session is refused at once; false: the token alone counts. */
  check?: boolean
  /** Let those without a token through, with no `request.gatecast`. A bad token is refused all the same. */
  optional?: boolean
}

/** Lets through who brings a good token in `Authorization`, as `request.gatecast`. */
export function session(gatecast: Gatecast, { check = false, optional = false }: SessionOptions = {}): Middleware {
  return async (request, response, next) => {
    const header = request.headers['authorization']
    if (optional && header === undefined) return next()
    try {
      const token = bearerOf(typeof header === 'string' ? header : undefined)
      request.gatecast = await (check ? gatecast.checkSession(token) : gatecast.verifyToken(token))
    } catch (error) {
      if (!isRefusal(error)) return next(error)
      const refusal = refusalOf(error)
      response.set(refusal.headers)
      response.status(refusal.status).json(refusal.body)
      return
    }
    next()
  }
}

/** Takes webhooks: `app.post('/hooks/gatecast', webhook({ secret, onEvent }))`, before any parser of bodies. */
export function webhook(options: WebhookOptions): Middleware {
  const handle = webhookHandler(options)
  return async (incoming, response, next) => {
    const signature = incoming.headers['gatecast-signature']
    const parts = incoming[Symbol.asyncIterator]()
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await parts.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
    })
    try {
      const headers: Record<string, string> = typeof signature === 'string' ? { 'gatecast-signature': signature } : {}
      // Node's fetch sends and takes streamed bodies only by half duplex.
      const init = { method: 'POST', headers, body, duplex: 'half' }
      const { status } = await handle(new Request('http://webhook.invalid/', init))
      response.status(status).end()
    } catch (error) {
      next(error)
    }
  }
}
