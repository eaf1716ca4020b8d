import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { activity } from '../../src/contract/activity.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { estimates } from '../../src/contract/estimates.ts'
import { labels } from '../../src/contract/labels.ts'
import { encodeModel } from '../../src/lib/onnx/write-model.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'
import { deployment, modelWithCut, openWorld, predict, type Row, registerModel, rowsOf, type World } from '../world.ts'

const WINDOW_MS = 60_000

let world: World
let token: string
let random: Random
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  token = await world.token('operator')
  sent = 0
  random = createRandom('prices')
})
afterEach(async () => await world.close())

/** A model that predicts `100 + 50 a`; what is true lies around it, the farther the greater `a`. */
function linearModel(): Uint8Array {
  return encodeModel({
    producer: { name: 'test', version: '1' },
    opsets: [{ domain: '', version: 17 }],
    graphName: 'linear_regression',
    inputs: [{ name: 'features', shape: ['N', 2] }],
    outputs: [{ name: 'price', shape: ['N', 1] }],
    nodes: [{ operator: 'Gemm', inputs: ['features', 'weights', 'bias'], outputs: ['price'] }],
    initializers: [
      { name: 'weights', shape: [2, 1], values: Float32Array.of(50, 0) },
      { name: 'bias', shape: [1], values: Float32Array.of(100) },
    ],
  })
}
const predictionOf = ({ a }: Pick<Row, 'a'>) => 100 + 50 * a

function drawRows(count: number, { low = 0, high = 1, noise = 1 } = {}): Row[] {
  return Array.from({ length: count }, () => {
    const a = low + (high - low) * random.next()
    return { a, b: random.next(), label: predictionOf({ a }) + noise * (2 + 18 * a) * random.normal() }
  })
}

const monitor = {
  apiVersion: 'setpoint/v1',
  kind: 'Monitor',
  metadata: { name: 'price' },
  spec: {
    deployment: 'price',
    falseAlarmBudget: { everyRows: 1e5 },
    windows: { seconds: 60, leastRows: 100 },
    tolerance: { features: 0.02, error: 0.05 },
  },
}

async function serve(rows: readonly Row[], file = linearModel()): Promise<void> {
  await registerModel(world.admin, 'price', file, { rows, alias: 'champion' })
  await world.admin.call(documents.apply, { documents: [deployment('price'), monitor] })
  await world.settle()
}

/** One window of traffic, up to the moment at which it has been estimated; gives the prefix of its ids. */
async function pass(rows: readonly Row[]): Promise<string> {
  const prefix = `w${sent++}`
  await predict(world, token, 'price', rows, prefix)
  await world.settle()
  await world.pass(WINDOW_MS, 30_000)
  return prefix
}

async function label(prefix: string, rows: readonly Row[]): Promise<void> {
  await world.admin.call(labels.recordLabels, {
    deployment: 'price',
    labels: rows.map((row, i) => ({ recordId: `${prefix}-${i}`, label: row.label, source: 'desk' })),
  })
  await world.settle()
  await world.pass(30_000, 30_000)
}

const listed = async () =>
  (await world.admin.call(estimates.listEstimates, { monitor: 'price', limit: 100 })).filter(({ rows }) => rows > 0).reverse()
const told = async (name: string) => (await world.admin.call(activity.listEvents, { limit: 500 })).filter((event) => event.name === name)
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const errorsOf = (rows: readonly Row[]) => rows.map((row) => Math.abs(row.label - predictionOf(row)))
const maeOf = (rows: readonly Row[]) => meanOf(errorsOf(rows))
const rmseOf = (rows: readonly Row[]) => Math.sqrt(meanOf(errorsOf(rows).map((error) => error ** 2)))

describe('the error of a regression without labels', () => {
  test('steady windows agree with labels; where the error is greater is seen before any label', async () => {
    const reference = drawRows(1_200)
    await serve(reference)
    const windows = [drawRows(400), drawRows(300), drawRows(400, { low: 0.7 }), drawRows(400, { low: 0.7 })]
    const prefixes: string[] = []
    for (const rows of windows) prefixes.push(await pass(rows))
    await world.pass(WINDOW_MS, 30_000)

    const before = await listed()
    expect(before.map(({ method, abstained, realised, dropped }) => [method, abstained, realised, dropped])).toEqual([
      ['dle', null, null, false],
      ['dle', null, null, false],
      ['dle', null, null, true],
      ['dle', null, null, true],
    ])
    for (const [i, { metrics }] of before.entries()) {
      for (const [metric, of] of [
        ['mae', maeOf],
        ['rmse', rmseOf],
      ] as const) {
        const { value, interval, baseline } = metrics[metric]!
        expect(of(windows[i]!)).toBeGreaterThanOrEqual(interval.low)
        expect(of(windows[i]!)).toBeLessThanOrEqual(interval.high)
        expect(Math.abs(value / of(windows[i]!) - 1)).toBeLessThan(0.12)
        expect(baseline).toBeCloseTo(of(reference), 3)
      }
      expect(Object.keys(metrics).sort()).toEqual(['mae', 'mape', 'mse', 'rmse'])
    }
    const [dropped, ...more] = await told('estimates.dropped')
    expect(more).toEqual([])
    expect(dropped!.data).toMatchObject({
      metric: 'mae',
      baseline: before[0]!.metrics.mae!.baseline,
      estimated: before[2]!.metrics.mae!.value,
    })

    for (const [i, prefix] of prefixes.entries()) await label(prefix, windows[i]!)
    const after = await listed()
    for (const [i, { realised, suspicion }] of after.entries()) {
      expect(realised).toMatchObject({ rows: windows[i]!.length, covered: true })
      expect(realised!.metrics.mae).toBeCloseTo(maeOf(windows[i]!), 3)
      expect(realised!.metrics.rmse).toBeCloseTo(rmseOf(windows[i]!), 3)
      expect(suspicion).toBeNull()
    }
    expect(await told('estimates.contradicted')).toEqual([])
    const calibration = await world.admin.call(estimates.calibration, { monitor: 'price' })
    expect(calibration).toMatchObject({ kind: 'regression', faults: [], intervals: { windows: 4, held: 4, verdict: 'holding' } })
    if (calibration.kind !== 'regression') throw new Error('no regression')
    expect(calibration.explained).toBeGreaterThan(0.1)
    expect(calibration.reference).toMatchObject({ rows: 1_200 })
    expect(calibration.current!.rows).toBe(1_500)
    // The error grows with the prediction, from about 2 to about 16; both sides of either table say so.
    for (const { table } of [calibration.reference, calibration.current!]) {
      expect(table).toHaveLength(10)
      for (const side of ['expected', 'realised'] as const) expect(table[9]![side]).toBeGreaterThan(2.5 * table[0]![side])
      expect(table[9]!.to).toBeGreaterThan(145)
    }
  })

  test('when what is true lies farther off, the estimate cannot see it, and labels say so once', async () => {
    await serve(drawRows(1_200))
    const farther = drawRows(400, { noise: 2 })
    const prefix = await pass(farther)
    await world.pass(15_000, 15_000)
    expect((await listed())[0]).toMatchObject({ dropped: false, suspicion: null, realised: null })
    await label(prefix, farther)
    const [window] = await listed()
    expect(window).toMatchObject({
      realised: { covered: false },
      suspicion: expect.stringMatching(/contradict the estimates: an error of \d+(\.\d+)? where \d+(\.\d+)? was expected/),
    })
    const [contradicted, ...more] = await told('estimates.contradicted')
    expect(more).toEqual([])
    expect((contradicted!.data as { realised: number }).realised).toBeCloseTo(maeOf(farther), 3)

    for (const again of [drawRows(400), drawRows(400), drawRows(400)]) await label(await pass(again), again)
    expect((await listed()).map(({ suspicion }) => suspicion !== null)).toEqual([true, true, true, false])
    expect(await told('estimates.contradicted')).toHaveLength(1)
  })

  test('it abstains for few rows, rows it never saw, and a reference that is too small', async () => {
    await serve(drawRows(1_000))
    await pass(drawRows(10))
    const far = drawRows(300).map((row) => ({ ...row, a: row.a + 10 }))
    const prefix = await pass(far)
    await world.pass(WINDOW_MS, 30_000)
    const [few, beyond] = await listed()
    expect(few).toMatchObject({ abstained: expect.stringMatching(/10 rows; 30 are needed/), metrics: {}, method: null })
    expect(beyond!.abstained).toMatch(/of the predictions lie where the reference has hardly any; .* far beyond the reference's range/)
    await label(prefix, far)
    expect((await listed())[1]).toMatchObject({ realised: { rows: 300, covered: null }, suspicion: null })
    expect([await told('estimates.dropped'), await told('estimates.contradicted')]).toEqual([[], []])

    await registerModel(world.admin, 'small', linearModel(), { rows: drawRows(60), alias: 'champion' })
    await world.admin.call(documents.apply, { documents: [deployment('price', 'small')] })
    await world.settle()
    const asked = await world.admin.call(estimates.estimateWindow, { monitor: 'price' })
    expect(asked).toMatchObject({ abstained: expect.stringMatching(/60 labelled rows; 200 are needed/) })
  })

  test('a regression is never wrong or right: its labels are not watched as errors, its inputs and predictions are', async () => {
    await serve(drawRows(1_000))
    expect((await world.admin.call(drift.getProfile, { model: 'price', version: 1 })).errorRate).toBeNull()
    // Labels on the other side of the threshold of a classifier, each and every one.
    const rows = drawRows(600).map((row) => ({ ...row, label: -row.label }))
    await label(await pass(rows), rows)
    expect((await world.admin.call(drift.listDetections, { monitor: 'price' })).filter(({ signal }) => signal === 'error')).toEqual([])
    const moved = drawRows(600, { low: 0.7 })
    await pass(moved)
    expect((await world.admin.call(drift.listDetections, { monitor: 'price' })).map(({ signal }) => signal)).toEqual(['features'])
  })

  test('two labels are classes as before: probabilities are estimated as such, other scores abstain', async () => {
    await serve(rowsOf(random, 600), modelWithCut(0.5))
    const rows = rowsOf(random, 300)
    await label(await pass(rows), rows)
    expect((await listed())[0]!.metrics).toHaveProperty('error_rate')
    expect(await world.admin.call(estimates.calibration, { monitor: 'price' })).toMatchObject({ kind: 'classification' })

    await registerModel(world.admin, 'margin', linearModel(), { rows: rowsOf(random, 600), alias: 'champion' })
    await world.admin.call(documents.apply, { documents: [deployment('price', 'margin')] })
    await world.settle()
    const asked = await world.admin.call(estimates.estimateWindow, { monitor: 'price' })
    expect(asked).toMatchObject({ abstained: expect.stringMatching(/score \d+ is 1\d\d.*, not a probability/), metrics: {} })
    await expect(world.admin.call(estimates.calibration, { monitor: 'price' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/not a probability/),
    })
  })
})
