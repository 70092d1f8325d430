// Grove: signed in by opening it in Telegram, signed in ever after, and a link to bring friends.
import { createClient, GatecastError, type Session } from 'gatecast'
import { readLaunch, type Launch } from './launch.ts'
import { watchReferrals } from './referrals.ts'

/** https://t.me/<bot>/<app>: set VITE_APP_LINK in .env.local. */
const appLink = import.meta.env['VITE_APP_LINK'] ?? 'https://t.me/your_bot/grove'

const at = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind
const app = at('app')
const link = at<HTMLInputElement>('link')
let renewals = 0
let stopCounting = () => {}

// Same origin; tokens are kept in localStorage and renewed before they end, by one tab at a time.
const gatecast = createClient(window.location.origin, { onError: (error) => console.info(error.code, error.message) })

function say(state: 'open' | 'out' | 'failed', greeting: string): void {
  app.dataset['state'] = state
  at('greeting').textContent = greeting
  at('garden').hidden = state !== 'open'
}

function showLive(): void {
  const word = { connected: 'live', connecting: 'connecting …', disconnected: 'not connected' }[gatecast.connection]
  at('live').textContent = renewals === 0 ? word : `${word}, signed in without a break (renewed ${renewals}×)`
}

/** The signed start parameter of the link that brought somebody here counts at the server, once, when the account is made:
 * the page has nothing to do for it. */
async function signIn(launch: Launch): Promise<Session> {
  const kept = gatecast.auth.session
  if (kept && kept.user.telegram_id === launch.telegramId) return kept
  return gatecast.auth.signInWithTelegram({ initData: launch.initData })
}

function open({ user }: Session): void {
  link.value = `${appLink}?startapp=ref_${user.ref_code ?? ''}`
  say('open', `Hello, ${user.first_name ?? user.username ?? 'friend'}.`)
  app.dataset['user'] = user.id
  stopCounting()
  stopCounting = watchReferrals(gatecast, (count) => {
    at('count').textContent = String(count)
    at('count-label').textContent = count === 1 ? 'friend planted a tree by your link' : 'friends planted a tree by your link'
  })
  gatecast.connect()
  showLive()
}

async function start(): Promise<void> {
  await gatecast.ready
  const launch = readLaunch()
  if (!launch) return say('failed', 'Open this app in Telegram.')
  try {
    open(await signIn(launch))
  } catch (error) {
    const { code, cure } = error as GatecastError
    // Its data counts for minutes, and once: opened anew, the app gets fresh ones.
    const again = code === 'initdata_expired' || code === 'initdata_replayed'
    say('failed', again ? 'Close the app and open it again in Telegram.' : `That did not work (${code}). ${cure}`)
    app.dataset['code'] = code
  }
}

gatecast.on('connection', showLive)
gatecast.on('renewed', () => {
  renewals += 1
  showLive()
})
gatecast.on('signedOut', ({ reason }) => {
  stopCounting()
  say('out', reason === 'signed_out' ? 'Signed out. Open the app again to come back.' : 'Your session has ended. Open the app again.')
})
at('copy').addEventListener('click', async () => {
  link.select()
  await navigator.clipboard.writeText(link.value).catch(() => {})
  at('copy').textContent = 'Copied'
})
at('leave').addEventListener('click', () => void gatecast.auth.logout())

void start()
