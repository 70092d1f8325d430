// Signing in with an Ethereum wallet: messages of siwe, signatures of ethers, a contract wallet at a chain's node.
import assert from 'node:assert/strict'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test, type TestContext } from 'node:test'
import { AbiCoder, hashMessage, Interface, Signature } from 'ethers'
import { SiweMessage } from 'siwe'
import { assertRefused, get, post } from '../harness/api.ts'
import {
  ethereumConfig,
  ethereumProof,
  ethereumSignIn,
  ethereumWallet,
  siweChallenge,
  siweText,
} from '../harness/ethereum.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { startServer, type Server } from '../harness/server.ts'
import { claimsOf } from '../harness/token.ts'
import type { Table } from '../harness/toml.ts'
import { signIn } from '../harness/wallet.ts'
import type { Code } from '../../sdk/gatecast/src/codes.ts'

const kMinute = 60_000
const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString()

const startEthereum = (scope: TestContext | Suite, more: Table = {}): Promise<Server> =>
  startServer(scope, { config: (_dir, port) => ({ signin: { ethereum: ethereumConfig(port, more) } }) })

describe('sign-in with an Ethereum wallet', () => {
  let server: Server
  const suite = new Suite()
  before(async () => {
    server = await startEthereum(suite)
  })
  after(() => suite.close())

  test("the challenge is siwe's own message, and ethers' signature signs in", async () => {
    const wallet = ethereumWallet()
    const challenge = await siweChallenge(server, wallet.address.toLowerCase())
    const parsed = new SiweMessage(challenge.message)
    assert.equal(parsed.address, wallet.address, 'the text has the checksum')
    assert.equal(parsed.prepareMessage(), challenge.message)
    assert.equal(new SiweMessage({ ...(challenge.input as object) }).prepareMessage(), challenge.message)
    assert.equal(challenge.input.chainId, 1)

    const reply = await ethereumSignIn(server, wallet, challenge.message)
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    assert.equal(reply.body.user.wallet, wallet.address.toLowerCase())
    assert.equal(reply.body.created, true)
    assert.equal(claimsOf(reply.body.token).wallet, wallet.address.toLowerCase())
    const session = await get(server, '/api/v2/auth/session', reply.body.token)
    assert.equal(session.body.session.how, 'ethereum')
    assert.equal(session.body.identities[0].address, wallet.address.toLowerCase())
    const again = await ethereumSignIn(server, wallet)
    assert.equal(again.body.user.id, reply.body.user.id)
    assert.equal(again.body.created, false)
  })

  test('an address in any spelling is one user, a wrong checksum none', async () => {
    const wallet = ethereumWallet()
    const ids = new Set()
    for (const address of [wallet.address, wallet.address.toLowerCase(), '0x' + wallet.address.slice(2).toUpperCase()]) {
      const { message } = await siweChallenge(server, address)
      const proof = { ...(await ethereumProof(wallet, message)), address }
      const reply = await post(server, '/api/v2/auth/wallet', proof)
      assert.equal(reply.status, 200, JSON.stringify(reply.body))
      ids.add(reply.body.user.id)
    }
    assert.equal(ids.size, 1)
    const flipped = wallet.address.replace(/[a-f]/i, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))
    const reply = await post(server, '/api/v2/auth/wallet/challenge', { chain: 'ethereum', address: flipped })
    if (/[A-F]/.test(flipped) && /[a-f]/.test(flipped.slice(2))) assertRefused(reply, 'address_checksum')
  })

  test('a challenge signs in once, on any of the chains allowed', async () => {
    const wallet = ethereumWallet()
    const { message, input } = await siweChallenge(server, wallet.address, { chainId: '137' })
    assert.equal(input.chainId, 137)
    assert.equal((await ethereumSignIn(server, wallet, message)).status, 200)
    assertRefused(await ethereumSignIn(server, wallet, message), 'nonce_used')
    const body = { chain: 'ethereum', address: wallet.address, chainId: 5 }
    assertRefused(await post(server, '/api/v2/auth/wallet/challenge', body), 'chain_mismatch')
  })

  const changed: [string, Code, object][] = [
    ['another domain', 'domain_mismatch', { domain: 'evil.example' }],
    ['another URI', 'uri_mismatch', { uri: 'https://evil.example' }],
    ['a chain that is not allowed', 'chain_mismatch', { chainId: 5 }],
    ['a nonce that was not issued here', 'nonce_invalid', { nonce: 'abcdefgh12345678' }],
    ['an expired message', 'message_expired', { issuedAt: at(-9 * kMinute), expirationTime: at(-kMinute) }],
    ['a message not yet valid', 'message_not_yet_valid', { notBefore: at(2 * kMinute) }],
    ['a message issued too long ago', 'message_stale', { issuedAt: at(-11 * kMinute) }],
  ]
  for (const [what, code, over] of changed) {
    test(`${what} is ${code}`, async () => {
      const wallet = ethereumWallet()
      const text = await siweText(server, wallet.address, over)
      assertRefused(await ethereumSignIn(server, wallet, text), code)
    })
  }

  test('what proves nothing is refused', async () => {
    const [wallet, other] = [ethereumWallet(), ethereumWallet()]
    const { message } = await siweChallenge(server, wallet.address)
    const good = (await ethereumProof(wallet, message)) as { signature: string }
    const send = (over: object) => post(server, '/api/v2/auth/wallet', { ...good, ...over })
    assertRefused(await send({ signature: await other.signMessage(message) }), 'signature_invalid')
    assertRefused(await send({ address: other.address }), 'signature_invalid')
    assertRefused(await send({ message: message.replace('Chain ID: 1', 'Chain ID: 137') }), 'signature_invalid')
    assertRefused(await send({ signature: '0x1234' }), 'contract_wallet_unsupported')
    assertRefused(await send({ signature: '0x' + '6492'.repeat(16) }), 'contract_wallet_unsupported')
    assertRefused(await send({ signature: 'nothing' }), 'signature_malformed')
    assertRefused(await send({ signature: good.signature.slice(0, -2) + '25' }), 'recovery_id_unsupported')
    assertRefused(await send({ signature: undefined }), 'challenge_required')
    assertRefused(await send({ chain: 'bitcoin' }), 'chain_unsupported')
    // The other s of the same signature verifies in the curve's arithmetic, and is refused for being another text.
    const { r, s, yParity } = Signature.from(good.signature)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const high = (order - BigInt(s)).toString(16).padStart(64, '0')
    assertRefused(await send({ signature: r + high + (yParity === 0 ? '1c' : '1b') }), 'signature_malleable')
    // A Solana challenge's nonce in an Ethereum text.
    const solana = await post(server, '/api/v2/auth/wallet/challenge', { chain: 'solana' })
    const text = await siweText(server, wallet.address, { nonce: solana.body.nonce })
    assertRefused(await ethereumSignIn(server, wallet, text), 'nonce_invalid')
    // Nothing of this has used the challenge up.
    assert.equal((await send({})).status, 200)
  })

  test('a challenge for linking does not sign in', async () => {
    const wallet = ethereumWallet()
    const { message } = await siweChallenge(server, wallet.address, { purpose: 'link' })
    assertRefused(await ethereumSignIn(server, wallet, message), 'nonce_purpose')
  })
})

test('where it is not enabled it is refused by name', async (t) => {
  const server = await startServer(t)
  const wallet = ethereumWallet()
  const body = { chain: 'ethereum', address: wallet.address, chainId: 1 }
  assertRefused(await post(server, '/api/v2/auth/wallet/challenge', body), 'signin_disabled')
  assert.equal((await signIn(server)).user.wallet.length > 30, true)
})

/**
 * A chain's node, as far as eth_call goes: a table of what each contract answers to which call's data. The data is put
 * together by ethers. No chain runs here, so that the contract itself answers so is not shown.
 */
class Node {
  readonly calls: { to: string; data: string }[] = []
  readonly answers = new Map<string, string>()
  readonly #http: HttpServer
  broken = false

  constructor() {
    this.#http = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => (text += chunk))
      request.on('end', () => {
        const { id, method, params } = JSON.parse(text)
        assert.equal(method, 'eth_call')
        const [call, block] = params
        assert.equal(block, 'latest')
        this.calls.push(call)
        if (this.broken) return void response.writeHead(500).end('{}')
        const result = this.answers.get(call.to + call.data) ?? '0x'
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      })
    })
  }
  async listen(t: TestContext): Promise<string> {
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve))
    onEnd(t, () => {
      this.#http.closeAllConnections()
      this.#http.close()
    })
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/rpc`
  }
  /** The contract takes this signature of this message for its own. */
  accept(contract: string, message: string, signature: string): void {
    const abi = new Interface(['function isValidSignature(bytes32,bytes) view returns (bytes4)'])
    const data = abi.encodeFunctionData('isValidSignature', [hashMessage(message), signature])
    this.answers.set(contract.toLowerCase() + data, AbiCoder.defaultAbiCoder().encode(['bytes4'], ['0x1626ba7e']))
  }
}

test('a contract wallet signs in where a node says that it signed', async (t) => {
  const node = new Node()
  const server = await startEthereum(t, { rpc_url: await node.listen(t) })
  const contract = ethereumWallet().address
  const { message } = await siweChallenge(server, contract)
  for (const signature of ['0x' + 'ab'.repeat(129), '0x' + '11'.repeat(65)]) {
    const send = async (text: string) =>
      post(server, '/api/v2/auth/wallet', { chain: 'ethereum', address: contract, message: text, signature })
    const refused = await send(message)
    assert.notEqual(refused.status, 200)
    const own = (await siweChallenge(server, contract)).message
    node.accept(contract, own, signature)
    const reply = await send(own)
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    assert.equal(reply.body.user.wallet, contract.toLowerCase())
    assertRefused(await send(own), 'nonce_used')
  }
  const asked = node.calls.length
  // Nothing of these is worth a question: another chain's message, a contract that is not there yet, a foreign nonce.
  const far = (await siweChallenge(server, contract, { chainId: 137 })).message
  const body = { chain: 'ethereum', address: contract, signature: '0x' + 'ab'.repeat(129) }
  assertRefused(await post(server, '/api/v2/auth/wallet', { ...body, message: far }), 'contract_wallet_unsupported')
  const wrapped = { ...body, message, signature: '0xabcd' + '6492'.repeat(16) }
  assertRefused(await post(server, '/api/v2/auth/wallet', wrapped), 'contract_wallet_unsupported')
  const foreign = await siweText(server, contract, { nonce: 'abcdefgh12345678' })
  assertRefused(await post(server, '/api/v2/auth/wallet', { ...body, message: foreign }), 'nonce_invalid')
  assert.equal(node.calls.length, asked)
  node.broken = true
  const down = await post(server, '/api/v2/auth/wallet', { ...body, message })
  assertRefused(down, 'temporarily_unavailable')
  // Keys' signatures need no node.
  assert.equal((await ethereumSignIn(server, ethereumWallet())).status, 200)
})
