/** One measurement; null where it is not a number. */
export type CurvePoint = { readonly step: number; readonly at: number; readonly value: number | null }
export type Range = readonly [number, number]
export type Box = { readonly left: number; readonly top: number; readonly width: number; readonly height: number }

/** What a curve is drawn over: its steps, or the milliseconds since its first measurement. */
export type Along = 'step' | 'time'

/** Curves are drawn over time when their steps do not tell the points apart: a client that gives none writes 0. */
export function usualAlong(curves: readonly (readonly CurvePoint[])[]): Along {
  return curves.some((points) => points.length > 1 && points.every((point) => point.step === points[0]!.step)) ? 'time' : 'step'
}

/** A curve’s places on the axis below, in the order of its points. */
export function placesOf(points: readonly CurvePoint[], along: Along): number[] {
  const start = points.reduce((first, point) => Math.min(first, point.at), Number.POSITIVE_INFINITY)
  return points.map((point) => (along === 'step' ? point.step : point.at - start))
}

/** The least and the largest of the numbers that are finite and no stand-in for infinity; 0 to 1 when there is none. */
export function rangeOf(values: Iterable<number | null>): Range {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value === null || !(Math.abs(value) < Number.MAX_VALUE)) continue
    if (value < least) least = value
    if (value > most) most = value
  }
  return least > most ? [0, 1] : [least, most]
}

/** A range with room above and below, so that a line at its edge can be seen; a single value gets a range around it. */
export function widened([least, most]: Range): Range {
  const room = most > least ? (most - least) * 0.05 : Math.abs(least) * 0.1 || 1
  return [least - room, most + room]
}

/** About `count` round numbers (1, 2 or 5 times a power of ten apart) within a range, rising. */
export function ticksOf([least, most]: Range, count: number): number[] {
  const rough = (most - least) / Math.max(1, count)
  if (!(rough > 0) || !Number.isFinite(rough)) return [least]
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power
  const first = Math.ceil(least / step)
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** Where a value lies between two edges. */
export function scaled(value: number, [least, most]: Range, from: number, to: number): number {
  return most > least ? from + ((value - least) / (most - least)) * (to - from) : (from + to) / 2
}

type Line = { readonly points: readonly CurvePoint[]; readonly places: readonly number[] }

/** The path of a curve in its box, broken where a value is not a number; infinities lie at the edge. */
export function curvePath({ points, places }: Line, { across, up, box }: { across: Range; up: Range; box: Box }): string {
  let path = ''
  let pen = 'M'
  for (const [i, { value }] of points.entries()) {
    if (value === null) {
      pen = 'M'
      continue
    }
    const x = scaled(places[i]!, across, box.left, box.left + box.width)
    const y = scaled(Math.max(up[0], Math.min(up[1], value)), up, box.top + box.height, box.top)
    path += `${pen}${round(x)} ${round(y)}`
    pen = 'L'
  }
  return path
}

/** The index of the place nearest to `x`, in places that rise; -1 when there is none. */
export function nearestPlace(places: readonly number[], x: number): number {
  let low = 0
  let high = places.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (places[middle]! < x) low = middle + 1
    else high = middle
  }
  if (low > 0 && x - places[low - 1]! <= places[low]! - x) return low - 1
  return places.length === 0 ? -1 : low
}

const round = (value: number) => Math.round(value * 10) / 10
