import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPerson } from '../../src/cli/for-tests.ts'
import { access } from '../../src/contract/access.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployment, modelWithCut, openWorld, predict, type Row, rowsOf, type World } from '../world.ts'

const HOSTILE = `<script>alert('a')</script>`
const IMAGE = `<img src=x onerror=alert(1)>`

let world: World
let token: string
let fromMs: number
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('operator')
  await registerHostile(rowsOf(world.random, 1_000))
  const monitor = {
    apiVersion: 'setpoint/v1',
    kind: 'Monitor',
    metadata: { name: 'churn' },
    spec: {
      deployment: 'churn',
      falseAlarmBudget: { everyRows: 1e9 },
      segments: [{ name: 'low', where: [{ feature: HOSTILE, below: 0.5 }] }],
    },
  }
  await world.admin.call(documents.apply, { documents: [deployment(), monitor as never] })
  await world.settle()
  fromMs = world.clock.now()
  const moved = rowsOf(world.random, 600).map((row) => ({ ...row, b: row.b / 2 }))
  await predict(world, token, 'churn', moved, 'now')
  await world.settle()
  await world.pass(5_000)
})
afterAll(() => world.close())

/** A version whose features are named like markup. */
async function registerHostile(rows: readonly Row[]): Promise<void> {
  const { digest: artifact } = await world.admin.call(registry.uploadArtifact, { body: modelWithCut(0.5) as never })
  const text = `${HOSTILE},${IMAGE},label\n${rows.map(({ a, b, label }) => `${a},${b},${label}\n`).join('')}`
  const { digest: reference } = await world.admin.call(registry.uploadArtifact, { body: text as never })
  const features = [HOSTILE, IMAGE]
  await world.admin.call(registry.registerVersion, { model: 'churn', artifact, features, reference, alias: 'champion' })
}

const address = (query = '') => `${world.url}/api/v1/monitors/churn/report.html${query}`
const ask = (query: string, key = token) => fetch(address(query), { headers: { authorization: `Bearer ${key}` } })
const stretch = () => `?fromMs=${fromMs}&toMs=${world.clock.now()}`

describe('the report of a window as a page', () => {
  test('is a file of its own that says whose it is, and agrees with the report as data', async () => {
    const response = await ask(stretch())
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-disposition': expect.stringMatching(/^attachment; filename="drift-churn-\d{4}-\d\d-\d\dT\d{4}\.html"$/),
      'content-security-policy': expect.stringMatching(/^default-src 'none'; style-src 'unsafe-inline';.*sandbox$/),
      'x-content-type-options': 'nosniff',
    })
    const page = await response.text()
    expect(Number(response.headers.get('content-length'))).toBe(Buffer.byteLength(page))
    expect(page).toContain('Monitor churn of deployment churn, project default')
    const report = await world.admin.call(drift.compareWindow, { monitor: 'churn', fromMs, toMs: world.clock.now() })
    expect(report).toMatchObject({ verdict: 'drift', current: { rows: 600 } })
    expect(page).toContain(`<h1>Drift, ${report.severity}</h1>`)
    expect(page.match(/<article /g)).toHaveLength(report.columns.length)
  })

  test('names that are markup are text in it, and nothing in it runs or is fetched', async () => {
    const page = await (await ask(stretch())).text()
    expect(page).toContain('&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt;')
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;')
    const tags = [...page.matchAll(/<[a-z!][^>]*>/gi)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'))
    expect(tags.filter((tag) => /^<(script|img|iframe|link|object)|\s(on\w+|src)=/i.test(tag))).toEqual([])
  })

  test('needs a key, and belongs to its project', async () => {
    expect((await fetch(address())).status).toBe(401)
    await world.admin.call(access.createProject, { name: 'fraud' })
    expect((await ask('', await world.token('admin', 'fraud'))).status).toBe(404)
    expect((await ask('?fromMs=10&toMs=5')).status).toBe(400)
    expect((await ask('?days=5')).status).toBe(400)
  })

  test('the command line writes it to a file', async () => {
    const person = createPerson({ url: world.url, token })
    try {
      const window = ['--from-ms', String(fromMs), '--to-ms', String(world.clock.now())]
      expect(await person.run('drift', 'download-report', 'churn', ...window, '--output', 'report.html')).toMatchObject({
        code: 0,
        out: '',
      })
      expect(fs.readFileSync(path.join(person.folder, 'report.html'), 'utf8')).toContain('<h1>Drift, ')
    } finally {
      person.close()
    }
  })
})
