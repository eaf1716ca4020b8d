import { afterAll, expect, test } from 'vitest'
import { createPerson } from '../for-tests.ts'
import { createOwedLabels } from './labels.ts'
import { batchSizeFor } from './replay.ts'
import { checkColumns, openTable, type Row, readRows } from './rows.ts'
import { accuracyOf, createScoreboard, decileOf, f1Of, previousAccuracyOf } from './scoreboard.ts'
import { delayFrom, numberFrom, rateFrom, timeFrom } from './values.ts'

const person = createPerson()
afterAll(() => person.close())

async function rowsOf(text: string, over: { time?: string; from?: number; file?: string } = {}): Promise<Row[]> {
  const file = over.file ?? 'rows.csv'
  person.write(file, text)
  const table = await openTable(file, person.folder)
  const wanted = { features: ['b', 'a'], label: 'y', ...(over.time ? { time: over.time } : {}) }
  checkColumns(table, wanted)
  const rows: Row[] = []
  for await (const row of readRows(table, wanted, over.from ?? 1)) rows.push(row)
  return rows
}

test('cells are numbers, missing, or refused', () => {
  expect(['1.5', ' 2 ', '1e3', '-0', true, 3n].map(numberFrom)).toEqual([1.5, 2, 1_000, -0, 1, 3])
  expect(['', 'NaN', 'NA', null, undefined].map(numberFrom)).toEqual(Array(5).fill(Number.NaN))
  expect(['x', '1,5', '0x', 'Infinity', {}].map(numberFrom)).toEqual(Array(5).fill(undefined))
  expect(['2026-01-02', '2026-01-02T03:00:00Z', '1767312000', 1_767_312_000_000, 'soon'].map(timeFrom)).toEqual([
    1_767_312_000_000,
    1_767_322_800_000,
    1_767_312_000_000,
    1_767_312_000_000,
    undefined,
  ])
})

test('rates and delays are read, or refused with what they take', () => {
  expect([rateFrom('max'), rateFrom('12.5')]).toEqual([Number.POSITIVE_INFINITY, 12.5])
  expect([delayFrom('48'), delayFrom('48 rows'.replace(' ', '')), delayFrom('1.5s')]).toEqual([
    { kind: 'rows', rows: 48 },
    { kind: 'rows', rows: 48 },
    { kind: 'seconds', ms: 1_500 },
  ])
  for (const wrong of ['-1', '', 'x', '1h', '1.5', '2000000']) expect(() => delayFrom(wrong)).toThrow('--label-delay')
  for (const wrong of ['0', '-1', 'fast', '']) expect(() => rateFrom(wrong)).toThrow('--rate')
  expect([
    batchSizeFor(Number.POSITIVE_INFINITY, 1_024),
    batchSizeFor(Number.POSITIVE_INFINITY, 1),
    batchSizeFor(5, 100),
    batchSizeFor(500, 100),
  ]).toEqual([64, 1, 1, 25])
})

test('a CSV is counted, and read from any row with its columns in the order asked', async () => {
  const text = 'a,b,y,"t"\r\n1,2,0,x\r\n\r\n3,,1,"two\nlines"\r\n5,6,1,z'
  expect(await rowsOf(text)).toEqual([
    { n: 1, features: [2, 1], label: 0, timeMs: undefined },
    { n: 2, features: [Number.NaN, 3], label: 1, timeMs: undefined },
    { n: 3, features: [6, 5], label: 1, timeMs: undefined },
  ])
  expect((await rowsOf(text, { from: 3 })).map(({ n, features }) => [n, ...features])).toEqual([[3, 6, 5]])
  expect((await rowsOf('a;b;y\n1;2;0\n')).length).toBe(1)
  expect((await rowsOf('\ufeffa\tb\ty\n1\t2\t0\n', { file: 'rows.tsv' })).length).toBe(1)
})

test.each<[string, string, { time?: string; file?: string }, string]>([
  ['a missing column', 'a,c,y\n1,2,0\n', {}, 'the file has no column b; it has a, c, y'],
  ['a text', 'a,b,y\n1,2,0\n1,red,0\n', {}, 'row 2, column b: "red" is no number'],
  ['a label that is a word', 'a,b,y\n1,2,UP\n', {}, 'row 1, column y: "UP" is no number'],
  ['another length', 'a,b,y\n1,2,0\n1,2\n', {}, 'Invalid Record Length'],
  ['time that goes back', 'a,b,y,t\n1,2,0,2026-01-02\n1,2,0,2026-01-01\n', { time: 't' }, 'row 2: t goes back in time'],
  ['no time', 'a,b,y,t\n1,2,0,now\n', { time: 't' }, 'row 1, column t: "now" is no time'],
  ['no rows', 'a,b,y\n', {}, 'has no rows'],
  ['nothing', '', {}, 'it is empty'],
  ['another form', 'x', { file: 'rows.xlsx' }, 'ends neither in .csv nor in .parquet'],
  ['no Parquet', 'PAR1 it is not', { file: 'rows.parquet' }, 'cannot be read'],
])('%s is refused by name', async (_name, text, over, message) => {
  await expect(rowsOf(text, over)).rejects.toThrow(message)
})

test('a Parquet file is read group by group, whatever its types', async () => {
  const table = await openTable('src/cli/replay/fixtures/rows.parquet', process.cwd())
  expect([table.columns, table.rows]).toEqual([['a', 'b', 'y', 't', 'w'], 10])
  const rows: Row[] = []
  for await (const row of readRows(table, { features: ['b', 'a'], label: 'y', time: 't' }, 3)) rows.push(row)
  expect(rows.map(({ n }) => n)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
  expect(rows[0]).toEqual({ n: 3, features: [Number.NaN, 1], label: 0, timeMs: 1_767_312_002_000 })
  expect(rows[6]!.features).toEqual([80, 4])
  expect(rows.at(-1)).toEqual({ n: 10, features: [Number.NaN, 4.5], label: 1, timeMs: 1_767_312_009_000 })
  await expect(readRows(table, { features: ['w'], label: 'y' }, 1).next()).rejects.toThrow('row 1, column w: "word" is no number')
})

test('labels are told when their delay has passed, oldest first, once', () => {
  const byRows = createOwedLabels({ kind: 'rows', rows: 2 })
  for (let n = 1; n <= 5; n++) byRows.push({ n, label: 0, atMs: 0 })
  expect(byRows.due(5, 0).map(({ n }) => n)).toEqual([1, 2, 3])
  expect([byRows.due(5, 0), byRows.nextMs(), byRows.size]).toEqual([[], undefined, 2])
  expect(byRows.all().map(({ n }) => n)).toEqual([4, 5])
  const bySeconds = createOwedLabels({ kind: 'seconds', ms: 1_000 })
  for (let n = 1; n <= 20_000; n++) bySeconds.push({ n, label: 0, atMs: n })
  expect(bySeconds.due(0, 10_999).length).toBe(9_999)
  expect([bySeconds.nextMs(), bySeconds.due(0, 11_000).length, bySeconds.size]).toEqual([11_000, 1, 10_000])
})

test('the scoreboard counts per tenth of the file, and predict-previous-label beside it', () => {
  expect([1, 10, 11, 99, 100].map((n) => decileOf(n, 100))).toEqual([1, 1, 2, 10, 10])
  expect([1, 4_531, 4_532, 45_312].map((n) => decileOf(n, 45_312))).toEqual([1, 1, 1, 10])
  expect(decileOf(1, 3)).toBe(1)
  const board = createScoreboard(10)
  const truth = [1, 1, 0, 1, Number.NaN]
  const said = [1, 0, 1, 1, 1]
  for (const [i, label] of truth.entries())
    board.add({ n: i + 1, label, prediction: said[i]!, version: i < 3 ? 1 : 2, previousLabel: truth[i - 1] })
  expect([accuracyOf(board.total), f1Of(board.total), previousAccuracyOf(board.total)]).toEqual([0.5, 4 / 6, 1 / 3])
  expect([board.total.rows, board.deciles[0]!.rows, board.deciles[4]!.labelled, accuracyOf(board.deciles[4]!)]).toEqual([5, 1, 0, null])
  expect([...board.deciles[3]!.versions]).toEqual([[2, 1]])
})
