import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { access } from '../../src/contract/access.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { loops } from '../../src/contract/loops.ts'
import { buildConsole, noChromium, openBrowser } from './chromium.ts'

// The console as a person meets it: the real server in a process of its own, its sign-in link, a real browser.
const document = (kind: string, spec: Record<string, unknown>) => ({
  apiVersion: 'setpoint/v1',
  kind,
  metadata: { name: 'churn', owner: 'risk@example.com' },
  spec,
})
/** A loop that may run, though nothing is served yet: a run started by hand waits for the champion’s reference. */
const declared = [
  document('Monitor', { deployment: 'churn', falseAlarmBudget: { everyRows: 1e7 } }),
  document('Gate', { metric: 'f1' }),
  document('Trainer', { command: ['node', 'train.ts'] }),
  document('Objective', { deployment: 'churn', metric: 'f1', target: 0.9 }),
  document('Loop', {
    deployment: 'churn',
    monitor: 'churn',
    trainer: 'churn',
    gate: 'churn',
    enabled: true,
    rollout: { shadow: {}, canary: {} },
  }),
]

describe.skipIf(noChromium)(noChromium ? `the console (skipped: ${noChromium})` : 'the console', () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-browser-'))
  let complaints: string[]
  let server: Server
  let client: Client
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    buildConsole()
    server = await startServer(data)
    client = createClient({ url: server.url, token: server.token })
    ;({ browser, page, complaints } = await openBrowser())
  })

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    fs.rmSync(data, { recursive: true, force: true })
  })

  test('the printed link signs in once and leaves no token in the address', async () => {
    await page.goto(server.consoleLink)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    expect(page.url()).toBe(`${server.url}/`)
    await page.getByText('live', { exact: true }).waitFor()
    await page.getByText('npm run demo').waitFor()
  })

  test('a deployment shows by itself as soon as it is applied', async () => {
    await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }))
    await client.call(documents.apply, { documents: [document('Deployment', { model: 'churn' })], reason: 'the first deployment' })
    await page.getByRole('heading', { name: 'churn', exact: true }).waitFor()
    await client.call(documents.apply, { documents: declared, reason: 'what it must hold' })
    await page.getByText('too few rows').waitFor()
    expect(await page.evaluate(() => 'sameDocument' in globalThis)).toBe(true)
  })

  test('a run is followed and decided on: held, resumed, aborted, each with a reason', async () => {
    const run = await client.call(loops.startRun, { loop: 'churn', reason: 'seen by the risk desk' })
    await page
      .getByRole('link', { name: /seen by the risk desk/ })
      .first()
      .click()
    await page.getByRole('list', { name: 'Steps of the run' }).getByText('triage').waitFor()
    expect(page.url()).toBe(`${server.url}/loops/${run.id}`)
    expect(await page.getByRole('button', { name: 'Approve' }).isDisabled()).toBe(true)

    await decide('Hold', 'no', 'say why in at least 3 characters')
    await page.keyboard.press('Escape')
    await decide('Hold', 'looking at it first')
    await page
      .getByText(/held by .*: looking at it first/)
      .first()
      .waitFor()
    await decide('Resume', 'looks right')
    await decide('Abort', 'it was a drill')
    await page
      .getByText(/aborted by .*: it was a drill/)
      .first()
      .waitFor()
    expect((await client.call(loops.getRun, { id: run.id })).outcome).toBe('aborted')
    expect(await page.getByRole('button', { name: 'Abort' }).isDisabled()).toBe(true)
  })

  test('an ended session leads to the sign-in page, and a used link says how to get another', async () => {
    expect(complaints).toEqual([])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('setpoint access create-sign-in', { exact: true }).waitFor()
    await page.goto(`${server.url}/loops`)
    await page.waitForURL(/\/sign-in\?next=%2Floops$/)
    await page.goto(server.consoleLink)
    await page
      .getByRole('alert')
      .getByText(/link was used/)
      .waitFor()
    expect(complaints.filter((complaint) => !/status of 401/.test(complaint))).toEqual([])
  })

  test('says since when it is not live, once the server is gone', async () => {
    const link = await client.call(access.createSignIn, {})
    await page.getByLabel('One-time sign-in link or token').fill(link.token)
    await page.keyboard.press('Enter')
    await page.getByText('live', { exact: true }).waitFor()
    await server.stop()
    await page.getByText(/not live since \d\d:\d\d:\d\d, retrying/).waitFor()
    await page.getByText('What is shown may be out of date.').waitFor()
  })

  /** Presses a decision’s button, gives a reason, and waits until it is taken, or refused with `refusal`. */
  async function decide(name: string, reason: string, refusal?: string) {
    await page.getByRole('button', { name, exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Why').fill(reason)
    await dialog.getByRole('button', { name, exact: true }).click()
    if (refusal) await dialog.getByText(refusal).waitFor()
    else await dialog.waitFor({ state: 'detached' })
  }
})
