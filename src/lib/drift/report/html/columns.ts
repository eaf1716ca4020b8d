import { defaultTolerances } from '../../two-sample/choose.ts'
import { isInsufficient, type TestOutcome } from '../../two-sample/result.ts'
import { MISSING } from '../bars.ts'
import type { ColumnReport, ReportSettings } from '../report.ts'
import { pairedColumns, pairedRows, percent, railChart, shown } from './charts.ts'
import { html, type Markup, nothing } from './markup.ts'

const VERDICTS = { drift: 'drift', stable: 'stable', insufficient_data: 'not judged' } as const
/** Effects beyond so many tolerances share the end of the scale. */
const MOST_TOLERANCES = 5
/** Powers of ten of the scale of p-values. */
const MOST_TENS = 12
/** Names of a category, and findings, that a card shows at once. */
const MOST_NAMES = 10
const MOST_FINDINGS = 5

/** All columns in one table, with their effects and p-values drawn beside what would have counted. */
export function overview(columns: readonly ColumnReport[], settings: ReportSettings): Markup {
  const rows = columns.map((column) => {
    const tolerance = toleranceOf(column, settings)
    const { effect, adjustedPValue: p } = column
    const ratio = effect === null ? 0 : tolerance > 0 ? Math.abs(effect.value) / tolerance : MOST_TOLERANCES
    const tens = p === null ? 0 : p <= 0 ? MOST_TENS : -Math.log10(p)
    return html`<tr><td class="name"><a href="#column-${columns.indexOf(column)}">${column.name}</a> <span class="quiet">${roleOf(column)}</span></td>
<td>${verdictOf(column.verdict, column.severity)}</td>
<td class="plot">${effect === null ? '–' : railChart(ratio, 1, MOST_TOLERANCES, column.verdict, `effect ${shown(effect.value)}, tolerance ${shown(tolerance)}`)}</td><td class="number" data-of="effect">${effect === null ? '' : shown(effect.value)}</td>
<td class="plot">${p === null ? '–' : railChart(tens, -Math.log10(settings.alpha), MOST_TENS, column.verdict, `adjusted p ${shown(p)}, alpha ${shown(settings.alpha)}`)}</td><td class="number" data-of="adjusted p">${p === null ? '' : shown(p)}</td></tr>`
  })
  return html`<table class="overview"><caption>Dashed lines: the tolerance of the effect (the scale ends at five of them), and alpha (the scale of p ends at 10⁻¹²). A column drifted when both bars pass their lines.</caption>
<thead><tr><th scope="col">Column</th><th scope="col">Verdict</th><th scope="col" colspan="2">Effect</th><th scope="col" colspan="2">Adjusted p-value</th></tr></thead><tbody>${rows}</tbody></table>`
}

/** One column: its bars before and now, findings, every test made. */
export function columnCard(column: ColumnReport, place: number): Markup {
  const { name, kind, reason, findings, tests, reference, current, effect } = column
  const told = findings.map(({ text }) => html`<li>${text}</li>`)
  return html`<article id="column-${place}"><header><h3>${name}</h3><span>${verdictOf(column.verdict, column.severity)}</span></header>
<p class="quiet">${kind} ${roleOf(column)}${effect === null ? '' : ` · ${effect.name} ${shown(effect.value)}`}</p>
${barsOf(column)}
<p>${reason}</p>
${told.length > 0 ? html`<ul>${told.slice(0, MOST_FINDINGS)}</ul>` : nothing}
${told.length > MOST_FINDINGS ? html`<details><summary>${told.length - MOST_FINDINGS} more findings</summary><ul>${told.slice(MOST_FINDINGS)}</ul></details>` : nothing}
${reference && current ? summaries(column) : nothing}
${tests.length > 0 ? testTable(tests, name) : nothing}</article>`
}

function barsOf({ name, kind, bars: all, reference, current }: ColumnReport): Markup {
  const [before, after] = [reference?.bars ?? [], current?.bars ?? []]
  if (all.length === 0 || before.length !== all.length || after.length !== all.length) return nothing
  // Where nothing is missing on either side, an empty place for it would pass for the end of the scale.
  const bars = all.at(-1) === MISSING && before.at(-1) === 0 && after.at(-1) === 0 ? all.slice(0, -1) : all
  const numbers = html`<details><summary>the bars in numbers</summary><div class="scroll"><table><caption>Share of rows of ${name}</caption><thead><tr><th scope="col">Bar</th><th scope="col" class="number">Before</th><th scope="col" class="number">Now</th></tr></thead><tbody>${bars.map((bar, i) => html`<tr><td>${bar}</td><td class="number">${percent(before[i]!)}</td><td class="number">${percent(after[i]!)}</td></tr>`)}</tbody></table></div></details>`
  if (kind === 'numeric') {
    const said = `Share of rows of ${name} by bin, before and now`
    return html`${pairedColumns(bars, before, after, said)}<div class="ends quiet"><span>${bars[0]!}</span><span>${bars.at(-1)!}</span></div>${numbers}`
  }
  // Of many names those that changed most.
  const shownBars = bars
    .map((bar, i) => ({ bar, was: before[i]!, is: after[i]! }))
    .sort((a, b) => Math.abs(b.is - b.was) - Math.abs(a.is - a.was))
    .slice(0, MOST_NAMES)
  const most = Math.max(...shownBars.flatMap(({ was, is }) => [was, is]))
  const rows = shownBars.map(({ bar, was, is }) => {
    const said = `${bar}: ${percent(was)} before, ${percent(is)} now`
    return html`<tr><td>${bar}</td><td class="plot">${pairedRows(was, is, most, said)}</td><td class="number">${percent(was)} → ${percent(is)}</td></tr>`
  })
  const which = bars.length > rows.length ? ` of the ${rows.length} that changed most` : ''
  return html`<table class="paired"><caption>Share of rows${which}, before → now</caption><tbody>${rows}</tbody></table>${which === '' ? nothing : numbers}`
}

function summaries({ reference, current }: ColumnReport): Markup {
  const [before, after] = [reference!, current!]
  const known = (['mean', 'deviation', 'min', 'max'] as const).filter((what) => before[what] !== null || after[what] !== null)
  const names = { mean: 'mean', deviation: 'deviation', min: 'least', max: 'greatest' } as const
  const value = (one: number | null) => (one === null ? '–' : shown(one))
  const rows = known.map(
    (what) =>
      html`<tr><th scope="row">${names[what]}</th><td class="number">${value(before[what])}</td><td class="number">${value(after[what])}</td></tr>`,
  )
  return html`<table><caption>Before and now</caption><thead><tr><td></td><th scope="col" class="number">Before</th><th scope="col" class="number">Now</th></tr></thead><tbody>${rows}<tr><th scope="row">missing</th><td class="number">${percent(before.missing)}</td><td class="number">${percent(after.missing)}</td></tr></tbody></table>`
}

export function testTable(tests: readonly TestOutcome[], of: string): Markup {
  const rows = tests.map((outcome) =>
    isInsufficient(outcome)
      ? html`<tr><td>${title(outcome.test)}</td><td colspan="3">${outcome.insufficient}</td></tr>`
      : html`<tr><td>${title(outcome.test)}</td><td class="number">${shown(outcome.effect.value)}</td><td class="number">${outcome.pValue === null ? '–' : shown(outcome.pValue)}</td><td class="quiet">${[outcome.effect.name, ...(outcome.note ? [outcome.note] : [])].join('; ')}</td></tr>`,
  )
  return html`<details><summary>${tests.length} tests</summary><div class="scroll"><table><caption>Tests of ${of}, p-values not adjusted</caption><thead><tr><th scope="col">Test</th><th scope="col" class="number">Effect</th><th scope="col" class="number">p</th><th scope="col">What it is</th></tr></thead><tbody>${rows}</tbody></table></div></details>`
}

/** A verdict in its colour, with how bad it is where that is known. */
export function verdictOf(verdict: ColumnReport['verdict'], severity?: ColumnReport['severity']): Markup {
  return html`<span class="verdict ${verdict}">${VERDICTS[verdict]}${verdict === 'drift' && severity ? `, ${severity}` : ''}</span>`
}

/** The tolerance that the deciding effect was held against. */
function toleranceOf({ effect, tests }: ColumnReport, { tolerance }: ReportSettings): number {
  const decisive = tests.find((outcome) => !isInsufficient(outcome) && outcome.effect.value === effect?.value)
  return decisive === undefined || decisive.test === 'total_variation' ? tolerance : defaultTolerances[decisive.test]
}

/** What a column is to the model, unless its name says so. */
function roleOf({ role, name }: ColumnReport): string {
  return role === 'feature' || name === `(${role})` ? '' : role
}

function title(test: string): string {
  return test.replaceAll('_', ' ')
}
