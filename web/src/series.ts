import type { TrafficPoint } from '../../src/contract/telemetry.ts'

/** A number per bucket, oldest first; null where it is not known. */
export type Series = readonly (number | null)[]

/**
 * Spreads points over every whole bucket of the window, so that a gap in the traffic is drawn as one. The bucket that is
 * still filling is left out: it would always seem to fall.
 */
export function seriesFrom(
  { bucketMs, points }: { bucketMs: number; points: readonly TrafficPoint[] },
  read: (point: TrafficPoint | undefined) => number | null,
  { windowMs, nowMs }: { windowMs: number; nowMs: number },
): Series {
  const byStart = new Map(points.map((point) => [Math.floor(point.at / bucketMs), point]))
  const last = Math.floor(nowMs / bucketMs) - 1
  const count = Math.max(1, Math.floor(windowMs / bucketMs) - 1)
  return Array.from({ length: count }, (_, i) => read(byStart.get(last - count + 1 + i)))
}

/** The path of a line through a series in a box, broken where a value is not known. `top` is the value at the upper edge. */
export function linePath(series: Series, { width, height, top }: { width: number; height: number; top: number }): string {
  const step = series.length > 1 ? width / (series.length - 1) : 0
  let path = ''
  let pen = 'M'
  for (const [i, value] of series.entries()) {
    if (value === null) {
      pen = 'M'
      continue
    }
    const y = height - (top > 0 ? Math.min(1, value / top) : 0) * height
    path += `${pen}${round(i * step)} ${round(y)}`
    pen = 'L'
  }
  return path
}

/** The area under a line, from its first known value to its last; nothing when the line is broken. */
export function areaPath(line: string, height: number): string {
  const first = /^M(\S+) \S+?L/.exec(line)?.[1]
  return first === undefined || line.lastIndexOf('M') > 0 ? '' : `${line}V${height}H${first}Z`
}

/** The largest known value; 0 when none is. */
export function highest(series: Series): number {
  return series.reduce<number>((most, value) => Math.max(most, value ?? 0), 0)
}

const round = (value: number) => Math.round(value * 100) / 100
