import { describe, expect, test } from 'vitest'
import { createRandom } from '../../../random.ts'
import { addToSample, createRowSample } from '../../profile/row-sample.ts'
import type { ColumnHead } from '../../profile/table.ts'
import { createProfiler, frameFrom, frameOf, profileChunk, profileOf, type TableProfile } from '../../profile/table-profile.ts'
import { compareTables } from '../compare.ts'
import { compareJointly } from '../joint.ts'
import { compareSampledSegments } from '../sampled-segments.ts'
import { html } from './markup.ts'
import { reportPage } from './page.ts'

const HOSTILE = `<img src=x onerror="alert(1)">'&\u202e`

/** A table whose column names and values try to become markup. */
function profiled(seed: number, shift: number, over?: TableProfile): TableProfile {
  const random = createRandom(seed)
  const heads: readonly ColumnHead[] = [
    { name: `number ${HOSTILE}`, kind: 'numeric' },
    { name: `name ${HOSTILE}`, kind: 'category' },
  ]
  const values = shift > 0 ? [HOSTILE, `</title><script>alert(2)</script>`, 'calm'] : [HOSTILE, 'calm', 'calm']
  const columns = [
    Float64Array.from({ length: 600 }, () => random.normal() + shift),
    Array.from({ length: 600 }, () => random.choice(values)),
  ]
  const sample = createRowSample(2, 1_000)
  addToSample(sample, { rows: 600, columns }, createRandom('frame'))
  const profiler = createProfiler(over ? frameOf(over) : frameFrom(heads, sample), { random })
  profileChunk(profiler, { rows: 600, columns })
  return profileOf(profiler)
}

function pageOf(shift: number): string {
  const reference = profiled(1, 0)
  const current = profiled(2, shift, reference)
  const names = reference.columns.map(({ name }) => name)
  return reportPage(
    compareTables({
      reference,
      current,
      names: { reference: `${HOSTILE}.csv`, current: 'javascript:alert(3)' },
      joint: compareJointly(reference, current, names, { alpha: 0.01, leastRows: 100 }),
      segments: compareSampledSegments(reference, current, names[1]!, names, { tolerance: 0.1, leastRows: 100, seed: '3' }),
      createdAt: Date.UTC(2026, 0, 2),
    }),
  )
}

describe('a report as a page', () => {
  const page = pageOf(2)

  test('no name and no value becomes an element, an attribute or a direction', () => {
    const elements = [...page.matchAll(/<([a-z!][\w-]*)/gi)].map((match) => match[1]!.toLowerCase())
    expect(elements.filter((element) => ['img', 'script', 'iframe', 'object', 'a1', 'link', 'base'].includes(element))).toEqual([])
    // Outside of text nothing is left that could be an attribute of its own.
    const attributes = [...page.matchAll(/<[^>]*>/g)].flatMap(([tag]) =>
      [...tag.replace(/"[^"]*"/g, '""').matchAll(/\s([\w-]+)=/g)].map((match) => match[1]!),
    )
    expect([...new Set(attributes)].filter((name) => name.startsWith('on'))).toEqual([])
    expect(page).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;·')
    expect(page).not.toContain('\u202e')
  })

  test('stands by itself: nothing is fetched, nothing runs', () => {
    expect(page).not.toMatch(/\b(src|srcset|xlink:href|action)="/)
    expect([...page.matchAll(/href="([^"]*)"/g)].every((match) => /^#column-\d+$/.test(match[1]!))).toBe(true)
    expect(page).not.toMatch(/url\(|@import|https?:/)
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'`)
  })

  test('is told to those who do not see it, in light and dark and on paper', () => {
    const plots = [...page.matchAll(/<svg [^>]*>/g)].map(([tag]) => tag)
    expect(plots.length).toBeGreaterThan(6)
    expect(plots.filter((tag) => !/role="img" aria-label="[^"]+"/.test(tag))).toEqual([])
    expect(page.match(/<table/g)!.length).toBe(page.match(/<caption/g)!.length)
    expect(page).toMatch(/prefers-color-scheme: dark/)
    expect(page).toMatch(/@media print/)
    expect(page).toMatch(/<html lang="en">/)
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map((match) => match[1])
    const targets = [...page.matchAll(/href="#([^"]*)"/g)].map((match) => match[1])
    expect(targets.filter((target) => !ids.includes(target))).toEqual([])
  })

  test('says the verdict, the segments and what tells rows apart', () => {
    expect(page).toMatch(/<h1>Drift, severe<\/h1>/)
    expect(page).toMatch(/<h2>Segments<\/h2>/)
    expect(page).toMatch(/By which columns rows are told apart/)
    expect(pageOf(0)).toMatch(/<h1>Stable<\/h1>/)
  })
})

test('a template escapes what it is given, but not what it made', () => {
  expect(html`<b>${'<i>'}</b>`.markup).toBe('<b>&lt;i&gt;</b>')
  expect(html`${html`<i>${1}</i>`}${[html`<u></u>`, html`<s></s>`]}`.markup).toBe('<i>1</i><u></u><s></s>')
})
