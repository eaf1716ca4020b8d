import { areaPath, highest, linePath, type Series } from '../series.ts'

const WIDTH = 200
const HEIGHT = 34

/** A small line of how a number went; the text beside it says what it is now. */
export function Sparkline({ series, label, tone = 'plain' }: { series: Series | undefined; label: string; tone?: 'plain' | 'bad' }) {
  const top = highest(series ?? []) * 1.08
  const line = linePath(series ?? [], { width: WIDTH, height: HEIGHT - 2, top })
  return (
    <svg className={`sparkline ${tone}`} viewBox={`0 -1 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path className="base" d={`M0 ${HEIGHT - 2}H${WIDTH}`} />
      <path className="area" d={areaPath(line, HEIGHT - 2)} />
      <path className="line" d={line} />
    </svg>
  )
}
