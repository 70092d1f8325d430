// The hooks in a page: each component says how often it rendered.
import { createClient, type Gatecast, type Tokens } from 'gatecast'
import { GatecastProvider, useChannel, useConnection, useGrant, useNotifications, useSession } from 'gatecast/react'
import { createElement as h, StrictMode, useState, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'

declare global {
  interface Window {
    page: { gatecast: Gatecast; renders: Record<string, number>; adopt(tokens: Tokens): Promise<unknown>; unmount(): void }
    server: string
  }
}

const gatecast = createClient(window.server, { realtime: { minReconnectDelay: 50 } })
const renders: Record<string, number> = {}
const rendered = (name: string) => (renders[name] = (renders[name] ?? 0) + 1)
const shown = (id: string, text: unknown) => h('p', { 'data-testid': id }, String(text))

function Who(): ReactNode {
  rendered('who')
  return shown('who', useSession()?.user.id ?? 'nobody')
}

function Connection(): ReactNode {
  rendered('connection')
  return shown('connection', useConnection())
}

function Room({ name }: { name: string }): ReactNode {
  rendered('room')
  const [got, setGot] = useState<unknown[]>([])
  const { subscribed, error, publish } = useChannel(name, (data) => setGot((before) => [...before, data]))
  return h('div', {}, shown('room', JSON.stringify(got)), shown('subscribed', subscribed), shown('refused', error?.code ?? ''), h('button', { 'data-testid': 'publish', onClick: () => void publish('from the page') }, 'publish'))
}

function Post({ id }: { id: string }): ReactNode {
  rendered('post')
  return shown('post', useGrant(`post:${id}`) ? 'open' : 'locked')
}

function Inbox(): ReactNode {
  rendered('inbox')
  const { notifications, unread, hasMore, loadMore, markRead, remove, error } = useNotifications({ limit: 3 })
  return h(
    'div',
    {},
    shown('unread', unread),
    shown('inbox', notifications.map(({ kind, readAt }) => (readAt === null ? kind : `(${kind})`)).join(' ')),
    shown('inbox-error', error?.code ?? ''),
    h('button', { 'data-testid': 'more', disabled: !hasMore, onClick: () => void loadMore() }, 'more'),
    h('button', { 'data-testid': 'read-all', onClick: () => void markRead('all') }, 'read all'),
    h('button', { 'data-testid': 'remove-read', onClick: () => void remove('read') }, 'remove read'),
  )
}

function Page(): ReactNode {
  const [there, setThere] = useState(true)
  const session = useSession()
  const own = session && there ? [h(Room, { key: 'room', name: 'chat:react' }), h(Post, { key: 'post', id: '42' }), h(Inbox, { key: 'inbox' })] : []
  return h('main', {}, h(Who), h(Connection), ...own, h('button', { 'data-testid': 'leave', onClick: () => setThere(false) }, 'leave'))
}

const root = createRoot(document.getElementById('root')!)
root.render(h(StrictMode, {}, h(GatecastProvider, { client: gatecast }, h(Page))))
window.page = { gatecast, renders, adopt: (tokens) => gatecast.auth.adopt(tokens), unmount: () => root.unmount() }
