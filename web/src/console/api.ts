// The server API with an operator's token, which lives in this tab's session storage and nowhere else.
import { explainName } from '../explain.ts'
import { Refusal } from '../refusal.ts'

const kTokenName = 'gatecast.operator'

export interface Me {
  actor: string
  role: string
  methods: string[]
}

export interface Stats {
  activeConnections: number
  users: number
  subscriptions: number
  totalConnections: number
  totalMessages: number
  messagesSent: number
  publications: number
  deliveries: number
  authFailures: number
  errors: number
  rateLimited: number
  slowConsumers: number
  uptime: number
  startedAt: string
  averageMessagesPerMinute: number
  connectionsByChannel: Record<string, number>
  messagesByType: Record<string, number>
  version: string
  node: string
  memory?: { residentBytes: number; historyBytes: number; logBytes: number; outboxBytes: number }
  errorsByCode?: Record<string, number>
  perShard?: Shard[]
}

export interface Shard {
  shard: number
  connections: number
  users: number
  subscriptions: number
  channels: number
  historyBytes: number
  logBytes: number
}

export class Api {
  /** Called where the server no longer knows the token. */
  onUnknown: (refusal: Refusal) => void = () => {}
  #token = sessionStorage.getItem(kTokenName) ?? ''

  get hasToken(): boolean {
    return this.#token !== ''
  }

  take(token: string): void {
    this.#token = token
    sessionStorage.setItem(kTokenName, token)
  }

  forget(): void {
    this.#token = ''
    sessionStorage.removeItem(kTokenName)
  }

  /** Throws a Refusal. */
  async call<Result>(method: string, params: unknown = {}, signal?: AbortSignal): Promise<Result> {
    const answer = await this.#fetch(`api/${method}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.#token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(params),
      ...(signal ? { signal } : {}),
    })
    if (answer.error) throw new Refusal(explainName(answer.error.name, answer.error.message))
    return answer.result as Result
  }

  stats(): Promise<Stats> {
    return this.#fetch('stats', { headers: { Authorization: `Bearer ${this.#token}` } })
  }

  async #fetch(path: string, init: RequestInit): Promise<any> {
    let response: Response
    try {
      response = await fetch(new URL(path, document.baseURI), { ...init, cache: 'no-store', credentials: 'omit' })
    } catch (error) {
      if (init.signal?.aborted) throw error
      throw new Refusal({ code: 'network', message: 'the server does not answer', cure: 'Is it running? The page goes on by itself when it is back.' })
    }
    const answer = await response.json().catch(() => ({}))
    if (response.ok) return answer
    const code = String(answer.code ?? `http_${response.status}`)
    const refusal = new Refusal(explainName(code, String(answer.error ?? response.statusText)), String(answer.requestId ?? ''))
    if (code === 'operator_unknown') this.onUnknown(refusal)
    throw refusal
  }
}
