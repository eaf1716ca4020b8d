import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { labels } from '../../src/contract/labels.ts'
import { deployModel, openWorld, type Row, rowsOf, type World } from '../world.ts'

const ROWS = 2_000
let world: World
let token: string
let rows: readonly Row[]
let person: Person
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  token = await world.token('operator')
  person = createPerson({ url: world.url, token })
  rows = rowsOf(world.random, ROWS)
  person.write('rows.csv', `a,b,label\n${rows.map(({ a, b, label }) => `${a},${b},${label}`).join('\n')}\n`)
  await served()
})
afterAll(async () => {
  person.close()
  await world.close()
})

/** Routes are loaded beside the events that change them: a document in force is served a moment later. */
async function served(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    await world.settle()
    if (/ ready\s*$/.test((await person.run('status')).out)) return
  }
  throw new Error('churn is not served')
}

const replay = (...words: string[]) => person.run('replay', '--data', 'rows.csv', '--deployment', 'churn', '--label', 'label', ...words)
const quality = async () => {
  await world.settle()
  return await world.admin.call(labels.measureQuality, { deployment: 'churn', windowMs: 3_600_000 })
}
const shareOf = (part: readonly Row[], right: (row: Row, i: number) => boolean) => part.filter(right).length / part.length
const isRight = ({ a, label }: Row) => (a > 0.5 ? 1 : 0) === label

test('a file is replayed, each row asked before its label is told, and what is measured is what the server measures', async () => {
  const run = await replay('--label-delay', '100', '--limit', '1200', '--json')
  expect([run.code, run.notes]).toEqual([0, expect.stringMatching(/^decile 1: 200 rows, accuracy 0\.\d+, champion version 1\n/)])
  const report = JSON.parse(run.out)
  const part = rows.slice(0, 1_200)
  expect(report).toMatchObject({
    rows: 1_200,
    labelled: 1_200,
    labelsTold: 1_200,
    unrecorded: 0,
    from: 1,
    to: 1_200,
    interrupted: false,
    accuracy: shareOf(part, isRight),
  })
  expect(report.previousLabelAccuracy).toBeCloseTo(
    shareOf(part.slice(1), ({ label }, i) => label === part[i]!.label),
    12,
  )
  expect(
    report.deciles.map((one: { decile: number; rows: number; championAtEnd: number }) => [one.decile, one.rows, one.championAtEnd]),
  ).toEqual([1, 2, 3, 4, 5, 6].map((decile) => [decile, 200, 1]))
  expect(await quality()).toMatchObject({
    predictions: 1_200,
    labelled: 1_200,
    unmatched: 0,
    errorRate: expect.closeTo(1 - report.accuracy, 12),
  })
})

test('it goes on where it stopped; a label told twice counts once', async () => {
  const run = await replay('--resume')
  expect([run.code, run.notes]).toEqual([0, expect.stringContaining('going on at row 1201\n')])
  expect(run.out).toMatch(/DECILE {2}ROWS {2}ACCURACY[\s\S]*\n +10 +200 [\s\S]*rows 1201 to 2000 of 2000 in /)
  const measured = await quality()
  expect([measured.predictions, measured.labelled, measured.errorRate]).toEqual([
    ROWS,
    ROWS,
    expect.closeTo(1 - shareOf(rows, isRight), 12),
  ])
  expect(await replay('--resume')).toMatchObject({ code: 2, notes: expect.stringContaining('all 2000 rows were answered before') })
})

test('a person who stops it loses nothing: what was asked gets its label', async () => {
  const stop = new AbortController()
  const stopping = createPerson(
    { url: world.url, token },
    {
      interrupted: () => stop.signal,
      send: async (url, init) => {
        const response = await fetch(url, init)
        if (url.endsWith('/infer')) stop.abort()
        return response
      },
    },
  )
  stopping.write('stopped.csv', `a,b,label\n${'0.9,0,1\n'.repeat(500)}`)
  const run = await stopping.run(
    'replay',
    '--data',
    'stopped.csv',
    '--deployment',
    'churn',
    '--label',
    'label',
    '--label-delay',
    '60s',
    '--json',
  )
  stopping.close()
  expect(run).toMatchObject({ code: 1, notes: expect.stringContaining('stopped; go on with --resume') })
  const report = JSON.parse(run.out)
  expect(report.interrupted).toBe(true)
  expect([report.rows > 0, report.labelsTold]).toEqual([true, report.rows])
})

test('a server that is busy is asked again, and one that refuses ends the replay with a hint', async () => {
  let calls = 0
  const patient = createPerson(
    { url: world.url, token },
    {
      send: async (url, init) => {
        calls += url.endsWith('/infer') ? 1 : 0
        if (url.endsWith('/infer') && calls % 2 === 1)
          return new Response('{"error":"busy"}', { status: 503, headers: { 'retry-after': '1' } })
        if (url.endsWith('/infer') && calls > 4) return new Response('{"error":"no more"}', { status: 403 })
        return await fetch(url, init)
      },
    },
  )
  patient.write('busy.csv', `a,b,label\n${'0.9,0,1\n'.repeat(300)}`)
  const run = await patient.run('replay', '--data', 'busy.csv', '--deployment', 'churn', '--label', 'label')
  patient.close()
  expect(run).toMatchObject({
    code: 3,
    out: '',
    notes: expect.stringMatching(/rows 1 to \d+ were answered; go on with --resume\nerror: no more\n/),
  })
})

test.each([
  [['--deployment', 'none'], 3, 'no Deployment none'],
  [['--label', 'truth'], 2, 'the file has no column truth; it has a, b, label'],
  [['--features', 'a'], 2, 'the model takes 2: a, b'],
  [['--features', 'a,c'], 2, 'the file has no column c'],
  [['--from', '9999'], 2, 'the file has 2000 rows'],
  [['--from', '3', '--resume'], 2, 'leave --from out'],
  [['--rate', 'fast'], 2, '--rate'],
  [['--data', 'absent.csv'], 2, 'there is no file'],
])('%j is refused with its reason', async (words, code, message) => {
  const run = await replay(...words)
  expect([run.code, run.out, run.notes]).toEqual([code, '', expect.stringContaining(message)])
})
