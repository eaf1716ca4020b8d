import { expect, test } from 'vitest'
import type { Clock } from '../../../infra/clock.ts'
import { silentLog } from '../../../infra/log.ts'
import { eachSql, type OpenSql } from '../../../infra/sql/for-tests.ts'
import { createRandom } from '../../../lib/random.ts'
import { createRuns, type Runs } from './runs.ts'

const P = 'default'
type Given = {
  readonly metrics?: Readonly<Record<string, number>>
  readonly params?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly endedAt?: number
  readonly experimentId?: string
}
const pairsOf = (given: Readonly<Record<string, string>> = {}) => Object.entries(given).map(([key, value]) => ({ key, value }))

async function setUp(open: OpenSql) {
  let nowMs = 1_700_000_000_000
  const clock: Clock = { now: () => ++nowMs, after: () => () => {} }
  const runs = createRuns({ sql: await open(), clock, log: silentLog, random: createRandom('search').next })
  let startedAt = 100
  /** Makes a run of that name; the later it is made the later it started. */
  async function make(name: string, { metrics = {}, params, tags, endedAt, experimentId = '0' }: Given = {}) {
    const { info } = await runs.createRun(P, { experimentId, name, startedAt: ++startedAt, userId: 'ann' })
    const points = Object.entries(metrics).map(([key, value]) => ({ key, value, at: 1, step: 0 }))
    await runs.logBatch({ project: P, runId: info.id, metrics: points, params: pairsOf(params), tags: pairsOf(tags) })
    if (endedAt !== undefined) await runs.updateRun(P, info.id, { status: 'FINISHED', endedAt })
    return info.id
  }
  return { runs, make, names: (search: object) => namesOf(runs, search) }
}

async function namesOf(runs: Runs, search: object): Promise<string> {
  const { items } = await runs.searchRuns(P, { experimentIds: ['0'], ...search })
  return items.map((run) => run.info.name).join('')
}

eachSql((_name, open) => {
  test('a filter finds the runs for which all of it holds', async () => {
    const { runs, make, names } = await setUp(open)
    const a = await make('a', { metrics: { 'm 1': 1, n: 5 }, params: { p: 'LR' }, tags: { 't.x': 'Yes' }, endedAt: 500 })
    await make('b', { metrics: { 'm 1': 2, n: Number.NaN }, params: { p: 'lr' }, tags: { 't.x': 'no%' } })
    await make('c', { metrics: { n: 1e300 }, params: { q: `it's`, p: '' } })
    const dataset = { name: 'd', digest: '1', sourceType: 's', source: '', schema: null, profile: null }
    await runs.logInputs(P, a, [{ dataset, tags: [{ key: 'mlflow.data.context', value: 'train' }] }], [])
    for (const [filter, found] of [
      ['', 'cba'],
      ['metrics.`m 1` >= 1', 'ba'],
      ['metrics."m 1" > 1', 'b'],
      ['metrics.n != 5', 'cb'],
      ['metrics.n = 0', ''],
      ['metrics.n < 10 AND metrics.`m 1` < 10', 'a'],
      ['metric.n > 1e299', 'c'],
      ["params.p = 'LR'", 'a'],
      ["params.p != 'LR'", 'cb'],
      ["params.p LIKE 'L%'", 'a'],
      ["params.p ILIKE 'L%'", 'ba'],
      ["params.p LIKE '_R'", 'a'],
      ["tags.t.x LIKE '%\\%'", ''],
      ["tags.`t.x` LIKE 'no%'", 'b'],
      ['params.q = "it\'s"', 'c'],
      ['params.q IS NULL', 'ba'],
      ['tags.t.x is not null', 'ba'],
      ["run_name = 'a' and status = 'FINISHED'", 'a'],
      ["attributes.`Run name` LIKE '%'", 'cba'],
      [`run_id IN ('${a}', 'x')`, 'a'],
      [`attribute.run_id NOT IN ('${a}')`, 'cb'],
      ['start_time > 101 and created <= 102', 'b'],
      ['end_time > 0', 'a'],
      ["user_id = 'ann'", 'cba'],
      ["datasets.name = 'd' AND dataset.context = 'train'", 'a'],
      ["dataset.digest IN ('1', '2')", 'a'],
      ["dataset.context = 'test'", ''],
      ["tags.mlflow.runName = 'b'", 'b'],
    ])
      expect([filter, await names({ filter })]).toEqual([filter, found])
  })

  test('what cannot be asked is refused, and nothing asked reaches the store as SQL', async () => {
    const { make, names } = await setUp(open)
    await make('a', { params: { p: `'; DROP TABLE runs; --` } })
    expect(await names({ filter: `params.p = "'; DROP TABLE runs; --"` })).toBe('a')
    expect(await names({ filter: `params.\`x' OR 1=1 --\` = 'y'` })).toBe('')
    for (const [filter, message] of [
      ["metrics.a = 'x'", /Expected numeric value/],
      ['params.a > "x"', /Invalid comparator/],
      ['attribute.experiment_id = "0"', /Invalid attribute key/],
      ['attribute.lifecycle_stage = "x"', /Invalid attribute key/],
      ['attribute.constructor = "x"', /Invalid attribute key/],
      ['datasets.profile = "x"', /Invalid dataset key/],
      ['status IN ("x")', /Only \['run_id'\] attributes support/],
      ['run_name = "a" OR run_name = "b"', /Invalid clause/],
      [Array.from({ length: 101 }, () => 'metrics.a = 1').join(' AND '), /at most 100/],
      [`params.a LIKE '${'%'.repeat(30_000)}'`, /too long/],
      [`run_id IN (${Array(5_001).fill(`'a'`).join()})`, /lists 5001 values/],
    ] as const)
      await expect(names({ filter })).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(message) })
    for (const orderBy of [['m.a'], ['dataset.name'], ['metrics.a', 'metrics.a DESC'], ['metrics.a; DROP'], Array(21).fill('run_id')])
      await expect(names({ orderBy })).rejects.toMatchObject({ code: 'invalid' })
    for (const search of [{ maxResults: 0 }, { maxResults: 50_001 }, { experimentIds: ['x'] }, { pageToken: 'x' }])
      await expect(names(search)).rejects.toMatchObject({ code: 'invalid' })
    const many = Array.from({ length: 6_000 }, (_, i) => String(i))
    expect(await names({ experimentIds: many, filter: 'metrics.a < 1 AND params.p != ""', orderBy: [] })).toBe('')
    await expect(names({ experimentIds: many, filter: 'metrics.a > 1 AND params.p != ""', orderBy: ['metrics.a'] })).rejects.toThrow(
      /too many/,
    )
    expect(await names({ experimentIds: [] })).toBe('')
    expect(await names({ experimentIds: ['99'] })).toBe('')
  })

  test('orderings put NaN after every number, and what has no value last, whichever way', async () => {
    const { make, names } = await setUp(open)
    await make('a', { metrics: { m: 1 }, params: { p: 'x' } })
    await make('b', { metrics: { m: Number.NaN }, params: { p: 'y' } })
    await make('c', {})
    await make('d', { metrics: { m: Number.POSITIVE_INFINITY }, params: { p: 'x' }, endedAt: 7 })
    await make('e', { metrics: { m: -3 } })
    await make('f', { metrics: { m: 1 }, params: { p: 'z' }, endedAt: 3 })
    for (const [orderBy, order] of [
      [[], 'fedcba'],
      [['metrics.m'], 'efadbc'],
      [['metrics.m DESC'], 'dfaebc'],
      [['metrics.m DESC', 'start_time'], 'dafebc'],
      [['params.p', 'metrics.m DESC'], 'dabfec'],
      [['params.p DESC'], 'fbdaec'],
      [['end_time'], 'fdecba'],
      [['end_time DESC'], 'dfecba'],
      [['attributes.run_name ASC'], 'abcdef'],
      [['start_time ASC'], 'abcdef'],
      [['Created DESC'], 'fedcba'],
      [['tags.none'], 'fedcba'],
    ] as const) {
      expect([orderBy, await names({ orderBy })]).toEqual([orderBy, order])
      expect([orderBy, await names({ orderBy, filter: 'metrics.m < 2' })]).toEqual([
        orderBy,
        [...order].filter((n) => 'aef'.includes(n)).join(''),
      ])
    }
  })

  test('pages cover everything once, in every ordering, and end', async () => {
    const { runs, make } = await setUp(open)
    for (const name of 'abcdefghij') await make(name, name < 'd' ? { metrics: { m: 1 } } : name < 'g' ? { metrics: { m: Number.NaN } } : {})
    for (const orderBy of [[], ['metrics.m DESC'], ['metrics.m', 'run_name'], ['params.p']])
      for (const maxResults of [1, 2, 3, 4, 6, 10, 11]) {
        const whole = await runs.searchRuns(P, { experimentIds: ['0'], orderBy })
        const seen: string[] = []
        let pageToken: string | undefined
        let pages = 0
        do {
          const page = await runs.searchRuns(P, { experimentIds: ['0'], orderBy, maxResults, pageToken })
          seen.push(...page.items.map((run) => run.info.id))
          pageToken = page.nextPageToken
          pages += 1
        } while (pageToken !== undefined && pages < 20)
        expect(seen).toEqual(whole.items.map((run) => run.info.id))
        expect(pages).toBe(Math.ceil(10 / maxResults))
      }
  })

  test('views, several experiments, and only one’s own project', async () => {
    const { runs, make, names } = await setUp(open)
    const { id } = await runs.createExperiment(P, { name: 'two' })
    const a = await make('a', { metrics: { m: 1 } })
    await make('b', { metrics: { m: 3 }, experimentId: id })
    await make('c', { metrics: { m: 2 } })
    await runs.deleteRun(P, a)
    const experimentIds = ['0', id]
    expect(await names({ experimentIds })).toBe('cb')
    expect(await names({ experimentIds, view: 'DELETED_ONLY' })).toBe('a')
    expect(await names({ experimentIds, view: 'ALL', orderBy: ['metrics.m DESC'] })).toBe('bca')
    await runs.createRun('other', { name: 'x' })
    expect(await names({ experimentIds: ['0', '1', '2'], view: 'ALL' })).toBe('cba')
    expect((await runs.searchRuns('other', { experimentIds: ['0'] })).items).toMatchObject([{ info: { name: 'x' } }])
  })

  test('experiments are found by name, times and tags', async () => {
    const { runs } = await setUp(open)
    const make = (name: string, tags?: Readonly<Record<string, string>>) => runs.createExperiment(P, { name, tags: pairsOf(tags) })
    await make('a', { key: 'value' })
    const ab = await make('ab', { key: 'vaLue' })
    await make('Abc')
    const names = async (search: object) =>
      (await runs.searchExperiments(P, { maxResults: 100, ...search })).items.map((experiment) => experiment.name).join(' ')
    for (const [filter, found] of [
      ["attribute.name = 'a'", 'a'],
      ["attribute.name != 'a'", 'Abc ab Default'],
      ["name LIKE 'a%'", 'ab a'],
      ["name ILIKE 'a%'", 'Abc ab a'],
      ["tag.key = 'value'", 'a'],
      ["tags.key != 'value'", 'ab'],
      ["tag.key ILIKE '%alu%'", 'ab a'],
      ['tags.key IS NULL', 'Abc Default'],
      ["experiment_id IN ('0', '1')", 'a Default'],
      ["experiment_id != '0'", 'Abc ab a'],
      [`creation_time >= ${ab.createdAt}`, 'Abc ab'],
    ])
      expect([filter, await names({ filter })]).toEqual([filter, found])
    expect(await names({ orderBy: ['name DESC'] })).toBe('ab a Default Abc')
    for (const filter of ["experiment_id > '0'", "experiment_id = 'x'", 'name > "a"', 'metrics.a > 1', "name IN ('a')", 'name IS NULL'])
      await expect(names({ filter })).rejects.toMatchObject({ code: 'invalid' })
    await expect(names({ orderBy: ['tags.key'] })).rejects.toThrow(/Invalid order_by entity/)
    const first = await runs.searchExperiments(P, { maxResults: 3 })
    const second = await runs.searchExperiments(P, { maxResults: 3, pageToken: first.nextPageToken })
    expect([...first.items, ...second.items].map((e) => e.name)).toEqual(['Abc', 'ab', 'a', 'Default'])
    expect(second.nextPageToken).toBeUndefined()
    await runs.deleteExperiment(P, ab.id)
    expect([await names({}), await names({ view: 'DELETED_ONLY' }), await names({ view: 'ALL' })]).toEqual([
      'Abc a Default',
      'ab',
      'Abc ab a Default',
    ])
  })

  test('logged models are found by attributes, params, tags and metrics on datasets', async () => {
    const { runs, make } = await setUp(open)
    const runId = await make('run')
    const model = (name: string, params: Readonly<Record<string, string>> = {}) =>
      runs.createLoggedModel(P, { experimentId: '0', name, modelType: 'net', params: pairsOf(params), tags: pairsOf({ t: name }) })
    const a = await model('a', { lr: '0.1' })
    const b = await model('b', { lr: '0.2' })
    const c = await model('c')
    const log = (modelId: string, value: number, at: number, datasetName?: string, datasetDigest?: string) =>
      runs.logBatch({
        project: P,
        runId,
        metrics: [{ key: 'acc', value, at, step: 0, modelId, datasetName, datasetDigest }],
        params: [],
        tags: [],
      })
    await log(a.id, 0.5, 1, 'train', '1')
    await log(a.id, 0.9, 2)
    await log(b.id, 0.7, 1, 'train', '2')
    await runs.finalizeLoggedModel(P, b.id, 'READY')
    const find = async (search: object) =>
      (await runs.searchLoggedModels(P, { experimentIds: ['0'], ...search })).items.map((found) => found.name).join('')
    for (const [search, found] of [
      [{}, 'cba'],
      [{ filter: "name = 'a'" }, 'a'],
      [{ filter: "name IN ('a', 'b') and params.lr LIKE '0.%'" }, 'ba'],
      [{ filter: "tags.t != 'a'" }, 'cb'],
      [{ filter: "attributes.status = 'READY'" }, 'b'],
      [{ filter: "model_type = 'net' AND creation_timestamp > 0" }, 'cba'],
      [{ filter: 'metrics.acc > 0.6' }, 'ba'],
      [{ filter: 'metrics.acc > 0.6', datasets: [{ name: 'train' }] }, 'b'],
      [{ datasets: [{ name: 'train', digest: '1' }] }, 'a'],
      [
        {
          datasets: [
            { name: 'train', digest: '1' },
            { name: 'train', digest: '2' },
          ],
        },
        'ba',
      ],
      [{ orderBy: [{ field: 'name', ascending: true }] }, 'abc'],
      [{ orderBy: [{ field: 'metrics.acc', ascending: true }] }, 'bac'],
      [{ orderBy: [{ field: 'metrics.acc', ascending: false }] }, 'abc'],
      [{ orderBy: [{ field: 'metrics.acc', ascending: false, dataset: { name: 'train' } }] }, 'bac'],
      [{ experimentIds: ['1'] }, ''],
    ] as const)
      expect([search, await find(search)]).toEqual([search, found])
    for (const search of [
      { filter: "metrics.acc LIKE 'x'" },
      { filter: 'foo = 1' },
      { orderBy: [{ field: 'params.lr', ascending: true }] },
      { orderBy: [{ field: 'x; DROP', ascending: true }] },
      { datasets: [{ name: '' }] },
    ])
      await expect(find(search)).rejects.toMatchObject({ code: 'invalid' })
    const page = await runs.searchLoggedModels(P, { experimentIds: ['0'], maxResults: 2 })
    const next = { experimentIds: ['0'], maxResults: 2, pageToken: page.nextPageToken }
    expect((await runs.searchLoggedModels(P, next)).items.map((found) => found.name)).toEqual(['a'])
    await expect(runs.searchLoggedModels(P, { ...next, filter: "name = 'a'" })).rejects.toThrow(/page token/)
    await runs.deleteLoggedModel(P, c.id)
    expect(await find({})).toBe('ba')
    expect((await runs.searchLoggedModels('other', { experimentIds: ['0'] })).items).toEqual([])
  })
})
