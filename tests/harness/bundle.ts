// A page's script with all it imports in one file, by the bundler that makes the server's own pages.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const root = path.resolve(import.meta.dirname, '../..')

interface Bundler {
  rolldown(options: object): Promise<{ generate(options: object): Promise<{ output: { code: string }[] }>; close(): Promise<void> }>
}

/** `entry` from the repository's root. */
export async function bundle(entry: string): Promise<string> {
  const { rolldown } = (await import(pathToFileURL(path.join(root, 'web/node_modules/rolldown/dist/index.mjs')).href)) as Bundler
  const made = await rolldown({
    input: path.join(root, entry),
    platform: 'browser',
    logLevel: 'silent',
    transform: { define: { 'process.env.NODE_ENV': '"development"' } },
  })
  const { output } = await made.generate({ format: 'esm' })
  await made.close()
  return output[0]!.code
}
