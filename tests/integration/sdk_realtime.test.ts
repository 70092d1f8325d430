// The package `gatecast` in Node against the real server: the connection, channels that are shared, endings, ways to sign in.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { EthereumProvider } from 'gatecast'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { api } from '../harness/api.ts'
import { publish } from '../harness/client.ts'
import { ethereumConfig, ethereumWallet } from '../harness/ethereum.ts'
import { kNamespaces } from '../harness/realtime.ts'
import { App, kRefresh, renewals, signerOf } from '../harness/sdk.ts'
import { startServer, type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig, widget } from '../harness/telegram.ts'
import { until } from '../harness/until.ts'
import { ledgerEnvelope, Wallet } from '../harness/wallet.ts'

const subscribers = async (server: Server, channel: string): Promise<number> =>
  (await api(server, 'channels', { pattern: channel })).body.result.channels[channel]?.num_clients ?? 0

const connections = async (server: Server, user: string) => (await api(server, 'connections', { user })).body.result.connections

test('subscribers of one channel share one subscription; the last one to leave ends it', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  await app.signIn()
  const [one, two]: unknown[][] = [[], []]
  const channel = app.gatecast.channel<number>('chat:1')
  const undoOne = channel.subscribe((data, { offset }) => one!.push(data, offset))
  const undoTwo = app.gatecast.channel('chat:1').subscribe({ publication: ({ data }) => two!.push(data), subscribed: () => two!.push('subscribed') })
  await until('the subscription', () => two!.length)
  assert.equal(app.gatecast.connection, 'connected', 'subscribing connects')
  // One that comes later is told at once.
  const late = await new Promise((resolve) => channel.subscribe({ subscribed: resolve }))
  assert.equal((late as { channel: string }).channel, 'chat:1')
  await publish(server, 'chat:1', 7)
  await until('both', () => one!.length === 2 && two!.length === 2)
  assert.deepEqual([one, two], [[7, undefined], ['subscribed', 7]])
  undoOne()
  undoOne()
  await channel.publish(8)
  await until('the one that is left', () => two!.length === 3)
  assert.equal(one!.length, 2)
  undoTwo()
  assert.equal(await subscribers(server, 'chat:1'), 1, 'the late one is still there')
})

test('the last undo ends the subscription on the server; undone and made again in one turn it stays', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  await app.signIn()
  const seen: string[] = []
  const listen = () => app.gatecast.channel('chat:2').subscribe({ subscribed: () => seen.push('subscribed') })
  let undo = listen()
  await until('the subscription', () => seen.length === 1)
  undo()
  undo = listen()
  await until('word of it', () => seen.length === 2)
  assert.equal(await subscribers(server, 'chat:2'), 1)
  undo()
  await until('the end', async () => (await subscribers(server, 'chat:2')) === 0)
  listen()
  await until('another one', async () => (await subscribers(server, 'chat:2')) === 1)
})

test('history, presence, comings and goings, and a refusal with its code', async (t) => {
  const server = await startServer(t, { config: { namespace: kNamespaces } })
  const [ann, bob] = [new App(t, server.origin), new App(t, server.origin)]
  await ann.signIn()
  const { user } = await bob.signIn()
  await publish(server, 'log:1', 'first')
  assert.deepEqual((await ann.gatecast.channel('log:1').history({ limit: 10 })).publications.map(({ data }) => data), ['first'])
  const seen: string[] = []
  const room = ann.gatecast.channel('room:1')
  await new Promise((subscribed) => room.subscribe({ subscribed, join: ({ user }) => seen.push(`+${user}`), leave: ({ user }) => seen.push(`-${user}`) }))
  const undo = bob.gatecast.channel('room:1').subscribe(() => {})
  await until('him to come', () => seen.includes(`+${user.id}`))
  assert.equal(Object.keys((await room.presence()).clients).length, 2)
  assert.equal((await room.presenceStats()).numUsers, 2)
  undo()
  await until('him to go', () => seen.includes(`-${user.id}`))
  const refused = await new Promise<{ code: string; cure: string }>((unsubscribed) => ann.gatecast.channel('nowhere:1').subscribe({ unsubscribed }))
  assert.equal(refused.code, 'unknown_channel')
  assert.match(refused.cure, /namespace/)
  await assert.rejects(ann.gatecast.channel('news:1').publish(1), (error: { code: string }) => /permission|channel/.test(error.code))
})

test('what was published while away comes once the connection is back', async (t) => {
  const server = await startServer(t, { config: { namespace: kNamespaces } })
  const proxy = await FaultProxy.open(t, server.port)
  const app = new App(t, server.origin, { realtime: { websocket: proxy.websocket } })
  await app.signIn()
  const got: unknown[] = []
  await new Promise((subscribed) => app.gatecast.channel('log:away').subscribe({ subscribed, publication: ({ data }) => got.push(data) }))
  await publish(server, 'log:away', 1)
  proxy.refuse()
  proxy.cut()
  await until('the break to be noticed', () => app.gatecast.connection === 'connecting')
  await publish(server, 'log:away', 2)
  proxy.heal()
  await publish(server, 'log:away', 3)
  await until('all three', () => got.length === 3)
  assert.deepEqual(got, [1, 2, 3])
})

test('with an open connection tokens are renewed over it, and it lives on past the end of the first token', async (t) => {
  const server = await startServer(t, { config: { token: { access_ttl: '10s' }, session: { grace: '1s' } } })
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  app.gatecast.connect()
  await until('the connection', () => app.gatecast.connection === 'connected')
  const [{ client }] = await connections(server, user.id)
  const began = Date.now()
  await until('the first token to be over', () => Date.now() - began > 13_000, 20_000)
  assert(app.renewed.length >= 1)
  assert.equal(app.count(kRefresh), 0, 'not by HTTP')
  assert((await renewals(server)) >= 1)
  assert.equal((await connections(server, user.id))[0]?.client, client, 'the same connection')
  assert.deepEqual([app.states, app.errors], [['connecting', 'connected'], []])
})

test('the connection ends with the session, and says why', async (t) => {
  const server = await startServer(t)
  for (const [method, params, reason] of [
    ['session_end', (app: App) => ({ session: app.gatecast.auth.session!.id }), 'ended_by_operator'],
    ['user_block', (app: App) => ({ user: app.gatecast.auth.session!.user.id }), 'user_blocked'],
  ] as const) {
    const app = new App(t, server.origin)
    await app.signIn()
    app.gatecast.connect()
    await until('the connection', () => app.gatecast.connection === 'connected')
    await api(server, method, params(app))
    await until('the end', () => app.signedOut.length)
    assert.deepEqual(app.signedOut.map((out) => out.reason), [reason])
    assert.equal(app.gatecast.connection, 'disconnected')
    // Somebody else signs in on the same page: connected again, without a word.
    await app.signIn()
    await until('the next connection', () => app.gatecast.connection === 'connected')
  }
})

test('log-out closes the connection; disconnect() stays away until connect()', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  app.gatecast.connect()
  await until('the connection', () => app.gatecast.connection === 'connected')
  app.gatecast.disconnect()
  app.gatecast.channel('chat:1').subscribe(() => {})
  assert.equal(app.gatecast.connection, 'disconnected')
  app.gatecast.connect()
  await until('the subscription', async () => (await subscribers(server, 'chat:1')) === 1)
  await app.gatecast.auth.logout()
  assert.equal(app.gatecast.connection, 'disconnected')
  await until('nobody to be there', async () => (await connections(server, user.id)).length === 0)
})

test('other sessions of the user are heard of, listed, ended', async (t) => {
  const server = await startServer(t)
  const wallet = new Wallet()
  const [phone, laptop] = [new App(t, server.origin), new App(t, server.origin)]
  await phone.signIn(wallet)
  await laptop.signIn(wallet)
  phone.gatecast.connect()
  await until('the connection', () => phone.gatecast.connection === 'connected')
  const all = await laptop.gatecast.auth.sessions()
  assert.deepEqual(all.map(({ id, current, connected }) => [id, current, connected]), [
    [laptop.gatecast.auth.session!.id, true, 0],
    [phone.gatecast.auth.session!.id, false, 1],
  ])
  await laptop.gatecast.auth.endSession(phone.gatecast.auth.session!.id)
  await until('the end', () => phone.signedOut.length)
  assert.equal(phone.signedOut[0]?.reason, 'signed_out')
  await phone.signIn(wallet)
  await laptop.gatecast.auth.logout({ scope: 'others' })
  assert.equal(laptop.gatecast.auth.isAuthenticated(), true)
  await until('the end of the other', () => phone.signedOut.length === 2)
  assert.equal(phone.signedOut[1]?.reason, 'signed_out')
  await phone.signIn(wallet)
  await laptop.gatecast.auth.logout({ scope: 'all' })
  assert.deepEqual(laptop.signedOut.map(({ reason }) => reason), ['signed_out'])
})

/** EIP-1193 around a key of ethers. */
function provider(wallet = ethereumWallet(), refuses = false): EthereumProvider & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    async request({ method, params = [] }) {
      asked.push(method)
      if (method === 'eth_requestAccounts') return [wallet.address.toLowerCase()]
      if (method === 'eth_chainId') return '0x89'
      if (method !== 'personal_sign') throw new Error(method)
      if (refuses) throw Object.assign(new Error('User rejected the request.'), { code: 4001 })
      return wallet.signMessage(Buffer.from((params[0] as string).slice(2), 'hex'))
    },
  }
}

test('wallets of every make sign in as the same user; a refusal in the wallet is one', async (t) => {
  const server = await startServer(t, { config: (_, port) => ({ signin: { ethereum: ethereumConfig(port) } }) })
  const wallet = new Wallet()
  const app = new App(t, server.origin)
  const account = { address: wallet.address }
  const signed = (message: Uint8Array) => [{ account, signedMessage: message, signature: wallet.sign(message) }]
  const wrapped = (message: Uint8Array) => {
    const envelope = new Uint8Array(ledgerEnvelope(message, wallet.publicKey))
    return [{ account, signedMessage: envelope, signature: wallet.sign(envelope) }]
  }
  let signedIn = ''
  const made = [
    signerOf(wallet),
    // @solana/wallet-adapter, Phantom, Solflare.
    { publicKey: { toString: () => wallet.address }, signMessage: async (message: Uint8Array) => wallet.sign(message) },
    { publicKey: null as { toString(): string } | null, async connect() { this.publicKey = { toString: () => wallet.address } }, signMessage: async (message: Uint8Array) => ({ signature: wallet.sign(message) }) },
    { name: 'Standard', features: { 'standard:connect': { connect: async () => ({ accounts: [account] }) }, 'solana:signMessage': { signMessage: async ({ message }: { message: Uint8Array }) => signed(message) } } },
    { name: 'Ledger', features: { 'standard:connect': { connect: async () => ({ accounts: [account] }) }, 'solana:signMessage': { signMessage: async ({ message }: { message: Uint8Array }) => wrapped(message) } } },
    {
      name: 'Sign-in',
      features: {
        'solana:signIn': {
          signIn: async (input: Record<string, string>) => {
            signedIn = input['nonce']!
            const lines = [`${input['domain']} wants you to sign in with your Solana account:`, wallet.address]
            if (input['statement'] !== undefined) lines.push('', input['statement'])
            lines.push('', `URI: ${input['uri']}`, `Version: ${input['version']}`, `Chain ID: ${input['chainId']}`, `Nonce: ${input['nonce']}`, `Issued At: ${input['issuedAt']}`, `Expiration Time: ${input['expirationTime']}`)
            return signed(new TextEncoder().encode(lines.join('\n')))
          },
        },
      },
    },
  ]
  const users = new Set<string>()
  for (const one of made) users.add((await app.gatecast.auth.signInWithSolana(one)).user.id)
  assert.equal(users.size, 1)
  assert.notEqual(signedIn, '')
  const first = await app.gatecast.auth.signInWithEthereum(provider())
  assert(first.created && /^0x[0-9a-fA-F]{40}$/.test(first.user.wallet ?? ''))
  await assert.rejects(app.gatecast.auth.signInWithEthereum(provider(undefined, true)), { code: 'wallet_refused' })
  await assert.rejects(app.gatecast.auth.signInWithSolana({ name: 'Bitcoin', features: {} }), { code: 'wallet_missing' })
})

test('Telegram: the Mini App\'s data, and the widget\'s', async (t) => {
  const [of, ada] = [bot(7), person()]
  const server = await startServer(t, { config: telegramConfig([of]) })
  const app = new App(t, server.origin)
  const byApp = await app.gatecast.auth.signInWithTelegram({ initData: initData(of, ada) })
  assert.equal(byApp.user.telegram_id, ada.id)
  const fields = widget(of, ada) as { id: number; auth_date: number; hash: string }
  assert.equal((await app.gatecast.auth.signInWithTelegram({ widget: fields })).user.id, byApp.user.id)
  await assert.rejects(async () => app.gatecast.auth.signInWithTelegram(), { code: 'initdata_missing' })
  await assert.rejects(app.gatecast.auth.signInWithTelegram({ initData: 'user=x&hash=00' }), (error: { code: string; status: number }) => /^initdata_/.test(error.code) && error.status >= 400)
})

test('another identity is linked, listed, unlinked; a proof stands for a fresh sign-in', async (t) => {
  const [of, ada] = [bot(7), person()]
  const server = await startServer(t, { config: (_, port) => ({ signin: { ethereum: ethereumConfig(port), ...(telegramConfig([of])['signin'] as object) } }) })
  const app = new App(t, server.origin)
  const wallet = new Wallet()
  const session = await app.signIn(wallet)
  const ethereum = await app.gatecast.auth.linkEthereum(provider())
  assert.equal(ethereum.kind, 'ethereum')
  const proof = await app.gatecast.auth.proveSolana(signerOf(wallet))
  assert.equal((await app.gatecast.auth.linkTelegram({ initData: initData(of, ada), proof })).telegram_id, ada.id)
  assert.deepEqual((await app.gatecast.auth.identities()).map(({ kind, current }) => [kind, current]).sort(), [['ethereum', false], ['solana', true], ['telegram', false]])
  assert.equal(await app.gatecast.auth.unlink(ethereum.id), 0)
  assert.equal((await app.gatecast.auth.identities()).length, 2)
  const again = new App(t, server.origin)
  assert.equal((await again.gatecast.auth.signInWithTelegram({ initData: initData(of, ada) })).user.id, session.user.id)
})

test('a server that comes back with another key: the token is refused, another one got, the session goes on', async (t) => {
  const first = await startServer(t)
  const app = new App(t, first.origin)
  const { id, user } = await app.signIn()
  app.gatecast.connect()
  await until('the connection', () => app.gatecast.connection === 'connected')
  await first.stop()
  const { privateKey } = generateKeyPairSync('ed25519')
  const file = path.join(first.dir, 'other.pem')
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const second = await startServer(t, { again: first, config: { token: { key: [{ kid: 't2', algorithm: 'EdDSA', file }] } } })
  await until('the connection to the other', async () => (await connections(second, user.id)).length === 1)
  await until('the state', () => app.gatecast.connection === 'connected')
  assert.deepEqual([app.gatecast.auth.session?.id, app.signedOut, app.count(kRefresh)], [id, [], 1])
  assert.deepEqual(app.errors.map(({ code }) => code), ['token_key_unknown'])
  assert.equal((await app.gatecast.fetch('/api/v2/auth/check')).status, 200)
})

test('messages to the user arrive without a subscription', async (t) => {
  const server = await startServer(t)
  const app = new App(t, server.origin)
  const { user } = await app.signIn()
  const got: unknown[] = []
  app.gatecast.on('message', ({ data }) => got.push(data))
  app.gatecast.connect()
  await until('the connection', () => app.gatecast.connection === 'connected')
  await publish(server, `#${user.id}`, { hello: 'you' })
  await until('the message', () => got.length)
  assert.deepEqual(got, [{ hello: 'you' }])
})

test('without a WebSocket that is said at once', async (t) => {
  const server = await startServer(t)
  const [here, there] = [globalThis.WebSocket, new App(t, server.origin, { WebSocket: undefined })]
  await there.signIn()
  Object.defineProperty(globalThis, 'WebSocket', { value: undefined, configurable: true })
  t.after(() => Object.defineProperty(globalThis, 'WebSocket', { value: here, configurable: true }))
  assert.throws(() => there.gatecast.connect(), { code: 'no_websocket' })
})
