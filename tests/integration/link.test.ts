// One account, several identities: linking and unlinking, what they need, and what they must not do.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Centrifuge } from 'centrifuge'
import WebSocket from 'ws'
import { assertRefused, bearer, call, get, post, type Reply } from '../harness/api.ts'
import { ethereumConfig, ethereumProof, ethereumSignIn, ethereumWallet, siweChallenge, type EthereumWallet } from '../harness/ethereum.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig, telegramSignIn } from '../harness/telegram.ts'
import { until, within } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet, type Tokens } from '../harness/wallet.ts'

const first = bot(7_000_000_001)
const kLinkWallet = '/api/v2/auth/link/wallet'
const kLinkTelegram = '/api/v2/auth/link/telegram'

describe('identities of one account', () => {
  let server: Server
  const suite = new Suite()
  before(async () => {
    const { signin } = telegramConfig([first]) as { signin: object }
    server = await startServer(suite, { config: (_dir, port) => ({ signin: { ...signin, ethereum: ethereumConfig(port) } }) })
  })
  after(() => suite.close())

  async function solanaProof(wallet: Wallet, purpose = 'link'): Promise<object> {
    const { message } = await challenge(server, wallet, { purpose })
    const signature = Buffer.from(wallet.sign(message)).toString('base64')
    return { chain: 'solana', address: wallet.address, message, signature }
  }
  async function siweProof(wallet: EthereumWallet): Promise<object> {
    return ethereumProof(wallet, (await siweChallenge(server, wallet.address, { purpose: 'link' })).message)
  }
  const ok = (reply: Reply): Reply['body'] => {
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    return reply.body
  }
  const identities = async (token: string) =>
    ok(await get(server, '/api/v2/auth/session', token)).identities as { id: string; kind: string; current: boolean }[]
  const unlink = (token: string, id: string, body?: object) =>
    call(`${server.origin}/api/v2/auth/identities/${id}`, 'DELETE', body, bearer(token))
  /** Makes the session as old as if its sign-in had been ten minutes ago. */
  function age(tokens: Tokens): void {
    server.rows.run(`UPDATE sessions SET created_at = created_at - 600000 WHERE sid = '${tokens.session.id}'`)
  }

  test('three identities sign in to one account', async () => {
    const [solana, ethereum, ada] = [new Wallet(), ethereumWallet(), person()]
    const tokens = await signIn(server, solana)
    const linked = ok(await post(server, kLinkWallet, await siweProof(ethereum), tokens.token))
    assert.equal(linked.linked, true)
    assert.equal(linked.identity.address, ethereum.address.toLowerCase())
    const telegram = ok(await post(server, kLinkTelegram, { initData: initData(first, ada) }, tokens.token))
    assert.equal(telegram.identity.telegram_id, ada.id)
    assert.equal(telegram.identity.username, ada.username)
    const list = await identities(tokens.token)
    assert.deepEqual(list.map(({ kind, current }) => [kind, current]),
      [['solana', true], ['ethereum', false], ['telegram', false]])
    assert.equal(ok(await ethereumSignIn(server, ethereum)).user.id, tokens.user.id)
    assert.equal(ok(await telegramSignIn(server, { initData: initData(first, ada) })).user.id, tokens.user.id)
    assert.equal((await signIn(server, solana)).user.id, tokens.user.id)
    const again = ok(await post(server, kLinkWallet, await siweProof(ethereum), tokens.token))
    assert.equal(again.linked, false)
    assert.equal(again.identity.id, linked.identity.id)
  })

  test('challenges for signing in and for linking are kept apart, and each counts once', async () => {
    const tokens = await signIn(server)
    const wallet = new Wallet()
    assertRefused(await post(server, kLinkWallet, await solanaProof(wallet, 'signin'), tokens.token), 'nonce_purpose')
    const { message } = await challenge(server, wallet, { purpose: 'link' })
    assertRefused(await trySignIn(server, wallet, message), 'nonce_purpose')
    const proof = await solanaProof(wallet)
    ok(await post(server, kLinkWallet, proof, tokens.token))
    assertRefused(await post(server, kLinkWallet, proof, tokens.token), 'nonce_used')
    const wrong = { chain: 'solana', address: wallet.address, purpose: 'login' }
    assertRefused(await post(server, '/api/v2/auth/wallet/challenge', wrong), 'field_invalid')
  })

  test('initData links or signs in, not both', async () => {
    const tokens = await signIn(server)
    const data = initData(first, person())
    ok(await post(server, kLinkTelegram, { initData: data }, tokens.token))
    assertRefused(await telegramSignIn(server, { initData: data }), 'initdata_replayed')
    const used = initData(first, person())
    const owner = ok(await telegramSignIn(server, { initData: used }))
    assertRefused(await post(server, kLinkTelegram, { initData: used }, tokens.token), 'identity_taken')
    // Not even once its account has let go of the identity.
    ok(await post(server, kLinkWallet, await solanaProof(new Wallet()), owner.token))
    ok(await unlink(owner.token, (await identities(owner.token))[0]!.id))
    assertRefused(await post(server, kLinkTelegram, { initData: used }, tokens.token), 'initdata_replayed')
  })

  test('an identity that has an account is not taken, and accounts are not merged', async () => {
    const [wallet, ada] = [new Wallet(), person()]
    const owner = await signIn(server, wallet)
    const other = ok(await telegramSignIn(server, { initData: initData(first, ada) }))
    assertRefused(await post(server, kLinkWallet, await solanaProof(wallet), other.token), 'identity_taken')
    assertRefused(await post(server, kLinkTelegram, { initData: initData(first, ada) }, owner.token), 'identity_taken')
    assert.equal((await identities(owner.token)).length, 1)
    assert.equal((await identities(other.token)).length, 1)
    assert.equal((await signIn(server, wallet)).user.id, owner.user.id)
  })

  test('of two accounts that link one wallet at the same time one gets it', async () => {
    const wallet = new Wallet()
    const accounts = await Promise.all(Array.from({ length: 6 }, () => signIn(server)))
    const proofs = await Promise.all(accounts.map(() => solanaProof(wallet)))
    const replies = await Promise.all(accounts.map(({ token }, i) => post(server, kLinkWallet, proofs[i], token)))
    assert.equal(replies.filter(({ status }) => status === 200).length, 1)
    for (const reply of replies) if (reply.status !== 200) assertRefused(reply, 'identity_taken')
  })

  test('without a session, or without a proof, nothing is linked', async () => {
    const tokens = await signIn(server)
    const wallet = new Wallet()
    assertRefused(await post(server, kLinkWallet, await solanaProof(wallet)), 'token_missing')
    assertRefused(await post(server, kLinkWallet, { chain: 'solana', address: wallet.address }, tokens.token), 'challenge_required')
    assertRefused(await post(server, kLinkTelegram, { telegram_id: 5 }, tokens.token), 'initdata_missing')
    assertRefused(await post(server, kLinkTelegram, {}, tokens.token), 'initdata_missing')
    const stolen = { ...(await solanaProof(wallet)), address: new Wallet().address }
    assertRefused(await post(server, kLinkWallet, stolen, tokens.token), 'signature_invalid')
    assertRefused(await unlink('x.y.z', 'any'), 'token_malformed')
    assert.equal((await identities(tokens.token)).length, 1)
  })

  test('an old sign-in needs a proof of an identity that the account has', async () => {
    const wallet = new Wallet()
    const tokens = await signIn(server, wallet)
    age(tokens)
    const added = new Wallet()
    const link = async (proof?: object) => post(server, kLinkWallet, { ...(await solanaProof(added)), proof }, tokens.token)
    assertRefused(await link(), 'fresh_signin_required')
    assertRefused(await link(await solanaProof(wallet, 'signin')), 'nonce_purpose')
    assertRefused(await link(await solanaProof(new Wallet())), 'proof_foreign')
    const known = new Wallet()
    await signIn(server, known)
    assertRefused(await link(await solanaProof(known)), 'proof_foreign')
    assertRefused(await link({}), 'initdata_missing')
    assert.equal((await link('me' as never)).body.code, 'field_invalid')
    const good = await solanaProof(wallet)
    ok(await link(good))
    assertRefused(await unlink(tokens.token, (await identities(tokens.token))[1]!.id, { proof: good }), 'nonce_used')
  })

  test('a fresh proof also ends other sessions', async () => {
    const wallet = new Wallet()
    const [tokens, other, third] = [await signIn(server, wallet), await signIn(server, wallet), await signIn(server, wallet)]
    age(tokens)
    const remove = (body?: object) =>
      call(`${server.origin}/api/v2/auth/sessions/${third.session.id}`, 'DELETE', body, bearer(tokens.token))
    assertRefused(await remove(), 'fresh_signin_required')
    ok(await remove({ proof: await solanaProof(wallet) }))
    assertRefused(await get(server, '/api/v2/auth/check', third.token), 'signed_out')
    assertRefused(await post(server, '/api/v2/auth/logout/others', {}, tokens.token), 'fresh_signin_required')
    assert.equal(ok(await post(server, '/api/v2/auth/logout/others', { proof: await solanaProof(wallet) }, tokens.token)).ended, 1)
    assertRefused(await get(server, '/api/v2/auth/check', other.token), 'signed_out')
    assertRefused(await post(server, '/api/v2/auth/logout/all', undefined, tokens.token), 'fresh_signin_required')
    assert.equal(ok(await post(server, '/api/v2/auth/logout/all', { proof: await solanaProof(wallet) }, tokens.token)).ended, 1)
  })

  test('unlinking closes what was signed in with that identity, with 4507', async (t) => {
    const [wallet, ada] = [new Wallet(), person()]
    const tokens = await signIn(server, wallet)
    ok(await post(server, kLinkTelegram, { initData: initData(first, ada) }, tokens.token))
    const telegram = ok(await telegramSignIn(server, { initData: initData(first, ada) }))
    const centrifuge = new Centrifuge(server.websocket, { websocket: WebSocket, token: telegram.token })
    const ends: number[] = []
    centrifuge.on('disconnected', ({ code }) => ends.push(code))
    onEnd(t, () => centrifuge.disconnect())
    centrifuge.connect()
    await within('the tab to connect', centrifuge.ready())

    const [own, linked] = await identities(tokens.token)
    const stranger = await signIn(server)
    assertRefused(await unlink(stranger.token, linked!.id), 'not_found')
    assertRefused(await unlink(tokens.token, 'nothing'), 'not_found')
    assert.equal(ok(await unlink(tokens.token, linked!.id)).ended, 1)
    assert.equal(await until('the tab to be disconnected', () => ends[0]), 4507)
    assertRefused(await get(server, '/api/v2/auth/check', telegram.token), 'identity_unlinked')
    assertRefused(await post(server, '/api/v2/auth/refresh', { refreshToken: telegram.refreshToken }), 'identity_unlinked')
    assert.equal((await get(server, '/api/v2/auth/check', tokens.token)).status, 200)
    assertRefused(await unlink(tokens.token, own!.id), 'identity_last')
    const anew = ok(await telegramSignIn(server, { initData: initData(first, ada) }))
    assert.notEqual(anew.user.id, tokens.user.id)
    assert.equal(anew.created, true)
  })

  test('an account has sixteen identities at most', async () => {
    const tokens = await signIn(server)
    for (let i = 1; i < 16; i++) ok(await post(server, kLinkWallet, await solanaProof(new Wallet()), tokens.token))
    assertRefused(await post(server, kLinkWallet, await solanaProof(new Wallet()), tokens.token), 'identity_limit')
  })
})
