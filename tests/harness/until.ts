// Waiting for a condition. The bound is a failure, never the normal way on.
import { setTimeout as pause } from 'node:timers/promises'

const kPollMs = 5

/** Resolves with the first truthy value of `condition`; fails with `what` when there is none in time. */
export async function until<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  limitMs = 20_000,
): Promise<NonNullable<Value>> {
  const end = Date.now() + limitMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await pause(kPollMs)
  }
}

/** Judges again until nothing is wrong; after that time what was wrong at last. */
export async function untilRight<Value>(judge: () => Promise<Value>, limitMs = 20_000): Promise<Value> {
  const end = Date.now() + limitMs
  for (;;) {
    try {
      return await judge()
    } catch (error) {
      if (Date.now() > end) throw error
    }
    await pause(kPollMs)
  }
}

/** The promise's value, or a failure that says what did not happen. */
export async function within<Value>(what: string, promise: Promise<Value>, limitMs = 20_000): Promise<Value> {
  const timer = new AbortController()
  const late = pause(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${limitMs} ms in vain: ${what}`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}
