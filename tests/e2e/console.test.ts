// The operators' console in a real browser: every button, and what it does to the server.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { startBrowser } from '../harness/browser.ts'
import { api, assertRefused, get } from '../harness/api.ts'
import { Authority } from '../harness/authority.ts'
import { Client } from '../harness/client.ts'
import { ask, makeOperator, operatorConfig, result, type Operator } from '../harness/operators.ts'
import { onEnd, Suite, type Scope } from '../harness/scope.ts'
import { buildFolder, launch, startServer, type Server } from '../harness/server.ts'
import type { Table } from '../harness/toml.ts'
import { until } from '../harness/until.ts'
import { signIn, type Tokens } from '../harness/wallet.ts'

const shots = path.join(buildFolder, 'screenshots')
const kMarkup = '<img src=x onerror="document.title=\'owned\'">'

describe('the console', () => {
  const suite = new Suite()
  const ann = makeOperator('ann', 'act')
  const eve = makeOperator('eve', 'view')
  let server: Server
  let browser: Browser
  before(async () => {
    mkdirSync(shots, { recursive: true })
    const namespace: Table[] = [
      { name: 'chat', presence: true, history_size: 20, history_ttl: '10m', allow_subscribe_for_client: true, allow_publish_for_subscriber: true },
      { name: 'news', allow_subscribe_for_client: true },
    ]
    server = await startServer(suite, { config: { ...operatorConfig(ann, eve), namespace, log: { level: 'debug', dir: 'logs' } } })
    browser = await startBrowser(suite)
  })
  after(() => suite.close())

  /** The page in a fresh profile, with everything noted that must not happen. */
  async function open(t: Scope, hash = '', options: BrowserContextOptions = {}) {
    const context = await browser.newContext(options)
    context.setDefaultTimeout(15_000)
    onEnd(t, () => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    const hosts = new Set<string>()
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => hosts.add(new URL(request.url()).host))
    const response = await page.goto(`${server.ops}/console${hash}`)
    assert.equal(response?.status(), 200)
    return { page, context, complaints, hosts, headers: response.headers() }
  }

  const view = (page: Page, name: string) => page.locator(`[data-view=${name}]`)
  const go = async (page: Page, hash: string) => {
    await page.evaluate((to) => (location.hash = to), hash)
    await view(page, hash.split('/')[1]!).waitFor()
  }
  const row = (page: Page, key: string) => page.locator(`tr[data-key="${key}"]`).first()
  const text = (page: Page, id: string) => page.getByTestId(id).first().innerText()
  const yes = (page: Page) => page.getByTestId('confirm-yes').click()
  const noticed = (page: Page, what: RegExp) => page.getByTestId('notice').filter({ hasText: what }).waitFor()

  async function enter(page: Page, { token }: Operator): Promise<void> {
    await page.getByTestId('token').fill(token)
    await page.getByTestId('enter').click()
    await page.getByTestId('actor').waitFor()
  }

  async function entered(t: Scope, person: Operator, hash = '', options: BrowserContextOptions = {}) {
    const opened = await open(t, hash, options)
    await enter(opened.page, person)
    return opened
  }

  async function guest(t: Scope): Promise<{ user: Tokens; client: Client }> {
    const user = await signIn(server)
    return { user, client: await new Client(t, server.websocket, { token: user.token }).connect() }
  }

  test('a wrong token shows the code and nothing else; a good one lives until log-out, over a reload', async (t) => {
    const { page, complaints, context } = await open(t)
    await page.getByTestId('token').fill('go_wrong')
    await page.getByTestId('enter').click()
    await page.getByTestId('gate-error').filter({ hasText: 'operator_unknown' }).waitFor()
    assert.equal(await page.locator('[data-view]').count(), 0)
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'a refused token is kept')
    // The browser itself notes the refused request; the page says nothing.
    assert.ok(complaints.every((line) => line.includes('401')), complaints.join('\n'))

    await enter(page, ann)
    assert.equal(await text(page, 'actor'), 'ann')
    assert.equal(await text(page, 'role'), 'act')
    await page.reload()
    await view(page, 'overview').waitFor()
    assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie]), [0, ''])
    assert.deepEqual(await context.cookies(), [])
    const other = await context.newPage()
    await other.goto(`${server.ops}/console`)
    await other.getByTestId('token').waitFor()

    await page.getByTestId('sign-out').click()
    await page.getByTestId('token').waitFor()
    assert.equal(await page.evaluate(() => sessionStorage.length), 0)
    await page.reload()
    await page.getByTestId('token').waitFor()
    assert.equal(await page.locator('[data-view]').count(), 0)
  })

  test('nothing but its own origin, under a policy that lets no text become markup', async (t) => {
    const { page, headers, hosts, complaints } = await entered(t, ann)
    const policy = headers['content-security-policy'] ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /script-src 'self'(;|$)/)
    assert.match(policy, /style-src 'self'(;|$)/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.match(policy, /require-trusted-types-for 'script'/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    for (const name of ['connections', 'channels', 'users', 'sessions', 'audit', 'doctor', 'checks', 'config', 'log', 'overview']) {
      await page.locator(`#nav a[href="#/${name}"]`).click()
      await view(page, name).waitFor()
      assert.equal(await page.locator('#nav a[aria-current=page]').getAttribute('href'), `#/${name}`)
    }
    assert.equal(await page.locator('[style], script:not([src]), style').count(), 0)
    assert.deepEqual([...hosts], [new URL(server.ops).host])
    assert.deepEqual(complaints, [])
  })

  test('overview: connections, users and messages as they are', async (t) => {
    const { page, complaints } = await entered(t, eve)
    const { client } = await guest(t)
    const { activeConnections } = (await fetch(`${server.ops}/stats`).then((reply) => reply.json())) as { activeConnections: number }
    await until('the figure', async () => (await text(page, 'figure-connections')) === `${activeConnections} open`)
    await until('messages a minute', async () => {
      await client.centrifuge.rpc('gatecast.time', {}).catch(() => {})
      return /^[1-9]/.test(await text(page, 'figure-in'))
    })
    await page.screenshot({ path: path.join(shots, 'console-overview.png') })
    assert.deepEqual(complaints, [])
  })

  test('disconnect asks first, then closes that connection with 3503 and no other', async (t) => {
    const [one, two] = [await guest(t), await guest(t)]
    const { page, complaints } = await entered(t, ann, '#/connections')
    const button = row(page, one.client.id).getByTestId('act-disconnect')
    await button.click()
    await page.getByTestId('confirm-no').click()
    await button.click()
    await page.keyboard.press('Escape')
    assert.equal(one.client.ends.length, 0, 'closed though the answer was no')
    await button.click()
    await yes(page)
    assert.equal((await one.client.end()).code, 3503)
    await noticed(page, /was closed/)
    await row(page, one.client.id).waitFor({ state: 'detached' })
    assert.equal(two.client.ends.length, 0)
    assert.equal((await get(server, '/api/v2/auth/session', one.user.token)).status, 200)

    await page.getByTestId('which').selectOption('closed')
    await page.locator('tr', { hasText: one.user.user.id }).filter({ hasText: 'force_disconnect' }).waitFor()
    assert.deepEqual(complaints, [])
  })

  test('end session closes its connections with 4502; the list filters, sorts and pauses', async (t) => {
    const [one, two] = [await guest(t), await guest(t)]
    const { page, complaints } = await entered(t, ann, '#/connections')
    await page.getByTestId('filter-user').fill(one.user.user.id)
    await page.getByTestId('apply').click()
    await row(page, two.client.id).waitFor({ state: 'detached' })
    assert.equal(await text(page, 'total'), '1 connection')
    await page.getByTestId('filter-user').fill('')
    await page.getByTestId('apply').click()
    await row(page, two.client.id).waitFor()
    await page.getByRole('button', { name: 'Out', exact: true }).click()
    await page.locator('th[aria-sort=descending]', { hasText: 'Out' }).waitFor()
    await page.getByTestId('pause').click()
    assert.equal(await page.getByTestId('pause').getAttribute('aria-pressed'), 'true')
    const three = await guest(t)
    await page.getByTestId('pause').click()
    await row(page, three.client.id).waitFor()
    await page.screenshot({ path: path.join(shots, 'console-connections.png') })

    await row(page, one.client.id).getByTestId('act-session_end').click()
    await yes(page)
    assert.equal((await one.client.end()).code, 4502)
    assertRefused(await get(server, '/api/v2/auth/session', one.user.token), 'ended_by_operator')
    assert.equal(two.client.ends.length, 0)
    assert.deepEqual(complaints, [])
  })

  test('channels: subscribers, presence, publications; a namespace without them says so', async (t) => {
    const { user, client } = await guest(t)
    await client.subscription('chat:lobby').on()
    await client.subscription('news:1').on()
    await api(server, 'publish', { channel: 'chat:lobby', data: { text: kMarkup } })
    const { page, complaints } = await entered(t, eve, '#/channels')
    await page.getByTestId('pattern').fill('chat:*')
    await page.getByTestId('apply').click()
    await row(page, 'news:1').waitFor({ state: 'detached' })
    await row(page, 'chat:lobby').getByRole('link').click()
    await page.getByTestId('history').getByText(JSON.stringify({ text: kMarkup })).waitFor()
    await page.getByTestId('presence').getByText(user.user.id).waitFor()
    await row(page, client.id).waitFor()
    await page.screenshot({ path: path.join(shots, 'console-channel.png') })
    await go(page, '#/channels/news%3A1')
    await page.getByTestId('history').getByText('The namespace keeps no history.').waitFor()
    await page.getByTestId('presence').getByText('The namespace keeps no presence.').waitFor()
    assert.equal(await page.title(), 'news:1 – gatecast console')
    assert.deepEqual(complaints, [])
  })

  test('a user is found by wallet; block closes with 4503, unblock lets in again; both are in the audit', async (t) => {
    const { user, client } = await guest(t)
    const { page, complaints } = await entered(t, ann, '#/users')
    await page.getByTestId('search').fill(user.user.wallet)
    await page.getByTestId('apply').click()
    await page.getByRole('heading', { name: user.user.id }).waitFor()
    await row(page, `solana ${user.user.wallet}`).waitFor()
    await row(page, user.session.id).waitFor()
    await page.getByTestId('act-user_block').click()
    await yes(page)
    assert.equal((await client.end()).code, 4503)
    await page.getByText('blocked', { exact: true }).first().waitFor()
    assert.equal((await result(server, eve, 'user_get', { user: user.user.id })).user.blocked, true)
    await page.screenshot({ path: path.join(shots, 'console-user.png') })
    await page.getByTestId('act-user_unblock').click()
    await yes(page)
    await page.getByTestId('act-user_block').waitFor()
    assert.equal((await result(server, eve, 'user_get', { user: user.user.id })).user.blocked, false)
    await page.locator('tr', { hasText: 'user_unblocked' }).filter({ hasText: 'operator:ann' }).waitFor()
    assert.deepEqual(complaints, [])
  })

  test('end all sessions of a user; remove a grant', async (t) => {
    const { user, client } = await guest(t)
    const added = (await api(server, 'grant_add', { user: user.user.id, resource: 'post:42' })).body.result
    await api(server, 'notify', { user: user.user.id, kind: 'like', data: {} })
    const { page, complaints } = await entered(t, ann, `#/users/${user.user.id}`)
    await until('the unread notification', async () => (await text(page, 'unread')) === '1')
    await row(page, added.grant.id).getByTestId('act-grant_remove').click()
    await yes(page)
    await row(page, added.grant.id).waitFor({ state: 'detached' })
    assert.deepEqual((await api(server, 'grants', { user: user.user.id })).body.result.grants, [])
    await page.getByRole('button', { name: 'End all sessions' }).click()
    await yes(page)
    assert.equal((await client.end()).code, 4502)
    assert.deepEqual(await result(server, eve, 'sessions', { user: user.user.id }), { sessions: [] })
    await page.getByText('No session is open.').waitFor()
    assert.deepEqual(complaints, [])
  })

  test('a search that finds nobody says so; an empty one lists all', async (t) => {
    const { user } = await guest(t)
    const { page } = await entered(t, eve, '#/users')
    await page.getByTestId('search').fill('nobody-of-that-name')
    await page.getByTestId('apply').click()
    await page.getByTestId('trouble').filter({ hasText: 'No such user' }).waitFor()
    await page.getByTestId('search').fill('')
    await page.getByTestId('apply').click()
    await row(page, user.user.id).waitFor()
    assert.ok(await page.getByTestId('trouble').isHidden())
  })

  test('sessions: those connected, those of a user; end one', async (t) => {
    const { user, client } = await guest(t)
    const other = await guest(t)
    const { page, complaints } = await entered(t, ann, '#/sessions')
    await row(page, user.session.id).waitFor()
    await row(page, other.user.session.id).waitFor()
    await page.getByTestId('filter-user').fill(user.user.id)
    await page.getByTestId('apply').click()
    await row(page, other.user.session.id).waitFor({ state: 'detached' })
    await row(page, user.session.id).getByTestId('act-session_end').click()
    await yes(page)
    assert.equal((await client.end()).code, 4502)
    await page.getByText('The user has no open session.').waitFor()
    assert.equal(other.client.ends.length, 0)
    assert.deepEqual(complaints, [])
  })

  test('audit: filtered by kind and user, older rows by the page', async (t) => {
    const users = Array.from({ length: 101 }, (_, i) => ({ id: `paged-${i}` }))
    await api(server, 'user_upsert', { users })
    for (const { id } of users) await result(server, ann, 'user_block', { user: id })
    const { page, complaints } = await entered(t, eve, '#/audit')
    await page.getByTestId('filter-kind').fill('user_blocked')
    await page.getByTestId('apply').click()
    await until('a page', async () => (await page.locator('tbody tr').count()) === 100)
    assert.deepEqual([...new Set(await page.locator('tbody tr td:nth-child(2)').allInnerTexts())], ['user_blocked'])
    const seqs = (await page.locator('tbody tr').evaluateAll((rows) => rows.map((line) => Number(line.getAttribute('data-key'))))) as number[]
    assert.deepEqual(seqs, [...seqs].sort((a, b) => b - a), 'the newest is not first')
    await page.getByTestId('older').click()
    await until('the rest', async () => (await page.locator('tbody tr').count()) > 100)
    await page.getByTestId('filter-user').fill('paged-7')
    await page.getByTestId('apply').click()
    await until('one row', async () => (await page.locator('tbody tr').count()) === 1)
    assert.deepEqual(complaints, [])
  })

  test('token doctor names what is wrong, and forgets the token', async (t) => {
    const { user } = await guest(t)
    const { page, complaints } = await entered(t, eve, '#/doctor')
    await page.getByTestId('token-text').fill(user.token)
    await page.getByTestId('examine').click()
    await page.getByText('The token is good.').waitFor()
    await result(server, ann, 'session_end', { session: user.session.id })
    await page.getByTestId('examine').click()
    await page.getByText('The token is refused.').waitFor()
    await page.locator('[data-level=fail]', { hasText: 'operator' }).waitFor()
    await page.getByTestId('clear').click()
    assert.equal(await page.getByTestId('token-text').inputValue(), '')
    assert.equal(await page.locator('[data-testid=findings] li').count(), 0)
    assert.ok(!(await page.evaluate(() => JSON.stringify(sessionStorage))).includes(user.token))
    assert.deepEqual(complaints, [])
  })

  test('checks and configuration: as the server says them, filtered', async (t) => {
    const { page, complaints } = await entered(t, eve, '#/checks')
    await page.locator('[data-testid=checks] li').first().waitFor()
    const { checks } = await result(server, eve, 'checks')
    assert.equal(await page.locator('[data-testid=checks] li').count(), checks.length)
    await page.getByTestId('again').click()
    await until('the second look', async () => page.getByTestId('again').isEnabled())
    await page.locator('#nav a[href="#/config"]').click()
    const { values } = await result(server, eve, 'config')
    await until('every key', async () => (await page.locator('tbody tr').count()) === values.length)
    await page.getByTestId('filter').fill('token.issuer')
    await until('one key', async () => (await page.locator('tbody tr').count()) === 1)
    assert.match(await row(page, 'token.issuer').innerText(), /tests\.example[\s\S]*gatecast\.toml:\d+:\d+/)
    await page.getByTestId('filter').fill('realtime.ping')
    await row(page, 'realtime.ping').waitFor()
    await page.getByTestId('only-set').check()
    await page.getByText('No key fits.').waitFor()
    assert.deepEqual(complaints, [])
  })

  test('log: live, filtered by level and text, paused and cleared', async (t) => {
    const { page, complaints } = await entered(t, eve, '#/log')
    const { user } = await guest(t)
    const lines = page.getByTestId('lines')
    await lines.locator('li', { hasText: 'signin' }).filter({ hasText: user.user.id }).waitFor()
    await page.getByTestId('filter').fill(user.user.id)
    await until('only the user\'s lines', async () => (await lines.locator('li').allInnerTexts()).every((line) => line.includes(user.user.id)))
    await page.getByTestId('level').selectOption('error')
    await until('no line', async () => (await lines.locator('li').count()) === 0)
    await page.getByTestId('level').selectOption('info')
    await page.getByTestId('filter').fill('')
    await page.getByTestId('pause').click()
    const late = await guest(t)
    await page.getByTestId('total').filter({ hasText: 'more while paused' }).waitFor()
    assert.equal(await lines.getByText(late.user.user.id).count(), 0)
    await page.getByTestId('pause').click()
    await lines.getByText(late.user.user.id).first().waitFor()
    await page.screenshot({ path: path.join(shots, 'console-log.png') })
    await page.getByTestId('clear').click()
    await until('an empty list', async () => (await lines.getByText(late.user.user.id).count()) === 0)
    assert.deepEqual(complaints, [])
  })

  test('the role view has every button off, with the reason; the server refuses it as well', async (t) => {
    const { user, client } = await guest(t)
    const { page, complaints } = await entered(t, eve, `#/users/${user.user.id}`)
    await row(page, user.session.id).waitFor()
    await row(page, client.id).waitFor()
    const buttons = page.locator('[data-testid^=act-]')
    const count = await buttons.count()
    assert.ok(count >= 5, `${count} buttons`)
    for (let i = 0; i < count; i++) {
      assert.ok(await buttons.nth(i).isDisabled())
      assert.match((await buttons.nth(i).getAttribute('title')) ?? '', /view: it may look only/)
    }
    assertRefused(await ask(server, eve, 'session_end', { session: user.session.id }), 'operator_role')
    assert.equal((await get(server, '/api/v2/auth/session', user.token)).status, 200)
    assert.deepEqual(complaints, [])
  })

  test('names with markup are shown as text, wherever they appear', async (t) => {
    const { user, client } = await guest(t)
    await api(server, 'user_upsert', { user: { id: user.user.id, nickname: kMarkup } })
    const channel = `chat:${kMarkup.replaceAll(' ', '')}`
    await client.subscription(channel).on()
    await api(server, 'publish', { channel, data: kMarkup })
    const { page, complaints } = await entered(t, ann, `#/users/${user.user.id}`)
    await page.getByText(kMarkup).first().waitFor()
    for (const hash of ['#/users', '#/channels', `#/channels/${encodeURIComponent(channel)}`, '#/overview', '#/connections', '#/log', `#/audit/${encodeURIComponent(kMarkup)}`]) {
      await go(page, hash)
      if (hash.startsWith('#/channels/')) await page.getByTestId('history').getByText('onerror').waitFor()
    }
    assert.equal(await page.locator('#view img').count(), 0)
    assert.notEqual(await page.title(), 'owned')
    assert.deepEqual(complaints, [])
  })

  test('by the keyboard alone: log in, to a view, a question that can be left', async (t) => {
    const { client } = await guest(t)
    const { page, complaints } = await open(t)
    await page.getByTestId('token').waitFor()
    await page.keyboard.type(ann.token)
    await page.keyboard.press('Enter')
    await view(page, 'overview').waitFor()
    await page.locator('#nav a[href="#/connections"]').focus()
    await page.keyboard.press('Enter')
    await row(page, client.id).getByTestId('act-disconnect').focus()
    await page.keyboard.press('Enter')
    await page.getByTestId('confirm').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'confirm-no', 'the focus is on what has an effect')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    assert.equal((await client.end()).code, 3503)
    for (const name of ['overview', 'connections', 'users', 'audit', 'doctor', 'config', 'log']) {
      await go(page, `#/${name}`)
      const unnamed = await page.locator('input, select, textarea').evaluateAll((fields) =>
        fields.filter((field) => (field as HTMLInputElement).labels?.length === 0).map((field) => field.outerHTML))
      assert.deepEqual(unnamed, [], `fields without a label in ${name}`)
    }
    assert.deepEqual(complaints, [])
  })

  test('on a phone, in the dark: nothing is cut off, the menu opens', async (t) => {
    const { client, user } = await guest(t)
    await client.subscription('chat:lobby').on()
    const { page, complaints } = await entered(t, ann, '', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
    await page.getByTestId('menu').click()
    await page.locator('#nav a[href="#/connections"]').click()
    assert.equal(await page.locator('#nav').isVisible(), false)
    await row(page, client.id).waitFor()
    await page.screenshot({ path: path.join(shots, 'console-phone-dark.png') })
    for (const hash of ['#/overview', '#/connections', '#/channels', '#/channels/chat%3Alobby', '#/users', `#/users/${user.user.id}`, '#/sessions', '#/audit', '#/doctor', '#/checks', '#/config', '#/log']) {
      await go(page, hash)
      await until(`${hash} to be filled`, async () => !(await page.locator('#view').innerText()).includes('Asking…'))
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      assert.equal(wide, 0, `${hash} scrolls sideways`)
    }
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    assert.notEqual(dark, 'rgb(246, 247, 245)')
    assert.deepEqual(complaints, [])
  })

  test('by TLS of the operators\' port the page is the same', async (t) => {
    const files = new Authority(t).issue()
    const secured = await launch(t, { config: { ...operatorConfig(ann), ops: { ...(operatorConfig(ann).ops as Table), tls: { ...files } } } })
    await until('the server to listen', () => secured.output.includes('operators  https://'))
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    onEnd(t, () => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
    await page.goto(`https://localhost:${secured.opsPort}/console#/config`)
    await enter(page, ann)
    await row(page, 'ops.tls.cert').filter({ hasText: files.cert }).waitFor()
    assert.deepEqual(complaints, [])
  })

  test('an operator who is taken out is asked for a token again; a server that is away is said to be', async (t) => {
    const { page } = await entered(t, eve, '#/connections')
    await page.evaluate(() => sessionStorage.setItem('gatecast.operator', 'go_gone'))
    await page.reload()
    await page.getByTestId('gate-error').filter({ hasText: 'operator_unknown' }).waitFor()
    await enter(page, eve)
    await page.route('**/api/**', (route) => route.abort())
    await page.getByTestId('trouble').filter({ hasText: 'does not answer' }).waitFor()
    await page.unroute('**/api/**')
    await page.getByTestId('trouble').waitFor({ state: 'hidden' })
  })
})
