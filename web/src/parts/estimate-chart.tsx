import { type PointerEvent, useMemo, useState } from 'react'
import type { Estimate } from '../../../src/contract/estimates.ts'
import { type Box, nearestPlace, scaled, ticksOf } from '../curves.ts'
import { drawEstimates, type EstimatePoint, shownErrorOf } from '../estimate-drawing.ts'
import { formatInstant, formatNumber, formatPercent } from '../format.ts'

const WIDTH = 860
const HEIGHT = 220
const box: Box = { left: 52, top: 8, width: WIDTH - 64, height: HEIGHT - 34 }
const floor = box.top + box.height
/** So many labels of time find room below. */
const TIMES = 5

/** Estimates of an error with their intervals, the reference’s own, and what labels said once they came. */
export function EstimateChart({ estimates }: { estimates: readonly Estimate[] }) {
  const { metric, name, unit } = shownErrorOf(estimates)
  const format = unit === 'share' ? formatPercent : formatNumber
  const [pointed, setPointed] = useState<number>()
  const drawing = useMemo(() => drawEstimates(estimates, metric, box), [estimates, metric])
  const { up, points, bands, line, baseline } = drawing
  const y = (value: number) => scaled(value, up, floor, box.top)
  function point(event: PointerEvent<SVGSVGElement>) {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const at = nearestPlace(
      points.map(({ x }) => x),
      ((event.clientX - left) / width) * WIDTH,
    )
    setPointed(at < 0 ? undefined : at)
  }
  const shown = points[pointed ?? points.length - 1]
  const step = Math.max(1, Math.ceil(points.length / TIMES))
  return (
    <figure className="curves estimates">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${name}, estimated over ${points.length} windows; ${shown ? wordsOf(shown, format) : 'none yet'}`}
        onPointerMove={point}
        onPointerLeave={() => setPointed(undefined)}
      >
        <g className="axes">
          {ticksOf(up, 5).map((tick) => (
            <g key={tick}>
              <path d={`M${box.left} ${y(tick)}H${box.left + box.width}`} />
              <text x={box.left - 6} y={y(tick) + 3.5} textAnchor="end">
                {formatNumber(tick)}
              </text>
            </g>
          ))}
          {points.map(
            ({ fromMs, x }, i) =>
              i % step === 0 && (
                <text key={fromMs} x={x} y={HEIGHT - 8} textAnchor={i === 0 ? 'start' : x > WIDTH - 60 ? 'end' : 'middle'}>
                  {formatInstant(fromMs, Date.now())}
                </text>
              ),
          )}
        </g>
        {baseline !== null && <path className="baseline" d={`M${box.left} ${y(baseline)}H${box.left + box.width}`} />}
        {bands.map((band) => (
          <path key={band} className="band" d={band} />
        ))}
        {line && <path className="curve tone-0" d={line} />}
        {points.map(({ fromMs, x, value, low, high, dropped }) =>
          value === null ? (
            <path key={fromMs} className="abstained" d={`M${x - 3} ${floor - 3}l6 -6m0 6l-6 -6`} />
          ) : (
            <g key={fromMs} className={dropped ? 'dropped' : undefined}>
              <path className="interval" d={`M${x} ${y(low!)}V${y(high!)}`} />
              <circle className="tone-0" r="2.5" cx={x} cy={y(value)} />
            </g>
          ),
        )}
        {points.map(
          ({ fromMs, x, realised, covered }) =>
            realised !== null && (
              <path
                key={fromMs}
                className={covered === false ? 'realised missed' : 'realised'}
                d={`M${x} ${y(realised) - 5}l5 5l-5 5l-5 -5Z`}
              />
            ),
        )}
        {pointed !== undefined && shown && <path className="pointer" d={`M${shown.x} ${box.top}V${floor}`} />}
      </svg>
      <figcaption>
        <span className="mark tone-0">{name}, estimated, with its 95 % interval</span>
        <span className="mark tone-2">realised by labels</span>
        <span className="mark tone-7">outside its interval</span>
        {baseline !== null && <span className="dim">dashed: the reference, {format(baseline)}</span>}
      </figcaption>
      {shown && (
        <p className="estimate-words">
          <b className="figure">{formatInstant(shown.fromMs, Date.now())}</b> {wordsOf(shown, format)}
        </p>
      )}
    </figure>
  )
}

function wordsOf({ value, low, high, realised, abstained, suspicion, dropped }: EstimatePoint, format: (value: number) => string): string {
  const estimate =
    value === null
      ? `no estimate: ${abstained}`
      : `${format(value)} estimated (${format(low!)} to ${format(high!)})${dropped ? ', worse than the reference' : ''}`
  return [estimate, realised === null ? 'no labels yet' : `${format(realised)} by labels`, suspicion && 'labels contradict the estimates']
    .filter(Boolean)
    .join('; ')
}
