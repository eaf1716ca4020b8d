import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { type Blobs, createBlobs } from '../../../infra/blobs/blobs.ts'
import { silentLog } from '../../../infra/log.ts'
import { eachSql } from '../../../infra/sql/for-tests.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRandom } from '../../../lib/random.ts'
import { fitReference } from './fit.ts'
import { createEstimatorReader, isFitted } from './reference.ts'
import { insertEstimator } from './store.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-estimators-'))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const random = createRandom('rows')
const scores = Array.from({ length: 300 }, () => random.next())
const labels = scores.map((score) => Number(random.bernoulli(score)))
const rows = { scores, labels, features: [scores.map((score) => 2 * score)] }

eachSql((name, open) => {
  let sql: Sql
  let blobs: Blobs
  beforeAll(async () => {
    sql = await open()
    blobs = await createBlobs({ folder: path.join(folder, name), log: silentLog, clock: createManualClock() })
  })

  test('what was kept before regressions were estimated is read as a classification', async () => {
    const { reference } = fitReference({ rows, threshold: 0.5 })
    const columns = [rows.features[0]!.map((value, i) => (i === 3 ? null : value))]
    const before = { format: 'setpoint.estimator/1', features: ['a'], reference, problem: null, scores, labels, columns }
    const { digest } = await blobs.put(Readable.from([Buffer.from(JSON.stringify(before))]))
    await insertEstimator(sql, { project: 'p', model: 'm', version: 1, digest, row_count: 300, fitted_at: 0 })
    const kept = await createEstimatorReader({ sql, blobs })('p', 'm', 1)
    expect(isFitted(kept)).toBe(true)
    expect(kept).toMatchObject({ kind: 'classification', features: ['a'], reference: { rows: 300, threshold: 0.5 } })
    expect(Array.from(kept!.rows.features[0]!.slice(2, 5))).toEqual([rows.features[0]![2], Number.NaN, rows.features[0]![4]])
  })
})

test('labels say what is fitted; what cannot be is said, and of which kind it is', () => {
  const values = { ...rows, labels: scores.map((score) => 10 * score + random.normal()) }
  expect(fitReference({ rows: values, threshold: 0.5 })).toMatchObject({ kind: 'regression', problem: null, reference: { rows: 300 } })
  expect(fitReference({ rows: { ...rows, scores: scores.map((score) => 9 * score) }, threshold: 0.5 })).toMatchObject({
    kind: 'classification',
    reference: null,
    problem: expect.stringMatching(/not a probability/),
  })
  const wide = { ...values, features: Array.from({ length: 201 }, () => rows.features[0]!) }
  expect(fitReference({ rows: wide, threshold: 0.5 })).toMatchObject({
    kind: 'regression',
    reference: null,
    problem: expect.stringMatching(/at most 200 features, not 201/),
  })
  const broken = { ...values, scores: [Number.NaN, ...scores.slice(1)] }
  expect(fitReference({ rows: broken, threshold: 0.5 })).toMatchObject({
    kind: 'regression',
    reference: null,
    problem: expect.stringMatching(/row 0 has prediction NaN/),
  })
})
