// A certificate authority of its own for a test, by the `openssl` command.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { X509Certificate } from 'node:crypto'
import { onEnd, type Scope } from './scope.ts'

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
const kCurve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export interface Files {
  cert: string
  key: string
}

export class Authority {
  readonly dir: string
  readonly file: string
  #issued = 0

  constructor(scope: Scope) {
    this.dir = mkdtempSync(path.join(tmpdir(), 'gatecast-ca-'))
    onEnd(scope, () => rmSync(this.dir, { recursive: true, force: true }))
    this.file = path.join(this.dir, 'ca.pem')
    openssl('req', '-x509', ...kCurve, '-keyout', this.#key, '-out', this.file, '-days', '30', '-subj', '/CN=tests')
  }

  get #key(): string {
    return path.join(this.dir, 'ca.key')
  }
  /** As tls.connect takes it. */
  get ca(): string {
    return readFileSync(this.file, 'utf8')
  }

  /** A certificate for localhost; `days` below 0: it has ended. */
  issue(days = 30): Files {
    const at = path.join(this.dir, `${this.#issued++}`)
    const files = { cert: `${at}.pem`, key: `${at}.key` }
    openssl('req', '-new', ...kCurve, '-keyout', files.key, '-out', `${at}.csr`, '-subj', `/CN=server ${this.#issued}`)
    writeFileSync(`${at}.ext`, 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
    openssl('x509', '-req', '-in', `${at}.csr`, '-CA', this.file, '-CAkey', this.#key, '-out', files.cert, '-days', `${days}`, '-extfile', `${at}.ext`)
    return files
  }
}

export const fingerprintOf = (file: string): string => new X509Certificate(readFileSync(file)).fingerprint256
