// The doctor at the command line: tokens as people send them, and what it says of each.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { gatecast } from '../harness/cli.ts'
import { onEnd } from '../harness/scope.ts'

const secret = randomBytes(36).toString('base64')

function signed(key: string) {
  const jwt = new SignJWT({ sid: 'A'.repeat(38), gen: 1, jti: 'j', sub: 'u' }).setProtectedHeader({ alg: 'HS256', kid: 'h', typ: 'at+jwt' })
  return jwt.setIssuer('doc.example').setAudience('doc').setIssuedAt().setExpirationTime('10m').sign(new TextEncoder().encode(key))
}

test('mistakes are named, all at once, and no key is printed', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'gatecast-doctor-'))
  onEnd(t, () => rmSync(dir, { recursive: true, force: true }))
  const config = path.join(dir, 'gatecast.toml')
  writeFileSync(
    config,
    `[data]\ndir = "${dir}/data"\n[token]\nissuer = "doc.example"\naudience = "doc"\n` +
      `[[token.key]]\nkid = "h"\nalgorithm = "HS256"\nsecret = "${secret}"\n` +
      `[[session.key]]\nsecret = "${randomBytes(36).toString('base64')}"\n`,
  )
  const examine = (token: string, env = {}) => {
    const outcome = gatecast(['token', 'doctor', '-', '--config', config], token, env)
    assert(!(outcome.out + outcome.err).includes(secret), 'a key was printed')
    return outcome
  }
  const good = examine(await signed(secret))
  assert.equal(good.code, 0, good.out)
  assert.match(good.out, /^ok +signature: /m)

  const found = (token: string, env = {}) => {
    const { code, out } = examine(token, env)
    assert.equal(code, 1, out)
    return [...out.matchAll(/^(?:wrong|warn) +(\w+): /gm)].map((match) => match[1])
  }
  assert.deepEqual(found(await signed(`"${secret}"`)), ['signature', 'secret_quoted_double'])
  assert.deepEqual(found(await signed(`${secret}\n`)), ['signature', 'secret_trailing_newline'])
  assert.deepEqual(found(await signed('your-256-bit-secret')), ['signature', 'secret_default'])
  assert.deepEqual(found(await signed('of the application'), { JWT_SECRET: 'of the application' }), ['signature', 'secret_other'])
  assert.deepEqual(found(`Bearer "${await signed(secret)}"`), ['form_quotes', 'form_bearer'])
  assert.deepEqual(found('gcr1.x'), ['form_refresh_token'])
})
