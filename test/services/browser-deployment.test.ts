import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { access } from '../../src/contract/access.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { deployment, modelWithCut, registerModel } from '../world.ts'
import { buildConsole, noChromium, openBrowser } from './chromium.ts'

// One deployment as a person meets it in a real browser.
describe.skipIf(noChromium)(noChromium ? `the console’s deployment (skipped: ${noChromium})` : 'the console’s deployment', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-browser-'))
  let server: Server
  let client: Client
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    buildConsole()
    server = await startServer(data)
    client = createClient({ url: server.url, token: server.token })
    await registerModel(client, 'churn', modelWithCut(0.5), { alias: 'champion' })
    await registerModel(client, 'churn', modelWithCut(0.2))
    const spec = { features: { a: { min: 0, max: 1, expected: [0.1, 0.9] } }, split: { version: 2, percent: 20 } }
    await client.call(documents.apply, { documents: [deployment('churn', 'churn', spec)] })
    ;({ browser, page, complaints } = await openBrowser())
    const { token } = await client.call(access.createSignIn, { role: 'admin' })
    await page.goto(`${server.url}/sign-in#${token}`)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    fs.rmSync(data, { recursive: true, force: true })
  })

  test('the overview leads to its page, which says how it serves and by which rules', async () => {
    await page.getByRole('link', { name: 'churn', exact: true }).click()
    await page.getByRole('heading', { name: 'Rules and limits' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/deployments/churn')
    const text = await page.getByRole('main').textContent()
    expect(text).toMatch(/serving/)
    expect(text).toMatch(/v2 answers 20 %/)
    expect(text).toMatch(/Every value lay where it is expected/)
  })

  test('it can be asked; what is refused says why, and what is answered is listed and counted', async () => {
    await page.getByLabel('a', { exact: true }).fill('0.95')
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.getByText('recorded as').waitFor()
    await page.getByText('console', { exact: true }).first().waitFor()
    await page.getByText('1, the last 0.95').waitFor()
    await page.getByLabel('a', { exact: true }).evaluate((field: HTMLInputElement) => field.removeAttribute('max'))
    await page.getByLabel('a', { exact: true }).fill('3')
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.getByText(/features.a: from 0 to 1/).waitFor()
    if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, 'deployment.png'), fullPage: true })
    // The refused prediction is the only thing that a page may complain of.
    expect(complaints.filter((complaint) => !complaint.includes('400'))).toEqual([])
  })
})
