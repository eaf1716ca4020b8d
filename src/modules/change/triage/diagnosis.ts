import type { Detection } from '../../../contract/drift.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Diagnosis } from '../../../contract/triage.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import { LEAST_DIAGNOSED_ROWS, type WindowDiagnosis, type WindowDiagnosisInput } from '../../../lib/drift/diagnosis/diagnose-window.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { createBlastRadius } from './blast-radius.ts'
import { createGather, type GatherDeps, type Gathered } from './gather.ts'
import { suggestResponse, summaryOf } from './response.ts'

export type DiagnosisDeps = GatherDeps & {
  readonly calculations: Calculations
  readonly telemetry: Pick<Telemetry, 'sampleRows' | 'summarizeTraffic'>
}

const THREAD = new URL('./diagnosis-thread.ts', import.meta.url)
/** Whoever waits for a diagnosis, a loop among them, does not wait for longer. */
const LIMIT_MS = 30_000
const MOST_KEPT = 50
const MOST_NAMED = 20
const MOST_SEGMENTS = 8

/** What is behind a detection; `chosen` is added by who keeps it. */
export type Explained = Omit<Diagnosis, 'chosen'>

/** Explains detections. Calculated once for the same rows and labels; those who ask meanwhile share the answer. */
export function createDiagnose(deps: DiagnosisDeps) {
  const gather = createGather(deps)
  const blastRadius = createBlastRadius(deps)
  const kept = new Map<string, Promise<WindowDiagnosis>>()

  function calculated(detection: Detection, { input, rows, labelledRows, fromMs, toMs }: Gathered): Promise<WindowDiagnosis> {
    const key = JSON.stringify([detection.id, rows.length, labelledRows, fromMs, rows.length < 2_000 ? 0 : toMs, input.modelChanges])
    const found = kept.get(key)
    if (found) return found
    const made = deps.calculations.run<WindowDiagnosisInput, WindowDiagnosis>(THREAD, input, { limitMs: LIMIT_MS })
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!)
    kept.set(key, made)
    // What failed is tried again by whoever asks next; who asked this time hears of it.
    made.catch(() => kept.delete(key))
    return made
  }

  return async (detection: Detection, caller: Caller): Promise<Explained> => {
    const gathered = await gather(caller.project, detection)
    const { model, fromMs, toMs, rows, labelledRows, input } = gathered
    const least = Math.min(rows.length, input.reference.scores.length)
    if (least < LEAST_DIAGNOSED_ROWS)
      throw new AppError(
        'conflict',
        `detection ${detection.id} has ${rows.length} rows since and ${input.reference.scores.length} of reference; ${LEAST_DIAGNOSED_ROWS} of each are needed`,
      )
    const found = await calculated(detection, gathered)
    const reached = { deployment: detection.deployment, model, version: detection.modelVersion, fromMs }
    return {
      detection: detection.id,
      monitor: detection.monitor,
      deployment: detection.deployment,
      fromMs,
      toMs,
      rows: rows.length,
      labelledRows,
      cause: found.cause,
      confidence: found.evidence[0]!.confidence,
      summary: summaryOf(found),
      causes: found.evidence.map(({ cause, confidence, text }) => ({ cause, confidence, evidence: [...text] })),
      features: found.features.slice(0, MOST_NAMED).map(({ feature, share }) => ({ name: feature, share })),
      performance: found.performance,
      slices: found.slices.map(({ text, rows: own, share, effect, adjustedP }) => ({
        conditions: [text],
        rows: own,
        share,
        effect,
        adjustedPValue: adjustedP,
      })),
      attack: attacksOf(found),
      segments: segmentsOf(gathered),
      blastRadius: await blastRadius(reached, caller),
      response: suggestResponse({ ...found, estimateDropped: await deps.estimates.hasDropped(caller.project, detection.monitor) }),
    }
  }
}

function attacksOf({ attacks }: WindowDiagnosis): Diagnosis['attack'] {
  return [...Map.groupBy(attacks, ({ attack }) => attack)].map(([kind, own]) => ({
    kind,
    score: Math.max(...own.flatMap(({ signs }) => signs.map(({ excess }) => excess))),
    pValue: Math.min(...own.map(({ adjustedP }) => adjustedP)),
    actors: own.map(({ by }) => by),
    text: own
      .slice(0, 3)
      .map(({ text }) => text)
      .join('; '),
  }))
}

/** Who asked most, with the share of labelled rows that the model got wrong. */
function segmentsOf({ rows, input: { threshold = 0.5, current } }: Gathered): Diagnosis['segments'] {
  const by = (kind: 'actor' | 'source') =>
    [...Map.groupBy(rows.keys(), (row) => rows[row]![kind])]
      .filter(([name]) => name !== '')
      .sort(([, a], [, b]) => b.length - a.length)
      .slice(0, MOST_SEGMENTS)
      .map(([name, own]) => {
        const labelled = own.filter((row) => Number.isFinite(current.labels![row]!))
        const wrong = labelled.filter((row) => current.scores[row]! >= threshold !== (current.labels![row] === 1)).length
        return {
          by: kind,
          name,
          rows: own.length,
          share: own.length / rows.length,
          wrong: labelled.length === 0 ? null : wrong / labelled.length,
        }
      })
  return [...by('source'), ...by('actor')]
}
