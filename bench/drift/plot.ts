/** Points joined by a line, named at the right of the last. */
export type Line = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[]; readonly dashed?: boolean }
export type Axis = { readonly title: string; readonly log: boolean; readonly ticks: readonly number[] }

const [WIDTH, HEIGHT] = [760, 400]
const frame = { left: 70, right: 560, top: 44, bottom: 344 } as const
const COLOURS = ['#1b6ca8', '#b3462e', '#2e7d4f', '#7a5195', '#5b6470'] as const

/** A line chart as SVG. Points beyond the last tick of an axis are left out. */
export function svgOf(title: string, x: Axis, y: Axis, lines: readonly Line[]): string {
  const across = scaleOf(x, frame.left, frame.right)
  const up = scaleOf(y, frame.bottom, frame.top)
  const shown = lines.map((line) => ({ ...line, points: line.points.filter(([a, b]) => a <= x.ticks.at(-1)! && b <= y.ticks.at(-1)!) }))
  const labels = apart(shown.map(({ points }) => up(points.at(-1)?.[1] ?? y.ticks[0]!)))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(frame.left, 24, title, 'font-size="14" font-weight="600"'),
    ...x.ticks.flatMap((tick) => [
      rule(across(tick), frame.top, across(tick), frame.bottom),
      text(across(tick), 362, shownTick(tick), 'text-anchor="middle"'),
    ]),
    ...y.ticks.flatMap((tick) => [
      rule(frame.left, up(tick), frame.right, up(tick)),
      text(62, up(tick) + 4, shownTick(tick), 'text-anchor="end"'),
    ]),
    text((frame.left + frame.right) / 2, 388, x.title, 'text-anchor="middle"'),
    `<text transform="translate(16 ${(frame.top + frame.bottom) / 2}) rotate(-90)" text-anchor="middle" fill="#333">${y.title}</text>`,
    ...shown.flatMap(({ name, points, dashed }, i) => [
      `<polyline fill="none" stroke="${COLOURS[i]}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ''} points="${points.map(([a, b]) => `${round(across(a))},${round(up(b))}`).join(' ')}"/>`,
      text(frame.right + 8, labels[i]! + 4, name, `fill="${COLOURS[i]}"`),
    ]),
    '</svg>',
    '',
  ].join('\n')
}

function scaleOf({ log, ticks }: Axis, from: number, to: number): (value: number) => number {
  const place = (value: number) => (log ? Math.log(value) : value)
  const [low, high] = [place(ticks[0]!), place(ticks.at(-1)!)]
  return (value) => from + ((place(value) - low) / (high - low)) * (to - from)
}

/** Moves labels down until none lies on another. */
function apart(heights: readonly number[]): number[] {
  const moved = [...heights]
  const order = heights.map((_, i) => i).sort((a, b) => heights[a]! - heights[b]!)
  order.forEach((own, rank) => {
    if (rank > 0) moved[own] = Math.max(moved[own]!, moved[order[rank - 1]!]! + 16)
  })
  return moved
}

const round = (value: number) => Math.round(value * 10) / 10
const shownTick = (tick: number) => tick.toLocaleString('en')
const text = (x: number, y: number, words: string, attributes: string) =>
  `<text x="${round(x)}" y="${round(y)}"${attributes.includes('fill=') ? '' : ' fill="#333"'} ${attributes}>${words}</text>`
const rule = (x1: number, y1: number, x2: number, y2: number) =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#e3e6ea"/>`
