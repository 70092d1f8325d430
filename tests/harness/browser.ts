// Chromium for tests of pages, and a wallet in the page whose key stays with the test.
import { chromium, type Browser, type Page } from 'playwright-core'
import { onEnd, type Scope } from './scope.ts'
import { ledgerEnvelope, Wallet } from './wallet.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
// Root needs --no-sandbox; the rest keeps the browser from calling home.
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function startBrowser(scope: Scope): Promise<Browser> {
  const browser = await chromium.launch({ executablePath, args })
  onEnd(scope, () => browser.close())
  return browser
}

/** Runs in the page: a wallet of the wallet standard. */
function install(address: string): void {
  const scope = window as unknown as { walletSigns(bytes: number[]): Promise<number[]> }
  const account = { address, chains: ['solana:mainnet'], features: ['solana:signMessage'] }
  const wallet = {
    version: '1.0.0',
    name: 'Test Wallet',
    chains: ['solana:mainnet'],
    accounts: [account],
    features: {
      'standard:connect': { version: '1.0.0', connect: async () => ({ accounts: [account] }) },
      'solana:signMessage': {
        version: '1.0.0',
        signMessage: async ({ message }: { message: Uint8Array }) => {
          const signature = await scope.walletSigns([...message])
          return [{ signedMessage: message, signature: Uint8Array.from(signature) }]
        },
      },
    },
  }
  const announce = (event: Event) => (event as CustomEvent<{ register(wallet: unknown): void }>).detail.register(wallet)
  window.addEventListener('wallet-standard:app-ready', announce)
  const register = ({ register }: { register(wallet: unknown): void }) => register(wallet)
  window.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register }))
}

/** In every page that `page` opens from now on. */
export async function giveWallet(page: Page, wallet: Wallet): Promise<void> {
  await page.exposeFunction('walletSigns', (bytes: number[]) => [...wallet.sign(Uint8Array.from(bytes))])
  await page.addInitScript(install, wallet.address)
}

/** Runs in the page: a wallet that only waits to be asked, and may sign other bytes than it was given. */
function installLate(address: string): void {
  const scope = window as unknown as { walletWraps(bytes: number[]): Promise<{ signed: number[]; signature: number[] }> }
  const account = { address }
  const wallet = {
    name: 'Test Wallet',
    features: {
      'standard:connect': { connect: async () => ({ accounts: [account] }) },
      'solana:signMessage': {
        signMessage: async ({ message }: { message: Uint8Array }) => {
          const { signed, signature } = await scope.walletWraps([...message])
          return [{ signedMessage: Uint8Array.from(signed), signature: Uint8Array.from(signature) }]
        },
      },
    },
  }
  window.addEventListener('wallet-standard:app-ready', (event) => {
    (event as CustomEvent<{ register(wallet: unknown): void }>).detail.register(wallet)
  })
}

/** A hardware wallet: it signs the message in an envelope of its own. */
export async function giveLedger(page: Page, wallet: Wallet): Promise<void> {
  await page.exposeFunction('walletWraps', (bytes: number[]) => {
    const wrapped = ledgerEnvelope(Uint8Array.from(bytes), wallet.publicKey)
    return { signed: [...wrapped], signature: [...wallet.sign(wrapped)] }
  })
  await page.addInitScript(installLate, wallet.address)
}
