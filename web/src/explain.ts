// The sentences behind codes: by the stable name (HTTP), by close code (connection), by reply number (command).
import { codes, type CodeInfo } from '../../sdk/gatecast/src/codes.ts'

export interface Explanation {
  code: string
  message: string
  cure: string
}

const all: [string, CodeInfo][] = Object.entries(codes)

export function explainName(code: string, message = ''): Explanation {
  const found = all.find(([name]) => name === code)
  return found ? { code, message: found[1].message, cure: found[1].cure } : { code, message, cure: '' }
}

/** Several codes share one number; the text on the wire tells them apart. */
function explainNumber(number: number, message: string, of: 'close' | 'reply'): Explanation {
  const same = all.filter(([, info]) => info[of] === number)
  const found = same.find(([, info]) => info.message === message) ?? same[0]
  return { code: found?.[0] ?? String(number), message, cure: found?.[1].cure ?? '' }
}

export const explainClose = (number: number, reason: string) => explainNumber(number, reason, 'close')
export const explainReply = (number: number, message: string) => explainNumber(number, message, 'reply')
