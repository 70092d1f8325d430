// Webhooks as they arrive: whether gatecast sent them, and the events in them.
import type { GatecastEvent } from './methods.ts'

export interface WebhookInput {
  /** The header `Gatecast-Signature`. */
  signature: string | null | undefined
  /** The body as it came, before anything parsed it. */
  body: string | Uint8Array
  /** The `secret` of its [[webhook]]. */
  secret: string
  /** Seconds that the clocks may differ; 300. */
  tolerance?: number
}

export interface Delivery {
  /** Name of the [[webhook]]. */
  webhook: string
  events: GatecastEvent[]
}

const kToleranceSeconds = 300
/** The server sends 256 KB of events at most. */
const kBodyBytes = 512 * 1024

/** What was delivered, or null where it does not come from the server that has the secret, or is too old. */
export async function readWebhook({ signature, body, secret, tolerance = kToleranceSeconds }: WebhookInput): Promise<Delivery | null> {
  if (secret === '') throw new TypeError('secret: empty')
  const [, time, hex] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature ?? '') ?? []
  if (!time || !hex || Math.abs(Date.now() / 1000 - Number(time)) > tolerance) return null
  const text = new TextEncoder()
  const key = await crypto.subtle.importKey('raw', text.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  const before = text.encode(`${time}.`)
  const bytes = typeof body === 'string' ? text.encode(body) : body
  const signed = new Uint8Array(before.length + bytes.length)
  signed.set(before)
  signed.set(bytes, before.length)
  const mac = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  if (!(await crypto.subtle.verify('HMAC', key, mac, signed))) return null
  return JSON.parse(new TextDecoder().decode(bytes)) as Delivery
}

export interface WebhookOptions {
  secret: string
  /**
   * Called for every event, one after the other. Events come at least once: pass over what is not above the highest
   * `seq` that you have dealt with. When it throws, the server sends the batch again.
   */
  onEvent(event: GatecastEvent): Promise<void> | void
}

async function limitedBody(request: Request): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = []
  let size = 0
  for (const reader = request.body?.getReader(); reader; ) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > kBodyBytes) {
      await reader.cancel()
      return null
    }
    parts.push(value)
  }
  const body = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.length
  }
  return body
}

/** A handler for frameworks that speak Request and Response: `export const POST = webhookHandler({ secret, onEvent })`. */
export function webhookHandler({ secret, onEvent }: WebhookOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const body = await limitedBody(request)
    if (!body) return new Response(null, { status: 413 })
    const delivery = await readWebhook({ signature: request.headers.get('gatecast-signature'), body, secret })
    if (!delivery) return new Response(null, { status: 401 })
    for (const event of delivery.events) await onEvent(event)
    return new Response(null, { status: 204 })
  }
}
