// Where a connection's token may come from, and tickets in the query in its place.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { assertRefused, bearer, get, post } from '../harness/api.ts'
import { onEnd } from '../harness/scope.ts'
import { startServer, type Server, type StartOptions } from '../harness/server.ts'
import { until, within } from '../harness/until.ts'
import { signIn } from '../harness/wallet.ts'

async function ticketFor(server: Server, token: string): Promise<string> {
  const reply = await post(server, '/api/v2/auth/ticket', {}, token)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  assert.equal(reply.body.expiresIn, 60)
  return reply.body.ticket
}

interface Attempt {
  query?: string
  message?: string
  headers?: Record<string, string>
}

/** What the connect command is answered with: `ok`, an error's number, or the code of a close. */
async function attempt(t: TestContext, server: Server, { query, message, headers }: Attempt): Promise<string> {
  const url = server.websocket + (query === undefined ? '' : `?token=${encodeURIComponent(query)}`)
  const socket = new WebSocket(url, { headers: headers ?? {} })
  onEnd(t, () => socket.terminate())
  return within(
    'the connect command to be answered',
    new Promise<string>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('open', () => socket.send(JSON.stringify({ id: 1, connect: message === undefined ? {} : { token: message } })))
      socket.on('message', (data) => {
        const reply = JSON.parse(String(data))
        if (reply.error) resolve(`error ${reply.error.code}`)
        if (reply.connect) resolve('ok')
      })
      socket.on('close', (code, reason) => resolve(`close ${code} ${reason}`))
    }),
  )
}

const ticketsOnly: StartOptions = { config: { http: { query_token: 'ticket' } } }

test('a ticket connects once', async (t) => {
  const server = await startServer(t, ticketsOnly)
  const { token } = await signIn(server)
  const ticket = await ticketFor(server, token)
  assert.match(ticket, /^gct1\.[\w-]+$/)
  assert.equal(await attempt(t, server, { query: ticket }), 'ok')
  assert.equal(await attempt(t, server, { query: ticket }), 'error 109')
  const [one, two] = [await ticketFor(server, token), await ticketFor(server, token)]
  assert.notEqual(one, two)
  const answers = await Promise.all(Array.from({ length: 8 }, () => attempt(t, server, { message: one })))
  assert.equal(answers.filter((answer) => answer === 'ok').length, 1, String(answers))
  assert.equal(await attempt(t, server, { message: two }), 'ok')
})

test('a ticket changed in any part, and one of an ended session, connect nobody', async (t) => {
  const server = await startServer(t, ticketsOnly)
  const { token } = await signIn(server)
  const ticket = await ticketFor(server, token)
  for (const at of [5, 30, 60, ticket.length - 1]) {
    const other = ticket[at] === 'A' ? 'B' : 'A'
    const changed = ticket.slice(0, at) + other + ticket.slice(at + 1)
    assert.equal(await attempt(t, server, { query: changed }), 'close 3500 invalid ticket')
  }
  assert.equal(await attempt(t, server, { query: 'gct1.' }), 'close 3500 invalid ticket')
  await post(server, '/api/v2/auth/logout', {}, token)
  assert.equal(await attempt(t, server, { query: ticket }), 'close 4501 signed out')
})

test('a ticket counts for nothing but connecting', async (t) => {
  const server = await startServer(t)
  const { token } = await signIn(server)
  const ticket = await ticketFor(server, token)
  assertRefused(await get(server, '/api/v2/auth/check', ticket), 'token_malformed')
  assertRefused(await post(server, '/api/v2/auth/ticket', {}, ticket), 'token_malformed')
  assertRefused(await post(server, '/api/v2/auth/ticket', {}), 'token_missing')
  assert.equal((await post(server, '/api/v2/auth/validate', { token: ticket })).body.valid, false)
  assert.equal(await attempt(t, server, { message: ticket }), 'ok')
})

test('where only tickets may be in the query a token there is refused by name, elsewhere it counts', async (t) => {
  const server = await startServer(t, ticketsOnly)
  const { token } = await signIn(server)
  assert.equal(await attempt(t, server, { query: token }), 'close 3500 token in the query')
  assert.equal(await attempt(t, server, { message: token }), 'ok')
  assert.equal(await attempt(t, server, { headers: bearer(token) }), 'ok')
  assert.equal(await attempt(t, server, { query: token, message: token }), 'ok')
})

test('the SDK fetches a ticket for each connection', async (t) => {
  const server = await startServer(t, ticketsOnly)
  const { token } = await signIn(server)
  let fetched = 0
  const client = new Centrifuge(server.websocket, {
    websocket: WebSocket,
    minReconnectDelay: 10,
    maxReconnectDelay: 20,
    getToken: () => {
      fetched++
      return ticketFor(server, token)
    },
  })
  onEnd(t, () => client.disconnect())
  let connected = 0
  client.on('connected', () => connected++)
  client.connect()
  await until('the first connection', () => connected === 1)
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
  const { api } = await import('../harness/api.ts')
  await api(server, 'disconnect', { user: sub, disconnect: { code: 3001, reason: 'again' } })
  await until('the second connection', () => connected === 2)
  assert.equal(fetched, 2)
})

test('the first source with a token counts: message, Authorization, query, cookie', async (t) => {
  const server = await startServer(t, {
    config: { http: { token_cookie: 'access', allowed_origins: ['https://app.example'] } },
  })
  const { token: good } = await signIn(server)
  const bad = 'a.b.c'
  const page = { Origin: 'https://app.example' }
  const cookie = (value: string) => ({ ...page, Cookie: `theme=dark; access=${value}` })
  const refused = 'close 3500 invalid token: not a JWT'
  const rows: [Attempt, string][] = [
    [{ message: good, query: bad, headers: { ...bearer(bad), ...cookie(bad) } }, 'ok'],
    [{ message: bad, query: good, headers: { ...bearer(good), ...cookie(good) } }, refused],
    [{ query: bad, headers: { ...bearer(good), ...cookie(bad) } }, 'ok'],
    [{ query: good, headers: { ...bearer(bad), ...cookie(good) } }, refused],
    [{ query: good, headers: cookie(bad) }, 'ok'],
    [{ query: bad, headers: cookie(good) }, refused],
    [{ headers: cookie(good) }, 'ok'],
    [{ headers: cookie(bad) }, refused],
    // A cookie counts for a page alone, and two of a name count for none.
    [{ headers: { Cookie: `access=${good}` } }, 'close 3501 no token'],
    [{ headers: { ...page, Cookie: `access=${good}; access=${good}` } }, 'close 3501 no token'],
    [{ headers: { ...page, Cookie: `Access=${good}` } }, 'close 3501 no token'],
  ]
  for (const [how, answer] of rows) assert.equal(await attempt(t, server, how), answer, JSON.stringify(how))
})

test('no cookie is read where none is named, and none from a page of another origin', async (t) => {
  const allowed_origins = ['https://app.example']
  const plain = await startServer(t, { config: { http: { allowed_origins } } })
  const { token } = await signIn(plain)
  const headers = { Origin: 'https://app.example', Cookie: `access=${token}` }
  assert.equal(await attempt(t, plain, { headers }), 'close 3501 no token')
  const server = await startServer(t, { config: { http: { allowed_origins, token_cookie: 'access' } } })
  const other = await signIn(server)
  const evil = { Origin: 'https://evil.example', Cookie: `access=${other.token}` }
  await assert.rejects(attempt(t, server, { headers: evil }), /403/)
  const reply = await fetch(`${server.origin}/api/v2/auth/check`, { headers: { Cookie: `access=${other.token}` } })
  assert.equal(reply.status, 401)
})
