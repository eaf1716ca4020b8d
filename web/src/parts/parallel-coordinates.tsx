import { useState } from 'react'
import type { Comparison } from '../../../src/contract/runs.ts'
import { type Range, scaled, widened } from '../curves.ts'
import { formatNumber } from '../format.ts'

type Coordinates = Comparison['coordinates']
type Axis = Coordinates['axes'][number]

const WIDTH = 1_200
const HEIGHT = 270
const TOP = 40
const FLOOR = HEIGHT - 22
/** Axes stand at least so far apart that their names can be read; more of them are scrolled to. */
const APART = 105
const MARGIN = 62
const MOST_WORDS = 12

type ParallelProps = {
  readonly coordinates: Coordinates
  readonly nameOf: (run: string) => string
  readonly toneOf: (run: string) => number
}

/** Each run as a line through what sets it apart: the params that differ, then the metrics. */
export function ParallelCoordinates({ coordinates: { axes, lines }, nameOf, toneOf }: ParallelProps) {
  const [pointed, setPointed] = useState<string>()
  const apart = Math.max(APART, (WIDTH - 2 * MARGIN) / (axes.length - 1))
  const width = 2 * MARGIN + apart * (axes.length - 1)
  const x = (nth: number) => Math.round(MARGIN + nth * apart)
  return (
    <div className="table-box">
      <svg
        className="parallel"
        viewBox={`0 0 ${width} ${HEIGHT}`}
        style={{ minWidth: width > WIDTH ? width : undefined }}
        role="img"
        aria-label={`Parallel coordinates of ${lines.length} runs over ${axes.map((axis) => axis.key).join(', ')}`}
      >
        {axes.map((axis, nth) => (
          <AxisLine key={`${axis.kind}/${axis.key}`} axis={axis} x={x(nth)} />
        ))}
        {lines.map(({ run, values }) => (
          <path
            key={run}
            className={`curve tone-${toneOf(run) % 10} ${pointed === undefined ? '' : pointed === run ? 'pointed' : 'faint'}`}
            d={lineThrough(axes, values, x)}
            onPointerEnter={() => setPointed(run)}
            onPointerLeave={() => setPointed(undefined)}
          >
            <title>{nameOf(run)}</title>
          </path>
        ))}
      </svg>
    </div>
  )
}

/** Broken where a run has no value on an axis. */
function lineThrough(axes: readonly Axis[], values: readonly (string | number | null)[], x: (nth: number) => number): string {
  let path = ''
  let pen = 'M'
  for (const [nth, axis] of axes.entries()) {
    const y = heightOn(axis, values[nth] ?? null)
    if (y === undefined) {
      pen = 'M'
      continue
    }
    path += `${pen}${x(nth)} ${Math.round(y * 10) / 10}`
    pen = 'L'
  }
  return path
}

function heightOn(axis: Axis, value: string | number | null): number | undefined {
  if (value === null) return undefined
  if (typeof value === 'number') return axis.range ? scaled(value, rangeOn(axis.range), FLOOR, TOP) : undefined
  const words = axis.categories ?? []
  const at = words.indexOf(value)
  return at < 0 ? undefined : scaled(at, [0, words.length - 1], FLOOR, TOP)
}

const rangeOn = (range: Range): Range => (range[0] === range[1] ? widened(range) : range)

function AxisLine({ axis, x }: { axis: Axis; x: number }) {
  const words = (axis.categories ?? []).slice(0, MOST_WORDS)
  return (
    <g className="axes">
      <path d={`M${x} ${TOP}V${FLOOR}`} />
      <text x={x} y={13} textAnchor="middle" className={axis.kind}>
        {shortened(axis.key, 17)}
        <title>{axis.key}</title>
      </text>
      {axis.range &&
        endsOf(axis.range).map(({ end, y }) => (
          <text key={y} x={x} y={y} textAnchor="middle">
            {formatNumber(end)}
          </text>
        ))}
      {words.map((word) => (
        <text key={word} x={x - 6} y={(heightOn(axis, word) ?? 0) + 4} textAnchor="end">
          {shortened(word, 12)}
        </text>
      ))}
    </g>
  )
}

/** The ends of a range with the heights of their names, above and below the axis; one in the middle for a single value. */
function endsOf([least, most]: Range): { end: number; y: number }[] {
  if (least === most) return [{ end: least, y: (TOP + FLOOR) / 2 - 8 }]
  return [
    { end: most, y: TOP - 7 },
    { end: least, y: FLOOR + 15 },
  ]
}

function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
