// The server API: every method by its name in camel case, batches, and the feed of events.
import { errorNamed, GatecastError } from './error.ts'
import { methods, type GatecastEvent, type Method, type Params, type Refusal } from './methods.ts'
import type { Result, UserChange, UserOutcome } from './methods.ts'
import { request, type Transport } from './request.ts'

export interface CallOptions {
  /**
   * Two calls with one key within ten minutes have one effect. Without it every call has a key of its own, so that it
   * may be sent again when the answer is lost. Name your own – an order's id – where your process may repeat itself.
   */
  idempotencyKey?: string
  signal?: AbortSignal
}

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Name
type Call<M extends Method> = {} extends Params<M>
  ? (params?: Params<M>, options?: CallOptions) => Promise<Result<M>>
  : (params: Params<M>, options?: CallOptions) => Promise<Result<M>>

export type Command = { [M in Method]: { method: M; params: Params<M>; idempotencyKey?: string } }[Method]
export type Reply<M extends Method> = { result: Result<M>; error?: never } | { error: GatecastError; result?: never }

export interface FollowOptions {
  /** The last `seq` that has been dealt with; 0: from the beginning of what is kept. */
  after?: number
  signal?: AbortSignal
  /** The server's data were restored from a backup and its log ends before `after`: it goes on from `next`. */
  onRewound?(next: number): void
  /** The server was not there for a while; the feed goes on by itself. */
  onError?(error: GatecastError): void
}

export type Api = { readonly [M in Method as Camel<M>]: Call<M> } & {
  call<M extends Method>(method: M, params: Params<M>, options?: CallOptions): Promise<Result<M>>
  /** At most 1000 commands, run in their order; each is refused by itself. */
  batch<const C extends readonly Command[]>(commands: C, options?: { signal?: AbortSignal }): Promise<{
    -readonly [I in keyof C]: Reply<C[I]['method']>
  }>
  /** At most 1000 users at once; each is refused by itself. */
  userImport(
    users: readonly UserChange[],
    options?: CallOptions & { dryRun?: boolean },
  ): Promise<{ results: UserOutcome[]; created: number; changed: number; unchanged: number; refused: number }>
  /** Every event behind `after`, in order, for as long as it is iterated. Keep the `seq` of what you have dealt with. */
  follow(options?: FollowOptions): AsyncGenerator<GatecastEvent, void, void>
}

export interface ApiOptions {
  transport: Transport
  apiUrl: string
  apiKey: string
}

const kWaitSeconds = 25
const kFeedPauseMs = [250, 1_000, 4_000, 10_000]
/** Of a batch, whose commands run one after the other. */
const kBatchPatienceMs = 20_000

interface Answer {
  result?: unknown
  error?: Refusal
}

interface PostOptions {
  key?: string | undefined
  patience?: number
  signal?: AbortSignal | undefined
}

const refused = ({ name, message }: Refusal) => errorNamed(name, { status: 200, detail: name ? undefined : message })

function resting(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}

export function createApi({ transport, apiUrl, apiKey }: ApiOptions): Api {
  async function post(path: string, body: object, more: PostOptions) {
    if (apiKey === '') throw new GatecastError('api_key_missing')
    const headers: Record<string, string> = { 'X-API-Key': apiKey, 'Content-Type': 'application/json' }
    if (more.key) headers['Idempotency-Key'] = more.key
    return request(transport, `${apiUrl}/api/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      repeatable: true,
      patience: more.patience ?? 0,
      signal: more.signal,
    })
  }

  async function call<M extends Method>(method: M, params?: Params<M>, options: CallOptions = {}): Promise<Result<M>> {
    const key = methods[method].effect ? (options.idempotencyKey ?? crypto.randomUUID()) : undefined
    const wait = method === 'events' ? ((params as Params<'events'> | undefined)?.wait ?? 0) * 1000 : 0
    const answer = (await post(method, params ?? {}, { key, patience: wait, signal: options.signal })) as Answer
    if (answer.error) throw refused(answer.error)
    return answer.result as Result<M>
  }

  async function batch(commands: readonly Command[], options: { signal?: AbortSignal } = {}) {
    const body = commands.map(({ method, params, idempotencyKey }) => {
      const key = methods[method].effect ? { idempotency_key: idempotencyKey ?? crypto.randomUUID() } : {}
      return { [method]: { ...params, ...key } }
    })
    const { replies } = (await post('batch', { commands: body }, { patience: kBatchPatienceMs, signal: options.signal })) as {
      replies: (Record<string, unknown> & { error?: Refusal })[]
    }
    return commands.map(({ method }, at) => {
      const reply = replies[at]
      if (reply && method in reply) return { result: reply[method] }
      return { error: reply?.error ? refused(reply.error) : new GatecastError('internal', { detail: 'a reply is missing' }) }
    })
  }

  async function userImport(users: readonly UserChange[], options: CallOptions & { dryRun?: boolean } = {}) {
    const params = { users, ...(options.dryRun === undefined ? {} : { dryRun: options.dryRun }) }
    const key = options.idempotencyKey ?? crypto.randomUUID()
    const answer = (await post('user_upsert', params, { key, patience: kBatchPatienceMs, signal: options.signal })) as Answer
    if (answer.error) throw refused(answer.error)
    return answer.result
  }

  async function* follow(options: FollowOptions = {}): AsyncGenerator<GatecastEvent, void, void> {
    const { signal } = options
    let after = options.after ?? 0
    for (let failures = 0; !signal?.aborted; ) {
      let page: Result<'events'>
      try {
        page = await call('events', { after, limit: 100, wait: kWaitSeconds }, signal ? { signal } : {})
      } catch (error) {
        if (signal?.aborted) return
        if (!(error instanceof GatecastError) || !error.temporary) throw error
        options.onError?.(error)
        await resting(kFeedPauseMs[Math.min(failures++, kFeedPauseMs.length - 1)] ?? 0, signal)
        continue
      }
      failures = 0
      if (page.rewound) options.onRewound?.(page.next)
      yield* page.events
      after = page.next
    }
  }

  const api: Record<string, unknown> = { call, batch, userImport, follow }
  for (const method of Object.keys(methods) as Method[]) {
    const name = method.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    api[name] = (params?: Params<Method>, options?: CallOptions) => call(method, params, options)
  }
  return api as Api
}
