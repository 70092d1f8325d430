// finish_lock.mjs LOCK-FILE: what npm leaves to be done after it has written a lock file.
//
// Addresses of sponsors go, so that "no lock file has an address" is a check without exceptions. Optional packages for
// systems that this is not built on come in where the registry in use does not serve them: `npm ci` wants every one of
// them in the file, and fetches none of them.
import { readFileSync, writeFileSync } from 'node:fs'

const [file] = process.argv.slice(2)
const lock = JSON.parse(readFileSync(file, 'utf8'))

for (const entry of Object.values(lock.packages)) {
  delete entry.funding
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const [, os, cpu] = /-(darwin|win32)-(arm64|ia32|x64)\b/.exec(name) ?? []
    const place = `node_modules/${name}`
    if (!os || lock.packages[place] || !/^\d/.test(version)) continue
    lock.packages[place] = { version, cpu: [cpu], optional: true, os: [os] }
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, JSON.stringify(lock, null, 2) + '\n')
