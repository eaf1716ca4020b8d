import { buffer } from 'node:stream/consumers'
import type { ModelDescription } from '../../../contract/artifacts.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { featuresNamed } from '../../../lib/processing/processing.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Runtimes } from '../../serving/runtimes/index.ts'
import { findAlias } from './alias-store.ts'
import type { Aliases } from './aliases.ts'
import { factsFromOnnx } from './onnx-facts.ts'
import { traceSource } from './origin.ts'
import type { Places } from './places.ts'
import { missingFrom, policyOf } from './policy.ts'
import type { Registration, Registry } from './registry.ts'
import { featuresFromSignature } from './signature-features.ts'
import * as store from './store.ts'
import { toldTags } from './told-tags.ts'

type Deps = {
  sql: Sql
  blobs: Blobs
  runtimes: Runtimes
  clock: Clock
  ledger: Ledger
  bus: Bus
  documents: Documents
  places: Places
}

const READ_LIMIT_BYTES = 512 * 1024 * 1024

/** What is known of a version from its files alone. */
type Content = Pick<
  ModelVersion,
  'format' | 'digest' | 'sizeBytes' | 'facts' | 'features' | 'source' | 'storage' | 'loggedModel' | 'flavors' | 'signature' | 'unsafe'
> & {
  readonly origin:
    | (Pick<ModelVersion, 'runId' | 'owner' | 'manifest' | 'evaluation'> & Partial<Pick<ModelVersion, 'processing'>>)
    | undefined
  readonly tree?: string
  readonly notes: readonly string[]
}

/** The verb that takes a version into the registry: opened, tried where it can be run here, numbered, and its files never changed again. */
export function createRegister(deps: Deps, { moveAliasIn }: Aliases): Registry['registerVersion'] {
  const { sql, blobs, clock, ledger, bus, documents } = deps
  return async (input, caller) => {
    const content = await contentOf(deps, input, caller)
    if (input.reference !== undefined && !(await blobs.has(input.reference)))
      throw new AppError(
        'not_found',
        `the reference rows ${input.reference} were never uploaded; use "setpoint registry upload-artifact" first`,
      )
    const described = versionFrom(input, content, caller, clock.now())
    checkProcessing(described)
    if (content.format !== 'prompt') missingFrom(await policyOf(documents, caller.project), described)
    return await sql.transaction(async (tx) => {
      const number = await store.takeVersionNumber(tx, caller.project, input.model, caller.id, described.createdAt)
      const version: ModelVersion = { ...described, version: number }
      await store.insertVersion(tx, caller.project, version)
      const entry = { caller, reason: input.reason, operation: 'registry.registerVersion' }
      await ledger.seal(tx, { ...entry, table: store.modelsTable, key: [caller.project, input.model] })
      await ledger.seal(tx, { ...entry, table: store.versionsTable, key: [caller.project, input.model, number] })
      await bus.publish(tx, {
        name: 'registry.version_registered',
        project: caller.project,
        subject: input.model,
        data: { model: input.model, version: number, training: input.training ?? null, ...toldTags(input.tags) },
      })
      if (input.alias === 'champion' && (await findAlias(tx, caller.project, input.model, 'champion')))
        throw new AppError(
          'conflict',
          `model ${input.model} has a champion already; register without an alias and let a rollout promote the version, or use "setpoint registry move-alias"`,
        )
      const first = { id: caller.id, project: caller.project }
      if (input.alias) await moveAliasIn(tx, { model: input.model, alias: input.alias, version: number, reason: input.reason }, first)
      return { ...version, aliases: input.alias ? [input.alias] : [] }
    })
  }
}

async function contentOf(deps: Deps, input: Registration, caller: Caller): Promise<Content> {
  if ((input.artifact === undefined) === (input.source === undefined))
    throw new AppError(
      'invalid',
      'give either `artifact`, the digest of an uploaded ONNX file, or `source`, where the files of the version lie',
    )
  if (input.artifact !== undefined) return await contentOfFile(deps, input.artifact, input.features)
  if (input.prompt) return { ...nothing, format: 'prompt', source: input.source!, storage: input.source!, origin: undefined, notes: [] }
  return await contentOfSource(deps, input, caller)
}

const nothing = {
  digest: null,
  sizeBytes: null,
  facts: null,
  features: [],
  loggedModel: null,
  flavors: [],
  signature: null,
  unsafe: [],
}

/** Opens an uploaded file and tries it. Throws `not_found`, `too_large`, `unsafe` or `invalid` with what is wrong with it. */
async function contentOfFile(deps: Deps, digest: string, features: readonly string[] | undefined): Promise<Content> {
  if (!(await deps.blobs.has(digest)))
    throw new AppError('not_found', `no file with digest ${digest} was uploaded; use "setpoint registry upload-artifact" first`)
  const { facts, sizeBytes, names } = await openFile(deps, digest, features)
  if (!features && names.length > 0) throw new AppError('invalid', 'features: name the columns of the model’s input, in their order')
  return {
    ...nothing,
    format: 'onnx',
    digest,
    sizeBytes,
    facts,
    features: [...names],
    source: null,
    storage: null,
    flavors: ['onnx'],
    origin: undefined,
    notes: [],
  }
}

/**
 * Opens a file as it would be served. A model that scores rows of features needs their names; any other is served by its own
 * tensors and has none.
 */
async function openFile({ blobs, runtimes }: Deps, digest: string, features: readonly string[] | undefined) {
  const { stream, sizeBytes } = await blobs.get(digest)
  if (sizeBytes > READ_LIMIT_BYTES)
    throw new AppError('too_large', `the file has ${sizeBytes} bytes; at most ${READ_LIMIT_BYTES} can be opened here`)
  const bytes = await buffer(stream)
  const facts = factsFromOnnx(bytes)
  const [input, ...others] = facts.inputs
  const width = input?.shape.length === 2 && others.length === 0 ? input.shape[1]! : 0
  const names = features ?? Array.from({ length: Math.max(width, 0) }, (_, column) => `x${column}`)
  if (width > 0 && width !== names.length)
    throw new AppError('invalid', `features: ${names.length} names were given, but the model’s input ${input!.name} has ${width} columns`)
  const { tabular, problem } = await runtimes.probe(bytes, names.length)
  if (features && problem) throw new AppError(problem.code === 'unsupported' ? 'invalid' : problem.code, problem.message)
  return { facts, sizeBytes, names: tabular ? names : [] }
}

async function contentOfSource(deps: Deps, input: Registration, caller: Caller): Promise<Content> {
  const given = { source: input.source!, runId: input.runId, loggedModel: input.loggedModel }
  const { source, storage, loggedModel, origin, copied, inspection } = await traceSource(deps, caller.project, given)
  if (copied) {
    const { format, digest, sizeBytes, facts, features, flavors, signature, unsafe, runId, owner, manifest, evaluation, processing } =
      copied
    const from = {
      runId,
      owner,
      manifest: { ...manifest, parent: copied.model === input.model ? copied.version : null },
      evaluation,
      processing,
    }
    return { format, digest, sizeBytes, facts, features, flavors, signature, unsafe, source, storage, loggedModel, origin: from, notes: [] }
  }
  const known = origin && {
    runId: origin.runId,
    owner: origin.owner ?? '',
    manifest: { commit: origin.commit, dataSnapshot: origin.dataSnapshot, parent: null, training: null },
    evaluation: Object.keys(origin.metrics).length > 0 ? { dataset: `run ${origin.runId}`, rows: 0, metrics: { ...origin.metrics } } : null,
  }
  const base = { ...nothing, source, storage, loggedModel, origin: known }
  if (!inspection) {
    const notes = ['its files lie elsewhere: they were not read']
    return { ...base, format: 'external', features: [...(input.features ?? [])], notes }
  }
  const { format, sizeBytes, flavors, signature, unsafe } = inspection
  const files = { format, sizeBytes, flavors: Object.keys(flavors).filter((flavor) => flavor !== 'python_function') }
  const found = { ...base, ...files, signature, unsafe: unsafe.map(({ path }) => path), tree: inspection.tree }
  const runnable = await tryToRun(deps, inspection, input.features)
  if (runnable.note === undefined) return { ...found, ...runnable, notes: [] }
  const { features, note } = featuresFromSignature(signature, input.features)
  return { ...found, features, notes: [runnable.note, ...(note === undefined ? [] : [note])] }
}

/** An ONNX file in a folder becomes what serves, when it can be run here; else the reason is kept, and the version stands. */
async function tryToRun(deps: Deps, { onnxFile, format, signature }: ModelDescription, features: readonly string[] | undefined) {
  if (!onnxFile) return { note: `a model of format ${format} without one ONNX file cannot be run in this process` }
  const columns = signature?.inputs.map(({ name, shape }) => (shape === null ? name : null)) ?? []
  const named = columns.length > 0 && columns.every((name) => name !== null)
  try {
    const { facts, names } = await openFile(deps, onnxFile.digest, features ?? (named ? columns : undefined))
    return { digest: onnxFile.digest, facts, features: [...names] }
  } catch (error) {
    return { note: `its ONNX file cannot be run in this process: ${messageFrom(error)}` }
  }
}

/** Throws `invalid` for steps and rules of features that the version does not have. */
function checkProcessing({ processing, features }: Pick<ModelVersion, 'processing' | 'features'>): void {
  if (!processing) return
  if (features.length === 0)
    throw new AppError('invalid', 'processing: the version has no features, and no score a row that anything could be done to')
  const unknown = featuresNamed(processing).filter((name) => !features.includes(name))
  if (unknown.length > 0)
    throw new AppError(
      'invalid',
      `processing names ${unknown.join(', ')}; the features of the version are ${features.slice(0, 20).join(', ')}`,
    )
}

function versionFrom(input: Registration, content: Content, caller: Caller, nowMs: number): Omit<ModelVersion, 'version'> {
  const { origin, notes, tree, ...files } = content
  const artifact = tree ?? origin?.manifest.artifact
  const manifest = {
    ...(artifact !== undefined && { artifact }),
    commit: input.commit ?? origin?.manifest.commit ?? null,
    dataSnapshot: input.dataSnapshot ?? origin?.manifest.dataSnapshot ?? null,
    parent: input.parent ?? origin?.manifest.parent ?? null,
    training: input.training ?? null,
    ...(input.featureViews && { features: input.featureViews }),
    ...(input.prompts && { prompts: input.prompts }),
    ...(input.configuration !== undefined && { configuration: input.configuration }),
    ...(input.environment && { environment: input.environment }),
  }
  const evaluation = input.evaluation ?? origin?.evaluation ?? null
  const owner = input.owner ?? (origin?.owner || null)
  const missing = [
    [input.reference, 'no reference rows: drift cannot be watched'],
    [evaluation, 'no evaluation report'],
    [owner, 'no owner'],
    [manifest.commit, 'no code commit'],
    [manifest.dataSnapshot, 'no data snapshot'],
  ] as const
  const warnings = missing.filter(([value]) => value === undefined || value === null).map(([, warning]) => warning)
  const unsafe = files.unsafe.map((file) => `${file} runs code when it is loaded: load it only if you trust who made it`)
  return {
    ...files,
    model: input.model,
    runId: input.runId ?? origin?.runId ?? null,
    runLink: input.runLink ?? null,
    description: input.description,
    stage: 'experimental',
    semanticVersion: null,
    processing: input.processing ?? origin?.processing ?? null,
    reference: input.reference ?? null,
    evaluation,
    manifest,
    owner: owner ?? caller.id,
    tags: input.tags,
    warnings: content.format === 'prompt' ? [] : [...warnings, ...unsafe, ...notes],
    aliases: [],
    createdAt: nowMs,
    createdBy: caller.id,
    updatedAt: nowMs,
  }
}
