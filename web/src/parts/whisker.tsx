export type WhiskerProps = {
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
  /** The scale reaches from −reach to +reach, 0 in the middle. */
  readonly reach: number
  readonly tone: 'good' | 'bad' | 'plain'
  readonly label: string
  /** A bound to stay within, drawn as a dashed line. */
  readonly bound?: number
}

const WIDTH = 160
const HEIGHT = 18

/** A difference with its confidence interval around 0. */
export function Whisker({ value, low, high, reach, tone, label, bound }: WhiskerProps) {
  const x = (at: number) => Math.round((0.5 + Math.max(-1, Math.min(1, reach > 0 ? at / reach : 0)) / 2) * (WIDTH - 8) * 10) / 10 + 4
  const middle = HEIGHT / 2
  return (
    <svg className={`whisker ${tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
      <path className="zero" d={`M${x(0)} 0V${HEIGHT}`} />
      {bound !== undefined && <path className="bound" d={`M${x(bound)} 0V${HEIGHT}`} />}
      {low !== null && high !== null && (
        <path className="range" d={`M${x(low)} ${middle}H${x(high)}M${x(low)} ${middle - 4}v8M${x(high)} ${middle - 4}v8`} />
      )}
      {value !== null && <circle cx={x(value)} cy={middle} r="3.5" />}
    </svg>
  )
}
