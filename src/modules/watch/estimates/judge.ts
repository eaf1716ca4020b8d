import { AppError, errorCodes, messageFrom } from '../../../contract/errors.ts'
import type { Estimate } from '../../../contract/estimates.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import { judgeWindow, type WindowInput } from '../../../lib/drift/estimation/judge-window.ts'
import type { JudgedWindow, WindowRows } from '../../../lib/drift/estimation/window-rows.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { SampledRow, Telemetry } from '../telemetry/index.ts'
import { type EstimatorReader, type FittedReference, isFitted, type KeptReference } from './reference.ts'
import type { StoredWindow } from './store.ts'

export type JudgeDeps = {
  readonly documents: Documents
  readonly registry: Pick<Registry, 'champion'>
  readonly telemetry: Pick<Telemetry, 'sampleRows'>
  readonly calculations: Calculations
  readonly readerOf: EstimatorReader
}
type Monitor = Declared<'Monitor'>
export type Stretch = { readonly fromMs: number; readonly toMs: number }

/** What the windows of a monitor are estimated for: its deployment’s champion, or why there is nothing to rest on. */
export type Target = {
  readonly version: number | null
  readonly threshold: number
  readonly kept: KeptReference | undefined
  /** Why no window can be estimated. */
  readonly problem: string | null
}

const SAMPLE_ROWS = 5_000
/** Values in reference and window together, up to which an estimate of a classifier takes well under 100 ms here. */
const MOST_VALUES_HERE = 12_000
/** Rows up to which that of a regression does: each goes through more than a thousand trees, and again when it has a label. */
const MOST_REGRESSED_HERE = 400
const THREAD = new URL('./estimate-thread.ts', import.meta.url)

export function createJudge({ documents, registry, telemetry, calculations, readerOf }: JudgeDeps) {
  return {
    async targetOf({ project, spec }: Monitor): Promise<Target> {
      const deployment = await documents.find('Deployment', project, spec.deployment)
      const champion = deployment && (await registry.champion(project, deployment.spec.model))
      if (!deployment || !champion)
        return { version: null, threshold: 0.5, kept: undefined, problem: `deployment ${spec.deployment} serves nothing yet` }
      const threshold = thresholdOf(champion.processing, deployment.spec.threshold)
      const kept = await readerOf(project, champion.model, champion.version).catch(lossFrom)
      if (kept && 'lost' in kept) return { version: champion.version, threshold, kept: undefined, problem: kept.lost }
      const problem = kept ? (kept.reference?.faults[0]?.text ?? kept.problem) : absence(champion)
      return { version: champion.version, threshold, kept, problem: problem ?? null }
    },

    /** Estimates a stretch of traffic, and holds it against the labels it has. */
    async judge(monitor: Monitor, target: Target, stretch: Stretch): Promise<StoredWindow> {
      const { version, kept } = target
      const shared = { monitor: monitor.metadata.name, deployment: monitor.spec.deployment, modelVersion: version, ...stretch }
      if (version === null || !isFitted(kept)) return abstention(shared, target.problem ?? 'there is no reference')
      const limit = SAMPLE_ROWS
      const sampled = await telemetry.sampleRows({ project: monitor.project, deployment: monitor.spec.deployment, ...stretch, limit })
      const rows = rowsBy(sampled, version, kept.features.length)
      const input = inputFrom(monitor, kept, { rows, threshold: target.threshold, fromMs: stretch.fromMs })
      const judged = isQuick(input) ? judgeWindow(input) : await calculations.run<WindowInput, JudgedWindow>(THREAD, input)
      return storedFrom(shared, judged)
    },
  }
}
/** What was kept of a version is gone or corrupt: nothing can be estimated until somebody mends it. Throws on what a later try may mend. */
function lossFrom(error: unknown): { readonly lost: string } {
  if (!(error instanceof AppError) || errorCodes[error.code].retryable) throw error
  return {
    lost: `what estimates of the version rest on cannot be read (${messageFrom(error)}); restore that blob from a backup, or register the version again`,
  }
}

export type Judge = ReturnType<typeof createJudge>

type Judgeable = { readonly rows: WindowRows; readonly threshold: number; readonly fromMs: number }

function inputFrom({ metadata, spec }: Monitor, kept: FittedReference, { rows, threshold, fromMs }: Judgeable): WindowInput {
  const tolerance = spec.tolerance.error
  switch (kept.kind) {
    case 'classification': {
      const { kind, reference } = kept
      return { kind, reference, known: kept.rows, rows, threshold, tolerance, seed: `${metadata.name}/${fromMs}` }
    }
    case 'regression':
      return { kind: kept.kind, reference: kept.reference, rows, tolerance }
  }
}

function isQuick(input: WindowInput): boolean {
  if (input.kind === 'regression') return input.rows.scores.length <= MOST_REGRESSED_HERE
  return (input.rows.scores.length + input.known.scores.length) * (input.rows.columns.length + 1) <= MOST_VALUES_HERE
}

/** The rows that a version scored, served or beside another, with as many features as it takes. */
export function rowsBy(sampled: readonly SampledRow[], version: number, width: number) {
  const scoreOf = (row: SampledRow) => (row.version === version ? row.score : row.otherVersion === version ? row.otherScore : Number.NaN)
  const own = sampled.filter((row) => row.features.length === width && Number.isFinite(scoreOf(row)))
  return {
    columns: Array.from({ length: width }, (_, f) => Float64Array.from(own, (row) => row.features[f]!)),
    scores: Float64Array.from(own, scoreOf),
    labels: Float64Array.from(own, (row) => row.label),
  }
}

function absence({ version, reference, features, digest }: Awaited<ReturnType<Registry['version']>>): string {
  if (reference === null) return `version ${version} was registered without reference rows; register one with labelled rows of its test set`
  if (features.length === 0) return `version ${version} takes tensors, not rows of features`
  if (digest === null)
    return `version ${version} runs elsewhere and its reference rows were not scored; a deployment must say where it runs`
  return `the reference of version ${version} is not fitted yet, or it was registered before estimates were kept`
}

type Shared = Pick<Estimate, 'monitor' | 'deployment' | 'modelVersion' | 'fromMs' | 'toMs'>

function abstention(shared: Shared, why: string): StoredWindow {
  const estimate = {
    ...shared,
    rows: 0,
    method: null,
    abstained: why,
    notes: [],
    metrics: {},
    dropped: false,
    realised: null,
    suspicion: null,
  }
  return { estimate, labelled: 0, logEvidence: null, expectedError: null }
}

function storedFrom(shared: Shared, judged: JudgedWindow): StoredWindow {
  const { rows, method, abstained, dropped, realised, logEvidence } = judged
  const metrics = Object.fromEntries(
    Object.entries(judged.metrics).map(([metric, { value, low, high, baseline }]) => [
      metric,
      { value, interval: { low, high }, baseline },
    ]),
  )
  const expected = realised?.expectedError
  return {
    estimate: {
      ...shared,
      rows,
      method,
      abstained,
      notes: [...judged.notes],
      metrics,
      dropped,
      realised: realised && { rows: realised.rows, metrics: { ...realised.metrics }, covered: realised.covered },
      suspicion: null,
    },
    labelled: 0,
    logEvidence,
    expectedError: expected ? { value: expected.value, low: expected.low, high: expected.high } : null,
  }
}
