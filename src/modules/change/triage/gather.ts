import type { Detection } from '../../../contract/drift.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { DiagnosisRows } from '../../../lib/drift/diagnosis/cause-facts.ts'
import type { WindowDiagnosisInput } from '../../../lib/drift/diagnosis/diagnose-window.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Estimates } from '../../watch/estimates/index.ts'
import type { SampledRow, Telemetry } from '../../watch/telemetry/index.ts'

export type GatherDeps = {
  readonly clock: Clock
  readonly documents: Documents
  readonly registry: Registry
  readonly estimates: Pick<Estimates, 'referenceRows' | 'hasDropped'>
  readonly telemetry: Pick<Telemetry, 'sampleRows'>
}
/** What a diagnosis rests on. */
export type Gathered = {
  readonly model: string
  readonly fromMs: number
  readonly toMs: number
  readonly rows: readonly SampledRow[]
  readonly labelledRows: number
  readonly input: WindowDiagnosisInput
}

/** Rows of each sample: more would tell little more, and take a thread for longer. */
const MOST_ROWS = 2_000
const ENOUGH_ROWS = 200
const LOOK_BACK_MS = 3_600_000
/** What came longer after a detection is another story. */
const LONGEST_MS = 86_400_000
const WEEK_MS = 7 * 86_400_000
const CYCLES = 4
const LEAST_CYCLE_ROWS = 100
/** A change of model so long before a detection may be behind it. */
const MODEL_CHANGE_MS = 86_400_000

/** Reads reference rows, rows since the change with their labels, the same hours of earlier weeks, and moves of the champion. */
export function createGather({ clock, documents, registry, estimates, telemetry }: GatherDeps) {
  async function rowsSince(project: string, { deployment, at }: Detection) {
    const toMs = Math.min(clock.now(), at + LONGEST_MS) + 1
    const asked = (fromMs: number) => telemetry.sampleRows({ project, deployment, fromMs, toMs, limit: MOST_ROWS })
    const rows = await asked(at)
    if (rows.length >= ENOUGH_ROWS) return { fromMs: at, toMs, rows }
    // A detection that has only just come has its change behind it.
    const fromMs = Math.max(0, at - LOOK_BACK_MS)
    return { fromMs, toMs, rows: await asked(fromMs) }
  }

  async function earlierCycles(project: string, detection: Detection, fromMs: number, toMs: number): Promise<SampledRow[]> {
    const limit = Math.ceil(MOST_ROWS / CYCLES)
    const stretches = Array.from({ length: CYCLES }, (_, i) => (i + 1) * WEEK_MS).filter((back) => fromMs - back >= 0)
    const found = await Promise.all(
      stretches.map((back) =>
        telemetry.sampleRows({ project, deployment: detection.deployment, fromMs: fromMs - back, toMs: toMs - back, limit }),
      ),
    )
    return found.flat()
  }

  async function modelChanges(project: string, model: string, { at }: Detection, fromMs: number) {
    const { aliases } = await registry.modelOf(project, model)
    return aliases
      .filter(
        ({ alias, movedAt, previousVersion }) =>
          alias === 'champion' && previousVersion !== null && movedAt > fromMs - MODEL_CHANGE_MS && movedAt <= at,
      )
      .map(({ version, previousVersion, movedAt }) => ({
        kind: 'version' as const,
        text: `version ${version} took over from version ${previousVersion} at ${new Date(movedAt).toISOString()}`,
      }))
  }

  return async (project: string, detection: Detection): Promise<Gathered> => {
    const deployment = await documents.need('Deployment', project, detection.deployment)
    const { model, threshold } = deployment.spec
    const { modelVersion, id } = detection
    const kept = await estimates.referenceRows(project, model, modelVersion)
    if (!kept) throw new AppError('conflict', `detection ${id} cannot be diagnosed: no reference rows were kept of version ${modelVersion}`)
    const { processing } = await registry.version(project, model, modelVersion)
    const { fromMs, toMs, rows } = await rowsSince(project, detection)
    const fits = (row: SampledRow) => row.features.length === kept.features.length && Number.isFinite(scoreBy(row, modelVersion))
    const own = rows.filter(fits)
    const cycles = (await earlierCycles(project, detection, fromMs, toMs)).filter(fits)
    const reference = firstRows(kept.rows, MOST_ROWS)
    const isBinary = Array.from(reference.labels!).every((label) => label === 0 || label === 1)
    return {
      model,
      fromMs,
      toMs,
      rows: own,
      labelledRows: own.filter(({ label }) => Number.isFinite(label)).length,
      input: {
        names: kept.features,
        reference: isBinary ? reference : { columns: reference.columns, scores: reference.scores },
        current: rowsFrom(own, modelVersion, kept.features.length),
        threshold: thresholdOf(processing, threshold),
        ...(cycles.length >= LEAST_CYCLE_ROWS ? { earlierCycles: rowsFrom(cycles, modelVersion, kept.features.length) } : {}),
        modelChanges: await modelChanges(project, model, detection, fromMs),
        seed: id,
      },
    }
  }
}

function scoreBy({ version, score, otherVersion, otherScore }: SampledRow, wanted: number): number {
  return version === wanted ? score : otherVersion === wanted ? otherScore : Number.NaN
}

function rowsFrom(rows: readonly SampledRow[], version: number, width: number): DiagnosisRows {
  return {
    columns: Array.from({ length: width }, (_, f) => Float64Array.from(rows, (row) => row.features[f]!)),
    scores: Float64Array.from(rows, (row) => scoreBy(row, version)),
    labels: Float64Array.from(rows, ({ label }) => (label === 0 || label === 1 ? label : Number.NaN)),
    actors: rows.map(({ actor }) => actor),
    sources: rows.map(({ source }) => source),
    labelSources: rows.map(({ labelSource }) => labelSource),
  }
}

function firstRows(
  rows: { features: readonly Float64Array[]; scores: ArrayLike<number>; labels: ArrayLike<number> },
  most: number,
): DiagnosisRows {
  const first = (values: ArrayLike<number>) => Float64Array.from(values).slice(0, most)
  return { columns: rows.features.map(first), scores: first(rows.scores), labels: first(rows.labels) }
}
