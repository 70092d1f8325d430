// /test/jwt-refresh: renewal in all its forms, expiry as it is and as it can be simulated, and the account's sessions.
import { explainName } from '../explain.ts'
import { clocks, inWords } from './clock.ts'
import { h, row, section, table } from './dom.ts'
import { call, demand, websocketAddress, type Reply } from './http.ts'
import { logSection } from './log.ts'
import { Sessions } from './sessions_table.ts'
import { adopted, logOut, SignIn } from './signin.ts'
import { Socket } from './socket.ts'
import { tab } from './tab.ts'
import { decode, generationOf, timeOf } from './token.ts'
import { tokenSection } from './token_panel.ts'
import { Action, allOf, bad, explained, good, need, warn, type Said } from './verdict.ts'

const kHourMs = 3_600_000
/** Longer is not waited for. */
const kWaitMaxMs = 5 * 60_000

const signIn = new SignIn()
const sessions = new Sessions()

const refreshToken = () => tab.refreshToken ?? (() => { throw need('sign in first: there is no refresh token') })()
const renewed = (token: string) => demand('POST', 'api/v2/auth/refresh', { body: { refreshToken: token } })
const check = (token: string) => call('GET', 'api/v2/auth/check', { token })
const generation = (reply: Reply) => generationOf(reply.body.refreshToken as string)

/** What a renewal did to the generation, in words. */
function moved(before: number | undefined, after: number | undefined, ms: number): Said {
  const time = `${ms.toFixed(0)} ms`
  if (before === after) return good(`generation stays ${after ?? '–'}`, `Within the grace the same answer comes again, so that nobody falls behind. ${time}`)
  return good(`generation ${before ?? '–'} → ${after ?? '–'}`, time)
}

async function renewByHttp(): Promise<Said> {
  const before = refreshToken()
  const reply = await renewed(before)
  adopted(reply, 'renewed')
  return moved(generationOf(before), generation(reply), reply.ms)
}

async function renewBySocket(): Promise<Said> {
  const before = refreshToken()
  const { socket } = await Socket.connect(websocketAddress())
  try {
    await socket.command({ connect: { token: tab.token ?? '' } })
    const { result, ms } = await socket.command({ rpc: { method: 'gatecast.renew', data: { refreshToken: before } } })
    const { token, refreshToken: next } = result.data as { token: string; refreshToken: string }
    tab.adopt(token, next, 'renewed over the socket')
    const { result: prolonged } = await socket.command({ refresh: { token } })
    const said = moved(generationOf(before), generationOf(next), ms)
    return { ...said, more: `${said.more ?? ''}; the connection was prolonged by ${prolonged.ttl ?? '–'} s.` }
  } finally {
    socket.close()
  }
}

async function renewTwice(): Promise<Said> {
  const token = refreshToken()
  const [one, two] = await Promise.all([renewed(token), renewed(token)])
  adopted(one, 'renewed twice at once')
  const same = one.body.refreshToken === two.body.refreshToken
  const checks = await Promise.all([check(one.body.token), check(two.body.token)])
  const taken = checks.filter(({ ok }) => ok).length
  const said = `${same ? 'one refresh token' : 'two refresh tokens'}, generation ${generation(one)}; ${taken} of 2 access tokens are taken`
  return same && taken === 2 ? good(said, 'Two tabs that renew at once do no harm.') : bad(said)
}

/** The refresh tokens this tab had of the session it is in, oldest first, without the present one. */
function former(): string[] {
  const present = refreshToken()
  const [, , sid] = present.split('.')
  const all = tab.pairs.map((pair) => pair.refreshToken).filter((token) => token?.split('.')[2] === sid) as string[]
  return [...new Set(all)].filter((token) => token !== present)
}

async function repeat(token: string | undefined): Promise<Said> {
  if (!token) throw need('renew first: there is no earlier refresh token')
  const before = generationOf(token)
  const reply = await call('POST', 'api/v2/auth/refresh', { body: { refreshToken: token } })
  if (!reply.ok) {
    const { code, error = '', requestId } = reply.body
    const said = explained(explainName(code, error), requestId)
    return { ...said, text: `generation ${before}: ${said.text}` }
  }
  adopted(reply, `repeated generation ${before}`)
  return good(`generation ${before} gives ${generation(reply)}`, 'It was repeated within the grace, or its answer was never used: the same tokens again.')
}

function forgetAccess(): Said {
  if (!tab.current) throw need('sign in first')
  tab.forgetAccess()
  return good('the access token is gone from this tab', 'A call gets 401 now, unless it renews first.')
}

/** A call as the SDK makes it: 401, renew, again; at most twice. */
async function callAndRenew(): Promise<Said> {
  if (!tab.current) throw need('sign in first')
  const steps: string[] = []
  for (let attempt = 0; attempt <= 2; attempt++) {
    const reply = await call('GET', 'api/v2/auth/check', tab.token === undefined ? {} : { token: tab.token })
    if (reply.ok) return good([...steps, `200 for ${reply.body.user.id}`].join(', '))
    const { code, error = '', requestId } = reply.body
    steps.push(`${reply.status} ${code}`)
    if (reply.status !== 401 || attempt === 2 || !tab.refreshToken) return explained(explainName(code, error), requestId)
    const renewal = await call('POST', 'api/v2/auth/refresh', { body: { refreshToken: tab.refreshToken } })
    if (!renewal.ok) {
      const why = explained(explainName(renewal.body.code, renewal.body.error ?? ''), renewal.body.requestId)
      return { ...why, text: [...steps, why.text].join(', ') }
    }
    adopted(renewal, 'renewed after 401')
    steps.push('renewed')
  }
  return bad(steps.join(', '))
}

/** The device's clock an hour ahead: a page that goes by it takes a good token for expired. */
async function lateClock(): Promise<Said> {
  const claims = decode(tab.token ?? (() => { throw need('sign in first') })())?.claims
  const exp = timeOf(claims, 'exp') ?? 0
  clocks.pretended = kHourMs
  const byDevice = exp - clocks.device()
  const reply = await check(tab.token ?? '')
  const server = reply.ok ? `the server takes it for ${inWords(reply.body.expiresIn * 1000)} more` : `the server says ${reply.body.code}`
  const device = byDevice > 0 ? `good for ${inWords(byDevice)}` : `over since ${inWords(byDevice)}`
  const learnt = `From the Date header the page learnt that its clock is ${inWords(clocks.difference ?? 0)} ahead.`
  return reply.ok ? warn(`by this clock the token is ${device}, but ${server}`, learnt) : bad(server, learnt)
}

async function rightClock(): Promise<Said> {
  clocks.pretended = 0
  await call('POST', 'api/v2/auth/validate', { body: { token: 'x' } })
  const apart = clocks.difference ?? 0
  return Math.abs(apart) < 5_000 ? good('both clocks agree') : bad(`this device's own clock is ${inWords(apart)} ${apart > 0 ? 'behind' : 'ahead'}`)
}

async function waitForEnd(): Promise<Said> {
  const token = tab.token ?? (() => { throw need('sign in first') })()
  const exp = timeOf(decode(token)?.claims, 'exp')
  if (exp === undefined) return bad('the token has no exp')
  const rest = exp - clocks.server() + 1000
  if (rest > kWaitMaxMs) return warn(`that is ${inWords(rest)} from now`, 'Set token.access_ttl = "10s" on a server for trying it, or let this tab forget the token.')
  await new Promise((resolve) => setTimeout(resolve, Math.max(rest, 0)))
  const reply = await check(token)
  const { code } = reply.body
  return code === 'token_expired' ? good('it expired: token_expired', 'The refresh token still renews it.') : bad(`the server says ${code ?? 'it is good'}`)
}

async function another(): Promise<Said> {
  const [token, refresh] = [tab.token, tab.refreshToken]
  if (!token) throw need('sign in first')
  const said = await signIn.signIn()
  const made = tab.sessionId
  // The first session goes on being the tab's.
  tab.adopt(token, refresh, 'kept')
  return { ...said, text: `another session: ${made?.slice(0, 6)}…`, more: 'The tab stays in the one it had.' }
}

const [pairsRegion, pairRows] = table('pairs', 'Tokens this tab has had', ['time', 'by', 'access', 'refresh', 'expires'])
tab.watch(() => {
  pairsRegion.hidden = tab.pairs.length === 0
  pairRows.replaceChildren(...tab.pairs.map(({ token, refreshToken: refresh, how, at }) => {
    const claims = decode(token)?.claims
    const exp = timeOf(claims, 'exp')
    const made = row(new Date(at).toISOString().slice(11, 19), how, `generation ${String(claims?.['gen'] ?? '–')}`,
      refresh ? `generation ${generationOf(refresh) ?? '–'}` : 'none', exp === undefined ? '–' : new Date(exp).toISOString().slice(11, 19))
    made.dataset['generation'] = String(generationOf(refresh) ?? '')
    return made
  }))
})

const renewals = [
  new Action('renew-http', 'Renew', 'POST /api/v2/auth/refresh.', renewByHttp, true),
  new Action('renew-socket', 'Renew over the socket', 'gatecast.renew, then refresh: a connection that outlives its token.', renewBySocket, true),
  new Action('renew-twice', 'Twice at once', 'Two renewals in parallel, as two tabs would.', renewTwice, true),
]
const repeats = [
  new Action('repeat-last', 'Repeat the one before', 'The refresh token before the present one, as after a lost reply.', async () => repeat(former().at(-1)), true),
  new Action('repeat-first', 'Repeat the oldest', 'The oldest that this tab had. Two behind is a copy: it ends the session.', async () => repeat(former()[0]), true),
]
const expiry = [
  new Action('forget-access', 'Forget the access token', 'As a page that lost it.', forgetAccess, true),
  new Action('call', 'Call, and renew on 401', 'GET /api/v2/auth/check, as the SDK would: renew and repeat, at most twice.', callAndRenew, true),
  new Action('late-clock', 'Clock an hour ahead', 'What a page with a wrong clock believes, and what is so.', lateClock, true),
  new Action('right-clock', 'Clock right again', 'Ends the pretence.', rightClock, true),
  new Action('wait-expiry', 'Wait for the end', 'Until the access token has really expired, where that is soon.', waitForEnd, true),
]
const all = allOf('run-all', 'All of these', 'Renew, over the socket, twice at once.', renewals)
const logOuts = [
  new Action('logout', 'Log out here', 'Ends this session.', () => logOut(), true),
  new Action('logout-others', 'Log out elsewhere', 'Ends the account’s other sessions. Needs a sign-in of the last five minutes.', () => logOut('api/v2/auth/logout/others'), true),
  new Action('logout-all', 'Log out everywhere', 'Ends all of them, this one too.', () => logOut('api/v2/auth/logout/all'), true),
]
const second = new Action('another', 'Sign in once more', 'With the same key: a second session of the account.', another, true)

const elements = (actions: Action[]) => actions.map(({ element }) => element)
document.getElementById('main')?.append(
  signIn.element,
  tokenSection(),
  section('renew', 'Renew', 'Each renewal moves the session one generation on; the one before answers alike for the grace time.',
    all.element, ...elements(renewals), h('p', { class: 'hint' }, 'Tokens this tab has had:'), pairsRegion),
  section('repeat', 'Repeat old tokens', 'A reply may be lost, and is given again. A copy in other hands ends the session.', ...elements(repeats)),
  section('expiry', 'Expiry', 'Simulated, and real.', ...elements(expiry)),
  section('sessions', 'Sessions', 'Where the account is signed in, and ending it.',
    second.element, sessions.list.element, sessions.region, sessions.said, ...elements(logOuts)),
  logSection(),
)
