import type { DeploymentSpec } from '../../../contract/deployments.ts'
import { AppError } from '../../../contract/errors.ts'
import type { GateCheck } from '../../../contract/gates.ts'
import type { Spec } from '../../../contract/kinds.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import { excludingFrom } from '../../../contract/quarantine.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import { type LabelledMatrix, readReference } from '../../../infra/labelled-rows.ts'
import { numericCsvHeader, numericCsvLine } from '../../../lib/numeric-csv.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Runtimes, Scorer } from '../../serving/runtimes/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { checkNewest, checkSlice, type Pair } from './checks.ts'

/** The newest labelled rows looked at: enough for any difference that matters, little enough not to hold up requests. */
const MOST_ROWS = 10_000

export type Deps = { blobs: Blobs; runtimes: Runtimes; telemetry: Telemetry; quarantine: QuarantineWindows }
type Window = { readonly project: string; readonly deployment: string; readonly fromMs: number; readonly toMs: number }

/**
 * Scores the newest labelled rows, and the reference where the gate has frozen slices, with both versions, and checks what
 * the gate asks for. Returns the checks and the digest of the scores they rest on. Throws `conflict` when the versions take
 * different features, `invalid` when there is no reference to slice.
 */
export async function compareVersions(
  deps: Deps,
  spec: Spec<'Gate'>,
  versions: readonly [champion: ModelVersion, challenger: ModelVersion],
  window: Window,
  { threshold, runtime }: Pick<DeploymentSpec, 'threshold' | 'runtime'>,
): Promise<{ checks: GateCheck[]; evidence: string }> {
  const { blobs, runtimes } = deps
  const [champion, challenger] = versions
  if (champion.features.join() !== challenger.features.join())
    throw new AppError('conflict', `version ${challenger.version} takes other features than the champion, version ${champion.version}`)
  const thresholds = {
    threshold: thresholdOf(champion.processing, threshold),
    challengerThreshold: thresholdOf(challenger.processing, threshold),
  }
  const scorers: Scorer[] = []
  try {
    for (const version of versions) scorers.push(await runtimes.load(version, runtime))
    const newest = await pairUp(await newestRows(deps, window, champion.features.length), scorers[0]!, scorers[1]!)
    const checks: GateCheck[] = [checkNewest(spec, newest, thresholds)]
    if (spec.slices.length > 0) {
      if (!champion.reference)
        throw new AppError(
          'invalid',
          `the gate asks for frozen slices, but version ${champion.version} was registered without reference rows`,
        )
      const matrix = await readReference(blobs, champion.reference, champion.features)
      const frozen = await pairUp(matrix, scorers[0]!, scorers[1]!)
      for (const slice of spec.slices) checks.push(checkSlice(spec, slice, frozen, matrix, champion.features, thresholds))
    }
    return { checks, evidence: await keepEvidence(blobs, newest) }
  } finally {
    for (const scorer of scorers) await scorer.release()
  }
}

/** Labelled rows of the window, without what is quarantined. */
async function newestRows(
  { quarantine, telemetry }: Deps,
  { project, deployment, fromMs, toMs }: Window,
  width: number,
): Promise<LabelledMatrix> {
  const excluding = excludingFrom(await quarantine.inForce(project, deployment))
  const values: number[] = []
  const labels: number[] = []
  for await (const page of telemetry.labelledRows({
    project,
    deployment,
    fromMs,
    toMs,
    limit: MOST_ROWS,
    order: 'newest',
    excluding,
  })) {
    for (const row of page) {
      if (row.features.length !== width) continue
      for (const value of row.features) values.push(value ?? Number.NaN)
      labels.push(row.label)
    }
  }
  return { values: Float32Array.from(values), labels: Float32Array.from(labels), rows: labels.length }
}

async function pairUp(matrix: LabelledMatrix, champion: Scorer, challenger: Scorer): Promise<Pair> {
  return {
    labels: matrix.labels,
    champion: await champion.score(matrix.values, matrix.rows),
    challenger: await challenger.score(matrix.values, matrix.rows),
  }
}

/** Keeps both scores of every row as CSV; returns its digest. */
async function keepEvidence(blobs: Blobs, { labels, champion, challenger }: Pair): Promise<string> {
  async function* csv() {
    yield Buffer.from(numericCsvHeader(['label', 'champion', 'challenger']))
    for (let from = 0; from < labels.length; from += 4_096) {
      let text = ''
      for (let i = from; i < Math.min(labels.length, from + 4_096); i++) text += numericCsvLine([labels[i]!, champion[i]!, challenger[i]!])
      yield Buffer.from(text)
    }
  }
  return (await blobs.put(csv())).digest
}
