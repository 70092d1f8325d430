// Wallets as extensions install them in a page: by the wallet standard, EIP-6963 and the older globals; found, and signed in with.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Browser } from 'playwright-core'
import type {} from '../../sdk/gatecast/tests/page.ts'
import { startBrowser } from '../harness/browser.ts'
import { bundle } from '../harness/bundle.ts'
import { ethereumConfig, ethereumWallet } from '../harness/ethereum.ts'
import { onEnd, Suite } from '../harness/scope.ts'
import { buildSdk } from '../harness/sdk.ts'
import { startServer } from '../harness/server.ts'
import { openSite } from '../harness/site.ts'
import { bot, initData, person, telegramConfig } from '../harness/telegram.ts'
import { Wallet } from '../harness/wallet.ts'


/** Runs in the page before its script, as extensions do; keys stay with the test. */
function install({ solana, ethereum, initData }: { solana: string; ethereum: string; initData: string }): void {
  const scope = window as unknown as {
    solanaSigns(bytes: number[]): Promise<number[]>
    ethereumSigns(hex: string): Promise<string>
    solana: unknown
    ethereum: unknown
    Telegram: unknown
    lateWallet(): void
  }
  const sign = async (message: Uint8Array) => Uint8Array.from(await scope.solanaSigns([...message]))
  const standard = (name: string, address: string) => ({
    name,
    icon: 'data:image/svg+xml,<svg/>',
    features: {
      'standard:connect': { connect: async () => ({ accounts: [{ address }] }) },
      'solana:signMessage': { signMessage: async ({ message }: { message: Uint8Array }) => [{ signedMessage: message, signature: await sign(message) }] },
    },
  })
  window.addEventListener('wallet-standard:app-ready', (event) => {
    const { register } = (event as CustomEvent<{ register(...wallets: unknown[]): void }>).detail
    register(standard('Early', solana), { name: 'Bitcoin only', features: { 'bitcoin:connect': {} } })
  })
  scope.lateWallet = () =>
    void window.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: ({ register }: { register(wallet: unknown): void }) => register(standard('Late', solana)) }))
  scope.solana = { isPhantom: true, publicKey: { toString: () => solana }, signMessage: async (message: Uint8Array) => ({ signature: await sign(message) }) }
  const provider = {
    async request({ method, params = [] }: { method: string; params?: unknown[] }) {
      if (method === 'eth_requestAccounts') return [ethereum]
      if (method === 'eth_chainId') return '0x1'
      return scope.ethereumSigns(params[0] as string)
    },
  }
  scope.ethereum = provider
  const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: { info: { uuid: 'u-1', name: 'Fox', rdns: 'io.fox', icon: 'https://elsewhere/icon' }, provider } }))
  window.addEventListener('eip6963:requestProvider', announce)
  scope.Telegram = { WebApp: { initData } }
}

describe('wallets in a page', () => {
  const suite = new Suite()
  let browser: Browser
  before(async () => {
    buildSdk()
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  test('each is found once, whenever it announces itself, and signs in', async (t) => {
    const site = await openSite(t, await bundle('sdk/gatecast/tests/page.ts'))
    const [solana, ethereum, of, ada] = [new Wallet(), ethereumWallet(), bot(7), person()]
    const server = await startServer(t, {
      config: (_, port) => ({ http: { allowed_origins: [site.origin] }, signin: { ethereum: ethereumConfig(port), ...(telegramConfig([of])['signin'] as object) } }),
    })
    site.server = server.origin
    const context = await browser.newContext()
    onEnd(t, () => context.close())
    const page = await context.newPage()
    await page.exposeFunction('solanaSigns', (bytes: number[]) => [...solana.sign(Uint8Array.from(bytes))])
    await page.exposeFunction('ethereumSigns', (hex: string) => ethereum.signMessage(Buffer.from(hex.slice(2), 'hex')))
    await page.addInitScript(install, { solana: solana.address, ethereum: ethereum.address.toLowerCase(), initData: initData(of, ada) })
    await page.goto(site.origin)
    await page.waitForFunction(() => 'app' in window)

    const found = await page.evaluate(async () => {
      const { wallets } = window.app.gatecast
      const first = wallets.list().map(({ id, source }) => `${id} ${source}`)
      const changes: string[][] = []
      const undo = wallets.onChange((all) => changes.push(all.map(({ name }) => name)))
      const late = (window as unknown as { lateWallet(): void }).lateWallet
      late()
      undo()
      late()
      return { first, changes, same: wallets.list() === wallets.list(), icons: wallets.list().map(({ icon }) => icon ?? '') }
    })
    assert.deepEqual(found.first, ['solana:Early wallet-standard', 'ethereum:io.fox eip-6963', 'solana:Phantom injected'])
    assert.deepEqual(found.changes, [['Early', 'Late', 'Fox', 'Phantom']])
    assert(found.same)
    assert(found.icons.every((icon) => icon === '' || icon.startsWith('data:image/')), 'no address of a third party is loaded')

    const users = await page.evaluate(async () => {
      const { auth, wallets } = window.app.gatecast
      const ids: Record<string, string> = {}
      for (const wallet of wallets.list()) {
        const { user } = wallet.chain === 'solana' ? await auth.signInWithSolana(wallet) : await auth.signInWithEthereum(wallet)
        ids[wallet.name] = user.wallet ?? ''
      }
      return { ...ids, telegram: String((await auth.signInWithTelegram()).user.telegram_id) }
    })
    assert.deepEqual(users, { Early: solana.address, Late: solana.address, Phantom: solana.address, Fox: ethereum.address.toLowerCase(), telegram: String(ada.id) })
  })
})
