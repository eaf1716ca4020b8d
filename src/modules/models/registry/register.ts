import { buffer } from 'node:stream/consumers'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/registry.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Runtimes } from '../../serving/runtimes/index.ts'
import type { Aliases } from './aliases.ts'
import { factsFromOnnx } from './onnx-facts.ts'
import type { Registry } from './registry.ts'
import * as store from './store.ts'

type Deps = { sql: Sql; blobs: Blobs; runtimes: Runtimes; clock: Clock; ledger: Ledger; bus: Bus }
type Registration = Parameters<Registry['registerVersion']>[0]

const READ_LIMIT_BYTES = 512 * 1024 * 1024

/** The verb that takes an uploaded file into the registry: opened, tried, numbered, and never changed again. */
export function createRegister(deps: Deps, { moveAliasIn }: Aliases): Registry['registerVersion'] {
  const { sql, blobs, clock, ledger, bus } = deps
  return async (input, caller) => {
    const { facts, sizeBytes } = await inspect(deps, input.artifact, input.features)
    if (input.reference !== undefined && !(await blobs.has(input.reference)))
      throw new AppError(
        'not_found',
        `the reference rows ${input.reference} were never uploaded; use "setpoint registry upload-artifact" first`,
      )
    return await sql.transaction(async (tx) => {
      const now = clock.now()
      const number = await store.takeVersionNumber(tx, caller.project, input.model, now)
      const version: ModelVersion = { ...versionFrom(input, caller, now), version: number, sizeBytes, facts }
      await store.insertVersion(tx, caller.project, version)
      const entry = { caller, reason: input.reason, operation: 'registry.registerVersion' }
      await ledger.seal(tx, { ...entry, table: store.modelsTable, key: [caller.project, input.model] })
      await ledger.seal(tx, { ...entry, table: store.versionsTable, key: [caller.project, input.model, number] })
      await bus.publish(tx, {
        name: 'registry.version_registered',
        project: caller.project,
        subject: input.model,
        data: { model: input.model, version: number, training: input.training ?? null },
      })
      if (input.alias === 'champion' && (await store.findAlias(tx, caller.project, input.model, 'champion')))
        throw new AppError(
          'conflict',
          `model ${input.model} has a champion already; register without an alias and let a rollout promote the version, or use "setpoint registry move-alias"`,
        )
      if (input.alias) await moveAliasIn(tx, { model: input.model, alias: input.alias, version: number, reason: input.reason }, caller)
      return { ...version, aliases: input.alias ? [input.alias] : [] }
    })
  }
}

/** Opens an uploaded file and tries it. Throws `not_found`, `too_large`, `unsafe` or `invalid` with what is wrong with it. */
async function inspect({ blobs, runtimes }: Deps, digest: string, features: readonly string[]) {
  if (!(await blobs.has(digest)))
    throw new AppError('not_found', `no file with digest ${digest} was uploaded; use "setpoint registry upload-artifact" first`)
  const { stream, sizeBytes } = await blobs.get(digest)
  if (sizeBytes > READ_LIMIT_BYTES)
    throw new AppError('too_large', `the file has ${sizeBytes} bytes; at most ${READ_LIMIT_BYTES} can be opened here`)
  const bytes = await buffer(stream)
  const facts = factsFromOnnx(bytes)
  const width = facts.inputs[0]?.shape.at(-1) ?? -1
  if (width !== -1 && width !== features.length)
    throw new AppError(
      'invalid',
      `features: ${features.length} names were given, but the model’s input ${facts.inputs[0]!.name} has ${width} columns`,
    )
  await runtimes.probe(bytes, features.length)
  return { facts, sizeBytes }
}

function versionFrom(input: Registration, caller: Caller, nowMs: number): Omit<ModelVersion, 'version' | 'facts' | 'sizeBytes'> {
  const manifest = {
    commit: input.commit ?? null,
    dataSnapshot: input.dataSnapshot ?? null,
    parent: input.parent ?? null,
    training: input.training ?? null,
  }
  const missing = [
    [input.reference, 'no reference rows: drift cannot be watched'],
    [input.evaluation, 'no evaluation report'],
    [input.owner, 'no owner'],
    [input.commit, 'no code commit'],
    [input.dataSnapshot, 'no data snapshot'],
  ] as const
  return {
    model: input.model,
    digest: input.artifact,
    format: 'onnx',
    features: input.features,
    reference: input.reference ?? null,
    evaluation: input.evaluation ?? null,
    manifest,
    owner: input.owner ?? caller.id,
    tags: input.tags,
    warnings: missing.filter(([value]) => value === undefined).map(([, warning]) => warning),
    aliases: [],
    createdAt: nowMs,
    createdBy: caller.id,
  }
}
