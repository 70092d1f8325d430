// Several processes of the program that are one deployment: the same keys, one PostgreSQL, one Redis.
import { api } from './api.ts'
import { deployment, sharedPostgres, sharedRedis } from './backends.ts'
import { type FaultProxy } from './fault_proxy.ts'
import { type Postgres } from './postgres.ts'
import { metric, realtimeConfig } from './realtime.ts'
import { type Scope } from './scope.ts'
import { startServer, type Server, type StartOptions } from './server.ts'
import { merged, type Table } from './toml.ts'
import { until } from './until.ts'

/** What one node has of its own. */
export interface NodeOptions extends Pick<StartOptions, 'env'> {
  config?: Table
  /** It reaches Redis by that URL. */
  broker?: string
  /** It reaches PostgreSQL through that proxy. */
  store?: FaultProxy
}

export interface NodesOptions {
  /** As `broker.url`: of a Redis, of Sentinels, of a Cluster; without one the test process' Redis. */
  broker?: string
  /** Without one the test process' PostgreSQL. */
  postgres?: Postgres
  /** Other servers of that PostgreSQL, one of which may take over. */
  standbys?: Postgres[]
  config?: Table
  node?: (index: number) => NodeOptions
}

/** Nodes that do without a broker or store for a moment say so in time for a test. */
export const kQuick: Table = {
  broker: { deadline: '1s' },
  store: { deadline: '1s' },
  session: { blind_max: '3s' },
  realtime: { shards: 2 },
  // The judge reads a whole stream at once.
  limits: { history_page: 2000 },
}

export async function startNodes(scope: Scope, count: number, options: NodesOptions = {}): Promise<Server[]> {
  const broker = options.broker ?? (await sharedRedis()).url
  const postgres = options.postgres ?? (await sharedPostgres())
  const backends = await deployment({ postgres, broker })
  const configOf = (index: number): Table => {
    const own = options.node?.(index) ?? {}
    const hosts = [own.store?.port ?? postgres.port, ...(options.standbys ?? []).map(({ port }) => port)]
    const mine: Table = { node: { name: `n${index + 1}` }, store: { url: postgres.url(backends.database, ...hosts) } }
    const broker: Table = own.broker === undefined ? {} : { broker: { url: own.broker } }
    return merged(merged(mine, broker), own.config ?? {})
  }
  const first = await startServer(scope, { backends, config: merged(realtimeConfig(merged(kQuick, options.config ?? {})), configOf(0)), ...envOf(0) })
  const others = await Promise.all(
    Array.from({ length: count - 1 }, (_, i) => startServer(scope, { beside: first, config: configOf(i + 1), ...envOf(i + 1) })),
  )
  const all = [first, ...others]
  await together(all)
  return all

  function envOf(index: number): Pick<StartOptions, 'env'> {
    const env = options.node?.(index).env
    return env ? { env } : {}
  }
}

/** Names of the nodes that this one knows, itself included. */
export async function known(server: Server): Promise<string[]> {
  const { body } = await api(server, 'info', {})
  return ((body.result?.nodes ?? []) as { name: string }[]).map(({ name }) => name).sort()
}

/** Until each of them knows exactly these. */
export async function together(servers: Server[]): Promise<void> {
  await until(
    'the nodes to know each other',
    async () => (await Promise.all(servers.map(known))).every((names) => names.length === servers.length),
  )
}

/** Until every client of Redis in that process has proved that what it publishes arrives; or one no longer has. */
export async function inTouch(server: Server, touch = true): Promise<void> {
  await until(
    `the node to be ${touch ? 'in' : 'out of'} touch with Redis`,
    async () => {
      const [clients, well] = await Promise.all([metric(server, 'redis_clients'), metric(server, 'redis_in_touch')])
      return clients > 0 && (well === clients) === touch
    },
    30_000,
  )
}

/** The result of a method of the server API that succeeds. */
export async function done(server: Server, method: string, params: object): Promise<any> {
  const { status, body } = await api(server, method, params)
  if (status !== 200 || body.error !== undefined) throw new Error(`${method}: ${status} ${JSON.stringify(body)}`)
  return body.result
}
