import path from 'node:path'
import type { NextConfig } from 'next'

const headers = [
  { key: 'Content-Security-Policy', value: "frame-ancestors 'none'; object-src 'none'; base-uri 'self'; form-action 'self'" },
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'Referrer-Policy', value: 'no-referrer' },
]

const config: NextConfig = {
  poweredByHeader: false,
  headers: async () => [{ source: '/:path*', headers }],
  // The three packages are links into this repository, outside of this folder. From npm this is not needed.
  turbopack: { root: path.resolve(import.meta.dirname, '../..') },
  experimental: { useTypeScriptCli: true },
}

export default config
