// The hooks of `gatecast/react` in Chromium, in StrictMode: what they show, how often they render, and what they leave behind.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Gatecast, Tokens } from 'gatecast'
import { type Browser, type Page } from 'playwright-core'
import { startBrowser } from '../harness/browser.ts'
import { api } from '../harness/api.ts'
import { bundle } from '../harness/bundle.ts'
import { publish } from '../harness/client.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { buildSdk } from '../harness/sdk.ts'
import { startServer, type Server } from '../harness/server.ts'
import { openSite } from '../harness/site.ts'
import { until } from '../harness/until.ts'

interface ReactPage {
  gatecast: Gatecast
  renders: Record<string, number>
  adopt(tokens: Tokens): Promise<unknown>
  unmount(): void
}
const pageOf = () => (window as unknown as { page: ReactPage }).page


describe('hooks', () => {
  const suite = new Suite()
  let browser: Browser
  let script: string
  before(async () => {
    buildSdk()
    script = await bundle('sdk/gatecast/tests/react_page.ts')
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  async function open(t: Scope) {
    const site = await openSite(t, script)
    const server = await startServer(t, { config: { http: { allowed_origins: [site.origin] } } })
    site.server = server.origin
    const context = await browser.newContext()
    onEnd(t, () => context.close())
    context.setDefaultTimeout(15_000)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(site.origin)
    await page.waitForFunction(() => 'page' in window)
    await page.addScriptTag({ content: `globalThis.pageOf = ${pageOf.toString()}` })
    return { server, page, complaints, signIn: () => signIn(server, page) }
  }

  const shows = (page: Page, id: string, text: string) =>
    page.waitForFunction(([id, text]) => document.querySelector(`[data-testid=${id}]`)?.textContent === text, [id, text] as const)

  async function signIn(server: Server, page: Page): Promise<string> {
    const { result } = (await api(server, 'token_mint', { user: 'ann', create: true })).body
    await page.evaluate((tokens) => pageOf().adopt(tokens), result)
    await shows(page, 'connection', 'connected')
    await shows(page, 'subscribed', 'true')
    return result.user.id
  }

  const renders = (page: Page) => page.evaluate(() => ({ ...pageOf().renders }))

  test('who is signed in, a channel, a post, notifications: shown as they change', async (t) => {
    const { server, page, complaints, signIn } = await open(t)
    await shows(page, 'who', 'nobody')
    const user = await signIn()
    await shows(page, 'who', user)
    await publish(server, 'chat:react', 1)
    await shows(page, 'room', '[1]')
    await page.getByTestId('publish').click()
    await shows(page, 'room', '[1,"from the page"]')

    await shows(page, 'post', 'locked')
    await api(server, 'grant_add', { user, resource: 'post:42' })
    await shows(page, 'post', 'open')
    await api(server, 'grant_remove', { user, resource: 'post:42' })
    await shows(page, 'post', 'locked')

    for (const kind of ['a', 'b', 'c', 'd']) await api(server, 'notify', { user, kind, data: {} })
    await shows(page, 'unread', '4')
    await shows(page, 'inbox', 'd c b a')
    await page.getByTestId('read-all').click()
    await shows(page, 'inbox', '(d) (c) (b) (a)')
    await shows(page, 'unread', '0')
    await page.getByTestId('remove-read').click()
    await shows(page, 'inbox', '')
    assert.equal((await api(server, 'notifications', { user })).body.result.notifications?.length, 0)
    assert.equal(await page.getByTestId('inbox-error').innerText(), '')

    await page.evaluate(() => pageOf().gatecast.auth.logout())
    await shows(page, 'who', 'nobody')
    await shows(page, 'connection', 'disconnected')
    assert.deepEqual(complaints, [])
  })

  test('each renders for what it shows, and not for what others do', async (t) => {
    const { server, page, signIn } = await open(t)
    const user = await signIn()
    await shows(page, 'unread', '0')
    const before = await renders(page)
    await api(server, 'broadcast', { channels: Array.from({ length: 20 }, () => 'chat:react'), data: 'x' })
    await until('all twenty', async () => (await page.getByTestId('room').innerText()).split('x').length === 21)
    for (let n = 1; n <= 5; n += 1) await api(server, 'grant_add', { user, resource: `post:${n}` })
    await page.waitForFunction(() => pageOf().gatecast.grants.list().length === 5)
    const { room, ...others } = await renders(page)
    const { room: roomBefore, ...othersBefore } = before
    assert.deepEqual(others, othersBefore, 'a session, a connection, a post and an inbox in which nothing changed')
    // StrictMode renders twice; several messages may share one.
    assert(room! - roomBefore! <= 2 * 20, `${room! - roomBefore!}`)
    const shown = await renders(page)
    await api(server, 'grant_add', { user, resource: 'post:42' })
    await shows(page, 'post', 'open')
    assert.deepEqual(await renders(page), { ...shown, post: shown['post']! + 2 })
  })

  test('components that are gone have left their channel', async (t) => {
    const { server, page, signIn } = await open(t)
    await signIn()
    const subscribers = async () => (await api(server, 'channels', { pattern: 'chat:react' })).body.result.channels['chat:react']?.num_clients ?? 0
    assert.equal(await subscribers(), 1)
    await page.getByTestId('leave').click()
    await until('nobody to be in the channel', async () => (await subscribers()) === 0)
    await page.evaluate(() => pageOf().unmount())
  })
})
