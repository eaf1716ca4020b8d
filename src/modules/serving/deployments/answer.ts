import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import type { Live, Scored, Work } from './live.ts'
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
  function keep(
    live: Live,
    work: Work,
    i: number,
    score: number,
    role: 'champion' | 'challenger',
    otherScore: number | undefined,
    atMs: number,
    endedUs: number,
  ): boolean {
    const features = live.champion.features.length
    const [served, other] = role === 'champion' ? [live.champion, live.challenger] : [live.challenger!, live.champion]
    return attempt(() =>
      telemetry.record({
        project: live.project,
        deployment: live.name,
        model: live.spec.model,
        version: served.version,
        role,
        recordId: work.ids[i]!,
        atMs,
        actor: work.actor,
        source: work.source,
        features: work.values.subarray(i * features, (i + 1) * features),
        score,
        prediction: score >= live.spec.threshold ? 1 : 0,
        otherVersion: otherScore === undefined ? 0 : (other?.version ?? 0),
        otherScore: otherScore ?? Number.NaN,
        latencyUs: endedUs - work.startedUs,
      }),
    )
  }

  return (live: Live, work: readonly Work[], champion: Float32Array, challenger: Float32Array | null): void => {
    const answers: Scored[] = []
    const endedUs = nowUs()
    const atMs = clock.now()
    let row = 0
    let recorded = true
    for (const one of work) {
      const scores = new Float32Array(one.ids.length)
      const versions: number[] = []
      for (let i = 0; i < one.ids.length; i++, row++) {
        const chosen = challenger && live.route.mode === 'canary' && percentOf(live.salt, one.ids[i]!) < live.route.percent
        // A challenger that gives no number is not served.
        const own = chosen && !Number.isNaN(challenger[row])
        scores[i] = own ? challenger[row]! : champion[row]!
        versions.push(own ? live.challenger!.version : live.champion.version)
        recorded =
          keep(live, one, i, scores[i]!, own ? 'challenger' : 'champion', own ? champion[row]! : challenger?.[row], atMs, endedUs) &&
          recorded
      }
      answers.push({ scores, versions, recorded: true })
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
function attempt(write: () => void): boolean {
  try {
    write()
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'storage_full') return false
    throw error
  }
}
