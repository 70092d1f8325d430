// Two clocks: the server's, as its Date header tells it, and this device's, which the page can pretend is wrong.
export class Clocks {
  /** Server minus device in milliseconds; undefined until the server has answered. */
  difference: number | undefined
  /** What the page pretends: added to the device's clock. */
  pretended = 0

  device(): number {
    return Date.now() + this.pretended
  }
  server(): number {
    return this.device() + (this.difference ?? 0)
  }
  /** `Date` has whole seconds, so its middle is taken; half the time of the call is as uncertain. */
  heard(date: string | null, sent: number, received: number): void {
    const told = date ? Date.parse(date) : NaN
    if (!Number.isNaN(told)) this.difference = told + 500 - (sent + received) / 2
  }
}

export const clocks = new Clocks()

export const kClockToleranceMs = 5_000

export function inWords(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000)
  const parts: [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']]
  const shown: string[] = []
  let rest = seconds
  for (const [size, unit] of parts) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) shown.push(`${count} ${unit}`)
  }
  return shown.slice(0, 2).join(' ') || '0 s'
}
