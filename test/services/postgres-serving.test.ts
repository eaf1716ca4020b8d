import { cpSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { createSchema, dropSchemas } from '../../src/infra/sql/for-tests.ts'
import { deployment, modelWithCut, openWorld, registerModel, type World } from '../world.ts'

const provided = inject('postgres')
const server = provided && 'url' in provided ? provided.url : undefined
const QUOTA = 60

describe.skipIf(!server)('two servers that serve the same deployments from one PostgreSQL', () => {
  let schema: { url: string; schema: string }
  let worlds: readonly World[] = []
  beforeAll(async () => {
    schema = await createSchema(server!)
    const first = await openWorld({ SETPOINT_SQL_URL: schema.url, SETPOINT_NODE: 'first' })
    await registerModel(first.admin, 'churn', modelWithCut(0.5), { alias: 'champion' })
    await first.admin.call(documents.apply, {
      documents: [
        deployment('paced', 'churn', { limits: { totalPerSecond: 10 } }),
        deployment('rationed', 'churn', { limits: { quota: { requests: QUOTA, per: 'day' } } }),
      ],
    })
    await first.settle()
    const second = await openWorld({ SETPOINT_SQL_URL: schema.url, SETPOINT_NODE: 'second' })
    cpSync(path.join(first.config.data, 'blobs'), path.join(second.config.data, 'blobs'), { recursive: true })
    worlds = [first, second]
    const token = await first.token('operator')
    for (const { url } of worlds) for (const name of ['paced', 'rationed']) await load(url, token, name)
  })
  afterAll(async () => {
    for (const world of worlds) await world.close()
    await dropSchemas(server!, [schema.schema])
  })

  const load = (url: string, token: string, name: string) =>
    fetch(`${url}/v2/repository/models/${name}/load`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })

  /** One key asks each server so often in every tenth of a second; answers how many were answered. */
  async function askBoth(name: string, each: readonly number[], seconds: number): Promise<number> {
    let answered = 0
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      for (const [i, { admin, clock }] of worlds.entries()) {
        clock.advance(100)
        const features = { a: 0.9, b: 0 }
        const asked = Array.from({ length: each[i]! }, () => admin.call(deployments.predict, { deployment: name, features }))
        const settled = await Promise.allSettled(asked)
        for (const one of settled) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'throttled' })
        answered += settled.filter(({ status }) => status === 'fulfilled').length
      }
      for (const world of worlds) await world.infra.sql.health()
    }
    return answered
  }

  test('keep to one rate between them', async () => {
    await askBoth('paced', [0, 0], 2)
    const answered = await askBoth('paced', [2, 1], 20)
    // 10 a second, half a second’s worth a server beyond.
    expect(Math.abs(answered - 200)).toBeLessThanOrEqual(10 * 0.5 * 2)
  })

  test('keep to one quota between them, but for what one interval lets in', async () => {
    const answered = await askBoth('rationed', [1, 1], 6)
    expect(answered).toBeGreaterThanOrEqual(QUOTA)
    expect(answered).toBeLessThanOrEqual(QUOTA + 2 * 10)
    expect(await askBoth('rationed', [1, 1], 1)).toBe(0)
  })
})
