// A call that the server refused, with what its code means: what every page throws and shows.
import type { Explanation } from './explain.ts'

export class Refusal extends Error {
  readonly explanation: Explanation
  readonly requestId: string

  constructor(explanation: Explanation, requestId = '') {
    super(explanation.message)
    this.explanation = explanation
    this.requestId = requestId
  }
}
