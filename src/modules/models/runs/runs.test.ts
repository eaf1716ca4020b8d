import { expect, test } from 'vitest'
import type { Clock } from '../../../infra/clock.ts'
import { silentLog } from '../../../infra/log.ts'
import { eachSql } from '../../../infra/sql/for-tests.ts'
import { createRandom } from '../../../lib/random.ts'
import type { LoggedMetric, Pair } from './entities.ts'
import { createRuns, type Runs } from './runs.ts'
import { countRuns } from './store.ts'

const P = 'default'

eachSql((_name, open) => {
  /** Runs on a clock that moves by one at every look, so that nothing happens at the same time. */
  async function setUp() {
    let nowMs = 1_700_000_000_000
    const clock: Clock = { now: () => ++nowMs, after: () => () => {} }
    const sql = await open()
    const random = createRandom('runs')
    return { sql, runs: createRuns({ sql, clock, log: silentLog, random: random.next }) }
  }
  const newRun = async (runs: Runs, experimentId = '0', startedAt = 1) => (await runs.createRun(P, { experimentId, startedAt })).info.id
  const log = (runs: Runs, runId: string, given: { metrics?: LoggedMetric[]; params?: Pair[]; tags?: Pair[] }) =>
    runs.logBatch({ project: P, runId, metrics: [], params: [], tags: [], ...given })
  const point = (key: string, value: number, step = 0, at = 1): LoggedMetric => ({ key, value, step, at })

  test('the default experiment is there from the start, once per project', async () => {
    const { runs } = await setUp()
    expect(await runs.experiment(P, '0')).toMatchObject({ id: '0', name: 'Default', artifactLocation: 'mlflow-artifacts:/0' })
    expect((await runs.createExperiment('other', { name: 'a' })).id).toBe('1')
    expect((await runs.searchExperiments('other', { maxResults: 10 })).items.map((e) => e.name)).toEqual(['a', 'Default'])
    expect(await runs.experimentByName(P, 'a')).toBeUndefined()
  })

  test('runs are counted by experiment, the active ones of the project', async () => {
    const { sql, runs } = await setUp()
    const { id } = await runs.createExperiment(P, { name: 'a' })
    await newRun(runs, id, 7)
    await newRun(runs, id, 9)
    await runs.deleteRun(P, await newRun(runs, id, 11))
    await newRun(runs, '0', 3)
    const ids = [0, Number(id), 99]
    expect([...(await countRuns(sql, P, ids))].sort()).toEqual([
      [0, { runs: 1, lastRunAt: 3 }],
      [Number(id), { runs: 2, lastRunAt: 9 }],
    ])
    expect(await countRuns(sql, 'other', ids)).toEqual(new Map())
  })

  test('a name is taken for good, and only within its project', async () => {
    const { runs } = await setUp()
    const { id } = await runs.createExperiment(P, { name: 'a' })
    await runs.deleteExperiment(P, id)
    await expect(runs.createExperiment(P, { name: 'a' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/Experiment\(name=a\) already exists.*deleted/),
    })
    await runs.createExperiment('other', { name: 'a' })
    await expect(runs.renameExperiment(P, id, 'b')).rejects.toMatchObject({ details: { errorCode: 'INVALID_STATE' } })
    await runs.restoreExperiment(P, id)
    await runs.renameExperiment(P, id, 'b')
    expect((await runs.experimentByName(P, 'b'))?.id).toBe(id)
    await expect(runs.restoreExperiment(P, id)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('deleting an experiment deletes its runs, and restoring it brings them back', async () => {
    const { runs } = await setUp()
    const { id } = await runs.createExperiment(P, { name: 'a' })
    const runId = await newRun(runs, id)
    await runs.deleteExperiment(P, id)
    expect((await runs.run(P, runId))?.info.lifecycle).toBe('deleted')
    await expect(log(runs, runId, { tags: [{ key: 'a', value: 'b' }] })).rejects.toThrow(/must be in the 'active' state/)
    await expect(newRun(runs, id)).rejects.toThrow(/must be in the 'active' state/)
    await runs.restoreExperiment(P, id)
    expect((await runs.run(P, runId))?.info.lifecycle).toBe('active')
  })

  test('a run’s name and its tag say the same', async () => {
    const { runs } = await setUp()
    const nameOf = async (id: string) => {
      const run = (await runs.run(P, id))!
      return [run.info.name, run.tags.find((tag) => tag.key === 'mlflow.runName')?.value]
    }
    const id = (await runs.createRun(P, {})).info.id
    const [name, tag] = await nameOf(id)
    expect(name).toMatch(/^[a-z]+-[a-z]+-\d+$/)
    expect(tag).toBe(name)
    await runs.updateRun(P, id, { name: 'mine', status: 'FINISHED', endedAt: 5 })
    expect(await nameOf(id)).toEqual(['mine', 'mine'])
    await runs.setRunTag(P, id, { key: 'mlflow.runName', value: 'yours' })
    expect(await nameOf(id)).toEqual(['yours', 'yours'])
    await runs.setRunTag(P, id, { key: 'mlflow.runName', value: '' })
    expect(await nameOf(id)).toEqual(['yours', 'yours'])
    await expect(runs.createRun(P, { name: 'a', tags: [{ key: 'mlflow.runName', value: 'b' }] })).rejects.toThrow(/different values/)
  })

  test('the latest metric is the one of the last step, then time, then value', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    await log(runs, id, { metrics: [point('m', 1, 5, 1), point('m', 9, 4, 9), point('m', 2, 5, 1)] })
    await log(runs, id, { metrics: [point('m', 3, 3, 99)] })
    expect((await runs.run(P, id))!.metrics).toEqual([{ key: 'm', value: 2, step: 5, at: 1 }])
    await log(runs, id, { metrics: [point('n', Number.NaN), point('p', Number.POSITIVE_INFINITY), point('q', Number.NEGATIVE_INFINITY)] })
    expect((await runs.run(P, id))!.metrics.map((metric) => metric.value)).toEqual([2, Number.NaN, Number.MAX_VALUE, -Number.MAX_VALUE])
  })

  test('a batch that is sent again changes nothing', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    const batch = {
      metrics: [point('m', 0.1), point('m', 0.1), point('m', Number.NaN), point('m', 0.2, 1)],
      params: [{ key: 'lr', value: '0.1' }],
      tags: [{ key: 't', value: 'x' }],
    }
    await log(runs, id, batch)
    const before = await runs.run(P, id)
    await log(runs, id, batch)
    expect(await runs.run(P, id)).toEqual(before)
    expect((await runs.metricHistory(P, id, 'm')).items).toHaveLength(3)
  })

  test('calls at the same time are kept or refused each by itself', async () => {
    const { runs } = await setUp()
    const ids = await Promise.all(Array.from({ length: 5 }, () => newRun(runs)))
    const outcomes = await Promise.allSettled([
      ...ids.map((id, i) => log(runs, id, { metrics: [point('m', i)], params: [{ key: 'p', value: `${i}` }] })),
      log(runs, 'f'.repeat(32), { metrics: [point('m', 1)] }),
      log(runs, ids[0]!, { params: [{ key: 'p', value: 'other' }], metrics: [point('lost', 1)] }),
      log(runs, ids[1]!, { metrics: [{ ...point('lost', 1), modelId: 'm-none' }] }),
      log(runs, ids[2]!, { metrics: [point('../m', 1)] }),
    ])
    expect(outcomes.map((outcome) => outcome.status)).toEqual([...ids.map(() => 'fulfilled'), ...Array(4).fill('rejected')])
    expect(outcomes.slice(5).map((outcome) => (outcome as PromiseRejectedResult).reason.message)).toEqual([
      expect.stringMatching(/Run with id=f+ not found/),
      expect.stringMatching(/Changing param values is not allowed.*'old_value': '0', 'new_value': 'other'/),
      expect.stringMatching(/Logged model with ID 'm-none' not found/),
      expect.stringMatching(/Invalid value "..\/m" for parameter 'metrics\[0\].name'.*would resolve to '..\/m'/),
    ])
    for (const [i, id] of ids.entries())
      expect(await runs.run(P, id)).toMatchObject({ metrics: [{ key: 'm', value: i }], params: [{ key: 'p', value: `${i}` }] })
  })

  test('many writers of one run lose nothing', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    await Promise.all(
      Array.from({ length: 300 }, (_, step) => log(runs, id, { metrics: [point('m', step * 0.1, step), point('n', step)] })),
    )
    const { items } = await runs.metricHistory(P, id, 'm')
    expect(items.map((metric) => metric.value).sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, step) => step * 0.1))
    expect((await runs.run(P, id))!.metrics).toMatchObject([
      { key: 'm', step: 299 },
      { key: 'n', value: 299 },
    ])
  })

  test('a history is whole and in order, however much of it was put in order before, and what is sent again stays one', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    const batch = (from: number) =>
      log(runs, id, { metrics: Array.from({ length: 1_000 }, (_, i) => point(`m${i % 2}`, i, 50_000 - from - i, from + i)) })
    const steps = async () => (await runs.metricHistory(P, id, 'm0')).items.map((metric) => metric.step)
    const expected = (count: number) => Array.from({ length: count / 2 }, (_, i) => 50_000 - 2 * i)
    await batch(0)
    expect(await steps()).toEqual(expected(1_000))
    await batch(0)
    expect(await steps()).toEqual(expected(1_000))
    await Promise.all(Array.from({ length: 25 }, (_, i) => batch(i * 1_000)))
    await batch(3_000)
    expect(await steps()).toEqual(expected(25_000))
    expect((await runs.sampledHistories(P, [id], { key: 'm0', points: 3, steps: undefined })).map((metric) => metric.step)).toEqual([
      25_002, 33_336, 50_000,
    ])
  })

  test('limits of a batch, and names that are paths to elsewhere', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    const many = (n: number) => Array.from({ length: n }, (_, i) => ({ key: `k${i}`, value: 'v' }))
    await expect(log(runs, id, { metrics: many(1_001).map(({ key }) => point(key, 1)) })).rejects.toThrow(/at most 1000 metrics. Got 1001/)
    await expect(log(runs, id, { params: many(101) })).rejects.toThrow(/at most 100 params/)
    await expect(log(runs, id, { tags: many(101) })).rejects.toThrow(/at most 100 tags/)
    await expect(log(runs, id, { metrics: many(950).map(({ key }) => point(key, 1)), tags: many(51) })).rejects.toThrow(
      /metrics, params, and tags/,
    )
    await expect(log(runs, id, { params: [...many(1), ...many(1)] })).rejects.toThrow(
      /Duplicate parameter keys have been submitted: \['k0'\]/,
    )
    await expect(log(runs, id, { tags: [{ key: 'k'.repeat(251), value: '' }] })).rejects.toThrow(/exceeds the maximum length of 250/)
    await expect(log(runs, id, { metrics: [point('m', 1, 0, -1)] })).rejects.toThrow(/nonnegative/)
    for (const key of ['', '.', '..', '/a', 'a//b', 'a/../b', 'a/', './a', 'a\nb', 'a?b', 'a\0'])
      await expect(log(runs, id, { params: [{ key, value: '' }] })).rejects.toThrow(/Names may/)
    await expect(log(runs, id, { params: [{ key: 'a', value: 'b\0' }] })).rejects.toThrow(/U\+0000/)
    await log(runs, id, { params: [{ key: 'größe/a b:c.d-e_f', value: 'x'.repeat(7_000) }] })
    expect((await runs.run(P, id))!.params[0]!.value).toHaveLength(6_000)
  })

  test('a history is read in pages, together with others, and thinned', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    await log(runs, id, { metrics: Array.from({ length: 10 }, (_, i) => point('m', i, i, 100 - i)) })
    const first = await runs.metricHistory(P, id, 'm', { maxResults: 6 })
    const second = await runs.metricHistory(P, id, 'm', { maxResults: 6, pageToken: first.nextPageToken })
    expect([...first.items, ...second.items].map((metric) => metric.step)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    expect(second.nextPageToken).toBeUndefined()
    for (const token of ['not base64', Buffer.from('{}').toString('base64'), Buffer.from('{"offset":-1}').toString('base64'), 'bnVsbA=='])
      await expect(runs.metricHistory(P, id, 'm', { maxResults: 6, pageToken: token })).rejects.toThrow(/Invalid page token/)
    const other = await newRun(runs)
    await log(runs, other, { metrics: [point('m', 7)] })
    expect(await runs.metricHistories(P, [id, other, 'none'], 'm', 11)).toHaveLength(11)
    const steps = async (points: number, steps?: [number, number]) =>
      (await runs.sampledHistories(P, [id], { key: 'm', points, steps })).map((metric) => metric.step)
    expect(await steps(5)).toEqual([0, 2, 4, 6, 9])
    expect(await steps(5, [0, 4])).toEqual([0, 1, 2, 3, 4])
    expect(await steps(1)).toEqual([9])
    expect(await steps(20)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await runs.metricHistory('other', id, 'm')).toEqual({ items: [], nextPageToken: undefined })
  })

  test('datasets and models go in and come out', async () => {
    const { runs } = await setUp()
    const id = await newRun(runs)
    const dataset = { name: 'd', digest: '1', sourceType: 'local', source: '{}', schema: null, profile: '{"rows": 1}' }
    const input = { dataset, tags: [{ key: 'mlflow.data.context', value: 'training' }] }
    const model = await runs.createLoggedModel(P, {
      experimentId: '0',
      params: [{ key: 'p', value: '1' }],
      tags: [{ key: 't', value: '2' }],
    })
    await runs.logInputs(P, id, [input, input], [model.id])
    await runs.logInputs(P, id, [input], [])
    await runs.logOutputs(P, id, [{ modelId: model.id, step: 3 }])
    await runs.logOutputs(P, id, [{ modelId: model.id, step: 3 }])
    expect(await runs.run(P, id)).toMatchObject({
      datasets: [input],
      modelInputs: [model.id],
      modelOutputs: [{ modelId: model.id, step: 3 }],
    })
    expect(await runs.searchDatasets(P, ['0'])).toEqual([{ experimentId: '0', name: 'd', digest: '1', context: 'training' }])
    expect(await runs.searchDatasets('other', ['0'])).toEqual([])
    await expect(runs.logInputs('other', id, [input], [])).rejects.toMatchObject({ code: 'not_found' })
  })

  test('a logged model lives from pending to deleted, with its metrics', async () => {
    const { runs } = await setUp()
    const runId = await newRun(runs)
    const model = await runs.createLoggedModel(P, { experimentId: '0', name: 'net', sourceRunId: runId })
    expect(model).toMatchObject({ id: expect.stringMatching(/^m-[0-9a-f]{32}$/), status: 'PENDING' })
    expect(model.artifactLocation).toBe(`mlflow-artifacts:/0/models/${model.id}/artifacts`)
    await log(runs, runId, { metrics: [{ ...point('acc', 0.5), modelId: model.id, datasetName: 'd', datasetDigest: '1' }] })
    expect((await runs.finalizeLoggedModel(P, model.id, 'READY')).status).toBe('READY')
    await runs.setLoggedModelTags(P, model.id, [{ key: 'a', value: '1' }])
    await runs.setLoggedModelTags(P, model.id, [{ key: 'a', value: '2' }])
    expect(await runs.loggedModel(P, model.id)).toMatchObject({
      tags: [{ key: 'a', value: '2' }],
      metrics: [{ key: 'acc', value: 0.5, runId, datasetName: 'd', datasetDigest: '1' }],
    })
    await runs.deleteLoggedModelTag(P, model.id, 'a')
    await expect(runs.deleteLoggedModelTag(P, model.id, 'a')).rejects.toThrow(/No tag with key 'a'/)
    expect(await runs.loggedModel('other', model.id)).toBeUndefined()
    await runs.deleteLoggedModel(P, model.id)
    expect(await runs.loggedModel(P, model.id)).toBeUndefined()
    expect(await runs.loggedModel(P, model.id, { deleted: true })).toMatchObject({ lifecycle: 'deleted' })
    for (const name of ['a/b', 'a:b', 'a.b', ''])
      await expect(runs.createLoggedModel(P, { experimentId: '0', name })).rejects.toThrow(/Invalid model name/)
  })

  test('a logged model keeps params and tags longer than those of a run, to a limit', async () => {
    const { runs } = await setUp()
    const make = (key: string, value: string) =>
      runs.createLoggedModel(P, { experimentId: '0', name: 'long', params: [{ key, value }], tags: [{ key, value }] })
    const longest = { key: 'k'.repeat(255), value: 'v'.repeat(65_535) }
    const { id } = await make(longest.key, longest.value)
    expect(await runs.loggedModel(P, id)).toMatchObject({ params: [longest], tags: [longest] })
    await expect(make('k'.repeat(256), 'v')).rejects.toThrow(/'key' exceeds the maximum length of 255/)
    await expect(make('k', 'v'.repeat(65_536))).rejects.toThrow(/'value' exceeds the maximum length of 65535/)
  })

  test('artifacts cannot be placed where a path climbs or points into a run', async () => {
    const { runs } = await setUp()
    for (const artifactLocation of [
      's3://b/../c',
      's3://b/%2e%2e/c',
      's3://b/%252e%252e/c',
      'runs:/x',
      's3://b/c#d',
      's3://b/c?d=../..',
      's3://b/c?d=%2e%2e/',
    ])
      await expect(runs.createExperiment(P, { name: 'a', artifactLocation })).rejects.toMatchObject({ code: 'invalid' })
    const { id } = await runs.createExperiment(P, { name: 'a', artifactLocation: 's3://b/c/' })
    expect((await runs.createRun(P, { experimentId: id })).info.artifactUri).toMatch(/^s3:\/\/b\/c\/[0-9a-f]{32}\/artifacts$/)
  })
})
