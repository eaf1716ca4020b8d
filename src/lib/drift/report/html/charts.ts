import { html, type Markup } from './markup.ts'

/** A bar from 0 to `value` of `most`, with a dashed line at `mark`; `said` is what it shows, for those who do not see it. */
export function railChart(value: number, mark: number, most: number, kind: string, said: string): Markup {
  const at = (one: number) => round((100 * Math.min(Math.max(one, 0), most)) / most)
  return html`<svg viewBox="0 0 100 12" height="14" preserveAspectRatio="none" role="img" aria-label="${said}"><title>${said}</title><rect class="rail" x="0" y="5.5" width="100" height="1"/><rect class="${kind}" x="0" y="2" width="${at(value)}" height="8"/><line class="mark" x1="${at(mark)}" x2="${at(mark)}" y1="0" y2="12"/></svg>`
}

/** Both sides’ shares of rows over the same bins, side by side. */
export function pairedColumns(names: readonly string[], reference: readonly number[], current: readonly number[], said: string): Markup {
  const most = Math.max(...reference, ...current, 1e-9)
  const width = 100 / names.length
  const bar = (share: number, side: 'before' | 'after', bin: number) => {
    const height = (56 * share) / most
    const left = bin * width + (side === 'before' ? 0.08 : 0.5) * width
    return html`<rect class="${side}" x="${round(left)}" y="${round(58 - height)}" width="${round(0.42 * width)}" height="${round(height)}"><title>${names[bin]!}: ${percent(share)} ${side === 'before' ? 'before' : 'now'}</title></rect>`
  }
  const bars = names.flatMap((_, bin) => [bar(reference[bin] ?? 0, 'before', bin), bar(current[bin] ?? 0, 'after', bin)])
  return html`<svg viewBox="0 0 100 60" height="130" preserveAspectRatio="none" role="img" aria-label="${said}"><title>${said}</title><rect class="rail" x="0" y="58" width="100" height="0.6"/>${bars}</svg>`
}

/** Both sides’ shares of one name, one above the other. */
export function pairedRows(reference: number, current: number, most: number, said: string): Markup {
  const width = (share: number) => round((100 * share) / Math.max(most, 1e-9))
  return html`<svg viewBox="0 0 100 14" height="16" preserveAspectRatio="none" role="img" aria-label="${said}"><title>${said}</title><rect class="before" x="0" y="0.5" width="${width(reference)}" height="6"/><rect class="after" x="0" y="7" width="${width(current)}" height="6"/></svg>`
}

export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

export function shown(value: number): string {
  if (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 1e7)) return value.toExponential(1)
  return Number(value.toPrecision(4)).toString()
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
