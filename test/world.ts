import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inject } from 'vitest'
import { type App, createApp } from '../src/app.ts'
import type { Role } from '../src/contract/access.ts'
import { type Client, createClient } from '../src/contract/client.ts'
import { documents } from '../src/contract/documents.ts'
import { registry } from '../src/contract/registry.ts'
import { type Config, readConfig } from '../src/infra/config.ts'
import { createLog } from '../src/infra/log.ts'
import { openInfra } from '../src/infra/open.ts'
import { createSchema, dropSchemas } from '../src/infra/sql/for-tests.ts'
import { numericCsvHeader, numericCsvLine } from '../src/lib/numeric-csv.ts'
import { treeModel } from '../src/lib/onnx/tree-ensemble.ts'
import { createRandom, type Random } from '../src/lib/random.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'

export type World = {
  readonly url: string
  readonly config: Config
  readonly clock: ManualClock
  readonly random: Random
  readonly infra: Awaited<ReturnType<typeof openInfra>>
  readonly app: App
  /** A client with the rights of an admin of the default project. */
  readonly admin: Client
  /** A client with a new key of its own. */
  as(role: Role, project?: string): Promise<Client>
  token(role: Role, project?: string): Promise<string>
  /** What the product sent to other servers; all answer 200, but `…/status/404` answers 404. */
  readonly sent: { url: string; body: string; headers: Record<string, string> }[]
  /** Lets everything that is due happen: telemetry, events, jobs. */
  settle(): Promise<void>
  /** Moves time on in steps, and lets everything happen that falls due on the way. */
  pass(ms: number, stepMs?: number): Promise<void>
  close(): Promise<void>
}

/**
 * The real application in process, on a clock that the test moves and stores of its own: SQLite in memory (PostgreSQL in
 * the services suite), chDB in a temporary folder. Only the edges are fake: the clock, chance, and requests to other servers.
 */
export async function openWorld(overrides: Record<string, string> = {}): Promise<World> {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-world-'))
  const clock = createManualClock()
  const random = createRandom('world')
  const postgres = inject('postgres')
  const schema = postgres && 'url' in postgres ? await createSchema(postgres.url) : undefined
  const config = readConfig({
    environment: { SETPOINT_DATA: data, SETPOINT_PORT: '0', ...(schema ? { SETPOINT_SQL_URL: schema.url } : {}), ...overrides },
    file: path.join(data, 'none.yaml'),
  })
  const sent: World['sent'] = []
  const fakeFetch = (async (url: string, init: RequestInit) => {
    sent.push({ url: String(url), body: String(init.body), headers: init.headers as Record<string, string> })
    const status = Number(/\/status\/(\d{3})$/.exec(String(url))?.[1] ?? 200)
    return new Response('ok', { status })
  }) as typeof fetch
  const infra = await openInfra(config, {
    log: createLog('error', (line) => process.stderr.write(line)),
    clock,
    random: random.next,
    fetch: fakeFetch,
    checkReplies: true,
    inMemory: true,
  })
  const app = await createApp(infra)
  await app.start()
  const url = await app.http.listen(config.host, 0)
  infra.setServerUrl(url)
  const issue = async (role: Role, project: string) =>
    (await app.access.issueKey(project, `${role}-${random.int(1e6)}`, role, 86_400_000, 'a test')).secret
  const admin = createClient({ url, token: await issue('admin', 'default') })

  async function settle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await app.telemetry.drain()
      await infra.bus.settle()
      await infra.jobs.settle()
    }
  }

  return {
    url,
    config,
    clock,
    random,
    infra,
    app,
    admin,
    sent,
    settle,
    token: (role, project = 'default') => issue(role, project),
    async as(role, project = 'default') {
      return createClient({ url, token: await issue(role, project) })
    },
    async pass(ms, stepMs = 1_000) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        clock.advance(Math.min(stepMs, ms - passed))
        await settle()
      }
    },
    async close() {
      await app.stop(0)
      await infra.close()
      if (schema) await dropSchemas((postgres as { url: string }).url, [schema.schema])
      fs.rmSync(data, { recursive: true, force: true })
    },
  }
}

/** A model of two features that says 1 where `a` is above `cut`; `b` says nothing. */
export function modelWithCut(cut: number): Uint8Array {
  const stump = {
    feature: Int32Array.of(0, -1, -1),
    threshold: Float32Array.of(cut, 0, 0),
    left: Int32Array.of(1, 0, 0),
    right: Int32Array.of(2, 0, 0),
    value: Float32Array.of(0, -3, 3),
  }
  return treeModel({ producer: { name: 'test', version: '1' }, features: 2 }, [stump], 0)
}

export type Row = { readonly a: number; readonly b: number; readonly label: number }

/** Rows of the world in which `modelWithCut(0.5)` is right but for one in a hundred. */
export function rowsOf(random: Random, count: number, cut = 0.5): Row[] {
  return Array.from({ length: count }, () => {
    const a = random.next()
    const honest = a > cut ? 1 : 0
    return { a, b: random.next(), label: (random.bernoulli(0.01) ? 1 - honest : honest) as 0 | 1 }
  })
}

/** Registers a version of a model from its file and, where given, its reference rows. */
export async function registerModel(
  client: Client,
  model: string,
  file: Uint8Array,
  options: { rows?: readonly Row[]; alias?: 'champion' | 'candidate'; training?: string } = {},
) {
  const artifact = await client.call(registry.uploadArtifact, { body: file as never })
  const text = numericCsvHeader(['a', 'b', 'label']) + (options.rows ?? []).map(({ a, b, label }) => numericCsvLine([a, b, label])).join('')
  const reference = options.rows && (await client.call(registry.uploadArtifact, { body: text as never })).digest
  return await client.call(registry.registerVersion, {
    model,
    artifact: artifact.digest,
    features: ['a', 'b'],
    reference,
    alias: options.alias,
    training: options.training,
  })
}

export const deployment = (name = 'churn', model = name, spec: object = {}) => ({
  apiVersion: 'setpoint/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { model, ...spec },
})

/** A deployment that serves `modelWithCut(0.5)` as version 1. */
export async function deployModel(world: World, name = 'churn'): Promise<void> {
  await registerModel(world.admin, name, modelWithCut(0.5), { rows: rowsOf(world.random, 2_000), alias: 'champion' })
  await world.admin.call(documents.apply, { documents: [deployment(name)] })
  await world.settle()
}

/** Sends rows as inference requests; ids are `<prefix>-<n>`. */
export async function predict(
  world: World,
  token: string,
  name: string,
  rows: readonly Row[],
  prefix: string,
  who: (row: number) => { actor: string; source: string } = () => ({ actor: 'app', source: 'web' }),
): Promise<Response[]> {
  const responses: Response[] = []
  for (let from = 0; from < rows.length; from += 100) {
    const part = rows.slice(from, from + 100)
    const groups = Map.groupBy(
      part.map((row, i) => ({ row, n: from + i })),
      ({ n }) => JSON.stringify(who(n)),
    )
    for (const [parameters, members] of groups) {
      const body = {
        parameters: { ...JSON.parse(parameters), ids: members.map(({ n }) => `${prefix}-${n}`) },
        inputs: [{ name: 'features', datatype: 'FP32', shape: [members.length, 2], data: members.flatMap(({ row }) => [row.a, row.b]) }],
      }
      responses.push(
        await fetch(`${world.url}/v2/models/${name}/infer`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify(body),
        }),
      )
    }
  }
  return responses
}
