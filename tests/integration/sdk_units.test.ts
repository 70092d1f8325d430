// The parts of the package `gatecast` that decide without a server: which token is newer, when it is renewed, who may.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { codes } from '../../sdk/gatecast/src/codes.ts'
import { Age } from '../../sdk/gatecast/src/age.ts'
import { base64, hex } from '../../sdk/gatecast/src/bytes.ts'
import { Emitter } from '../../sdk/gatecast/src/emitter.ts'
import { codeOfClose, endsSession, errorOfReply, GatecastError } from '../../sdk/gatecast/src/errors.ts'
import { Grants, type Grant, type GrantChange, type Snapshot } from '../../sdk/gatecast/src/grants.ts'
import { backoffMs, Http, retryAfterMs } from '../../sdk/gatecast/src/http.ts'
import { leaseLock, webLock } from '../../sdk/gatecast/src/lock.ts'
import { memoryStorage } from '../../sdk/gatecast/src/storage.ts'
import { generationOf, heldOf, isEnded, isNewer, leadOf, storedIn, type Held } from '../../sdk/gatecast/src/tokens.ts'
import { until } from '../harness/until.ts'

const jwt = (claims: object) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`
const refresh = (generation: number) => `gcr1.s1.sid.${generation}.secret.mac`

const held = (over: Partial<Held> = {}): Held => ({
  v: 1, token: 'a', life: 600, receivedAt: 0, expiresAt: '2030-01-01T00:10:00Z', refreshToken: refresh(1), session: 's', user: { id: 'u' }, ...over,
})

describe('tokens', () => {
  test('a token is renewed an hour before its end where it lives for days, five minutes where for less, a fifth where for seconds', () => {
    assert.deepEqual([7 * 86_400, 86_400, 86_399, 1800, 1500, 600, 10].map((life) => leadOf(life)), [3600, 3600, 300, 300, 300, 120, 2])
    assert.equal(leadOf(600, 60), 60)
    assert.equal(leadOf(10, 60), 5, 'never before half of its life')
  })

  test('the later generation is newer, also where its token ends earlier; within one that which ends later', () => {
    const [old, late] = [held(), held({ refreshToken: refresh(2), expiresAt: '2029-01-01T00:00:00Z' })]
    assert(isNewer(late, old) && !isNewer(old, late))
    const again = held({ expiresAt: '2030-01-01T00:10:01Z' })
    assert(isNewer(again, old) && !isNewer(old, again))
    const second = held({ receivedAt: 1 })
    assert(isNewer(second, old) && !isNewer(old, second), 'made in one second: that which came later')
    assert(!isNewer(old, held()), 'nothing is newer than itself')
    assert(isNewer(held({ refreshToken: refresh(10) }), held({ refreshToken: refresh(9) })), 'as numbers, not as text')
    assert.deepEqual([undefined, '', 'x.y.z.4', 'gcr1.k.s.many.x.y', refresh(12)].map(generationOf), [0, 0, 0, 0, 12])
  })

  test('what a back end gives may be a token alone: its own claims say the rest, by its own clock', () => {
    const { life, expiresAt, session, user } = heldOf({ token: jwt({ sub: 'ann', sid: 'S', iat: 1000, exp: 1600 }) }, undefined, 5e12)
    assert.deepEqual([life, expiresAt, session, user], [600, '1970-01-01T00:26:40.000Z', 'S', { id: 'ann' }])
    const renewed = heldOf({ token: jwt({ sub: 'ann', sid: 'S' }), expiresIn: 9 }, held({ user: { id: 'ann', nickname: 'Ann' }, session: 'S' }))
    assert.deepEqual([renewed.life, renewed.user.nickname, renewed.refreshToken], [9, 'Ann', refresh(1)])
  })

  test('a machine that slept, and a clock that was set back: the longer time counts', (t) => {
    const at = Date.now()
    const clock = t.mock.method(Date, 'now', () => at)
    const age = new Age(held({ receivedAt: at, life: 1800, expiresAt: '2030-01-01T00:30:00Z' }), true)
    assert(age.remainingMs > 1_799_000 && age.quietMs > 29_000)
    assert(Math.abs(age.serverNow - Date.parse('2030-01-01T00:00:00Z')) < 1000)
    // Asleep for an hour: the steady clock stood still.
    clock.mock.mockImplementation(() => at + 3_600_000)
    assert(age.remainingMs < 0)
    clock.mock.mockImplementation(() => at - 3_600_000)
    assert(age.remainingMs > 1_799_000 && age.ms >= 0, 'what has passed since is known by the steady clock')
    assert(new Age(held({ receivedAt: at, life: 1800 }), false).remainingMs < 0, 'read from the storage nothing says how old it is')
  })

  test('only what has the form of a session is taken from a storage', () => {
    const whole = JSON.stringify(held())
    assert.deepEqual(storedIn(whole), held())
    for (let cut = 0; cut < whole.length; cut += 1) assert.equal(storedIn(whole.slice(0, cut)), null)
    for (const member of ['v', 'token', 'life', 'receivedAt', 'expiresAt', 'session', 'user'] as const) {
      const { [member]: _, ...rest } = held()
      assert.equal(storedIn(JSON.stringify(rest)), null, member)
    }
    assert(isEnded(storedIn('{"v":1,"ended":"s","code":"signed_out","message":""}')))
    assert.equal(storedIn('{"v":1,"ended":"s","code":"made_up"}'), null)
  })

  test('bytes as the server and wallets write them', () => {
    assert.equal(base64(Uint8Array.from([251, 255, 0])), '+/8A')
    assert.equal(hex(Uint8Array.from([251, 0, 9])), '0xfb0009')
  })
})

describe('failures', () => {
  test('Retry-After in seconds and as a date', () => {
    const now = Date.parse('2030-01-01T00:00:00Z')
    assert.deepEqual([null, '', '0', '7', 'Tue, 01 Jan 2030 00:00:09 GMT', 'Mon, 31 Dec 2029 00:00:00 GMT', 'soon'].map((text) => retryAfterMs(text, now)), [undefined, undefined, 0, 7000, 9000, 0, undefined])
  })

  test('the wait grows, has an end, and is spread', () => {
    assert.deepEqual([1, 2, 3, 7, 50].map((n) => backoffMs(n, 1)), [1000, 2000, 4000, 60_000, 60_000])
    assert.deepEqual([1, 50].map((n) => backoffMs(n, 0)), [500, 30_000])
  })

  test('every code of the registry has its words; a code that a newer server made up keeps its name', () => {
    for (const [name, info] of Object.entries(codes)) {
      const error = new GatecastError(name as keyof typeof codes)
      assert.deepEqual([error.message, error.cure, error.temporary, error.needNewToken], [info.message, info.cure, info.temporary, info.needNewToken])
    }
    assert.deepEqual({ ...new GatecastError('tomorrow' as 'internal') }.code, 'tomorrow')
  })

  test('close codes 4501 to 4507 are the endings of a session, and no other code is', () => {
    const endings = Object.entries(codes).flatMap(([name, { close }]) => (close > 4500 ? [[close, name] as const] : []))
    assert.equal(endings.length, 7)
    for (const [close, name] of endings) {
      assert.equal(codeOfClose(close, codes[name as keyof typeof codes].message), name)
      assert(endsSession(name as keyof typeof codes))
    }
    assert(!endsSession('token_expired') && !endsSession('rate_limited') && !endsSession('network'))
    assert.equal(errorOfReply(103, codes.grant_missing.message).code, 'grant_missing')
    assert.equal(errorOfReply(103, codes.permission_denied.message).code, 'permission_denied')
    assert.equal(errorOfReply(1, 'timeout').code, 'not_connected')
  })

  test('an answer that is no gatecast\'s is told by its status, the address keeps its base path', async () => {
    const answers: [number, string, string][] = [[502, '<html>', 'temporarily_unavailable'], [429, '', 'rate_limited'], [404, '<html>', 'unexpected_reply'], [200, '<html>', 'unexpected_reply'], [200, 'null', 'unexpected_reply']]
    for (const [status, body, code] of answers) {
      const asked: string[] = []
      const http = new Http('https://app.example/auth?x#y', async (url) => (asked.push(String(url)), new Response(body, { status })))
      await assert.rejects(http.call('GET', '/api/v2/auth/check'), { code, status })
      assert.deepEqual(asked, ['https://app.example/auth/api/v2/auth/check'])
      assert.equal(http.websocketUrl, 'wss://app.example/auth/connection/websocket')
    }
  })

  test('a listener that throws keeps nobody else from hearing', () => {
    const failures: unknown[] = []
    const heard: number[] = []
    const events = new Emitter<{ count: number }>((error) => failures.push(error))
    events.on('count', () => {
      throw new Error('mine')
    })
    const undo = events.on('count', (n) => heard.push(n))
    events.tell('count', 1)
    undo()
    undo()
    events.tell('count', 2)
    assert.deepEqual([heard, failures.length], [[1], 2])
  })
})

describe('locks', () => {
  /** Runs that overlap would be seen as two inside at once. */
  async function mostInside(run: (work: () => Promise<void>) => Promise<void>[]): Promise<number> {
    let [inside, most] = [0, 0]
    await Promise.all(run(async () => {
      most = Math.max(most, ++inside)
      await pause(5)
      inside--
    }))
    return most
  }

  test('the lease lets one in at a time, and a lease that ran out stops nobody', async () => {
    const storage = memoryStorage()
    const tabs = Array.from({ length: 4 }, () => leaseLock('k', storage))
    assert.equal(await mostInside((work) => tabs.map((tab) => tab.run(work))), 1)
    assert.equal(await storage.getItem('k'), null, 'the lease is given back')
    for (const until of [Date.now() - 1, Date.now() + 1e9]) {
      await storage.setItem('k', JSON.stringify({ owner: 'dead', until }))
      const began = Date.now()
      await tabs[0]!.run(async () => {})
      assert(Date.now() - began < 1000, 'a lease that has ended, or ends later than any could, is nobody\'s')
    }
  })

  test('a holder that never lets go is waited for a while, then passed', async () => {
    const storage = memoryStorage()
    await storage.setItem('k', JSON.stringify({ owner: 'frozen', until: Date.now() + 7000 }))
    assert.equal(await leaseLock('k', storage, 200).run(async () => 'in'), 'in')
    const frozen = {
      request: (_: string, { signal, ifAvailable }: LockOptions, work: (lock: unknown) => unknown) =>
        ifAvailable ? work(null) : new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
    }
    assert.equal(await webLock('k', frozen as unknown as LockManager, 50).run(async () => 'in'), 'in')
  })

  test('who had to wait for it is told so', async () => {
    const told: boolean[] = []
    const note = async (waited: boolean) => void told.push(waited)
    const slow = async (waited: boolean) => {
      await note(waited)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const storage = memoryStorage()
    await Promise.all([leaseLock('k', storage).run(slow), leaseLock('k', storage).run(slow)])
    assert.deepEqual(told.splice(0), [false, true])
    let free = Promise.resolve()
    let held = 0
    const manager = {
      request: (_: string, { ifAvailable }: LockOptions, work: (lock: unknown) => unknown) => {
        if (ifAvailable && held > 0) return work(null)
        held += 1
        const done = free.then(() => work({})).finally(() => (held -= 1))
        free = done.then(() => {})
        return done
      },
    } as unknown as LockManager
    await Promise.all([webLock('told', manager).run(slow), webLock('told', manager).run(slow)])
    assert.deepEqual(told, [false, true])
  })

  test('what fails inside fails once, and is not run again without the lock', async () => {
    const granting = { request: (_: string, __: LockOptions, work: (lock: unknown) => unknown) => work({}) }
    let runs = 0
    const failing = () => (runs++, Promise.reject(new Error('mine')))
    await assert.rejects(webLock('k', granting as unknown as LockManager).run(failing), /mine/)
    assert.equal(runs, 1)
  })
})

describe('grants', () => {
  const grant = (id: string, over: Partial<Grant> = {}): Grant => ({ id, resource: `post:${id}`, from: '2020-01-01T00:00:00Z', meta: {}, ...over })

  function known(answers: Snapshot[], now = () => Date.parse('2026-01-01T00:00:00Z')) {
    const asked: number[] = []
    const heard: GrantChange[] = []
    const load = async (version: number) => (asked.push(version), answers.shift()!)
    const grants = new Grants({ load, now, want: () => {}, signedIn: () => true, ready: async () => {}, report: (error) => assert.fail(error) })
    return { grants, asked, heard, listen: () => grants.on((change) => heard.push(change)) }
  }

  test('pushes in order are taken; one of before changes nothing; a gap asks for the whole', async (t) => {
    const { grants, asked, heard, listen } = known([{ version: 3, grants: [grant('1')] }, { version: 9, grants: [grant('9')] }])
    t.after(() => grants.close())
    listen()
    await until('the list', () => grants.loaded)
    grants.affair({ type: 'grant.added', version: 4, grant: grant('2') })
    grants.affair({ type: 'grant.added', version: 4, grant: grant('x') })
    grants.affair({ type: 'grant.removed', version: 5, grant: grant('1'), reason: 'expired' })
    grants.affair({ type: 'grant.removed', version: 2, grant: grant('2') })
    assert.deepEqual([grants.version, grants.list().map(({ id }) => id), asked], [5, ['2'], [-1]])
    grants.affair({ type: 'grant.added', version: 9, grant: grant('9') })
    await until('the gap to be filled', () => grants.version === 9)
    assert.deepEqual([grants.list().map(({ id }) => id), asked], [['9'], [-1, 5]])
    assert.deepEqual(heard.map(({ type }) => type), ['loaded', 'added', 'removed', 'loaded'])
  })

  test('an answer that a push has overtaken is dropped; what a new connection says is not', async (t) => {
    const { grants } = known([{ version: 3, grants: [] }])
    t.after(() => grants.close())
    grants.welcome({ version: 7, grants: [grant('1')] })
    await grants.load()
    assert.equal(grants.version, 7)
    grants.welcome({ version: 4, grants: [] })
    assert.deepEqual([grants.version, grants.list()], [4, []])
  })

  test('held from its beginning to its end, by the server\'s clock, told when the moment comes', async (t) => {
    let now = Date.parse('2026-01-01T00:00:00Z')
    const real = Date.now()
    const { grants } = known([], () => now + Date.now() - real)
    t.after(() => grants.close())
    const at = (ms: number) => new Date(now + ms).toISOString()
    grants.welcome({ version: 1, grants: [grant('1', { until: at(300) }), grant('2', { from: at(60_000) }), grant('3', { until: at(-1) })] })
    assert.deepEqual(['post:1', 'post:2', 'post:3', 'post:4'].map((resource) => grants.has(resource)), [true, false, false, false])
    const told: boolean[] = []
    grants.watch('post:1', (has) => told.push(has))
    await until('the end to be told', () => told.length === 2)
    assert.deepEqual(told, [true, false])
    now += 60_000
    assert(grants.has('post:2'))
  })

  test('watch says nothing until it is known, then once for each change, and nothing once undone', async (t) => {
    const { grants } = known([{ version: 1, grants: [] }])
    t.after(() => grants.close())
    const told: boolean[] = []
    const undo = grants.watch('post:1', (has) => told.push(has))
    assert.deepEqual(told, [])
    await until('the first word', () => told.length)
    grants.affair({ type: 'grant.added', version: 2, grant: grant('2') })
    grants.affair({ type: 'grant.added', version: 3, grant: grant('1') })
    grants.affair({ type: 'grant.added', version: 4, grant: { ...grant('1'), id: 'again' } })
    grants.affair({ type: 'grant.removed', version: 5, grant: grant('1') })
    assert.deepEqual(told, [false, true])
    grants.affair({ type: 'grant.removed', version: 6, grant: { ...grant('1'), id: 'again' } })
    undo()
    grants.reset()
    assert.deepEqual(told, [false, true, false])
  })
})
