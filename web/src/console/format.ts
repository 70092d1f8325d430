// Numbers with units, and times as people say them; the exact time is the title.
import { h } from './dom.ts'

const whole = new Intl.NumberFormat('en')
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export const number = (value: number) => whole.format(value)
export const rate = (value: number) => (value >= 100 ? whole.format(Math.round(value)) : tenths.format(value))
export const count = (value: number, one: string, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : tenths.format(value)} ${units[unit]}`
}

const steps: [number, string][] = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
]

/** "3 d 4 h", "12 min", "5 s": the two greatest units. */
export function duration(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds))
  const parts: string[] = []
  for (const [size, unit] of steps) {
    if (left < size && !(unit === 's' && parts.length === 0)) {
      if (parts.length > 0) break
      continue
    }
    parts.push(`${Math.floor(left / size)} ${unit}`)
    left %= size
    if (parts.length === 2 || unit === 'min') break
  }
  return parts.join(' ')
}

function relative(at: number): string {
  const seconds = (Date.now() - at) / 1000
  if (Math.abs(seconds) < 1.5) return 'now'
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`
}

/** A time that keeps itself right while it is shown. */
export function time(text: string | undefined): HTMLElement {
  const at = Date.parse(text ?? '')
  if (Number.isNaN(at)) return h('span', { class: 'soft' }, '–')
  const exact = new Date(at).toISOString().replace('T', ' ').replace('.000Z', ' UTC').replace('Z', ' UTC')
  return h('time', { datetime: new Date(at).toISOString(), title: exact }, relative(at))
}

export const ago = (seconds: number) => time(new Date(Date.now() - seconds * 1000).toISOString())

/** The beginning of an id, which is enough to tell it from others; all of it is the title. */
export const short = (id: string) => h('code', { title: id }, id.length > 12 ? `${id.slice(0, 8)}…` : id)

export function keepTimes(): void {
  setInterval(() => {
    for (const shown of document.querySelectorAll<HTMLTimeElement>('time[datetime]')) {
      const text = relative(Date.parse(shown.dateTime))
      if (shown.textContent !== text) shown.textContent = text
    }
  }, 1000)
}
