import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { access } from '../../src/contract/access.ts'
import { registry } from '../../src/contract/registry.ts'
import { runs } from '../../src/contract/runs.ts'
import { openWorld, type World } from '../world.ts'

let world: World
let person: Person
beforeAll(async () => {
  world = await openWorld()
  await world.admin.call(access.createProject, { name: 'copy', reason: 'a test' })
  person = createPerson({ url: world.url, token: await world.token('admin') })
  for (const [file, text] of Object.entries(folder)) person.write(`mlruns/${file}`, text)
})
afterAll(async () => {
  person.close()
  await world.close()
})

const RUN = 'a'.repeat(32)
const MODEL = `m-${'b'.repeat(32)}`
/** What the file store of MLflow writes for one run with its model, and what it registers. */
const folder = {
  '7/meta.yaml': "experiment_id: '7'\nname: it's old\nlifecycle_stage: active\n",
  '7/tags/team': 'risk',
  [`7/${RUN}/meta.yaml`]: `run_id: ${RUN}\nrun_name: first\nuser_id: ann\nstatus: 3\nstart_time: 1700000000000\nend_time: 1700000005000\nlifecycle_stage: active\n`,
  [`7/${RUN}/metrics/val/loss`]: '1700000000000 0.5 0\n1700000000001 0.25 1\n1700000000002 inf 2\n',
  [`7/${RUN}/metrics/odd`]: '1700000000000 nan\n',
  [`7/${RUN}/params/lr`]: '0.1',
  [`7/${RUN}/tags/mlflow.source.git.commit`]: 'c0ffee',
  [`7/${RUN}/artifacts/notes/a b%.txt`]: 'héllo',
  [`7/${RUN}/inputs/i/meta.yaml`]: 'source_id: d\nsource_type: DATASET\ntags:\n  mlflow.data.context: training\n',
  '7/datasets/d/meta.yaml': "digest: abc\nname: trips\nsource: '{}'\nsource_type: local\nschema: null\nprofile: null\n",
  [`7/${'c'.repeat(32)}/meta.yaml`]: `run_id: ${'c'.repeat(32)}\nlifecycle_stage: deleted\n`,
  [`7/models/${MODEL}/meta.yaml`]: `model_id: ${MODEL}\nname: net\nsource_run_id: ${RUN}\nstatus: 2\n`,
  [`7/models/${MODEL}/params/depth`]: '3',
  [`7/models/${MODEL}/artifacts/MLmodel`]: 'flavors: {}\n',
  'models/churn/meta.yaml': 'name: churn\ndescription: who leaves\n',
  'models/churn/tags/owner': 'ann',
  'models/churn/aliases/best': '1',
  'models/churn/version-1/meta.yaml': `name: churn\nversion: 1\ncurrent_stage: Production\nsource: models:/${MODEL}\nrun_id: ${RUN}\nmodel_id: ${MODEL}\ndescription: one\n`,
  'models/churn/version-1/tags/k': 'v',
}
const all = {
  experiments: 1,
  runs: 1,
  skipped: 0,
  metricPoints: 4,
  models: 1,
  files: 2,
  registeredModels: 1,
  versions: 1,
  aliases: 1,
  problems: [],
}

async function imported(...words: string[]) {
  const { code, out, notes } = await person.run('runs', 'import', ...words, '--json')
  expect(notes).toBe('')
  expect(code).toBe(0)
  return JSON.parse(out)
}

test('a dry run counts and writes nothing', async () => {
  expect(await imported('mlruns', '--dry-run')).toMatchObject({ runs: 1, models: 1, files: 2, versions: 1 })
  expect((await world.admin.call(runs.search, {})).runs).toEqual([])
})

test('a folder is brought as it was: points, params, tags, data sets, files, models, versions, aliases', async () => {
  expect(await imported('mlruns')).toMatchObject(all)
  const [run] = (await world.admin.call(runs.search, {})).runs
  expect(run).toMatchObject({ name: 'first', user: 'ann', status: 'FINISHED', startedAt: 1_700_000_000_000, endedAt: 1_700_000_005_000 })
  expect(run!.params).toEqual({ lr: '0.1' })
  expect(run!.tags).toMatchObject({ 'setpoint.import.source': RUN, 'mlflow.source.git.commit': 'c0ffee' })
  expect(await world.admin.call(registry.getVersion, { model: 'churn', version: 1 })).toMatchObject({
    stage: 'production',
    description: 'one',
    aliases: ['best'],
    runId: run!.id,
    flavors: [],
    format: 'mlflow',
    tags: { k: 'v' },
    manifest: { commit: 'c0ffee', dataSnapshot: 'trips@abc' },
  })
  const file = await fetch(`${world.url}/get-artifact?run_id=${run!.id}&path=${encodeURIComponent('notes/a b%.txt')}`, {
    headers: { authorization: `Bearer ${await world.token('viewer')}` },
  })
  expect(await file.text()).toBe('héllo')
})

test('what was brought and checked is not brought again', async () => {
  expect(await imported('mlruns')).toMatchObject({ runs: 0, models: 0, files: 0, versions: 0, skipped: 3 })
  expect((await world.admin.call(runs.search, {})).runs).toHaveLength(1)
})

test('a server is brought page by page, into another project', async () => {
  const from = `${world.url}/p/default`
  const token = await world.token('viewer')
  expect(await imported(from, '--source-token', token, '--project', 'copy')).toMatchObject({ ...all, experiments: 2 })
  const copy = await world.as('viewer', 'copy')
  expect((await copy.call(runs.search, {})).runs[0]).toMatchObject({ name: 'first', metrics: { 'val/loss': expect.any(Number) } })
  expect(await copy.call(registry.getVersion, { model: 'churn', version: 1 })).toMatchObject({ aliases: ['best'], format: 'mlflow' })
})

test('a file that arrives changed is said, and its run is brought again', async () => {
  await world.admin.call(access.createProject, { name: 'broken', reason: 'a test' })
  const tampering = createPerson(
    { url: world.url, token: await world.token('admin'), project: 'broken' },
    {
      async send(url, init) {
        const changed = init.method === 'PUT' ? { ...init, body: 'other bytes', duplex: undefined } : init
        if (init.method === 'PUT') for await (const _chunk of init.body as unknown as AsyncIterable<Uint8Array>);
        return await fetch(url, changed as RequestInit)
      },
    },
  )
  for (const [file, text] of Object.entries(folder)) tampering.write(`mlruns/${file}`, text)
  const spoilt = await tampering.run('runs', 'import', 'mlruns')
  tampering.close()
  expect(spoilt.code).toBe(1)
  expect(spoilt.notes).toContain('what the server holds is not what was sent')
  expect(await imported('mlruns', '--project', 'broken')).toMatchObject({ runs: 1, models: 1, files: 2, problems: [] })
})

test('a folder that is none, and a server that does not answer, are said plainly', async () => {
  expect(await person.run('runs', 'import', 'nowhere')).toMatchObject({ code: 2, notes: expect.stringContaining('there is no folder') })
  person.write('empty/a.txt', '')
  expect(await person.run('runs', 'import', 'empty')).toMatchObject({ code: 2, notes: expect.stringContaining('holds no experiment') })
  expect(await person.run('runs', 'import', 'http://127.0.0.1:9')).toMatchObject({
    code: 4,
    notes: expect.stringContaining('no server answers'),
  })
})
