// Listeners by event. One that throws is reported and keeps nobody else from hearing.

/** Takes back what the call did; calling it again does nothing. */
export type Undo = () => void

export class Listeners<Arguments extends unknown[]> {
  readonly #all = new Set<{ fn: (...values: Arguments) => void }>()
  readonly #failed: (error: unknown) => void

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  get size(): number {
    return this.#all.size
  }

  add(fn: (...values: Arguments) => void): Undo {
    const entry = { fn }
    this.#all.add(entry)
    return () => void this.#all.delete(entry)
  }

  /** Whoever is added or taken away meanwhile is not part of this round. */
  tell(...values: Arguments): void {
    for (const entry of [...this.#all]) {
      if (!this.#all.has(entry)) continue
      try {
        entry.fn(...values)
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  clear(): void {
    this.#all.clear()
  }
}

export class Emitter<Events extends Record<keyof Events, unknown>> {
  readonly #events = new Map<keyof Events, Listeners<[unknown]>>()
  readonly #failed: (error: unknown) => void

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  on<Name extends keyof Events>(name: Name, fn: (event: Events[Name]) => void): Undo {
    let listeners = this.#events.get(name)
    if (!listeners) this.#events.set(name, (listeners = new Listeners(this.#failed)))
    return listeners.add(fn as (event: unknown) => void)
  }

  tell<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    this.#events.get(name)?.tell(event)
  }

  /** Whether anybody hears it. */
  heard(name: keyof Events): boolean {
    return (this.#events.get(name)?.size ?? 0) > 0
  }

  clear(): void {
    this.#events.clear()
  }
}
