// /test/jwt-debug: any token, and everything that can be said of it by the page, by public routes, and by the doctor.
import { explainName } from '../explain.ts'
import { clocks, inWords, kClockToleranceMs } from './clock.ts'
import { codesSection } from './codes_table.ts'
import { Diagnosis, type Finding } from './diagnosis.ts'
import { area, field, section } from './dom.ts'
import { call, demand } from './http.ts'
import { logSection } from './log.ts'
import { checkWithPublishedKey } from './published_key.ts'
import { logOut, SignIn } from './signin.ts'
import { tab } from './tab.ts'
import { bare, decode, generationOf, timeOf } from './token.ts'
import { tokenSection } from './token_panel.ts'
import { Action, allOf, bad, explained, good, need, warn, type Said } from './verdict.ts'

const kMinuteMs = 60_000
const kHourMs = 60 * kMinuteMs

const signIn = new SignIn()
const diagnosis = new Diagnosis()
const [tokenField, input] = area('token', 'Token to examine', { rows: '5', placeholder: 'eyJ…' })
const [operatorField, operator] = field('operator', 'Operator’s token, for findings about keys', { type: 'password' })

function given(): string {
  if (input.value.trim() === '') throw need('paste a token, or take the one of this tab')
  return input.value
}

/** Near a whole number of hours: somebody took local time for UTC. */
function zoneHint(ms: number): string {
  const hours = Math.round(ms / kHourMs)
  return hours >= 1 && Math.abs(ms - hours * kHourMs) < 2 * kMinuteMs ? ' That is a whole number of hours: a time zone is wrong.' : ''
}

function readForm(): Said {
  const text = given()
  if (generationOf(bare(text)) !== undefined) return bad('that is a refresh token', 'Only the renewal takes it; the access token goes everywhere else.')
  const decoded = decode(text)
  if (!decoded) return bad('it cannot be read', 'A token has three parts of base64url with dots between; copy all of it.')
  const { alg, kid } = decoded.header
  const unclean = bare(text) !== text.trim() ? 'There is something around it: quotes, or the word Bearer.' : ''
  const said = `${String(alg)}, key ${String(kid ?? '–')}, of ${String(decoded.claims['iss'] ?? 'nobody')}, for ${String(decoded.claims['aud'] ?? 'nobody')}`
  return unclean ? warn(said, unclean) : good(said)
}

async function compareClocks(): Promise<Said> {
  await call('POST', 'api/v2/auth/validate', { body: { token: 'x' } })
  const apart = clocks.difference
  if (apart === undefined) return warn('the server’s answer has no Date', 'A proxy takes it out; the clocks cannot be compared.')
  const claims = decode(given())?.claims
  const [exp, iat] = [timeOf(claims, 'exp'), timeOf(claims, 'iat')]
  const findings: Finding[] = []
  const off = Math.abs(apart) > kClockToleranceMs
  findings.push(off
    ? { id: 'device_clock', verdict: 'wrong', text: `This device’s clock is ${inWords(apart)} ${apart > 0 ? 'behind' : 'ahead of'} the server’s.${zoneHint(Math.abs(apart))}`,
        cure: 'Let the device set its time by itself; a page that goes by its own clock renews too early or too late.' }
    : { id: 'device_clock', verdict: 'ok', text: 'This device’s clock and the server’s agree.' })
  if (iat !== undefined && iat > clocks.server() + kMinuteMs) {
    const ahead = iat - clocks.server()
    findings.push({ id: 'issuer_clock', verdict: 'wrong', text: `The token was made ${inWords(ahead)} from now.${zoneHint(ahead)}`,
      cure: 'Set the clock of the machine that made it; times in tokens are seconds since 1970 in UTC.' })
  }
  diagnosis.set('clock', findings)
  const rest = exp === undefined ? '' : exp > clocks.server() ? `; the token is good for ${inWords(exp - clocks.server())} more` : `; the token expired ${inWords(exp - clocks.server())} ago`
  const wrong = findings.find(({ verdict }) => verdict === 'wrong')
  return wrong ? bad(wrong.text, wrong.cure) : good(`the clocks agree${rest}`)
}

async function ask(method: string, path: string): Promise<Said> {
  const token = given()
  const validate = path.endsWith('validate')
  const reply = await call(method, path, validate ? { body: { token } } : { token: bare(token) })
  const { valid, authenticated, code, error = '', requestId } = reply.body
  if (reply.ok && (valid || authenticated)) {
    diagnosis.set(path, [])
    return good(`taken, ${reply.body.expiresIn} s left`, `${reply.ms.toFixed(0)} ms`)
  }
  const said = explained(explainName(code ?? `http_${reply.status}`, error), requestId)
  diagnosis.set(path, [{ id: code ?? 'refused', verdict: 'wrong', text: `${validate ? 'Validation' : 'A call'} is refused: ${said.text}.`, cure: said.more ?? '' }])
  return said
}

async function askDoctor(): Promise<Said> {
  const secret = operator.value.trim()
  const { body } = await demand('POST', 'test/token-doctor', { body: { token: given(), ...(secret ? { operator: secret } : {}) } })
  diagnosis.set('doctor', body.findings as Finding[])
  const expected = `The server is ${body.server.issuer} and takes tokens for ${body.server.audience || 'anybody'}.`
  const keys = body.operator ? '' : secret ? 'That operator’s token is not known here: findings about keys are left out.' : 'Findings about keys need an operator’s token.'
  const more = [expected, keys].filter(Boolean).join(' ')
  if (body.good) return good('nothing is wrong with it', more)
  const wrong = (body.findings as Finding[]).filter(({ verdict }) => verdict === 'wrong')
  return bad(wrong.map(({ text }) => text).join(' ') || 'it is refused', more)
}

const take = new Action('take-own', 'Take this tab’s', 'Puts the token of this tab into the field.', () => {
  if (!tab.current) throw need('sign in first')
  input.value = tab.current.token
  diagnosis.clear()
  return good('taken')
}, true)
const steps = [
  new Action('read-form', 'Read it', 'Its parts, without asking anybody.', readForm, true),
  new Action('compare-clocks', 'Compare clocks', 'This device’s clock, the token’s times, and the server’s Date.', compareClocks, true),
  new Action('check-signature', 'Check the signature', 'In this browser, with the keys the server publishes.', () => checkWithPublishedKey(given()), true),
  new Action('ask-validate', 'Validate', 'POST /api/v2/auth/validate: is it good?', () => ask('POST', 'api/v2/auth/validate'), true),
  new Action('ask-check', 'Call with it', 'GET /api/v2/auth/check, as any call with a bearer token.', () => ask('GET', 'api/v2/auth/check'), true),
  new Action('ask-doctor', 'Ask the doctor', 'Everything that is wrong with it, in one answer.', askDoctor, true),
]
const all = allOf('diagnose', 'Examine', 'All of the steps below; every finding is listed, the worst first.', steps, true)
const end = new Action('logout', 'Log out', 'Ends the session of this tab’s token. Examine it again, and see why it is refused.', () => logOut())

input.addEventListener('input', () => diagnosis.clear())
document.getElementById('main')?.append(
  signIn.element,
  tokenSection(),
  section('examine', 'Examine a token', 'Yours or one you paste: what is wrong with it, and what to do.',
    tokenField, operatorField, take.element, all.element, diagnosis.element, ...steps.map(({ element }) => element)),
  section('end', 'End the session', 'A token is as good as its session.', end.element),
  codesSection(),
  logSection(),
)
