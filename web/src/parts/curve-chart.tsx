import { type PointerEvent, useMemo, useState } from 'react'
import {
  type Along,
  type Box,
  type CurvePoint,
  curvePath,
  nearestPlace,
  placesOf,
  rangeOf,
  scaled,
  ticksOf,
  usualAlong,
  widened,
} from '../curves.ts'
import { formatDuration, formatNumber } from '../format.ts'

export type Curve = { readonly id: string; readonly name: string; readonly tone: number; readonly points: readonly CurvePoint[] }

const WIDTH = 400
const HEIGHT = 180
const box: Box = { left: 48, top: 8, width: WIDTH - 58, height: HEIGHT - 32 }

/** A metric of one or more runs over their steps, with what lies under the pointer in words below. */
export function CurveChart({ metric, curves }: { metric: string; curves: readonly Curve[] }) {
  const [pointed, setPointed] = useState<number>()
  const drawn = useMemo(() => drawingOf(curves), [curves])
  const { along, across, up, lines } = drawn
  const say = (place: number) => (along === 'step' ? formatNumber(place) : formatDuration(place))
  function point(event: PointerEvent<SVGSVGElement>) {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const x = ((event.clientX - left) / width) * WIDTH
    setPointed(scaled(Math.max(box.left, Math.min(box.left + box.width, x)), [box.left, box.left + box.width], across[0], across[1]))
  }
  const under = pointed === undefined ? [] : lines.flatMap((line) => nearest(line, pointed))
  const place = under[0]?.place
  const x = place === undefined ? undefined : scaled(place, across, box.left, box.left + box.width)
  return (
    <figure className="curves">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${metric}: ${lines.map((line) => `${line.name} ends at ${formatNumber(line.points.at(-1)?.value ?? null)}`).join('; ')}`}
        onPointerMove={point}
        onPointerLeave={() => setPointed(undefined)}
      >
        <Axes across={across} up={up} along={along} />
        {lines.map((line) => (
          <path key={line.id} className={`curve tone-${line.tone % 10}`} d={line.path} />
        ))}
        {x !== undefined && <path className="pointer" d={`M${x} ${box.top}V${box.top + box.height}`} />}
        {under.map(({ id, tone, place, value }) =>
          value === null ? null : (
            <circle
              key={id}
              className={`tone-${tone % 10}`}
              r="3"
              cx={scaled(place, across, box.left, box.left + box.width)}
              cy={scaled(value, up, box.top + box.height, box.top)}
            />
          ),
        )}
      </svg>
      <figcaption>
        {place === undefined ? (
          <span className="dim">{along === 'step' ? 'over steps' : 'over time since the first'}</span>
        ) : (
          <>
            <span className="dim">{along === 'step' ? `step ${say(place)}` : say(place)}</span>
            {under.slice(0, 6).map(({ id, name, tone, value }) => (
              <span key={id} className={`mark tone-${tone % 10}`}>
                {curves.length > 1 && `${name} `}
                <b className="figure">{formatNumber(value)}</b>
              </span>
            ))}
          </>
        )}
      </figcaption>
    </figure>
  )
}

type Line = Curve & { readonly places: readonly number[]; readonly path: string }

function drawingOf(curves: readonly Curve[]) {
  const along = usualAlong(curves.map((curve) => curve.points))
  const placed = curves.map((curve) => ({ ...curve, places: placesOf(curve.points, along) }))
  const across = rangeOf(placed.flatMap((curve) => curve.places))
  const up = widened(rangeOf(placed.flatMap((curve) => curve.points.map((point) => point.value))))
  const lines: Line[] = placed.map((curve) => ({ ...curve, path: curvePath(curve, { across, up, box }) }))
  return { along, across, up, lines }
}

function nearest({ id, name, tone, points, places }: Line, wanted: number) {
  const at = nearestPlace(places, wanted)
  return at < 0 ? [] : [{ id, name, tone, place: places[at]!, value: points[at]!.value }]
}

function Axes({ across, up, along }: { across: readonly [number, number]; up: readonly [number, number]; along: Along }) {
  const floor = box.top + box.height
  return (
    <g className="axes">
      {ticksOf(up, 5).map((tick) => {
        const y = scaled(tick, up, floor, box.top)
        return (
          <g key={tick}>
            <path d={`M${box.left} ${y}H${box.left + box.width}`} />
            <text x={box.left - 6} y={y + 3.5} textAnchor="end">
              {formatNumber(tick)}
            </text>
          </g>
        )
      })}
      {ticksOf(across, 5).map((tick) => (
        <text key={tick} x={scaled(tick, across, box.left, box.left + box.width)} y={HEIGHT - 7} textAnchor="middle">
          {along === 'step' ? formatNumber(tick) : formatDuration(tick)}
        </text>
      ))}
    </g>
  )
}
