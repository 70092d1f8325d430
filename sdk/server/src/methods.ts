// The methods of the server API with what they take and give: docs/api.md, in types.

export type Time = string | Date
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined }
export type JsonObject = Record<string, unknown>

export interface StreamPosition {
  offset: number
  epoch: string
}

export interface Publication {
  data: unknown
  offset?: number
  tags?: Record<string, string>
  info?: ClientInfo
}

export interface ClientInfo {
  user: string
  client: string
  conn_info?: unknown
  chan_info?: unknown
}

export interface PublishOptions {
  tags?: Record<string, string>
  skip_history?: boolean
  delta?: boolean
  version?: number
  version_epoch?: string
}
type Data = { data: unknown } | { b64data: string }
/** Where the channel keeps a history. */
export type Published = Partial<StreamPosition>

/** As the server API writes a refusal. */
export interface Refusal {
  code: number
  message: string
  name: string
}

export interface Grant {
  id: string
  resource: string
  /** The back end's own name of it, such as an order's id; "" where it gave none. */
  key?: string
  from: string
  /** Absent: for ever. */
  until?: string
  meta: JsonObject
}

export interface Notification {
  id: string
  kind: string
  data: unknown
  createdAt: string
  readAt: string | null
}

export interface Identity {
  kind: 'solana' | 'ethereum' | 'telegram'
  subject: string
}

export interface UserChange {
  id: string
  nickname?: string
  avatar?: string
  isCreator?: boolean
  isVerified?: boolean
  ref_code?: string
  referrer?: string
  claims?: JsonObject
  blocked?: boolean
  identities?: readonly Identity[]
}

export interface User {
  id: string
  nickname: string
  avatar: string
  isCreator: boolean
  isVerified: boolean
  blocked: boolean
  ref_code: string
  referrer?: string
  claims: JsonObject
  identities: readonly Identity[]
}

export interface UserView extends User {
  createdAt: string
  identities: readonly (Identity & { id: string; profile: JsonObject; createdAt: string })[]
}

export type UserOutcome =
  | { id: string; ok: true; created: boolean; changed: boolean }
  | { id: string; ok: false; error: { name: string; message: string; detail?: string } }

export interface SessionRow {
  id: string
  createdAt: string
  lastSeenAt: string
  expiresAt: string
  how: string
  ip: string
  userAgent: string
  connected: number
}

/** What a sign-in gives; a browser takes it with `gatecast.auth.adopt(tokens)`. */
export interface Tokens {
  success: true
  token: string
  expiresIn: number
  expiresAt: string
  refreshToken: string
  refreshExpiresAt: string
  session: { id: string }
  user: { id: string; isCreator: boolean; isVerified: boolean; ref_code: string; nickname?: string; avatar?: string; wallet?: string }
}

export interface Connection {
  client: string
  user: string
  session: string
  transport: string
  protocol: string
  ip: string
  compression: boolean | string
  channels: readonly string[]
  num_channels: number
  queued_bytes: number
  rtt_ms?: number
  bytes_in: number
  bytes_out: number
  messages_in: number
  age_s: number
  session_info?: { how: string; created_at: string; last_seen_at: string; user_agent: string }
}

export interface ClosedConnection {
  client: string
  user: string
  session: string
  ip: string
  reason: string
  code: number
  closed_at: string
  age_s: number
  bytes_in: number
  bytes_out: number
  messages_in: number
}

export interface ConnectionQuery {
  user?: string
  session?: string
  client?: string
  channel?: string
  sort?: 'age' | 'queue' | 'rtt' | 'bytes_in' | 'bytes_out' | 'channels'
  order?: 'asc' | 'desc'
  limit?: number
  with_session?: boolean
  closed?: boolean
}

export interface SubscriptionTerms {
  info?: unknown
  data?: unknown
  override?: Partial<
    Record<'presence' | 'join_leave' | 'force_push_join_leave' | 'force_recovery' | 'force_positioning', { value: boolean }>
  >
}

/** One user's connections, or of these one, or those of one session. */
export interface Target {
  user: string
  client?: string
  session?: string
}

export interface GatecastEvent {
  seq: number
  type: string
  at: string
  user?: string
  session?: string
  reason?: string
  data: JsonObject
}

export interface AuditRow {
  seq: number
  at: string
  kind: string
  user?: string
  session?: string
  ip?: string
  code?: string
  detail?: string
  count?: number
}

type Empty = Record<string, never>

/** By the names of docs/api.md. */
export interface Methods {
  publish: { params: { channel: string } & Data & PublishOptions; result: Published }
  broadcast: {
    params: { channels: readonly string[] } & Data & PublishOptions
    result: { responses: ({ result: Published } | { error: Refusal })[] }
  }
  presence: { params: { channel: string }; result: { presence: Record<string, ClientInfo> } }
  presence_stats: { params: { channel: string }; result: { num_clients: number; num_users: number } }
  channels: {
    params: { pattern?: string; limit?: number; after?: string }
    result: { channels: Record<string, { num_clients: number }>; total: number; next?: string }
  }
  history: {
    params: { channel: string; limit?: number; since?: StreamPosition; reverse?: boolean }
    result: { publications: Publication[] } & StreamPosition
  }
  history_remove: { params: { channel: string }; result: Empty }
  connections: { params: ConnectionQuery; result: { connections: (Connection | ClosedConnection)[]; total: number } }
  subscribe: {
    params: Target & { channel: string; expire_at?: number; recover_since?: StreamPosition } & SubscriptionTerms
    result: Empty
  }
  unsubscribe: { params: Target & { channel: string }; result: Empty }
  refresh: { params: Target & { expired?: boolean; expire_at?: number }; result: Empty }
  disconnect: {
    params: Target & { whitelist?: readonly string[]; disconnect?: { code: number; reason: string } }
    result: Empty
  }
  info: {
    params: Empty
    result: {
      nodes: {
        uid: string
        name: string
        version: string
        num_clients: number
        num_users: number
        num_channels: number
        num_subs: number
        uptime: number
      }[]
    }
  }
  user_upsert: {
    params: { user: UserChange; dryRun?: boolean }
    result: { user?: UserView; created: boolean; changed: boolean }
  }
  user_get: { params: { user: string }; result: { user: UserView } }
  user_list: { params: { after?: string; limit?: number }; result: { users: User[]; next?: string } }
  user_block: { params: { user: string }; result: { changed: boolean; ended: number } }
  user_unblock: { params: { user: string }; result: { changed: boolean; ended: number } }
  user_delete: { params: { user: string }; result: { ended: number } }
  user_export: { params: { user: string }; result: { user: UserView; sessions: SessionRow[]; audit: AuditRow[] } & JsonObject }
  sessions: { params: { user: string }; result: { sessions: SessionRow[] } }
  session_end: { params: { session: string } | { user: string }; result: { ended: number } }
  token_mint: {
    params: { user: string; create?: boolean; claims?: JsonObject; ip?: string; userAgent?: string }
    result: Tokens
  }
  subscription_token: {
    params: { user: string; channel: string; client?: string; ttl?: number; expire_at?: number } & SubscriptionTerms
    result: { token: string; expires_at: number }
  }
  token_doctor: {
    params: { token: string }
    result: { good: boolean; findings: { id: string; verdict: 'ok' | 'warn' | 'wrong'; text: string; cure?: string }[] }
  }
  grant_add: {
    params: { user: string; resource: string; key?: string; from?: Time; until?: Time; ttl?: number; meta?: JsonObject }
    result: { grant: Grant; version: number; changed: boolean }
  }
  grant_remove: {
    params: { user: string } & ({ id: string } | { resource: string; key?: string })
    result: { removed: number; version: number }
  }
  grants: { params: { user: string }; result: { version: number; grants: Grant[] } }
  notify: {
    params: ({ user: string } | { users: readonly string[] }) & { kind: string; data: unknown; key?: string }
    result: { notified: number; repeated: number; unknown: string[] }
  }
  notifications: {
    params: { user: string; after?: string; limit?: number; unread?: boolean }
    result: { notifications: Notification[]; unread: number; version: number; next: string | null }
  }
  notification_remove: {
    params: { user: string } & ({ ids: readonly string[] } | { all: true } | { read: true })
    result: { removed: number; unread: number; version: number }
  }
  events: {
    params: { after?: number; limit?: number; wait?: number }
    result: { events: GatecastEvent[]; next: number; rewound?: boolean }
  }
  audit: {
    params: { user?: string; kinds?: readonly string[]; after?: number; before?: number; limit?: number }
    result: { rows: AuditRow[] }
  }
}

export type Method = keyof Methods
export type Params<M extends Method> = Methods[M]['params']
export type Result<M extends Method> = Methods[M]['result']

/** Every method, and whether it has an effect: those get an idempotency key. */
export const methods: Record<Method, { effect: boolean }> = {
  publish: { effect: true },
  broadcast: { effect: true },
  presence: { effect: false },
  presence_stats: { effect: false },
  channels: { effect: false },
  history: { effect: false },
  history_remove: { effect: true },
  connections: { effect: false },
  subscribe: { effect: true },
  unsubscribe: { effect: true },
  refresh: { effect: true },
  disconnect: { effect: true },
  info: { effect: false },
  user_upsert: { effect: true },
  user_get: { effect: false },
  user_list: { effect: false },
  user_block: { effect: true },
  user_unblock: { effect: true },
  user_delete: { effect: true },
  user_export: { effect: false },
  sessions: { effect: false },
  session_end: { effect: true },
  token_mint: { effect: true },
  subscription_token: { effect: false },
  token_doctor: { effect: false },
  grant_add: { effect: true },
  grant_remove: { effect: true },
  grants: { effect: false },
  notify: { effect: true },
  notifications: { effect: false },
  notification_remove: { effect: true },
  events: { effect: false },
  audit: { effect: false },
}
