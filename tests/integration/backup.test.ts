// A backup of the running server, put in place on another folder: nobody honest is taken for a thief, and nothing that
// was used up works again.
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { api, assertRefused, get, post } from '../harness/api.ts'
import { command } from '../harness/command.ts'
import { startServer, type Server } from '../harness/server.ts'
import { bot, initData, person, telegramConfig } from '../harness/telegram.ts'
import { until } from '../harness/until.ts'
import { challenge, signIn, trySignIn, Wallet, type Tokens } from '../harness/wallet.ts'

const refresh = (server: Server, { refreshToken }: Tokens) => post(server, '/api/v2/auth/refresh', { refreshToken })

async function renewed(server: Server, tokens: Tokens): Promise<Tokens> {
  const reply = await refresh(server, tokens)
  assert.equal(reply.status, 200, JSON.stringify(reply.body))
  return reply.body
}

async function restored(t: Parameters<typeof startServer>[0], server: Server, file: string, folder: string): Promise<Server> {
  const dir = path.join(server.dir, folder)
  const config = { data: { dir }, session: { grace: '0s' } }
  const done = await command(server, ['restore', file, '--set', `data.dir=${dir}`])
  assert.equal(done.code, 0, done.err)
  return startServer(t, { again: server, config })
}

test('backup under traffic, restore on a new folder: everyone renews, nobody is a thief, no nonce works twice', async (t) => {
  const telegram = bot(7_000_001)
  const server = await startServer(t, { backends: 'own', config: { session: { grace: '0s' }, ...telegramConfig([telegram]) } })
  const wallets = Array.from({ length: 5 }, () => new Wallet())
  const before: Tokens[] = []
  for (const wallet of wallets) before.push(await signIn(server, wallet))
  const used = await challenge(server, wallets[0]!)
  assert.equal((await trySignIn(server, wallets[0]!, used.message)).status, 200)
  // One is issued before and used after the copy: the restored store does not know that it was used.
  const late = await challenge(server, wallets[1]!)

  const file = path.join(server.dir, 'copy.db')
  let stop = false
  const traffic = Array.from({ length: 4 }, async () => {
    let count = 0
    while (!stop) {
      await signIn(server)
      count++
    }
    return count
  })
  const { code, err } = await command(server, ['backup', file])
  stop = true
  const counts = await Promise.all(traffic)
  assert.equal(code, 0, err)
  t.diagnostic(`sign-ins during the backup: ${counts.join(', ')}`)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const twice = await command(server, ['backup', file])
  assert.equal(twice.code, 1)

  assert.equal((await trySignIn(server, wallets[1]!, late.message)).status, 200)
  const initDataBefore = initData(telegram, person(), {}, new Date(Date.now() - 1000))
  const opened = await post(server, '/api/v2/auth/telegram', { initData: initDataBefore })
  assert.equal(opened.status, 200, JSON.stringify(opened.body))
  // After the copy: renewals move two generations on, and one session ends.
  const after = await Promise.all(before.map(async (tokens) => renewed(server, await renewed(server, tokens))))
  await post(server, '/api/v2/auth/logout', {}, after[4]!.token)
  await server.stop()

  const again = await restored(t, server, file, 'elsewhere')
  for (const tokens of after.slice(0, 4)) {
    const next = await renewed(again, tokens)
    assert.equal((await get(again, '/api/v2/auth/check', next.token)).status, 200)
    assert.equal((await get(again, '/api/v2/auth/check', tokens.token)).status, 200)
  }
  const { rows } = (await api(again, 'audit', { kinds: ['store_rewound', 'ended'] })).body.result
  assert.equal(rows.filter(({ kind }: any) => kind === 'store_rewound').length, 4)
  assert.equal(rows.filter(({ code }: any) => code === 'refresh_reuse').length, 0)
  assertRefused(await trySignIn(again, wallets[0]!, used.message), 'nonce_expired')
  assertRefused(await trySignIn(again, wallets[1]!, late.message), 'nonce_expired')
  assertRefused(await post(again, '/api/v2/auth/telegram', { initData: initDataBefore }), 'initdata_expired')
  // Nonces count in seconds: one of the very second of the restore is refused as well.
  await until('a new sign-in', async () => {
    const { message } = await challenge(again, wallets[1]!)
    return (await trySignIn(again, wallets[1]!, message)).status === 200
  })
  const fresh = initData(telegram, person(), {}, new Date(Date.now() + 1000))
  assert.equal((await post(again, '/api/v2/auth/telegram', { initData: fresh })).status, 200)
})

test('restore is refused while the server runs, and for a file that is no backup', async (t) => {
  const server = await startServer(t, { backends: 'own' })
  const tokens = await signIn(server)
  const file = path.join(server.dir, 'copy.db')
  assert.equal((await command(server, ['backup', file])).code, 0)
  const running = await command(server, ['restore', file])
  assert.equal(running.code, 1)
  assert.equal((await get(server, '/api/v2/auth/check', tokens.token)).status, 200)
  await server.stop()
  const none = await command(server, ['restore', path.join(server.dir, 'gatecast.toml')])
  assert.equal(none.code, 1, none.out)
  const good = await command(server, ['restore', file])
  assert.equal(good.code, 0, good.err)
  assert.match(good.out, /restored, 1 users, 1 sessions\n.*kept as (.*)\n/)
  assert(existsSync(/kept as (.*)\n/.exec(good.out)![1]!))
  const again = await startServer(t, { again: server })
  assert.equal((await get(again, '/api/v2/auth/check', tokens.token)).status, 200)
})
