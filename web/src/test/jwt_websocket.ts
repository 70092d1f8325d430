// /test/jwt-websocket: a connection by hand, one step a button, and what each close code means.
import { closeCodes } from './codes_table.ts'
import { clocks, inWords, kClockToleranceMs } from './clock.ts'
import { field, h, section } from './dom.ts'
import { demand, websocketAddress } from './http.ts'
import { logSection } from './log.ts'
import { details, logOut, SignIn } from './signin.ts'
import { explainedClose, inTime, Socket, type Closed } from './socket.ts'
import { tab } from './tab.ts'
import { tokenSection } from './token_panel.ts'
import { Action, allOf, bad, causeOf, explained, good, need, warn, type Said } from './verdict.ts'

const kPingSlackMs = 5_000
/** Connections that stay beside the one shown are none of the page's. */
const kAwayTexts = 3

interface Position {
  offset: number
  epoch: string
}

const signIn = new SignIn()
const [channelField, channel] = field('channel', 'Channel', { value: 'chat:lobby' })
const [textField, text] = field('text', 'Text', { value: 'hello' })
const state = h('strong', { id: 'connection-state' }, 'closed')
const client = h('code', { id: 'client' }, '–')
const closeBox = h('p', { id: 'last-close', class: 'verdict', role: 'status' }, 'Nothing has closed yet.')

let socket: Socket | undefined
let connected = false
let pingMs = 25_000
let pongMs = 0
let subscribed: string | undefined
let position: Position | undefined
let counter = 0

const token = () => tab.token ?? (() => { throw need('sign in first') })()
const live = () => (socket?.open ? socket : (() => { throw need('open the socket first') })())
const online = () => (connected ? live() : (() => { throw need('connect first') })())

function showClose(closed: Closed): void {
  const said = explained(explainedClose(closed).explanation)
  closeBox.dataset['verdict'] = closed.code === 1000 ? 'good' : 'bad'
  closeBox.dataset['code'] = String(closed.code)
  // SDKs stop for these ranges and come back after all others.
  const stays = closed.code >= 3500 && closed.code < 5000 && !(closed.code >= 4000 && closed.code < 4500)
  const back = closed.code === 1000 ? '' : stays ? ' Clients do not connect again by themselves.' : ' Clients connect again by themselves.'
  closeBox.replaceChildren(h('strong', {}, String(closed.code)), said.text, h('small', {}, (said.more ?? '') + back))
}

/** Opens a socket in place of the one there was. */
async function open(query: Record<string, string> = {}): Promise<number> {
  const old = socket
  socket = undefined
  old?.close()
  connected = false
  const { socket: fresh, ms } = await Socket.connect(websocketAddress(query))
  socket = fresh
  state.textContent = 'open'
  void fresh.closed.then((closed) => {
    if (socket !== fresh) return
    connected = false
    state.textContent = 'closed'
    client.textContent = '–'
    showClose(closed)
  })
  fresh.watch(({ channel: name, pub }) => {
    if (name === subscribed && position && pub?.offset) position.offset = pub.offset
  })
  return ms
}

async function connect(body: Record<string, unknown>): Promise<Said> {
  const { result, ms } = await live().command({ connect: body })
  connected = true
  state.textContent = 'connected'
  client.textContent = result.client
  pingMs = (result.ping ?? 25) * 1000
  pongMs = result.pong ? pingMs : 0
  const personal = Object.keys(result.subs ?? {}).join(', ')
  return good(`client ${result.client}, in ${ms.toFixed(0)} ms`, `Ping every ${result.ping ?? '–'} s. The server subscribed it to ${personal || 'nothing'}.`)
}

async function openAndConnect(query: Record<string, string>): Promise<Said> {
  await open(query)
  return connect({})
}

async function subscribe(recover?: Position): Promise<Said> {
  const name = channel.value.trim()
  const asked = recover ? { recover: true, offset: recover.offset, epoch: recover.epoch } : {}
  const connection = online()
  if (subscribed === name && !recover) await connection.command({ unsubscribe: { channel: name } })
  const { result, ms } = await connection.command({ subscribe: { channel: name, ...asked } })
  subscribed = name
  position = result.epoch === undefined ? undefined : { offset: result.offset ?? 0, epoch: result.epoch }
  if (!recover) return good(`subscribed to ${name}, in ${ms.toFixed(0)} ms`, position ? `At ${position.offset} of epoch ${position.epoch}.` : 'The channel keeps no history.')
  const publications = (result.publications ?? []) as { offset?: number }[]
  const missed = publications.length
  // The reply says where the recovery began; what was missed moves the position on.
  if (position) position.offset = publications.at(-1)?.offset ?? position.offset
  if (!result.recovered) return bad('not recovered', 'The history no longer reaches back that far; an application loads its state anew.')
  return good(`recovered: ${missed} missed, each once, in order`, `Now at ${position?.offset ?? '–'}.`)
}

async function roundTrip(): Promise<Said> {
  const data = { text: text.value, test: `${Date.now()}-${++counter}` }
  const connection = online()
  const name = subscribed ?? (() => { throw need('subscribe first') })()
  const started = performance.now()
  const came = connection.publication(name, (got) => (got as { test?: string } | null)?.test === data.test)
  const [, pub] = await Promise.all([connection.command({ publish: { channel: name, data } }), came])
  return good(`it came back after ${(performance.now() - started).toFixed(1)} ms`, pub.offset ? `Its offset is ${pub.offset}.` : '')
}

async function publish(): Promise<Said> {
  const { ms } = await online().command({ publish: { channel: channel.value.trim(), data: { text: text.value } } })
  return good(`accepted in ${ms.toFixed(1)} ms`)
}

async function ping(): Promise<Said> {
  const sent = clocks.device()
  const { result, ms } = await online().command({ rpc: { method: 'gatecast.time', data: {} } })
  const apart = result.data.ms - (sent + ms / 2)
  const said = `${ms.toFixed(1)} ms there and back; the server says ${result.data.time}`
  if (Math.abs(apart) <= kClockToleranceMs) return good(said, 'This device’s clock agrees.')
  return warn(said, `This device’s clock is ${inWords(apart)} ${apart > 0 ? 'behind' : 'ahead'}.`)
}

async function serverPing(): Promise<Said> {
  const connection = online()
  const started = performance.now()
  await connection.ping(pingMs + kPingSlackMs)
  return good(`a ping after ${((performance.now() - started) / 1000).toFixed(1)} s, answered`, `${connection.pings} on this connection.`)
}

async function history(): Promise<Said> {
  const name = channel.value.trim()
  const { result } = await online().command({ history: { channel: name, limit: 10, reverse: true } })
  return good(`${(result.publications ?? []).length} publications; newest offset ${result.offset ?? 0}`, `Epoch ${result.epoch ?? '–'}.`)
}

function drop(): Said {
  const connection = online()
  if (!position) return bad('the channel has no position to come back to', 'Its namespace needs history_size, history_ttl and allow_recovery or force_recovery.')
  connection.close()
  return good(`closed at offset ${position.offset}`)
}

/** A second connection of the same session, so that there is something to miss. */
async function publishAway(): Promise<Said> {
  if (!position) throw need('subscribe to a channel with history, and drop the connection')
  const { socket: other } = await Socket.connect(websocketAddress())
  try {
    await other.command({ connect: { token: token() } })
    // A namespace may let only its subscribers publish.
    await other.command({ subscribe: { channel: subscribed } })
    for (let i = 1; i <= kAwayTexts; i++) await other.command({ publish: { channel: subscribed, data: { text: `missed ${i}` } } })
  } finally {
    other.close()
  }
  return good(`${kAwayTexts} published by another connection`)
}

async function comeBack(): Promise<Said> {
  const from = position
  if (!from) throw need('drop the connection first')
  await open()
  await connect({ token: token() })
  return subscribe(from)
}

async function stopAnswering(): Promise<Said> {
  const connection = online()
  connection.answering = false
  const closed = await inTime('the close', connection.closed, pingMs + Math.max(pongMs, 1000) + kPingSlackMs)
  if (closed.code !== 3012) throw explainedClose(closed)
  return good(`closed with ${closed.code}, ${closed.reason}`, `${causeOf('no_pong')} A client comes back by itself.`)
}

/** One letter of the signature is changed. */
async function damaged(): Promise<Said> {
  const whole = token()
  const at = whole.lastIndexOf('.') + 5
  const other = whole[at] === 'A' ? 'B' : 'A'
  await open()
  await connect({ token: whole.slice(0, at) + other + whole.slice(at + 1) })
  return bad('it was taken', 'A token whose signature is wrong must be refused.')
}

async function endSession(): Promise<Said> {
  const connection = online()
  const ended = await logOut()
  if (ended.kind === 'bad') return ended
  const closed = await inTime('the close', connection.closed)
  const text = `closed with ${closed.code}, ${closed.reason}`
  return closed.code === 4501 ? good(text, causeOf('signed_out')) : bad(text, 'A log-out closes with 4501.')
}

const opening = new Action('open', 'Open the socket', 'TCP, TLS and the upgrade; nobody has said yet who they are.', async () =>
  good(`101 after ${(await open()).toFixed(0)} ms`, 'A browser shows no more of an upgrade than that it was done.'), true)
const connecting = new Action('connect', 'Connect', 'The connect command with the token in it: how clients do it.', () => connect({ token: token() }), true)
const subscribing = new Action('subscribe', 'Subscribe', 'To the channel above.', () => subscribe(), true)
const publishing = new Action('publish', 'Publish', 'The text above, into the channel above.', publish, true)
const receiving = new Action('receive', 'Publish and receive', 'Until the publication is back on this connection.', roundTrip, true)
const pinging = new Action('ping', 'Round trip', 'gatecast.time: how long a command takes, and the server’s clock.', ping, true)
const reading = new Action('history', 'History', 'The newest ten of the channel.', history, true)
const dropping = new Action('drop', 'Drop', 'Closes the socket and keeps the position.', drop, true)
const away = new Action('publish-away', 'Publish meanwhile', 'By another connection, while this one is away.', publishAway, true)
const back = new Action('come-back', 'Come back', 'Opens, connects, and asks for what was missed.', comeBack, true)
const main = [opening, connecting, subscribing, publishing, receiving, pinging]
const recovery = [dropping, away, back]
const query = [
  new Action('connect-query', 'Token in the query', '?token=…: lands in logs of proxies; better a ticket.', () => openAndConnect({ token: token() }), true),
  new Action('connect-ticket', 'Ticket in the query', 'Good once, for a minute: for clients that can only give an address.', async () => {
    const { body } = await demand('POST', 'api/v2/auth/ticket', { body: {}, token: token() })
    return openAndConnect({ token: body.ticket as string })
  }, true),
  new Action('connect-header', 'Authorization', 'The header, as back ends and native clients send it.', () =>
    warn('not possible in a browser', `A page cannot set headers of a WebSocket. From a terminal: websocat -H "Authorization: Bearer $TOKEN" ${websocketAddress().href}`), true),
]
const trouble = [
  new Action('server-ping', 'Wait for a ping', 'The server pings; the page answers.', serverPing, true),
  new Action('stop-answering', 'Leave pings unanswered', 'As a frozen client would: it ends with 3012.', stopAnswering, true),
  new Action('damaged', 'Damaged token', 'One letter of its signature is changed: what a refused token looks like.', damaged, true),
]
const all = allOf('run-all', 'All steps', 'From the socket to a message that is received.', main)
const allBack = allOf('run-recovery', 'Away and back', 'Drop, publish meanwhile, come back.', recovery)
const disconnect = new Action('disconnect', 'Disconnect', 'Closes the socket; the session stands.', () => {
  live().close()
  return good('closed by this page')
}, true)
const end = new Action('end-session', 'Log out', 'Ends the session while connected: the connection closes by itself, with 4501.', endSession)

const elements = (actions: Action[]) => actions.map(({ element }) => element)
document.getElementById('main')?.append(
  signIn.element,
  tokenSection(),
  section('connect', 'Connect', 'Each step with its answer.',
    h('dl', {}, h('dt', {}, 'State'), h('dd', {}, state), h('dt', {}, 'Client'), h('dd', {}, client)),
    channelField, textField, all.element, ...elements(main), ...elements([reading]), disconnect.element,
    details('ways', 'Other places for the token', ...elements(query))),
  section('recover', 'Away and back', 'What was published while a client was away comes once and in order, or it is told that it cannot.',
    allBack.element, ...elements(recovery)),
  section('trouble', 'Pings and trouble', 'What keeps a connection alive, and what ends it.', ...elements(trouble)),
  section('close', 'Close codes', 'Why a connection ended, and what to do.', end.element, closeBox, details('all-closes', 'All close codes', closeCodes())),
  logSection(),
)
