import fs from 'node:fs'
import path from 'node:path'
import { criticalPsi } from '../../src/lib/drift/two-sample/count-tests.ts'

// Draws psi-threshold.svg for docs/choosing-a-detector.md: the PSI that chance alone exceeds once in a hundred comparisons, by rows
// on each side and bins, beside the fixed 0.1 and 0.2. Run: node docs/images/make-psi-plot.ts

const ALPHA = 0.01
const frame = { left: 64, right: 592, top: 24, bottom: 300 }
const rows = { least: 50, most: 1e6 }
const psi = { least: 1e-4, most: 2 }
const lines = [
  { bins: 5, colour: '#8a97a6' },
  { bins: 10, colour: '#d9660a' },
  { bins: 30, colour: '#5b3fa8' },
]

const between = (value: number, { least, most }: { least: number; most: number }) => Math.log(value / least) / Math.log(most / least)
const x = (count: number) => round(frame.left + between(count, rows) * (frame.right - frame.left))
const y = (value: number) => round(frame.bottom - between(value, psi) * (frame.bottom - frame.top))

function curve(bins: number): string {
  const steps = Array.from({ length: 81 }, (_, i) => rows.least * (rows.most / rows.least) ** (i / 80))
  const points = steps.map((count) => [count, criticalPsi({ referenceRows: count, currentRows: count, bins, alpha: ALPHA })] as const)
  return points
    .filter(([, value]) => value <= psi.most && value >= psi.least)
    .map(([count, value]) => `${x(count)},${y(value)}`)
    .join(' ')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

const text = (at: number, height: number, said: string, more = '') => `<text x="${at}" y="${height}" ${more}>${said}</text>`
const across = [100, 1_000, 10_000, 100_000, 1_000_000].map(
  (count) =>
    `<line x1="${x(count)}" x2="${x(count)}" y1="${frame.top}" y2="${frame.bottom}" class="grid"/>${text(x(count), frame.bottom + 18, count.toLocaleString('en'), 'text-anchor="middle"')}`,
)
const up = [0.001, 0.01, 0.1, 0.2, 1].map(
  (value) =>
    `<line x1="${frame.left}" x2="${frame.right}" y1="${y(value)}" y2="${y(value)}" class="${value === 0.1 || value === 0.2 ? 'rule' : 'grid'}"/>${text(frame.left - 8, y(value) + 4, String(value), 'text-anchor="end"')}`,
)
const curves = lines.map(
  ({ bins, colour }, i) =>
    `<polyline points="${curve(bins)}" fill="none" stroke="${colour}" stroke-width="2.5"/><rect x="440" y="${36 + 22 * i}" width="18" height="4" fill="${colour}"/>${text(466, 42 + 22 * i, `${bins} bins`)}`,
)
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 350" role="img" aria-labelledby="title">
<title id="title">The PSI that chance exceeds once in a hundred comparisons falls with the rows: far above 0.2 at 50 rows, below 0.001 at 100,000</title>
<style>text { font: 13px system-ui, sans-serif; fill: #333 } .grid { stroke: #ddd } .rule { stroke: #b3261e; stroke-dasharray: 5 4 }</style>
<rect width="640" height="350" fill="#fff"/>
${[...across, ...up, ...curves].join('\n')}
${text(337, 340, 'rows on each side', 'text-anchor="middle"')}
${text(frame.left, 16, 'PSI')}
</svg>
`
fs.writeFileSync(path.join(import.meta.dirname, 'psi-threshold.svg'), svg)
