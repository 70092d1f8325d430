'use client'
// React hooks over one client. Nothing here touches a page at import, and on a server nobody is signed in.
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import type { Channel, ChannelHandlers, ChannelOptions, Publication } from '../channels.ts'
import type { Gatecast } from '../client.ts'
import { GatecastError } from '../errors.ts'
import type { FeedOptions, FeedState } from '../feed.ts'
import type { Grant } from '../grants.ts'
import type { ConnectionState } from '../realtime.ts'
import type { Session } from '../tokens.ts'
import type { Wallet } from '../wallets.ts'

const Context = createContext<Gatecast | null>(null)

/** Gives the client to the hooks below it. Make the client once, outside of any component. */
export function GatecastProvider({ client, children }: { client: Gatecast; children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: client }, children)
}

export function useGatecast(): Gatecast {
  const client = useContext(Context)
  if (!client) throw new Error('gatecast: no GatecastProvider above this component')
  return client
}

const kNobody = (): null => null
const kAway = (): ConnectionState => 'disconnected'
const kNot = (): boolean => false

/** Who is signed in; null where nobody is. */
export function useSession(): Session | null {
  const client = useGatecast()
  const subscribe = useCallback(
    (changed: () => void) => {
      const undo = [client.on('signedIn', changed), client.on('signedOut', changed), client.on('renewed', changed)]
      // A storage that answers later makes the session known without any of these.
      let mounted = true
      void client.ready.then(() => mounted && changed())
      return () => {
        mounted = false
        for (const step of undo) step()
      }
    },
    [client],
  )
  return useSyncExternalStore(subscribe, () => client.auth.session, kNobody)
}

export function useConnection(): ConnectionState {
  const client = useGatecast()
  const subscribe = useCallback((changed: () => void) => client.on('connection', changed), [client])
  return useSyncExternalStore(subscribe, () => client.connection, kAway)
}

export interface UseChannel<Data> extends Pick<Channel<Data>, 'publish' | 'history' | 'presence' | 'presenceStats'> {
  subscribed: boolean
  /** Why the server ended or refused the subscription. */
  error: GatecastError | null
}

/** Subscribes while the component is there. `handlers` may be new at each render; null as the name: not now. */
export function useChannel<Data = unknown>(
  name: string | null,
  handlers: ((data: Data, publication: Publication<Data>) => void) | ChannelHandlers<Data>,
  options?: ChannelOptions,
): UseChannel<Data> {
  const client = useGatecast()
  const latest = useRef({ handlers, options })
  useEffect(() => {
    latest.current = { handlers, options }
  })
  const [state, setState] = useState<{ subscribed: boolean; error: GatecastError | null }>({ subscribed: false, error: null })
  useEffect(() => {
    if (name === null) return
    const now = (): ChannelHandlers<Data> => {
      const { handlers } = latest.current
      return typeof handlers === 'function' ? { publication: (publication) => handlers(publication.data, publication) } : handlers
    }
    const undo = client.channel<Data>(name).subscribe(
      {
        publication: (publication) => now().publication?.(publication),
        join: (who) => now().join?.(who),
        leave: (who) => now().leave?.(who),
        error: (error) => now().error?.(error),
        subscribed: (context) => {
          setState({ subscribed: true, error: null })
          now().subscribed?.(context)
        },
        unsubscribed: (error) => {
          setState({ subscribed: false, error })
          now().unsubscribed?.(error)
        },
      },
      latest.current.options,
    )
    return () => {
      undo()
      setState({ subscribed: false, error: null })
    }
  }, [client, name])
  return useMemo(() => {
    const missing = () => Promise.reject(new GatecastError('not_connected', { message: 'useChannel was given no name' }))
    const channel = name === null ? { publish: missing, history: missing, presence: missing, presenceStats: missing } : client.channel<Data>(name)
    return { ...state, publish: channel.publish, history: channel.history, presence: channel.presence, presenceStats: channel.presenceStats }
  }, [client, name, state])
}

/** Whether the user holds the resource; renders again only when that changes. */
export function useGrant(resource: string): boolean {
  const client = useGatecast()
  const subscribe = useCallback((changed: () => void) => client.grants.on(changed), [client])
  return useSyncExternalStore(subscribe, () => client.grants.has(resource), kNot)
}

const kNone: readonly Grant[] = Object.freeze([])
const kNoGrants = () => kNone

export function useGrants(): readonly Grant[] {
  const client = useGatecast()
  const subscribe = useCallback((changed: () => void) => client.grants.on(changed), [client])
  return useSyncExternalStore(subscribe, () => client.grants.list(), kNoGrants)
}

export interface UseNotifications extends FeedState {
  loadMore: () => Promise<void>
  reload: () => Promise<void>
  markRead: (ids: readonly string[] | 'all') => Promise<unknown>
  remove: (ids: readonly string[] | 'all' | 'read') => Promise<unknown>
}

/** A list in step with the server and the other tabs, the newest first. */
export function useNotifications({ limit, unread }: FeedOptions = {}): UseNotifications {
  const client = useGatecast()
  const feed = useMemo(
    () => client.feed({ ...(limit === undefined ? {} : { limit }), ...(unread === undefined ? {} : { unread }) }),
    [client, limit, unread],
  )
  const subscribe = useCallback((changed: () => void) => feed.on(changed), [feed])
  const state = useSyncExternalStore(subscribe, () => feed.state, () => feed.state)
  return useMemo(
    () => ({
      ...state,
      loadMore: () => feed.loadMore(),
      reload: () => feed.reload(),
      markRead: (ids) => client.notifications.markRead(ids),
      remove: (ids) => client.notifications.remove(ids),
    }),
    [client, feed, state],
  )
}

const kNoWallets: readonly Wallet[] = Object.freeze([])
const kNoWalletsHere = () => kNoWallets

/** The wallets that are installed, as they announce themselves. */
export function useWallets(): readonly Wallet[] {
  const client = useGatecast()
  const subscribe = useCallback((changed: () => void) => client.wallets.onChange(changed), [client])
  return useSyncExternalStore(subscribe, () => client.wallets.list(), kNoWalletsHere)
}
