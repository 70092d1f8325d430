// The scripts of tests/conformance/ws over the wire: what the decoder makes of bytes, the server must do with them.
//
// A case is run where it says only pings, pongs and how it ends, since text is a command here. Each goes as one write,
// then in two with the cut at every byte (long ones: at a few), each on a connection of its own.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { opcodes, RawWebSocket } from '../harness/raw.ts'
import { startServer } from '../harness/server.ts'

interface Case {
  name: string
  options: Set<string>
  input: Buffer
  expected: string[]
}

function unescape(text: string): Buffer {
  const repeated = text.replace(/\\\{(\d+):([^}]*)\}/g, (_, count, piece) => piece.repeat(Number(count)))
  return Buffer.from(
    repeated.replace(/\\x(..)|\\(.)/g, (_, hex, other) => (hex ? String.fromCharCode(parseInt(hex, 16)) : other)),
    'latin1',
  )
}

/** Hex digits, "text", and [KEY ...] around what is masked with KEY. */
function bytesOf(line: string): Buffer {
  const out: number[] = []
  let key: number[] = []
  let begin = 0
  for (const [token] of line.matchAll(/"(?:\\.|[^"\\])*"|\[[0-9a-f]{8}|\]|[0-9a-f]{2}/gi)) {
    if (token.startsWith('"')) out.push(...unescape(token.slice(1, -1)))
    else if (token.startsWith('[')) {
      key = [...Buffer.from(token.slice(1), 'hex')]
      out.push(...key)
      begin = out.length
    } else if (token === ']') for (let i = begin; i < out.length; i++) out[i]! ^= key[(i - begin) % 4]!
    else out.push(parseInt(token, 16))
  }
  return Buffer.from(out)
}

function load(): Case[] {
  const folder = new URL('../conformance/ws/', import.meta.url)
  const cases: Case[] = []
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt')).sort()) {
    for (const line of readFileSync(new URL(file, folder), 'utf8').split('\n')) {
      const last = cases.at(-1)!
      if (line.startsWith('case ')) {
        cases.push({ name: `${file}: ${line.slice(5)}`, options: new Set(), input: Buffer.alloc(0), expected: [] })
      } else if (line.startsWith('set ')) last.options.add(line.split(' ')[1]!)
      else if (line.startsWith('> ')) last.input = Buffer.concat([last.input, bytesOf(line.slice(2))])
      else if (line.startsWith('< ')) last.expected.push(line.slice(2))
    }
  }
  return cases
}

const codes: Record<string, number> = { ws_protocol: 1002, ws_utf8: 1007, ws_too_big: 1009 }

/** What the server answers to a line of the transcript: a pong, nothing, or a close frame's code. */
function answer(line: string): number | Buffer | undefined {
  const [what, rest = ''] = line.split(/ (.*)/s)
  if (what === 'ping') return /^\d/.test(rest) ? Buffer.alloc(125, 'p') : unescape(rest.slice(1, -1))
  if (what === 'error') return codes[rest.split(':')[0]!]
  // A close without a code, or with one, is answered alike.
  if (what === 'close') return Number(rest.split(' ')[0])
  return undefined
}

function runs(c: Case): boolean {
  if (c.options.size > 0 || c.input.length > 1000) return false
  const ends = c.expected.at(-1) ?? ''
  return /^(error|close) /.test(ends) && c.expected.slice(0, -1).every((line) => /^p[io]ng /.test(line))
}

test('what scripts say of frames, the server does', async (t) => {
  const server = await startServer(t)
  const chosen = load().filter(runs)
  assert(chosen.length > 100, `${chosen.length} cases`)
  const run = async (c: Case, cut: number) => {
    const socket = await RawWebSocket.open(t, server.port)
    socket.raw.send(c.input.subarray(0, cut))
    // What was cut off goes as a packet of its own: the first has been sent before.
    if (cut < c.input.length) await new Promise((done) => setImmediate(done))
    socket.raw.send(c.input.subarray(cut))
    for (const line of c.expected) {
      const due = answer(line)
      if (due === undefined) continue
      const frame = await socket.next()
      const at = `${c.name}, cut at ${cut}`
      if (typeof due !== 'number') {
        assert.deepEqual([frame.opcode, frame.payload.toString('hex')], [opcodes.pong, due.toString('hex')], at)
        continue
      }
      assert.equal(frame.opcode, opcodes.close, at)
      assert.equal(frame.payload.length >= 2 ? frame.payload.readUInt16BE() : 1005, due, at)
    }
    socket.raw.socket.destroy()
  }
  for (const c of chosen) {
    const step = Math.max(1, Math.floor(c.input.length / 4))
    for (let cut = c.input.length; cut > 0; cut -= step) await run(c, cut)
  }
})
