// What may be shown of a frame or a body: everything but what proves something. A log is made to be copied and sent.
const kHidden = '•••'
const kConfidential = /^(ticket|nonce|signature|signedMessage|initData|hash|operator|secret|password|proof)$/

const shortened = (text: string) =>
  text
    .replace(/eyJ[\w-]{6,}\.[\w-]*\.[\w-]*/g, (token) => `${token.slice(0, 8)}…${kHidden}`)
    .replace(/gcr1\.([\w-]+)\.([\w-]+)\.(\d+)\.[\w-]*\.[\w-]*/g, (_, key, sid, gen) => `gcr1.${key}.${sid.slice(0, 6)}….${gen}.${kHidden}`)

function hide(name: string, value: unknown): unknown {
  if (kConfidential.test(name) && value !== '') return kHidden
  if (typeof value !== 'string') return value
  // A token that is no JWT, damaged or quoted, is still somebody's.
  const short = shortened(value)
  if (!/^(token|refreshToken)$/.test(name) || value === '' || short !== value) return short
  return `${value.slice(0, 4)}…${kHidden}`
}

/** JSON as it may be shown, on one line. */
export const masked = (value: unknown): string => JSON.stringify(value, hide) ?? ''

/** Text that may be JSON, or several lines of it, as it may be shown. */
export function maskedText(text: string): string {
  const lines = text.split('\n').map((line) => {
    try {
      return masked(JSON.parse(line))
    } catch {
      return shortened(line).replace(/([?&](?:token|ticket)=)[^&\s]+/g, `$1${kHidden}`)
    }
  })
  return lines.join('\n')
}
