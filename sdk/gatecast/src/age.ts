// How old a token is, by both clocks of the machine: one stands still while it sleeps, the other may be set back. The longer
// time is the safe one, since a token taken for older than it is costs a renewal and nothing else.
import type { Held } from './tokens.ts'

/** Automatic renewals keep this distance from the answer before; the server's grace is as long. */
const kQuietMs = 30_000
const kClockStepMs = 1000

export class Age {
  readonly #held: Held
  /** performance.now() when the token came; -Infinity where the clocks do not say. */
  readonly #since: number

  /** `fresh`: it comes from the server, not from the storage. */
  constructor(held: Held, fresh: boolean) {
    const age = fresh ? 0 : Date.now() - held.receivedAt
    this.#held = held
    // Received in the future: the clock was set back since, and nothing says how old it is.
    this.#since = age < -kClockStepMs ? -Infinity : performance.now() - Math.max(age, 0)
  }

  get ms(): number {
    return Math.max(Date.now() - this.#held.receivedAt, performance.now() - this.#since)
  }

  get remainingMs(): number {
    return this.#held.life * 1000 - this.ms
  }

  /** Until it may be renewed without anybody having asked. */
  get quietMs(): number {
    return Math.min(kQuietMs, this.#held.life * 500) - this.ms
  }

  /** The server's clock: it told when the token ends, and for how long it stands from its receipt. */
  get serverNow(): number {
    return Date.parse(this.#held.expiresAt) - this.#held.life * 1000 + this.ms
  }
}
