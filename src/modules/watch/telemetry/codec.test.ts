import { expect, test } from 'vitest'
import { recordBlocksFrom } from './record-block.ts'
import { createRecorder, labelFramesFrom } from './recorder.ts'
import type { PredictionBatch, PredictionRecord } from './segment.ts'
import { segmentFrom } from './segment-reader.ts'

function prediction(over: Partial<PredictionRecord> = {}): PredictionRecord {
  return {
    project: 'p',
    deployment: 'd',
    model: 'm',
    version: 1,
    role: 'champion',
    recordId: 'r',
    atMs: 1_700_000_000_000,
    actor: 'ana',
    source: 'web',
    features: Float32Array.of(1, -2.5, Number.NaN),
    score: 0.75,
    prediction: 1,
    otherVersion: 0,
    otherScore: Number.NaN,
    latencyUs: 120,
    ...over,
  }
}

function framesOf(groups: readonly (readonly PredictionRecord[])[], recorder = createRecorder()): Uint8Array[] {
  return groups.map((records) => {
    for (const record of records) recorder.add(record)
    return Uint8Array.from(recorder.take(5_000)!)
  })
}

/** The rows of a batch in the form in which they were recorded. */
function rowsOf(batch: PredictionBatch): PredictionRecord[] {
  return batch.recordIds.map((recordId, i) => ({
    project: batch.project,
    deployment: batch.deployment,
    model: batch.model,
    version: batch.version,
    role: batch.role,
    recordId,
    atMs: batch.atMs[i]!,
    actor: batch.actors[i]!,
    source: batch.sources[i]!,
    features: batch.features.slice(i === 0 ? 0 : batch.ends[i - 1]!, batch.ends[i]),
    score: batch.scores[i]!,
    prediction: batch.predictions[i]!,
    otherVersion: batch.otherVersions[i]!,
    otherScore: batch.otherScores[i]!,
    latencyUs: batch.latencyUs[i]!,
  }))
}

test('records come back as they went in, grouped, in order', async () => {
  const records = [
    prediction({ recordId: 'a' }),
    prediction({ recordId: 'b', role: 'challenger', version: 2, otherVersion: 1, otherScore: 0.5 }),
    prediction({ recordId: 'ç-ü-𝄞', project: 'q', actor: '', features: new Float32Array(0), latencyUs: 4_000_000_000 }),
    prediction({ recordId: 'd', score: Number.NaN }),
  ]
  const segment = await segmentFrom('s-1', framesOf([records.slice(0, 2), records.slice(2)]))
  expect(segment).toMatchObject({ id: 's-1', startedMs: 5_000, labels: [] })
  expect(segment.predictions.map((batch) => rowsOf(batch))).toEqual([[records[0], records[3]], [records[1]], [records[2]]])
})

test('more names than the dictionary holds start it afresh, within the same segment', async () => {
  const records = Array.from({ length: 20_000 }, (_, i) => prediction({ recordId: `r${i}`, actor: `actor ${i}`, version: (i % 7) + 1 }))
  const segment = await segmentFrom('s', framesOf([records.slice(0, 15_000), records.slice(15_000)]))
  const all = segment.predictions.flatMap(rowsOf).sort((a, b) => Number(a.recordId.slice(1)) - Number(b.recordId.slice(1)))
  expect(all).toEqual(records)
})

test('after a restart what follows is read without what went before', async () => {
  const recorder = createRecorder()
  const [first] = framesOf([[prediction()]], recorder)
  recorder.restart()
  const [second] = framesOf([[prediction({ recordId: 'later' })]], recorder)
  expect((await segmentFrom('s', [second!])).predictions.flatMap(rowsOf)).toEqual([prediction({ recordId: 'later' })])
  expect((await segmentFrom('s', [first!, second!])).predictions.flatMap(rowsOf)).toHaveLength(2)
})

test('a frame that leans on one that is missing is not guessed at', async () => {
  const [, second] = framesOf([[prediction()], [prediction()]])
  await expect(segmentFrom('s', [second!])).rejects.toThrow(/segment s cannot be read/)
})

test('labels come back as they went in', async () => {
  const labels = [
    { recordId: 'a', label: 1, source: 'feed', observedAtMs: 10, receivedAtMs: 20 },
    { recordId: 'ü', label: -0.5, source: '', observedAtMs: 0, receivedAtMs: 1_700_000_000_000 },
  ]
  const segment = await segmentFrom('s', labelFramesFrom('p', 'd', labels, 7))
  expect(segment).toEqual({
    id: 's',
    startedMs: 7,
    predictions: [],
    labels: labels.map((label) => ({ project: 'p', deployment: 'd', ...label })),
  })
})

test('what does not fit is refused by name', async () => {
  const recorder = createRecorder()
  expect(() => recorder.add(prediction({ features: new Float32Array(20_000) }))).toThrow(/20000 features/)
  expect(() => recorder.add(prediction({ actor: 'x'.repeat(2_000) }))).toThrow(/1024 characters/)
  expect(recorder.take(1)).toBeUndefined()
})

test('a large segment becomes blocks of bounded size that hold every row once', async () => {
  const records = Array.from({ length: 70_000 }, (_, i) =>
    prediction({ recordId: `r${i}`, version: (i % 2) + 1, features: Float32Array.from({ length: i % 3 }, () => i) }),
  )
  const segment = await segmentFrom('s', framesOf([records]))
  const blocks = recordBlocksFrom(segment)
  expect(blocks.map((block) => block.rows)).toEqual([65_536, 4_464])
  const ids = new Set<unknown>()
  for (const block of blocks) {
    const column = (name: string) => block.columns.find((one) => one.name === name)!
    const features = column('features')
    if (features.type !== 'Floats') throw new Error('features are floats')
    for (const [row, id] of (column('record_id').values as string[]).entries()) {
      ids.add(id)
      const own = features.values.subarray(row === 0 ? 0 : features.ends[row - 1]!, features.ends[row])
      const index = Number(id.slice(1))
      expect(own.length).toBe(index % 3)
      if (own.length > 0) expect(own[0]).toBe(index)
    }
  }
  expect(ids.size).toBe(70_000)
})
