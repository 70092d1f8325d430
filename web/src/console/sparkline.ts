// A line of the last figures, without axes: what counts is its shape; the figures are said in words beside it.
const kWidth = 160
const kHeight = 36
const kNamespace = 'http://www.w3.org/2000/svg'

export class Sparkline {
  readonly element = document.createElementNS(kNamespace, 'svg')
  readonly #line = document.createElementNS(kNamespace, 'polyline')
  readonly #area = document.createElementNS(kNamespace, 'polygon')
  readonly #label: string

  constructor(label: string) {
    this.#label = label
    this.element.setAttribute('viewBox', `0 0 ${kWidth} ${kHeight}`)
    this.element.setAttribute('preserveAspectRatio', 'none')
    this.element.setAttribute('class', 'spark')
    this.element.setAttribute('role', 'img')
    this.element.append(this.#area, this.#line)
  }

  /** The newest are on the right; until there are `total` the line begins further in. */
  show(values: number[], total: number): void {
    const top = Math.max(...values, 1)
    const step = kWidth / Math.max(total - 1, 1)
    const from = kWidth - (values.length - 1) * step
    const points = values.map((value, i) => `${(from + i * step).toFixed(1)},${(kHeight - 2 - (value / top) * (kHeight - 4)).toFixed(1)}`)
    this.#line.setAttribute('points', points.join(' '))
    this.#area.setAttribute('points', values.length < 2 ? '' : `${from.toFixed(1)},${kHeight} ${points.join(' ')} ${kWidth},${kHeight}`)
    this.element.setAttribute('aria-label', `${this.#label}: highest ${Math.round(top)} of the last ${values.length} looks`)
  }
}
