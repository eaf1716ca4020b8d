import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { predictionOf } from './decide.ts'
import type { Live, Scored, Work } from './live.ts'
import type { Run } from './scoring.ts'
import { percentOf } from './split.ts'

export type AnswerDeps = {
  readonly telemetry: Pick<Telemetry, 'record' | 'flush'>
  readonly clock: Clock
  /** Microseconds on a clock that only goes forward, the one that `Work.startedUs` was read from. */
  readonly nowUs: () => number
}

/**
 * Answers the requests of a batch from what the models scored, after every row is in the spool: a record costs one write a
 * batch, and no reply is sent that `kill -9` could make untrue.
 */
export function createAnswer({ telemetry, clock, nowUs }: AnswerDeps) {
  function keep(live: Live, run: Run, work: Work, row: number, i: number, own: boolean, atMs: number, endedUs: number): boolean {
    const { served, scores, challenger } = run
    const features = served.features.length
    const score = own ? challenger![row]! : scores[row]!
    const by = own ? live.challenger! : served
    const values = work.values.subarray(i * features, (i + 1) * features)
    return attempt(() =>
      telemetry.record({
        project: live.project,
        deployment: live.name,
        model: live.spec.model,
        version: by.version,
        role: own ? 'challenger' : live.role,
        recordId: work.ids[i]!,
        atMs,
        actor: work.actor,
        source: work.source,
        features: values,
        score,
        prediction: predictionOf(live, by, score, values),
        otherVersion: challenger === null ? 0 : own ? served.version : live.challenger!.version,
        otherScore: challenger === null ? Number.NaN : own ? scores[row]! : challenger[row]!,
        latencyUs: endedUs - work.startedUs,
      }),
    )
  }

  return (live: Live, work: readonly Work[], run: Run): void => {
    const { served, scores: all, challenger, fallback } = run
    const answers: Scored[] = []
    const endedUs = nowUs()
    const atMs = clock.now()
    const canary = challenger !== null && live.route.mode === 'canary'
    let row = 0
    let recorded = true
    for (const one of work) {
      const scores = new Float32Array(one.ids.length)
      const versions: number[] = []
      for (let i = 0; i < one.ids.length; i++, row++) {
        // A challenger that gives no number is not served.
        const own = canary && percentOf(live.salt, one.ids[i]!) < live.route.percent && !Number.isNaN(challenger[row])
        scores[i] = own ? challenger[row]! : all[row]!
        versions.push(own ? live.challenger!.version : served.version)
        recorded = keep(live, run, one, row, i, own, atMs, endedUs) && recorded
      }
      answers.push({ scores, versions, recorded: true, fallback })
    }
    recorded = attempt(() => telemetry.flush()) && recorded
    for (let i = 0; i < work.length; i++) {
      const fault = withoutNumber(live, answers[i]!)
      if (fault) work[i]!.reject(fault)
      else work[i]!.resolve(recorded ? answers[i]! : { ...answers[i]!, recorded: false })
    }
  }
}

/** A score that is no number is an error to the caller, never an answer; the row is recorded all the same, for triage to see. */
function withoutNumber(live: Live, { scores, versions }: Scored): AppError | undefined {
  const row = scores.findIndex(Number.isNaN)
  if (row < 0) return undefined
  return new AppError(
    'invalid',
    `model ${live.spec.model} version ${versions[row]} gives no number for row ${row}; it may not take missing values`,
    { row },
  )
}

/** A full disk does not stop serving: the reply says that it was not recorded, and telemetry counts the loss. */
export function attempt(write: () => void): boolean {
  try {
    write()
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'storage_full') return false
    throw error
  }
}
