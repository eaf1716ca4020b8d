import { worstFirst } from '../compare.ts'
import type { DriftReport, JointReport, SegmentReport } from '../report.ts'
import { percent, railChart, shown } from './charts.ts'
import { columnCard, overview, testTable, verdictOf } from './columns.ts'
import { html, type Markup, nothing } from './markup.ts'
import { style } from './style.ts'

/** Columns that get a card; a report of a thousand columns is read by its table. */
const MOST_CARDS = 200

/**
 * A report as one page that stands by itself: no script, nothing fetched, plots as SVG inside. Every name and value from the data is
 * escaped, and the page’s own policy forbids scripts besides. `about` says whose report it is, for those who meet the page elsewhere.
 */
export function reportPage(report: DriftReport, about?: string): string {
  const { reference, current, verdict, severity, reason, settings, joint, segments } = report
  const columns = worstFirst(report.columns)
  const said = verdict === 'drift' ? `Drift, ${severity}` : verdict === 'stable' ? 'Stable' : 'Insufficient data'
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${about === undefined ? '' : `${about} · `}${said}: ${current.name} against ${reference.name}</title><style>${{ markup: style }}</style></head>
<body><header><p class="quiet">Drift report${about === undefined ? '' : ` · ${about}`} · ${new Date(report.createdAt).toISOString().replace('T', ' ').slice(0, 16)} UTC</p>
<div class="banner ${verdict}"><h1>${said}</h1><p>${reason}</p></div>
<p><span class="key"><span class="swatch before"></span>before: <b>${reference.name}</b>, ${reference.rows} rows</span> <span class="key"><span class="swatch after"></span>now: <b>${current.name}</b>, ${current.rows} rows</span></p></header>
<main><section><h2>Columns</h2>${overview(columns, settings)}</section>
${joint ? jointSection(joint) : nothing}
${segments.length > 0 ? segmentSection(segments, settings.tolerance) : nothing}
<section><h2>Column by column</h2><div class="cards">${columns.slice(0, MOST_CARDS).map(columnCard)}</div></section></main>
<footer><h2>What decided</h2><p class="quiet">A column drifted when its p-value, adjusted over all columns (${settings.control.replace('_', '–')}), is at most ${shown(settings.alpha)} and its effect at least the tolerance: ${percent(settings.tolerance)} of the rows moved, or that of the test chosen instead. From ${percent(settings.moderate)} on it is moderate, from ${percent(settings.severe)} severe. With fewer than ${settings.leastRows} rows on a side there is insufficient data. PSI and the other tests are shown and decide nothing.</p></footer></body></html>
`
  return page.markup
}

function jointSection({ verdict, reason, tests, columns }: JointReport): Markup {
  const rows = columns.map(
    ({ name, share }) =>
      html`<tr><td class="name">${name}</td><td class="plot">${railChart(share, 0, 1, 'after', `${name}: ${percent(share)} of what tells the samples apart`)}</td><td class="number">${percent(share)}</td></tr>`,
  )
  const table = html`<table><caption>By which columns rows are told apart</caption><tbody>${rows}</tbody></table>`
  return html`<section><h2>All columns together</h2><p>${verdictOf(verdict)}: ${reason}</p>${rows.length > 0 ? table : nothing}${tests.length > 0 ? testTable(tests, 'all columns together') : nothing}</section>`
}

function segmentSection(segments: readonly SegmentReport[], tolerance: number): Markup {
  const rows = segments.map(({ name, verdict, referenceRows, currentRows, reason, columns }) => {
    const [first] = columns
    const said = first ? `${first.name}: effect ${shown(first.effect)}, tolerance ${shown(tolerance)}` : 'nothing to show'
    return html`<tr><td class="name">${name}</td><td class="number">${referenceRows} → ${currentRows}</td><td><span class="verdict ${verdict}">${verdict === 'insufficient_data' ? 'not judged' : verdict}</span></td>
<td class="plot">${first ? railChart(first.effect, tolerance, Math.max(0.5, first.effect), verdict, said) : '–'}</td><td>${first ? `${first.name} ${shown(first.effect)}, probability ${shown(first.probability)}` : ''}<br><span class="quiet">${reason}</span></td></tr>`
  })
  return html`<section><h2>Segments</h2><div class="scroll"><table><caption>By their sampled rows; effects are shrunk towards those of the other segments. Dashed line: the tolerance.</caption><thead><tr><th scope="col">Segment</th><th scope="col" class="number">Rows</th><th scope="col">Verdict</th><th scope="col">Largest effect</th><th scope="col">Of</th></tr></thead><tbody>${rows}</tbody></table></div></section>`
}
