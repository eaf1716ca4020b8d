import fs from 'node:fs'
import path from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { DriftReport } from '../../src/contract/drift-report.ts'
import { createRandom } from '../../src/lib/random.ts'

// Drift checked without a server: no world is opened, and the person has neither address nor key.
let person: Person
beforeAll(() => {
  person = createPerson()
})
afterAll(() => person.close())

type Made = { readonly rows: number; readonly shift?: number; readonly city?: readonly string[] }

function rowsOf(seed: number, { rows, shift = 0, city = ['Rome', 'Oslo'] }: Made) {
  const random = createRandom(seed)
  return Array.from({ length: rows }, (_, i) => {
    const amount = random.normal() * 10 + shift
    return { id: i + 1, day: '2026-01-02', amount, age: random.int(60) + 18, city: random.choice(city), label: Number(amount > 0) }
  })
}

const csvOf = (rows: readonly Record<string, unknown>[]) =>
  `${Object.keys(rows[0]!).join(',')}\n${rows.map((row) => Object.values(row).join(',')).join('\n')}\n`
const jsonOf = (text: string) => DriftReport.parse(JSON.parse(text))
/** Looking at all columns together takes a second or two: only the test of it does. */
const checkAll = (...words: string[]) => person.run('drift', 'check', ...words)
const check = (...words: string[]) => checkAll('--no-joint', ...words)
const columnOf = (report: DriftReport, name: string) => report.columns.find((column) => column.name === name)

beforeAll(() => {
  person.write('train.csv', csvOf(rowsOf(1, { rows: 2_000 })))
  person.write('same.csv', csvOf(rowsOf(2, { rows: 1_500 })))
  person.write('moved.csv', csvOf(rowsOf(3, { rows: 1_500, shift: 12 })))
  person.write('few.csv', csvOf(rowsOf(4, { rows: 40 })))
})

describe('two tables', () => {
  test('without drift: exit 0, one line of verdict, times and counters not judged', async () => {
    const run = await check('train.csv', 'same.csv')
    expect([run.code, run.notes]).toEqual([0, ''])
    expect(run.out).toMatch(/\nstable: none of 4 columns drifted \(same\.csv, 1500 rows, against train\.csv, 2000\)\n$/)
    expect(run.out).toMatch(/\nid +identifier +not judged/)
    expect(run.out).toMatch(/\nday +identifier +not judged/)
  })

  test('with drift: exit 1, the worst column first, and all columns looked at together', async () => {
    const run = await checkAll('train.csv', 'moved.csv', '--label', 'label')
    expect(run.code).toBe(1)
    expect(run.out).toMatch(/^COLUMN .*\namount +numeric +drift, severe/)
    expect(run.out).toMatch(/All columns together: drift; .* most by amount/)
    expect(run.out).toMatch(/\ndrift, severe: 2 of 6 columns drifted: amount, label/)
    const report = jsonOf((await check('train.csv', 'moved.csv', '--label', 'label', '--json')).out)
    expect(columnOf(report, 'label')).toMatchObject({ role: 'label', verdict: 'drift' })
    expect(report).toMatchObject({ driftedShare: 1 / 3, createdAt: Date.UTC(2026, 0, 2) })
  })

  test('the same two files give the same report', async () => {
    const [one, other] = [await check('train.csv', 'moved.csv', '--json'), await check('train.csv', 'moved.csv', '--json')]
    expect(one.out).toBe(other.out)
  })

  test('too little data is an answer of its own: 0, or 2 when data is required', async () => {
    const run = await check('train.csv', 'few.csv')
    expect(run.code).toBe(0)
    expect(run.out).toMatch(/\ninsufficient data: 40 rows on the smaller side; at least 200 are asked for/)
    expect((await check('train.csv', 'few.csv', '--require-data')).code).toBe(2)
    expect((await check('train.csv', 'few.csv', '--least-rows', '30', '--require-data')).code).toBe(0)
  })

  test('a column that vanished is drift; one left out by name is not', async () => {
    person.write('gone.csv', csvOf(rowsOf(2, { rows: 1_500 }).map(({ city: _, ...row }) => row)))
    const run = await check('train.csv', 'gone.csv')
    expect(run.code).toBe(1)
    expect(run.out).toMatch(/city: the column is gone/)
    expect((await check('train.csv', 'gone.csv', '--ignore', 'city')).code).toBe(0)
    expect((await check('train.csv', 'gone.csv', '--columns', 'amount,age')).out).not.toMatch(/city|label/)
  })

  test('cells that are no numbers are counted, not guessed', async () => {
    const rows = rowsOf(2, { rows: 1_500 }).map((row, i) => (i % 5 === 0 ? { ...row, amount: 'broken' } : row))
    person.write('broken.csv', csvOf(rows))
    const run = await check('train.csv', 'broken.csv')
    expect(run.code).toBe(1)
    expect(run.out).toMatch(/amount: 20 % of the values are no numbers/)
  })

  test('segments are the values of a column, and only the one that moved is named', async () => {
    const rows = rowsOf(5, { rows: 2_000 }).map((row) => (row.city === 'Oslo' ? { ...row, amount: row.amount + 15 } : row))
    person.write('oslo.csv', csvOf(rows))
    const run = await check('train.csv', 'oslo.csv', '--segment', 'city', '--json')
    const { segments } = jsonOf(run.out)
    expect(Object.fromEntries(segments.map(({ name, verdict }) => [name, verdict]))).toEqual({
      'city = Oslo': 'drift',
      'city = Rome': 'stable',
    })
  })

  test('another test can decide, and one that does not fit is a usage error', async () => {
    const run = await check('train.csv', 'moved.csv', '--numeric-test', 'wasserstein', '--json')
    expect(columnOf(jsonOf(run.out), 'amount')).toMatchObject({ verdict: 'drift', effect: { name: 'distance in reference deviations' } })
    expect((await check('train.csv', 'moved.csv', '--category-test', 'wasserstein')).code).toBe(2)
    expect((await check('train.csv', 'moved.csv', '--alpha', '2')).code).toBe(2)
  })

  test('Parquet, JSON lines and CSV of the same rows give the same verdicts and effects', async () => {
    const rows = rowsOf(3, { rows: 1_500, shift: 12 })
    person.write('moved.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'))
    const columns = (['id', 'amount', 'age', 'city', 'label'] as const).map((name) => ({ name, data: rows.map((row) => row[name]) }))
    fs.writeFileSync(
      path.join(person.folder, 'moved.parquet'),
      Buffer.from(parquetWriteBuffer({ columnData: [...columns, { name: 'day', data: rows.map(({ day }) => day) }] })),
    )
    const effects = async (file: string) =>
      jsonOf((await check('train.csv', file, '--json')).out)
        .columns.map(({ name, verdict, effect }) => [name, verdict, effect?.value])
        .sort()
    const expected = await effects('moved.csv')
    expect(await effects('moved.jsonl')).toEqual(expected)
    expect(await effects('moved.parquet')).toEqual(expected)
  })
})

describe('what cannot be compared is an error, never fine', () => {
  test.each([
    [['nowhere.csv', 'same.csv'], /there is no file .*nowhere\.csv/],
    [['train.csv', 'empty.csv'], /empty\.csv cannot be read: it is empty/],
    [['train.csv', 'header.csv'], /header\.csv has no rows/],
    [['train.csv', 'ragged.csv'], /ragged\.csv cannot be read: Invalid Record Length/],
    [['bare.csv', 'bare.csv'], /should name the columns, but holds 1; give the names with --names/],
    [['train.csv', 'not.parquet'], /not\.parquet cannot be read/],
    [['train.csv', 'odd.json'], /odd\.json cannot be read/],
    [['train.csv', 'odd.jsonl'], /odd\.jsonl cannot be read: line 2 is no JSON/],
    [['train.csv', 'profile.json'], /profile\.json cannot be read: it is no setpoint\.profile\/1/],
    [['train.csv', 'simple.json'], /only one of them is of the simple form/],
    [['train.csv', 'same.csv', '--label', 'truth'], /the baseline has no column truth; it has id, day/],
    [['train.csv', 'same.csv', '--columns', 'amuont,age'], /the baseline has no column amuont/],
    [['train.csv', 'same.csv', '--embedding', 'v'], /not of the form name=prefix\*/],
    [['train.csv', 'same.csv', '--html', 'no/such/folder.html'], /cannot be written/],
  ] as const)('%j', async (words, message) => {
    person.write('empty.csv', '')
    person.write('header.csv', 'id,amount\n')
    person.write('ragged.csv', 'id,amount\n1,2\n3\n')
    person.write('bare.csv', '1,2.5\n2,3.5\n')
    person.write('not.parquet', 'PAR1 no parquet')
    person.write('odd.json', '{"a": [0.5')
    person.write('odd.jsonl', '{"a": 1}\n{"a"\n')
    person.write('profile.json', '{"format":"setpoint.profile/1","rows":3}')
    person.write('simple.json', '{"a":[0.5,0.5]}')
    const run = await check(...words)
    expect([run.code, run.out, run.notes]).toEqual([2, '', expect.stringMatching(message)])
  })

  test('line ends of two systems in one file are read', async () => {
    person.write(
      'mixed.csv',
      fs.readFileSync(path.join(person.folder, 'same.csv'), 'utf8').replace(/\n/g, (_, at) => (at % 2 === 0 ? '\r\n' : '\n')),
    )
    expect((await check('train.csv', 'mixed.csv')).code).toBe(0)
  })

  test('a file without a header line is read with --names', async () => {
    for (const name of ['train', 'same'])
      person.write(
        `${name}-bare.csv`,
        fs
          .readFileSync(path.join(person.folder, `${name}.csv`), 'utf8')
          .split('\n')
          .slice(1)
          .join('\n'),
      )
    const run = await check('train-bare.csv', 'same-bare.csv', '--names', 'id,day,amount,age,city,label')
    expect([run.code, run.out]).toEqual([0, expect.stringMatching(/none of 4 columns drifted/)])
  })
})

describe('profiles', () => {
  const profile = (...words: string[]) => person.run('drift', 'profile', ...words)

  test('stand for their rows: the same verdicts without the data', async () => {
    expect((await profile('train.csv', '--out', 'baseline.json')).out).toMatch(/2000 rows, 2000 of them kept whole: baseline\.json\n$/)
    const effects = ({ columns }: DriftReport) => columns.map(({ name, verdict, effect }) => [name, verdict, effect])
    const [rows, kept] = [await check('train.csv', 'moved.csv', '--json'), await check('baseline.json', 'moved.csv', '--json')]
    expect(effects(jsonOf(kept.out))).toEqual(effects(jsonOf(rows.out)))
    expect((await check('baseline.json', 'same.csv')).code).toBe(0)
  })

  test('may keep no row at all; then what needs rows is left out, and drift is still found', async () => {
    await profile('train.csv', '--out', 'bare.json', '--sample-rows', '0')
    const written = JSON.parse(fs.readFileSync(path.join(person.folder, 'bare.json'), 'utf8'))
    expect(written.sample.priorities).toEqual([])
    const run = await checkAll('bare.json', 'moved.csv', '--json')
    expect([run.code, jsonOf(run.out).joint]).toEqual([1, null])
    expect(await check('bare.json', 'moved.csv', '--segment', 'city')).toMatchObject({
      code: 2,
      notes: expect.stringMatching(/keeps none/),
    })
  })

  test('of two days over one baseline merge into that of both', async () => {
    await profile('train.csv', '--out', 'baseline.json')
    await profile('same.csv', '--bins', 'baseline.json', '--out', 'monday.json')
    await check('baseline.json', 'moved.csv', '--save-profile', 'tuesday.json')
    expect((await profile('monday.json', 'tuesday.json', '--merge', '--out', 'days.json')).out).toMatch(/3000 rows, 2000 of them/)
    person.write('both.csv', csvOf([...rowsOf(2, { rows: 1_500 }), ...rowsOf(3, { rows: 1_500, shift: 12 })]))
    const effect = async (file: string) => columnOf(jsonOf((await check('baseline.json', file, '--json')).out), 'amount')!.effect
    expect(await effect('days.json')).toEqual(await effect('both.csv'))
    const other = await profile('moved.csv', '--out', 'other.json')
    expect(other.code).toBe(0)
    expect(await profile('monday.json', 'other.json', '--merge', '--out', 'x.json')).toMatchObject({
      code: 2,
      notes: expect.stringMatching(/same/),
    })
  })
})

describe('the simple form', () => {
  test('gives the fields that others read, and exits 0, 1 or 2', async () => {
    person.write('a.json', '{"age":[0.25,0.5,0.25],"city":[0.5,0.5]}')
    person.write('b.json', '{"age":[0.7,0.2,0.1],"city":[0.5,0.5]}')
    const run = await check('a.json', 'b.json', '--json')
    expect(run.code).toBe(1)
    expect(JSON.parse(run.out)).toMatchObject({
      baseline: 'a.json',
      current: 'b.json',
      threshold: 0.2,
      features_checked: 2,
      features_exceeded: 1,
      results: [
        { feature: 'age', psi: expect.any(Number), kl_divergence: expect.any(Number), severity: 'severe', exceeds_threshold: true },
        { feature: 'city', psi: 0, kl_divergence: 0, severity: 'none', exceeds_threshold: false },
      ],
    })
    expect((await check('a.json', 'b.json', '--threshold', '5')).code).toBe(0)
    expect((await check('a.json', 'a.json')).code).toBe(0)
  })

  test('a vanished feature is drift; other bins and negative numbers are errors', async () => {
    person.write('a.json', '{"age":[0.25,0.5,0.25],"city":[0.5,0.5]}')
    person.write('gone.json', '{"age":[0.25,0.5,0.25]}')
    person.write('bins.json', '{"age":[0.25,0.5,0.25],"city":[0.5,0.3,0.2]}')
    person.write('negative.json', '{"age":[1.25,-0.5,0.25],"city":[0.5,0.5]}')
    expect((await check('a.json', 'gone.json')).code).toBe(1)
    expect(await check('a.json', 'bins.json')).toMatchObject({
      code: 2,
      out: expect.stringMatching(/not comparable: city: 3 bins, the baseline has 2/),
    })
    expect(await check('a.json', 'negative.json')).toMatchObject({ code: 2, notes: expect.stringMatching(/age holds -0\.5/) })
  })
})

describe('prose, vectors and pages', () => {
  const linesOf = (seed: number, words: readonly string[], width: number) => {
    const random = createRandom(seed)
    const text = () => Array.from({ length: 8 }, () => random.choice(words)).join(' ')
    return Array.from({ length: 300 }, () =>
      JSON.stringify({ body: text(), vector: Array.from({ length: width }, () => 3 + random.normal()) }),
    ).join('\n')
  }

  test('a text and an embedding are judged by tests of their own; a changed model asks for a new baseline with exit 1', async () => {
    const calm = ['the', 'order', 'came', 'late', 'and', 'is', 'fine', 'with', 'us']
    person.write('before.jsonl', linesOf(1, calm, 6))
    person.write('after.jsonl', linesOf(2, [...calm, 'refund', 'scam', 'bank'], 6))
    person.write('model.jsonl', linesOf(3, calm, 9))
    const flags = ['--embedding', 'meaning=vector.*', '--json'] as const
    const report = jsonOf((await check('before.jsonl', 'after.jsonl', ...flags)).out)
    expect(columnOf(report, 'body')).toMatchObject({ kind: 'text', verdict: 'drift' })
    expect(columnOf(report, 'meaning')).toMatchObject({ kind: 'embedding', verdict: 'stable' })
    expect(report.columns).toHaveLength(2)
    const model = await check('before.jsonl', 'model.jsonl', ...flags)
    expect(model.code).toBe(1)
    expect(columnOf(jsonOf(model.out), 'meaning')!.findings).toMatchObject([{ kind: 'new_baseline_required' }])
  })

  test('a page of a hostile table holds none of its markup', async () => {
    const hostile = (seed: number) =>
      `<img src=x onerror=alert(1)>,n\n${rowsOf(seed, { rows: 300 })
        .map(({ age, amount }) => `<script>${age % 3}</script>,${amount}`)
        .join('\n')}\n`
    person.write('<b>one.csv', hostile(1))
    person.write('two.csv', hostile(2))
    const run = await check('<b>one.csv', 'two.csv', '--html', 'report.html')
    expect([run.code, run.notes]).toEqual([0, 'written: report.html\n'])
    const page = fs.readFileSync(path.join(person.folder, 'report.html'), 'utf8')
    expect(page).not.toMatch(/<(img|script|b>one)/)
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;')
  })

  test('names of a terminal’s own language are made visible', async () => {
    person.write('bell.csv', `a\u001b[31m,b\n${'1,2\n3,4\n'.repeat(200)}`)
    expect((await check('bell.csv', 'bell.csv')).out).not.toContain('\u001b')
  })
})

describe('files of other tools', () => {
  const fixtures = path.resolve('src/lib/drift/import/fixtures')

  test('Evidently: one snapshot holds both sides', async () => {
    const file = path.join(fixtures, 'evidently-snapshot.json')
    const run = await check(file, file, '--json')
    expect(run.code).toBe(1)
    expect(Object.fromEntries(jsonOf(run.out).columns.map(({ name, verdict }) => [name, verdict]))).toEqual({
      amount: 'drift',
      age: 'stable',
      country: 'drift',
    })
  })

  test('Evidently: histograms over other bins are not compared, which is said, and alone they are an error', async () => {
    const file = path.join(fixtures, 'evidently-report.json')
    const run = await check(file, file)
    expect(run.notes).toMatch(/not compared: amount: .*other bins/)
    expect(await check(file, file, '--columns', 'amount')).toMatchObject({
      code: 2,
      notes: expect.stringMatching(/nothing could be compared/),
    })
  })

  test('Evidently 0.7: what its JSON does not hold is told and not judged, never called gone', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => `${i % 50},${['DE', 'FR', 'US'][i % 3]}`)
    person.write('before.csv', `amount,country\n${rows.join('\n')}\n`)
    const run = await check('before.csv', path.join(fixtures, 'evidently-metrics.json'))
    expect([run.code, run.notes]).toEqual([0, expect.stringMatching(/evidently-metrics\.json: amount: .*no distribution/)])
    expect(run.out).toMatch(/\nstable: none of 1 columns drifted/)
  })

  test('whylogs: a profile as baseline for rows', async () => {
    const { small } = JSON.parse(fs.readFileSync(path.join(fixtures, 'whylogs.json'), 'utf8'))
    fs.writeFileSync(path.join(person.folder, 'before.bin'), Buffer.from(small.base64, 'base64'))
    const rows = (shift: number) =>
      Array.from(
        { length: 400 },
        (_, i) => `${((i * 7919) % 1000) / 10 + shift},${((i * 31) % 60) + 18},${['DE', 'FR', 'US', 'DE'][(i * 5) % 4]}`,
      )
    person.write('rows.csv', `amount,age,country\n${rows(0).join('\n')}\n`)
    person.write('rows-moved.csv', `amount,age,country\n${rows(60).join('\n')}\n`)
    const same = await check('before.bin', 'rows.csv', '--ignore', 'empty')
    expect([same.code, same.notes]).toEqual([0, ''])
    expect((await check('before.bin', 'rows-moved.csv', '--ignore', 'empty')).code).toBe(1)
  })
})
