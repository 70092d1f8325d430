// Clean-ups of a test or a suite, run last first: clients leave before their server stops.

/** node:test's context, or a Suite. */
export interface Scope {
  after(cleanUp: () => Promise<void> | void): void
}

type CleanUp = () => Promise<void> | void
const stacks = new WeakMap<object, CleanUp[]>()

async function unwind(stack: CleanUp[]): Promise<void> {
  const errors: unknown[] = []
  for (let next = stack.pop(); next; next = stack.pop()) {
    try {
      await next()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('\n'))
}

export function onEnd(scope: Scope, cleanUp: CleanUp): void {
  let stack = stacks.get(scope)
  if (!stack) {
    const fresh: CleanUp[] = []
    stack = fresh
    stacks.set(scope, fresh)
    scope.after(() => unwind(fresh))
  }
  stack.push(cleanUp)
}

/** What the tests of a `describe` share; its `close` is the suite's `after` hook. */
export class Suite implements Scope {
  readonly #cleanUps: CleanUp[] = []

  after(cleanUp: CleanUp): void {
    this.#cleanUps.push(cleanUp)
  }

  close(): Promise<void> {
    return unwind(this.#cleanUps)
  }
}
