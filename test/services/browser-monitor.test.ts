import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { access } from '../../src/contract/access.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { estimates } from '../../src/contract/estimates.ts'
import { labels } from '../../src/contract/labels.ts'
import { triage } from '../../src/contract/triage.ts'
import { createRandom } from '../../src/lib/random.ts'
import { deployment, modelWithCut, predict, registerModel, rowsOf } from '../world.ts'
import { buildConsole, noChromium, openBrowser } from './chromium.ts'

const LONGEST_MS = 150_000
const WINDOW_SECONDS = 10
const WINDOWS = 3

// A monitor as a person meets it in a real browser: the world has turned, and the page says what that is.
describe.skipIf(noChromium)(noChromium ? `the console’s monitor (skipped: ${noChromium})` : 'the console’s monitor', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-browser-'))
  const random = createRandom('browser-monitor')
  let server: Server
  let client: Client
  let browser: Browser
  let page: Page
  let complaints: string[]
  let sent = 0

  async function traffic(cut: number): Promise<void> {
    const rows = rowsOf(random, 200, cut)
    const prefix = `t${sent++}`
    await predict({ url: server.url } as never, server.token, 'churn', rows, prefix, (row) => ({
      actor: `user-${row % 5}`,
      source: row % 4 === 0 ? 'app' : 'web',
    }))
    const given = rows.map(({ label }, i) => ({ recordId: `${prefix}-${i}`, label, source: 'desk' }))
    await client.call(labels.recordLabels, { deployment: 'churn', labels: given })
  }

  /** Traffic until windows were estimated and held against labels, and something was detected. */
  async function untilKnown(): Promise<void> {
    const endMs = Date.now() + LONGEST_MS
    while (Date.now() < endMs) {
      await traffic(sent < 8 ? 0.5 : 0.3)
      const seen = await client.call(estimates.listEstimates, { monitor: 'churn', limit: 50 })
      const [found] = await client.call(drift.listDetections, { monitor: 'churn' })
      if (found && seen.filter(({ realised }) => realised !== null).length >= WINDOWS) return
      await page.waitForTimeout(1_000)
    }
    throw new Error('the monitor did not come to a detection and estimates')
  }

  beforeAll(async () => {
    buildConsole()
    server = await startServer(data)
    client = createClient({ url: server.url, token: server.token })
    await registerModel(client, 'churn', modelWithCut(0.5), { rows: rowsOf(random, 2_000), alias: 'champion' })
    const spec = { deployment: 'churn', falseAlarmBudget: { everyRows: 100_000 }, windows: { seconds: WINDOW_SECONDS, leastRows: 100 } }
    const monitor = { apiVersion: 'setpoint/v1', kind: 'Monitor', metadata: { name: 'churn' }, spec }
    await client.call(documents.apply, { documents: [deployment(), monitor as never] })
    ;({ browser, page, complaints } = await openBrowser())
    await untilKnown()
    const { token } = await client.call(access.createSignIn, { role: 'admin' })
    await page.goto(`${server.url}/sign-in#${token}`)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    fs.rmSync(data, { recursive: true, force: true })
  })

  test('the deployment leads to it; it shows evidence, windows, estimates beside labels and the report', async () => {
    await page.goto(`${server.url}/deployments/churn`)
    await page.getByRole('main').getByRole('listitem').getByRole('link', { name: 'churn', exact: true }).click()
    await page.getByRole('heading', { name: 'Monitor churn' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/monitors/churn')
    await page.getByRole('img', { name: /Error rate, estimated over \d+ windows/ }).waitFor()
    await page
      .getByRole('img', { name: /labelled error|all together: evidence/ })
      .first()
      .waitFor()
    // Windows are judged and estimated by jobs of their own: the page shows each as it comes.
    await page
      .locator('.window-strip li')
      .nth(WINDOWS - 1)
      .waitFor()
    await page.getByRole('row', { name: /^a / }).first().waitFor()
    await page
      .locator('.estimates .realised')
      .nth(WINDOWS - 1)
      .waitFor()
  })

  test('the report is downloaded as a page that a browser shows without a complaint', async () => {
    const coming = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download the report' }).click()
    const download = await coming
    expect(download.suggestedFilename()).toMatch(/^drift-churn-\d{4}-\d\d-\d\dT\d{4}\.html$/)
    const file = path.join(data, 'report.html')
    await download.saveAs(file)
    const shown = await browser.newPage({ viewport: { width: 400, height: 800 } })
    const said: string[] = []
    shown.on('console', (message) => said.push(message.text()))
    await shown.goto(pathToFileURL(file).href)
    await shown.getByText('Monitor churn of deployment churn, project default').waitFor()
    await shown.getByRole('heading', { name: 'Column by column' }).waitFor()
    expect(await shown.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(said).toEqual([])
    await shown.close()
  })

  test('its detection is diagnosed, judged and answered with reasons', async () => {
    await page.getByText('another meaning of the same inputs').first().waitFor()
    await page.getByRole('button', { name: 'True alarm' }).first().click()
    await page.getByLabel('Why').fill('the truth moved to 0.3')
    await page.getByRole('button', { name: 'Judge' }).click()
    await page.getByText('the truth moved to 0.3').waitFor()
    await page.getByRole('button', { name: 'retrain', exact: true }).first().click()
    await page.getByLabel('Why').fill('labels are plenty')
    await page.getByRole('button', { name: 'Choose' }).click()
    await page.getByText('Chosen: retrain').waitFor()
    const [found] = await client.call(drift.listDetections, { monitor: 'churn' })
    expect(found!.judgement).toMatchObject({ verdict: 'true_alarm' })
    expect(await client.call(triage.diagnoseDetection, { id: found!.id })).toMatchObject({
      cause: 'concept',
      chosen: { response: 'retrain', reason: 'labels are plenty' },
    })
    if (process.env.SCREENSHOTS) {
      await page.screenshot({ path: path.join(process.env.SCREENSHOTS, 'monitor.png'), fullPage: true })
      await page.setViewportSize({ width: 420, height: 900 })
      await page.screenshot({ path: path.join(process.env.SCREENSHOTS, 'monitor-narrow.png'), fullPage: true })
    }
    expect(complaints).toEqual([])
  })
})
