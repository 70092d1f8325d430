// The operators' console: who is asked for a token, which view is open, and nothing of the server's without the token.
import { Api, type Me } from './api.ts'
import { audit } from './audit.ts'
import { channels } from './channels.ts'
import { checks } from './checks.ts'
import { configuration } from './configuration.ts'
import { connections } from './connections.ts'
import { doctor } from './doctor.ts'
import { element, fill, h } from './dom.ts'
import { keepTimes } from './format.ts'
import { log } from './log.ts'
import { overview } from './overview.ts'
import { Desk, trouble, type View } from './page.ts'
import { sessions } from './sessions.ts'
import { users } from './users.ts'
import { Refusal } from '../refusal.ts'

const views: View[] = [overview, connections, channels, users, sessions, audit, doctor, checks, configuration, log]
const api = new Api()
let me: Me | null = null
let open: AbortController | null = null

/** "#/users/42" → the view and what follows. */
function place(): { view: View; argument: string } {
  const [, path = '', ...rest] = location.hash.split('/')
  let argument = rest.join('/')
  try {
    argument = decodeURIComponent(argument)
  } catch {
    // Typed by hand: taken as it stands.
  }
  return { view: views.find((view) => view.path === path) ?? overview, argument }
}

function closeMenu(): void {
  element('nav').classList.remove('open')
  element('menu').setAttribute('aria-expanded', 'false')
}

function show(): void {
  open?.abort()
  if (!me) return
  open = new AbortController()
  const { view, argument } = place()
  document.title = `${argument || view.title} – gatecast console`
  for (const link of element('nav').querySelectorAll('a')) {
    if (link.getAttribute('href') === `#/${view.path}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  element('menu').textContent = `Menu: ${view.title}`
  closeMenu()
  const root = h('div', { 'data-view': view.path })
  fill(element('view'), root)
  view.open(root, new Desk(api, me, open.signal), argument)
}

function enter(who: Me): void {
  me = who
  element('sign-in').hidden = true
  for (const id of ['bar', 'nav']) element(id).hidden = false
  element('actor').textContent = who.actor.replace(/^operator:/, '')
  const role = element('role')
  role.textContent = who.role
  role.title = who.role === 'act' ? 'May look, disconnect, end and block' : 'May look only'
  api.stats().then(({ version }) => (element('node').textContent = version)).catch(() => {})
  show()
}

function leave(why: unknown = null): void {
  open?.abort()
  me = null
  api.forget()
  fill(element('view'))
  for (const id of ['bar', 'nav']) element(id).hidden = true
  element('sign-in').hidden = false
  element('gate-error').hidden = why === null
  if (why !== null) trouble(element('gate-error'), why)
  document.title = 'gatecast console'
  element('token').focus()
}

async function tryToken(): Promise<void> {
  try {
    enter(await api.call<Me>('whoami'))
  } catch (error) {
    // Where the server is away the token may be right: it is asked for all the same, since nothing can be shown.
    leave(error)
  }
}

function start(): void {
  fill(element('nav'), ...views.map((view) => h('a', { href: `#/${view.path}` }, view.title)))
  element('gate-form').addEventListener('submit', async (event) => {
    event.preventDefault()
    const field = element<HTMLInputElement>('token')
    const button = element<HTMLButtonElement>('enter')
    button.disabled = true
    api.take(field.value.trim())
    field.value = ''
    await tryToken()
    button.disabled = false
  })
  element('sign-out').addEventListener('click', () => leave())
  element('menu').addEventListener('click', () => {
    const opened = element('nav').classList.toggle('open')
    element('menu').setAttribute('aria-expanded', String(opened))
  })
  // The address's part behind # is the view; a jump to the content must not leave it.
  element('skip').addEventListener('click', (event) => {
    event.preventDefault()
    element('main').focus()
  })
  api.onUnknown = (refusal: Refusal) => me && leave(refusal)
  window.addEventListener('hashchange', () => {
    show()
    window.scrollTo(0, 0)
    element('main').focus({ preventScroll: true })
  })
  keepTimes()
  if (api.hasToken) void tryToken()
  else leave()
}

start()
