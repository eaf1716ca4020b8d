import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { documents } from '../../src/contract/documents.ts'
import { type Detection, drift } from '../../src/contract/drift.ts'
import { labels } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { triage } from '../../src/contract/triage.ts'
import { deployModel, openWorld, predict, type Row, rowsOf, type World } from '../world.ts'

let world: World
let token: string
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  token = await world.token('operator')
  sent = 0
  await deployModel(world)
  const spec = { deployment: 'churn', falseAlarmBudget: { everyRows: 100_000 } }
  await world.admin.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'Monitor', metadata: { name: 'churn' }, spec } as never],
  })
})
afterEach(async () => await world.close())

type Labelled = { readonly label?: (row: Row, i: number) => number; readonly labelSource?: (i: number) => string }

async function traffic(rows: readonly Row[], { label = (row) => row.label, labelSource = () => 'desk' }: Labelled = {}): Promise<void> {
  const prefix = `t${sent++}`
  await predict(world, token, 'churn', rows, prefix, (row) => ({ actor: `user-${row % 5}`, source: row % 10 === 0 ? 'app' : 'web' }))
  await world.admin.call(labels.recordLabels, {
    deployment: 'churn',
    labels: rows.map((row, i) => ({ recordId: `${prefix}-${i}`, label: label(row, i), source: labelSource(i) })),
  })
  await world.pass(2_000)
}

/** Traffic until a detection comes, and one stretch more. */
async function detected(next: () => Promise<void>): Promise<Detection> {
  for (let i = 0; i < 12; i++) {
    await next()
    const [found] = await world.admin.call(drift.listDetections, { monitor: 'churn' })
    if (!found) continue
    await next()
    return found
  }
  throw new Error('nothing was detected')
}

const diagnose = (id: string) => world.admin.call(triage.diagnoseDetection, { id })

describe('what is behind a detection', () => {
  test('a unit that changed upstream is a fault of the data, with the rule that explains it', async () => {
    const found = await detected(() => traffic(rowsOf(world.random, 400).map((row) => ({ ...row, b: row.b * 1_000 }))))
    const diagnosis = await diagnose(found.id)
    expect(diagnosis).toMatchObject({ cause: 'data_fault', monitor: 'churn', response: { suggested: 'fix_upstream' }, chosen: null })
    expect(diagnosis.summary).toMatch(/b is multiplied by a thousand/)
    expect(diagnosis.features[0]!.name).toBe('b')
    expect(diagnosis.causes.reduce((sum, { confidence }) => sum + confidence, 0)).toBeCloseTo(1, 9)
    expect(diagnosis.causes).toHaveLength(8)
  })

  test('labels that one source turns round are an attack, which names it and nobody else', async () => {
    const source = (i: number) => ['desk', 'audit', 'crowd'][i % 3]!
    const poisoned = () =>
      traffic(rowsOf(world.random, 400), {
        labelSource: source,
        label: (row, i) => (source(i) === 'crowd' ? 1 - row.label : row.label),
      })
    const found = await detected(poisoned)
    const diagnosis = await diagnose(found.id)
    expect(diagnosis).toMatchObject({ cause: 'attack', response: { suggested: 'quarantine_labels' } })
    expect(diagnosis.attack).toMatchObject([{ kind: 'poisoning', actors: ['crowd'] }])
  })

  test('other inputs that mean the same are a covariate shift, with the feature that moved', async () => {
    const found = await detected(() => traffic(rowsOf(world.random, 400).map((row) => ({ ...row, b: 0.5 + row.b / 2 }))))
    const diagnosis = await diagnose(found.id)
    expect(diagnosis).toMatchObject({
      cause: 'covariate',
      response: { suggested: 'new_baseline' },
      blastRadius: { deployments: ['churn'] },
    })
    expect(diagnosis.features[0]).toMatchObject({ name: 'b', share: expect.toSatisfy((share: number) => share > 0.9) })
    expect(diagnosis.features.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6)
    expect(Math.abs(diagnosis.performance!.change)).toBeLessThan(0.02)
    expect(diagnosis.blastRadius.requests).toBeGreaterThanOrEqual(diagnosis.rows)
    expect(diagnosis.segments.filter(({ by }) => by === 'source').map(({ name }) => name)).toEqual(['web', 'app'])
  })

  test('another truth of the same inputs is concept drift, and the slice that is wrong is named', async () => {
    const found = await detected(() => traffic(rowsOf(world.random, 400, 0.3)))
    const diagnosis = await diagnose(found.id)
    expect(diagnosis).toMatchObject({ cause: 'concept', response: { suggested: 'retrain' } })
    expect(diagnosis.performance!.concept).toBeGreaterThan(0.1)
    // Wrong from 0.3 to 0.5; where exactly a slice is cut depends on the rows that were drawn.
    expect(diagnosis.slices[0]!.conditions[0]).toMatch(/^(0\.[23]\d* < )?a ≤ 0\.[345]\d*:/)
    expect(diagnosis.labelledRows).toBe(diagnosis.rows)
  })
})

test('a response is kept with its reason in the ledger, shown with the diagnosis, and another project sees neither', async () => {
  const found = await detected(() => traffic(rowsOf(world.random, 400, 0.3)))
  const before = await diagnose(found.id)
  const choice = { id: found.id, response: 'fallback_model', reason: 'no labels to trust before Monday' } as const
  const chosen = await world.admin.call(triage.chooseResponse, choice)
  expect(chosen).toMatchObject({ response: 'fallback_model', suggested: before.response.suggested, cause: before.cause })
  expect((await diagnose(found.id)).chosen).toEqual(chosen)
  await world.admin.call(triage.chooseResponse, { ...choice, response: 'retrain', reason: 'the labels came' })
  expect((await diagnose(found.id)).chosen).toMatchObject({ response: 'retrain', reason: 'the labels came' })
  const entries = await world.admin.call(ledger.listEntries, { limit: 10 })
  expect(entries.filter(({ operation }) => operation === 'triage.chooseResponse').map(({ reason }) => reason)).toEqual([
    'the labels came',
    'no labels to trust before Monday',
  ])
  expect(await world.admin.call(ledger.verify, {})).toMatchObject({ intact: true })

  await world.admin.call(access.createProject, { name: 'fraud' })
  const other = await world.as('admin', 'fraud')
  await expect(other.call(triage.diagnoseDetection, { id: found.id })).rejects.toMatchObject({ code: 'not_found' })
  await expect(other.call(triage.chooseResponse, choice)).rejects.toMatchObject({ code: 'not_found' })
  await expect(diagnose('drift_none')).rejects.toMatchObject({ code: 'not_found' })
  const viewer = await world.as('viewer')
  await expect(viewer.call(triage.chooseResponse, choice)).rejects.toMatchObject({ code: 'forbidden' })
})
