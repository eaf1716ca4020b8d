import { expect, test } from 'vitest'
import { deployments } from '../../contract/deployments.ts'
import { registry } from '../../contract/registry.ts'
import { blockText } from './block.ts'
import { outputSchema, tableOf } from './columns.ts'
import { barText } from './progress.ts'
import { tableText } from './table.ts'
import { ageText, cellText, durationText, printable, scalarText, sizeText } from './text.ts'

const NOW = Date.UTC(2026, 0, 2)
const plain = { columns: undefined, colours: false }

test.each([
  [0, 'now'],
  [5_000, '5s ago'],
  [200_000, '3m ago'],
  [7_200_000, '2h ago'],
  [3 * 86_400_000, '3d ago'],
  [-90_000, 'in 1m'],
])('an instant %i ms back is %s', (back, text) => {
  expect(ageText(NOW - back, NOW)).toBe(text)
})

test('scalars fit on one line, and nothing received steers the terminal', () => {
  expect(['windowMs', 'fromMs', 'at'].map((name) => scalarText(name, NOW - 60_000, NOW))).toEqual([
    String(NOW - 60_000),
    '1m ago',
    '1m ago',
  ])
  expect([null, true, 0.123456789, 12, 1e-9, 'a\nb', 'f'.repeat(64)].map((value) => scalarText('x', value, NOW))).toEqual([
    '–',
    'yes',
    '0.12346',
    '12',
    '1.000e-9',
    'a⏎b',
    'f'.repeat(64),
  ])
  expect(cellText('x', 'f'.repeat(64), NOW)).toBe('ffffffffffff')
  expect(printable('\x1b[2Jgone\u202e\x07')).toBe('·[2Jgone··')
  expect([durationText(4.24), durationText(185), durationText(7_800), sizeText(999), sizeText(1_500_000)]).toEqual([
    '4.2s',
    '3m 05s',
    '2h 10m',
    '999 B',
    '1.5 MB',
  ])
  expect(barText(0.5)).toBe(`${'█'.repeat(12)}${'░'.repeat(12)}  50%`)
})

test('a table aligns its columns and turns numbers to the right', () => {
  expect(
    tableText(
      {
        headings: ['name', 'rows'],
        rows: [
          ['a', '5'],
          ['longer', '1000'],
        ],
        rightAligned: [false, true],
      },
      plain,
    ).text,
  ).toBe('NAME    ROWS\na          5\nlonger  1000\n')
})

test.each([100, 40, 24, 12, 4])('a table is never wider than a terminal of %i columns', (columns) => {
  const long = 'a reason that goes on and on and on'
  const { text, hidden } = tableText(
    { headings: ['name', 'state', 'reason', 'other'], rows: [['phishing', 'firing', long, long]] },
    { columns, colours: false },
  )
  for (const line of text.split('\n')) expect([...line].length).toBeLessThanOrEqual(Math.max(columns, 8))
  expect(hidden.length > 0).toBe(columns < 38)
})

test('the columns of a list come from its schema: names, then states and times, then prose', () => {
  const schema = outputSchema(deployments.listDeployments).items
  expect(tableOf([], schema, NOW).headings).toEqual([
    'name',
    'project',
    'ready',
    'changed at',
    'model',
    'spec mode',
    'environment',
    'decision',
    'threshold',
    'deadline ms',
    'route mode',
    'champion version',
    'challenger version',
    'percent',
    'breaker',
    'problem',
    'platform',
  ])
  expect(tableOf([], outputSchema(registry.listVersions).items, NOW).headings.slice(0, 3)).toEqual(['model', 'version', 'size bytes'])
})

test('an object is lines of name and value, its parts indented, its lists tables', () => {
  const value = {
    name: 'a',
    at: NOW - 5_000,
    tags: [],
    features: ['x', 'y'],
    log: 'one\ntwo\n',
    inner: { share: 0.25, none: {} },
    checks: [{ name: 'c', rows: 10 }],
    steps: [{ name: 's', evidence: { p: 1 } }],
  }
  expect(blockText(value, plain, NOW)).toBe(`name      a
at        5s ago
tags      –
features  x, y
log       one
          two
inner
  share  0.25
  none   –
checks
  NAME  ROWS
  c       10
steps
  -
    name  s
    evidence
      p  1
`)
})
