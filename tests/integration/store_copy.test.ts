// From SQLite to PostgreSQL, and PostgreSQL's own backup put in place: sessions go on, what was used stays used.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { api, assertRefused, get, post } from '../harness/api.ts'
import { type Backends, sharedPostgres } from '../harness/backends.ts'
import { gatecast } from '../harness/cli.ts'
import { command } from '../harness/command.ts'
import { type Server, startServer } from '../harness/server.ts'
import { challenge, signIn, type Tokens, trySignIn, Wallet } from '../harness/wallet.ts'

const refresh = (server: Server, { refreshToken }: Tokens) => post(server, '/api/v2/auth/refresh', { refreshToken })
async function renewed(server: Server, tokens: Tokens): Promise<Tokens> {
  const reply = await refresh(server, tokens)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}
async function onPostgres(): Promise<Backends> {
  const postgres = await sharedPostgres()
  const database = await postgres.database()
  return { postgres, database, config: { store: { url: postgres.url(database) } } }
}
const events = async (server: Server, after: number) => (await api(server, 'events', { after, limit: 100 })).body.result

test('store copy: sign-ins, renewals, endings, grants and events go on in PostgreSQL', async (t) => {
  const server = await startServer(t, { backends: 'own', config: { session: { grace: '0s' } } })
  const wallets = [new Wallet(), new Wallet(), new Wallet()]
  const tokens: Tokens[] = []
  for (const wallet of wallets) tokens.push(await signIn(server, wallet))
  const used = await challenge(server, wallets[0]!)
  assert.equal((await trySignIn(server, wallets[0]!, used.message)).status, 200)
  tokens[0] = await renewed(server, tokens[0]!)
  await post(server, '/api/v2/auth/logout', {}, tokens[2]!.token)
  const user = tokens[0]!.user.id
  assert.equal((await api(server, 'grant_add', { user, resource: 'post:1', key: 'order' })).status, 200)
  assert.equal((await api(server, 'notify', { user, kind: 'like', data: { a: 1 }, key: 'once' })).status, 200)
  const feed = await events(server, 0)
  const to = await onPostgres()
  const url = to.postgres.url(to.database)

  const locked = await command(server, ['store', 'copy', '--to', url])
  assert.equal(locked.code, 1)
  assert.match(locked.err, /data folder in use/)
  await server.stop()
  const dry = await command(server, ['store', 'copy', '--to', url, '--dry-run'])
  assert.equal(dry.code, 0, dry.err)
  const copied = await command(server, ['store', 'copy', '--to', url])
  assert.equal(copied.code, 0, copied.err)
  assert.match(copied.out, /sessions +4/)
  assert(!(copied.out + copied.err).includes(to.postgres.password))
  assert.equal((await command(server, ['store', 'copy', '--to', url])).code, 1)

  const again = await startServer(t, { again: server, config: to.config })
  tokens[0] = await renewed(again, tokens[0]!)
  tokens[1] = await renewed(again, tokens[1]!)
  assert.equal((await get(again, '/api/v2/auth/check', tokens[1]!.token)).status, 200)
  assertRefused(await get(again, '/api/v2/auth/check', tokens[2]!.token), 'signed_out')
  assert.notEqual((await refresh(again, tokens[2]!)).status, 200)
  assertRefused(await trySignIn(again, wallets[0]!, used.message), 'nonce_used')
  assert.equal((await signIn(again, wallets[1]!)).user.id, tokens[1]!.user.id)
  const grants = (await api(again, 'grants', { user })).body.result
  assert.equal(grants.grants.length, 1)
  assert.equal((await api(again, 'notify', { user, kind: 'like', data: { a: 1 }, key: 'once' })).status, 200)
  const more = await events(again, 0)
  assert.deepEqual(more.events.slice(0, feed.events.length), feed.events)
  assert(more.events.length > feed.events.length)

  await t.test('the doctor looks at PostgreSQL', () => {
    const visit = gatecast(['doctor', '--json', '--config', path.join(again.dir, 'gatecast.toml')])
    const checks = JSON.parse(visit.out).checks as { id: string; level: string; seen: string }[]
    const level = (id: string) => checks.find((check) => check.id === id)?.level
    assert.deepEqual(['store.open', 'store.schema', 'store.clock'].map(level), ['ok', 'ok', 'ok'], visit.out)
    assert.equal(level('store.durable'), 'ok')
    assert(!visit.out.includes(to.postgres.password))
  })
  await t.test('backup and restore say what PostgreSQL has for it', async () => {
    assert.match((await command(again, ['backup', path.join(again.dir, 'x.db')])).err, /pg_dump/)
  })
})

test('store restored: after pg_restore nobody is a thief, and proofs from before are refused', async (t) => {
  const on = await onPostgres()
  const server = await startServer(t, { backends: on, config: { session: { grace: '0s' } } })
  const wallet = new Wallet()
  let tokens = await signIn(server, wallet)
  const late = await challenge(server, wallet)
  const tool = (name: string, args: string[]) => {
    const done = spawnSync(name, args, { encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
  }
  const url = on.postgres.url(on.database)
  const file = path.join(server.dir, 'copy.dump')
  tool('pg_dump', ['--format=custom', '--schema=gatecast', `--file=${file}`, url])
  assert.equal((await trySignIn(server, wallet, late.message)).status, 200)
  tokens = await renewed(server, await renewed(server, tokens))
  const inUse = gatecast([
    'store',
    'restored',
    '--config',
    path.join(server.dir, 'gatecast.toml'),
    '--set',
    `data.dir=${path.join(server.dir, 'other')}`,
  ])
  assert.equal(inUse.code, 1)
  assert.match(inUse.err, /the database is in use/)
  await server.stop()

  await on.postgres.psql('DROP SCHEMA gatecast CASCADE', on.database)
  tool('pg_restore', [`--dbname=${url}`, file])
  const marked = await command(server, ['store', 'restored'])
  assert.equal(marked.code, 0, marked.err)
  const again = await startServer(t, { again: server })
  tokens = await renewed(again, tokens)
  assert.equal((await get(again, '/api/v2/auth/check', tokens.token)).status, 200)
  assertRefused(await trySignIn(again, wallet, late.message), 'nonce_expired')
  const { rows } = (await api(again, 'audit', { kinds: ['store_rewound', 'store_restored'] })).body.result
  assert.deepEqual(rows.map(({ kind }: any) => kind), ['store_rewound', 'store_restored'])
  assert(rows[1].seq > 1_000_000_000)
})
