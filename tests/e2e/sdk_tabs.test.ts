// The package `gatecast` in three tabs of Chromium, on a site of another origin than the server, with tokens of seconds.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Browser, type BrowserContext, type Page } from 'playwright-core'
import type {} from '../../sdk/gatecast/tests/page.ts'
import { startBrowser } from '../harness/browser.ts'
import { api } from '../harness/api.ts'
import { bundle } from '../harness/bundle.ts'
import { metric } from '../harness/realtime.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { buildSdk, renewals } from '../harness/sdk.ts'
import { startServer, type Server } from '../harness/server.ts'
import { openSite } from '../harness/site.ts'
import { until, untilRight } from '../harness/until.ts'

const kLifeMs = 10_000

/** Runs before the page: a browser, or a page without TLS, that has neither. */
function withoutLocksAndChannels(): void {
  Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })
  Object.defineProperty(globalThis, 'BroadcastChannel', { value: undefined })
}

describe('three tabs', { concurrency: 3 }, () => {
  const suite = new Suite()
  let browser: Browser
  let script: string
  before(async () => {
    buildSdk()
    script = await bundle('sdk/gatecast/tests/page.ts')
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  interface Tabs {
    server: Server
    context: BrowserContext
    pages: Page[]
    user: string
    open(): Promise<Page>
  }

  /** The first tab signs in; the others find it done. `connected`: each has a connection. */
  async function tabs(t: Scope, { connected = true, life = `${kLifeMs / 1000}s`, before }: { connected?: boolean; life?: string; before?: () => void } = {}): Promise<Tabs> {
    const site = await openSite(t, script)
    const server = await startServer(t, { config: { http: { allowed_origins: [site.origin] }, token: { access_ttl: life }, session: { grace: '1s' } } })
    site.server = server.origin
    const context = await browser.newContext()
    onEnd(t, () => context.close())
    context.setDefaultTimeout(15_000)
    if (before) await context.addInitScript(before)
    const open = async () => {
      const page = await context.newPage()
      page.on('pageerror', (error) => assert.fail(String(error)))
      await page.goto(site.origin)
      await page.waitForFunction(() => 'app' in window)
      if (connected) await page.evaluate(() => window.app.gatecast.connect())
      return page
    }
    const pages = [await open(), await open(), await open()]
    const minted = await api(server, 'token_mint', { user: 'ann', create: true })
    await pages[0]!.evaluate((tokens) => window.app.adopt(tokens), minted.body.result)
    const user = minted.body.result.user.id as string
    for (const page of pages) {
      await page.waitForFunction(() => window.app.gatecast.auth.isAuthenticated())
      if (connected) await page.waitForFunction(() => window.app.gatecast.connection === 'connected')
    }
    return { server, context, pages, user, open }
  }

  const tokenOf = (page: Page) => page.evaluate(() => window.app.gatecast.auth.getToken())
  const outOf = (page: Page) => page.evaluate(() => window.app.signedOut.map(({ reason }) => reason))
  const generationOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).gen as number
  const pass = async (ms: number) => {
    const began = Date.now()
    await until('time to pass', () => Date.now() - began >= ms, ms + 5000)
  }

  /** All tabs have the newest token, each generation took one renewal, and nobody was signed out. */
  async function assertInStep({ server, pages }: Tabs): Promise<number> {
    const tokens = await Promise.all(pages.map(tokenOf))
    assert.equal(new Set(tokens).size, 1)
    for (const page of pages) assert.deepEqual(await outOf(page), [])
    const generation = generationOf(tokens[0]!)
    assert.equal(await metric(server, 'renewals_total', 'outcome="rotated"'), generation - 1)
    assert.equal(await renewals(server), generation - 1, 'no renewal but those that made a generation')
    return generation
  }

  test('with connections, past the end of two tokens: one renewal for all, nobody signed out', async (t) => {
    const all = await tabs(t)
    await pass(2.2 * kLifeMs)
    const generation = await untilRight(() => assertInStep(all))
    assert(generation >= 3, `generation ${generation}`)
    for (const page of all.pages) {
      assert.deepEqual(await page.evaluate(() => [window.app.states.filter((state) => state === 'connected').length, window.app.errors]), [1, []])
    }
  })

  /** Every tab asks, and no answer comes before all have: a tab that is told to late would want another one. */
  async function refreshAll({ context, pages }: Tabs): Promise<string[]> {
    let allAsked = () => {}
    const asked = new Promise<void>((resolve) => (allAsked = resolve))
    await context.route('**/api/v2/auth/refresh', (route) => asked.then(() => route.continue()))
    for (const page of pages) await page.evaluate(() => void (window.wanted = window.app.gatecast.auth.refresh()))
    allAsked()
    const got = await Promise.all(pages.map((page) => page.evaluate(() => window.wanted!)))
    await context.unroute('**/api/v2/auth/refresh')
    return got
  }

  test('all tabs want a new token in one moment: one renewal', async (t) => {
    // Tokens of half an hour, so that none is renewed but those asked for.
    const all = await tabs(t, { connected: false, life: '30m' })
    await pass(1500)
    for (let round = 1; round <= 3; round += 1) {
      assert.equal(new Set(await refreshAll(all)).size, 1)
      assert.equal(await assertInStep(all), round + 1)
      await pass(1200)
    }
  })

  test('the same by a lease and storage events alone: one generation, and nobody signed out', async (t) => {
    const all = await tabs(t, { connected: false, life: '30m', before: withoutLocksAndChannels })
    await pass(1500)
    for (let round = 1; round <= 3; round += 1) {
      await refreshAll(all)
      // Where a busy machine shows one tab's lease to the others late, they ask too, and are answered alike.
      const generations = await Promise.all(all.pages.map(async (page) => generationOf(await tokenOf(page))))
      assert.deepEqual(generations, [round + 1, round + 1, round + 1])
      assert.equal(await metric(all.server, 'renewals_total', 'outcome="rotated"'), round)
      for (const page of all.pages) assert.deepEqual(await outOf(page), [])
      await pass(1200)
    }
  })

  /** Not a line of the page's script runs, no timer and no message, until it is woken; the clocks go on. Chromium freezes
   * only hidden pages, and without a window none is hidden. */
  async function asleep({ context }: Tabs, page: Page): Promise<() => Promise<void>> {
    const session = await context.newCDPSession(page)
    await session.send('Debugger.enable')
    await session.send('Debugger.pause')
    return async () => {
      await session.send('Debugger.disable')
      await session.detach()
    }
  }

  test('a tab asleep through two tokens wakes with the newest, without a renewal of its own', async (t) => {
    const all = await tabs(t, { connected: false, life: '30m' })
    const [awake, sleeper] = all.pages as [Page, Page, Page]
    const wake = await asleep(all, sleeper)
    for (const _ of [1, 2]) {
      await pass(1200)
      await awake.evaluate(() => window.app.gatecast.auth.refresh())
    }
    await wake()
    assert.equal(await tokenOf(sleeper), await tokenOf(awake))
    assert.equal(await assertInStep(all), 3)
  })

  test('all asleep past the end of the token: whoever wakes renews, the others take it', async (t) => {
    const all = await tabs(t)
    const wakes = await Promise.all(all.pages.map((page) => asleep(all, page)))
    await pass(kLifeMs + 2000)
    assert.equal(await renewals(all.server), 0, 'they were asleep')
    for (const wake of wakes) await wake()
    await until('all in step', () => assertInStep(all).then((generation) => generation > 1, () => false))
    for (const page of all.pages) await page.waitForFunction(() => window.app.gatecast.connection === 'connected')
  })

  test('a tab that holds the lock and gets no answer holds the others up for a while only', async (t) => {
    const all = await tabs(t, { connected: false, life: '30m' })
    const [stuck, other] = all.pages as [Page, Page, Page]
    await stuck.route('**/api/v2/auth/refresh', () => {})
    await stuck.evaluate(() => void window.app.gatecast.auth.refresh().catch(() => {}))
    await stuck.waitForRequest('**/api/v2/auth/refresh').catch(() => {})
    const token = await other.evaluate(() => window.app.gatecast.auth.refresh())
    assert.equal(generationOf(token), 2)
    await until('the one that was stuck to have it too', async () => (await tokenOf(stuck)) === token)
    assert.deepEqual(await Promise.all(all.pages.map(outOf)), [[], [], []])
  })

  test('the new token is lost before it was stored: the old one still works, after the grace too', async (t) => {
    const all = await tabs(t, { connected: false, life: '30m' })
    const [page, ...rest] = all.pages as [Page, Page, Page]
    for (const other of rest) await other.close()
    await pass(1200)
    let answered = 0
    await page.route('**/api/v2/auth/refresh', async (route) => {
      await route.fetch()
      answered++
      await route.abort()
    })
    await page.evaluate(() => window.app.gatecast.auth.refresh().catch(() => {}))
    assert.equal(answered, 1)
    assert.equal(await metric(all.server, 'renewals_total', 'outcome="rotated"'), 1)
    await page.unroute('**/api/v2/auth/refresh')
    await page.close()
    await pass(2000)
    const again = await all.open()
    assert.equal(generationOf(await again.evaluate(() => window.app.gatecast.auth.refresh())), 2)
    assert.equal(await metric(all.server, 'renewals_total', 'outcome="repeated"'), 1)
    assert.deepEqual(await outOf(again), [])
  })

  test('a storage that is full is an error, and nobody is signed out by it: the tabs have the new tokens all the same', async (t) => {
    const all = await tabs(t, { connected: false, life: '30m' })
    for (const page of all.pages) {
      await page.evaluate(() => {
        Storage.prototype.setItem = () => {
          throw new DOMException('full', 'QuotaExceededError')
        }
      })
    }
    for (const [round, page] of all.pages.entries()) {
      await pass(1200)
      const token = await page.evaluate(() => window.app.gatecast.auth.refresh())
      assert.equal(generationOf(token), round + 2)
      assert.deepEqual(await page.evaluate(() => window.app.errors), ['storage_failed'])
      await pass(1200)
      // Seen after the grace, this generation is kept: who renews with an older one is a thief.
      await page.evaluate(() => window.app.gatecast.auth.sessions())
    }
    await assertInStep(all)
  })

  for (const connected of [true, false]) {
    test(`log-out in one tab is seen in all, with its reason, ${connected ? 'connected' : 'without connections'}`, async (t) => {
      const { server, pages, user } = await tabs(t, { connected })
      await pages[1]!.evaluate(() => window.app.gatecast.auth.logout())
      for (const page of pages) {
        await page.waitForFunction(() => window.app.signedOut.length > 0)
        assert.deepEqual(await outOf(page), ['signed_out'])
        assert.equal(await page.evaluate(() => window.app.gatecast.connection), 'disconnected')
        assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage })), /gcr1\.|eyJ/)
      }
      await until('nobody to be connected', async () => (await api(server, 'connections', { user })).body.result.total === 0)
      await until('the session to be over', async () => (await api(server, 'sessions', { user })).body.result.sessions.length === 0)
    })
  }

  test('an operator ends the session: every tab says so, also those without a connection', async (t) => {
    const { server, pages, user } = await tabs(t)
    await pages[2]!.evaluate(() => window.app.gatecast.disconnect())
    await api(server, 'session_end', { user })
    for (const page of pages) {
      await page.waitForFunction(() => window.app.signedOut.length > 0)
      assert.deepEqual(await outOf(page), ['ended_by_operator'])
    }
    const [back] = pages as [Page, Page, Page]
    await back.reload()
    await back.waitForFunction(() => 'app' in window)
    assert.equal(await back.evaluate(() => window.app.gatecast.auth.isAuthenticated()), false)
  })

  test('offline past the end of the token, and back: renewed, connected, the same session', async (t) => {
    const all = await tabs(t)
    const before = await all.pages[0]!.evaluate(() => window.app.gatecast.auth.session!.id)
    await all.context.setOffline(true)
    for (const page of all.pages) await page.waitForFunction(() => window.app.gatecast.connection !== 'connected')
    await pass(kLifeMs + 2000)
    const refused = await all.pages[0]!.evaluate(() => window.app.gatecast.auth.getToken().then(String, ({ code }) => code as string))
    assert.equal(refused, 'network')
    await all.context.setOffline(false)
    for (const page of all.pages) {
      await page.waitForFunction(() => window.app.gatecast.connection === 'connected')
      assert.equal(await page.evaluate(() => window.app.gatecast.auth.session!.id), before)
      assert.deepEqual(await outOf(page), [])
    }
    await untilRight(() => assertInStep(all))
  })

  test('who signs in as another user in one tab is that user in all of them', async (t) => {
    const { server, pages } = await tabs(t)
    const minted = await api(server, 'token_mint', { user: 'bob', create: true })
    await pages[1]!.evaluate((tokens) => window.app.adopt(tokens), minted.body.result)
    for (const page of pages) {
      await page.waitForFunction(() => window.app.gatecast.auth.session?.user.id === 'bob')
      await page.waitForFunction(() => window.app.gatecast.connection === 'connected')
    }
    await until('three connections of his', async () => (await api(server, 'connections', { user: 'bob' })).body.result.total === 3)
    assert.equal((await api(server, 'connections', { user: 'ann' })).body.result.total, 0)
  })
})
