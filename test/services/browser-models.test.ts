import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { access } from '../../src/contract/access.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { registry } from '../../src/contract/registry.ts'
import { modelWithCut } from '../world.ts'
import { buildConsole, noChromium, openBrowser } from './chromium.ts'

// Experiments, runs and models as a person meets them in a real browser, put in as training code does: over MLflow’s REST API.
const STEPS = 50
const START = Date.UTC(2026, 0, 5, 9)

describe.skipIf(noChromium)(noChromium ? `the console’s models (skipped: ${noChromium})` : 'the console’s models', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-browser-'))
  let server: Server
  let client: Client
  let browser: Browser
  let page: Page
  let complaints: string[]
  let experiment: string
  let runs: string[]

  beforeAll(async () => {
    buildConsole()
    server = await startServer(data)
    client = createClient({ url: server.url, token: server.token })
    experiment = (await mlflow('experiments/create', { name: 'churn' })).experiment_id
    runs = []
    for (const [name, depth, reach] of [
      ['baseline', '4', 0.8],
      ['deeper', '8', 0.9],
      ['longer', '8', 0.95],
    ] as const)
      runs.push(await track(name, depth, reach))
    await registerTwoVersions()
    ;({ browser, page, complaints } = await openBrowser())
  })

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    fs.rmSync(data, { recursive: true, force: true })
  })

  async function send(method: string, at: string, body: string | Uint8Array) {
    const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
    const response = await fetch(`${server.url}${at}`, { method, headers, body: body as BodyInit })
    if (!response.ok) throw new Error(`${at}: ${response.status} ${await response.text()}`)
    return await response.json()
  }
  const mlflow = (at: string, body: object, project = '') =>
    send('POST', `${project}/api/2.0/mlflow/${at}`, JSON.stringify(body)) as Promise<{
      experiment_id: string
      run: { info: { run_id: string } }
    }>

  /** A run with a curve that ends at `reach`, params and a file. */
  async function track(name: string, depth: string, reach: number): Promise<string> {
    const { run } = await mlflow('runs/create', { experiment_id: experiment, run_name: name, start_time: START })
    const id = run.info.run_id
    const curve = Array.from({ length: STEPS }, (_, step) => ({
      key: 'auc',
      value: 0.5 + ((reach - 0.5) * (step + 1)) / STEPS,
      timestamp: START + step,
      step,
    }))
    const rows = { key: 'rows', value: 12_000, timestamp: START, step: 0 }
    const params = [
      { key: 'depth', value: depth },
      { key: 'seed', value: '1' },
    ]
    await mlflow('runs/log-batch', { run_id: id, metrics: [...curve, rows], params, tags: [{ key: 'team', value: 'retention' }] })
    await send('PUT', `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${id}/artifacts/plots/roc.txt`, `the curve of ${name}`)
    await mlflow('runs/update', { run_id: id, status: 'FINISHED', end_time: START + 65_000 })
    return id
  }

  /** The first comes as MLflow’s clients register, the second through the contract, with an evaluation by slices. */
  async function registerTwoVersions(): Promise<void> {
    const folder = `${experiment}/${runs[1]}/artifacts/model`
    await send('PUT', `/api/2.0/mlflow-artifacts/artifacts/${folder}/model.onnx`, modelWithCut(0.4))
    await mlflow('registered-models/create', { name: 'churn.v2', description: 'who will leave' })
    await mlflow('model-versions/create', { name: 'churn.v2', source: `mlflow-artifacts:/${folder}`, run_id: runs[1] })
    const { digest } = await client.call(registry.uploadArtifact, { body: modelWithCut(0.5) as never })
    await client.call(registry.registerVersion, {
      model: 'churn.v2',
      artifact: digest,
      features: ['tenure', 'bills'],
      runId: runs[2],
      commit: '8d8ddbc',
      parent: 1,
      evaluation: {
        dataset: 'held out',
        rows: 900,
        metrics: { auc: 0.9512 },
        slices: [{ name: 'business plans', rows: 120, metrics: { auc: 0.8731 } }],
      },
      reason: 'longer training',
    })
    await mlflow('registered-models/alias', { name: 'churn.v2', alias: 'champion', version: '2' })
  }

  /** A run of which everything is at its limits: markup as its name, a time beyond the calendar, values that are no numbers. */
  async function logStrangely(experiment_id: string): Promise<void> {
    const named = { experiment_id, run_name: '<img src=x> "quoted"', start_time: 8_900_000_000_000_000 }
    const { run } = await mlflow('runs/create', named, '/p/fraud')
    const metrics = ['Infinity', 0.5, 'NaN'].map((value, step) => ({ key: 'val/AUC: a b', value, timestamp: step, step }))
    const params = [{ key: 'notes', value: 'long '.repeat(1_000) }]
    await mlflow('runs/log-batch', { run_id: run.info.run_id, metrics, params }, '/p/fraud')
  }

  const row = (name: string) => page.getByRole('row', { name: new RegExp(name) })

  test('a link that a tracking client printed leads through signing in to the run', async () => {
    const hash = `#/experiments/${experiment}/runs/${runs[2]}`
    await page.goto(`${server.url}/${hash}`)
    await page.waitForURL(/\/sign-in\?next=/)
    const { token } = await client.call(access.createSignIn, {})
    await page.getByLabel('One-time sign-in link or token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /^longer/ }).waitFor()
    expect(page.url()).toBe(`${server.url}/experiments/${experiment}/runs/${runs[2]}`)
    // Nobody was signed in before; the browser logs that refusal.
    expect(complaints.splice(0).filter((complaint) => !/status of 401/.test(complaint))).toEqual([])
  })

  test('from the list of experiments to its runs, ordered by a metric and filtered', async () => {
    await page.getByRole('link', { name: 'Experiments' }).first().click()
    await page.getByLabel('Search experiments by name').fill('CHUR')
    await page.getByRole('link', { name: 'Default' }).waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /^churn 1 3 / }).waitFor()
    await page.getByRole('link', { name: 'churn', exact: true }).click()
    await page.getByText('3 runs in all').waitFor()
    const names = () => page.locator('tbody th[scope="row"]').allTextContents()

    await page.getByRole('button', { name: 'auc' }).click()
    await page.getByRole('columnheader', { name: 'auc' }).and(page.locator('[aria-sort="descending"]')).waitFor()
    await expect.poll(names).toEqual(['longer', 'deeper', 'baseline'])
    await page.getByRole('button', { name: 'auc' }).click()
    await expect.poll(names).toEqual(['baseline', 'deeper', 'longer'])
    await row('longer').getByText('1 min 05 s').waitFor()
    const [table] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download as CSV' }).click()])
    const lines = fs
      .readFileSync(await table.path(), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
    expect(lines.map((line) => /baseline|deeper|longer/.exec(line)?.[0])).toEqual(['baseline', 'deeper', 'longer'])

    await page.getByLabel('Filter runs').fill("params.depth = '8'")
    await page.keyboard.press('Enter')
    await page.getByText('2 runs in all').waitFor()
    expect(new URL(page.url()).searchParams.get('filter')).toBe("params.depth = '8'")
    expect(complaints).toEqual([])

    await page.getByLabel('Filter runs').fill('params.depth = 8')
    await page.keyboard.press('Enter')
    await page.getByText(/Expected a quoted string value for param/).waitFor()
    expect(await names()).toEqual(['deeper', 'longer'])
    expect(complaints.splice(0)).toEqual([expect.stringMatching(/status of 400/)])
    await page.getByLabel('Filter runs').fill('')
    await page.getByText('3 runs in all').waitFor()
  })

  test('columns are chosen, and stay in the address', async () => {
    await page.getByText('Columns', { exact: true }).click()
    await page.getByRole('checkbox', { name: 'team' }).check()
    await row('baseline').getByText('retention').waitFor()
    await page.getByRole('checkbox', { name: 'rows' }).uncheck()
    expect(new URL(page.url()).searchParams.getAll('column')).toEqual(['metrics.auc', 'params.depth', 'tags.team'])
    await page.reload()
    await row('baseline').getByText('retention').waitFor()
    expect(await page.getByRole('columnheader', { name: 'rows' }).count()).toBe(0)
  })

  test('chosen runs are compared: what differs, curves over each other, parallel coordinates', async () => {
    await page.getByLabel('Choose baseline').check()
    await page.getByLabel('Choose longer').check()
    await page.getByRole('link', { name: 'Compare 2 runs' }).click()
    await page.getByRole('heading', { name: '2 runs compared' }).waitFor()
    await page.getByRole('row', { name: /^depth 4 8$/ }).waitFor()
    expect(await page.getByRole('rowheader', { name: 'seed' }).count()).toBe(0)
    await page.getByRole('button', { name: /the same too/ }).click()
    await page.getByRole('row', { name: /^seed 1 1$/ }).waitFor()
    await page.getByRole('img', { name: /^auc: .*baseline ends at 0\.8.*/ }).waitFor()
    await page.getByRole('img', { name: 'Parallel coordinates of 2 runs over depth, auc, rows' }).waitFor()
  })

  test('a run shows its params, curve, files, and the version made of it', async () => {
    await page.getByRole('link', { name: 'longer' }).click()
    await page.getByRole('img', { name: 'auc: longer ends at 0.95' }).hover()
    await page.getByText(/^step \d+$/).waitFor()
    await page.getByText('1 file, 19 bytes').waitFor()
    await page.getByRole('button', { name: 'plots/' }).click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'roc.txt' }).click()])
    expect(fs.readFileSync(await download.path(), 'utf8')).toBe('the curve of longer')
    await page.getByRole('link', { name: 'version 2' }).click()
    await page.getByRole('heading', { name: /^churn\.v2 v2/ }).waitFor()
  })

  test('a version shows its evaluation by slice, manifest, acts and card, also after a reload', async () => {
    await page.reload()
    await page.getByRole('row', { name: 'business plans 120 0.8731' }).waitFor()
    await page.getByText('8d8ddbc', { exact: true }).waitFor()
    await page.getByText('longer training').waitFor()
    await page.getByText(/^# churn\.v2, version 2/).waitFor()
    const [card] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download as Markdown' }).click()])
    expect(fs.readFileSync(await card.path(), 'utf8')).toMatch(/^# churn\.v2, version 2/)
    await page.getByRole('link', { name: 'version 1' }).click()
    await page.getByRole('heading', { name: /^churn\.v2 v1/ }).waitFor()
    await page.getByRole('link', { name: 'model.onnx' }).waitFor()
    await page.getByText('It was never champion.').waitFor()
    await page.getByRole('region', { name: 'What stands on it' }).getByText('trained from it').waitFor()
  })

  test('models are found by name, with the versions that aliases name', async () => {
    await page.getByRole('link', { name: 'Models' }).first().click()
    await page.getByLabel('Search models by name').fill('leave')
    await page.getByText('No model has “leave” in its name.').waitFor()
    await page.getByLabel('Search models by name').fill('v2')
    await page.getByRole('link', { name: 'champion v2' }).waitFor()
    await page.getByRole('link', { name: 'churn.v2', exact: true }).click()
    await page.getByRole('row', { name: /^v2 .*champion/ }).waitFor()
    await page.reload()
    await page.getByText('who will leave').waitFor()
  })

  test('inside a project everything is of that project, and the first run is taught', async () => {
    await client.call(access.createProject, { name: 'fraud' })
    const { experiment_id } = await mlflow('experiments/create', { name: 'cards' }, '/p/fraud')
    await page.goto(`${server.url}/p/fraud/#/experiments`)
    await page.getByRole('link', { name: 'cards' }).click()
    await page.getByText(`export MLFLOW_TRACKING_URI=${server.url}/p/fraud`).waitFor()
    expect(page.url()).toMatch(/\/p\/fraud\/experiments\/\d+$/)
    await logStrangely(experiment_id)
    await page.reload()
    await page.getByRole('button', { name: 'val/AUC: a b' }).click()
    await page.getByRole('columnheader', { name: 'val/AUC: a b' }).and(page.locator('[aria-sort="descending"]')).waitFor()
    await page.getByRole('link', { name: '<img src=x> "quoted"' }).click()
    await page.getByRole('img', { name: 'val/AUC: a b: <img src=x> "quoted" ends at NaN' }).waitFor()
    await page.getByText('8900000000000000').waitFor()
    await page.getByRole('link', { name: 'Models' }).first().click()
    await page.getByText('No model yet').waitFor()
    await page.goto(`${server.url}/p/nowhere/experiments`)
    await page.getByText(/there is no project nowhere/).waitFor()
    expect(complaints.filter((complaint) => !/status of 404/.test(complaint))).toEqual([])
  })
})
