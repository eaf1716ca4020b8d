import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import type { Live, Scored, Work } from './live.ts'
import { percentOf } from './split.ts'

/** How often a challenger failed to score, since its rollout began. */
export type ChallengerHealth = { readonly rows: number; readonly failures: number }
export type Scoring = {
  /** Puts the rows of one request into the batch of this event-loop turn. */
  add(live: Live, work: Work): void
  waiting(): number
  health(live: Pick<Live, 'project' | 'name' | 'salt'>): ChallengerHealth
}

type Queue = { readonly live: Live; work: Work[]; rows: number }

const MOST_BATCH_ROWS = 512

/**
 * Gathers the requests of one event-loop turn into one run of the model. Every row answered is in the spool before its
 * reply leaves: a record costs one write a batch, and no reply is sent that `kill -9` could make untrue.
 */
export function createScoring(deps: {
  telemetry: Pick<Telemetry, 'record' | 'flush'>
  clock: Clock
  log: Log
  nowUs: () => number
}): Scoring {
  const { telemetry, clock, log, nowUs } = deps
  const queues = new Map<Live, Queue>()
  const challengers = new Map<string, { rows: number; failures: number }>()
  let waiting = 0
  let scheduled = false

  function flushAll() {
    scheduled = false
    for (const queue of queues.values()) void run(queue)
    queues.clear()
  }

  async function run({ live, work, rows }: Queue): Promise<void> {
    const values = rows === work[0]!.ids.length ? work[0]!.values : joined(work, rows * live.champion.features.length)
    try {
      const champion = await live.champion.scorer.score(values, rows)
      const challenger = live.challenger ? await challengerScores(live, values, rows) : null
      answer(live, work, champion, challenger)
    } catch (error) {
      const failure =
        error instanceof AppError
          ? error
          : new AppError('internal', `model ${live.spec.model} version ${live.champion.version} failed: ${messageFrom(error)}`, {}, error)
      for (const one of work) one.reject(failure)
    } finally {
      waiting -= rows
    }
  }

  /** The challenger’s failures are counted against it and never reach a caller: the champion’s score stands in. */
  async function challengerScores(live: Live, values: Float32Array, rows: number): Promise<Float32Array | null> {
    const health = healthOf(live)
    health.rows += rows
    try {
      return await live.challenger!.scorer.score(values, rows)
    } catch (error) {
      health.failures += rows
      log.warn('serving.challenger_failed', {
        deployment: live.name,
        project: live.project,
        version: live.challenger!.version,
        error: messageFrom(error),
      })
      return null
    }
  }

  function answer(live: Live, work: readonly Work[], champion: Float32Array, challenger: Float32Array | null) {
    const answers: Scored[] = []
    const endedUs = nowUs()
    const atMs = clock.now()
    let row = 0
    let recorded = true
    for (const one of work) {
      const scores = new Float32Array(one.ids.length)
      const versions: number[] = []
      for (let i = 0; i < one.ids.length; i++, row++) {
        const own = challenger && live.route.mode === 'canary' && percentOf(live.salt, one.ids[i]!) < live.route.percent
        scores[i] = own ? challenger[row]! : champion[row]!
        versions.push(own ? live.challenger!.version : live.champion.version)
        recorded =
          keep(live, one, i, scores[i]!, own ? 'challenger' : 'champion', own ? champion[row]! : challenger?.[row], atMs, endedUs) &&
          recorded
      }
      answers.push({ scores, versions, recorded: true })
    }
    recorded = flushed() && recorded
    for (let i = 0; i < work.length; i++) work[i]!.resolve(recorded ? answers[i]! : { ...answers[i]!, recorded: false })
  }

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

  const flushed = () => attempt(() => telemetry.flush())

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

  function healthOf({ project, name, salt }: Pick<Live, 'project' | 'name' | 'salt'>) {
    const key = `${project}/${name}/${salt}`
    let health = challengers.get(key)
    if (!health) {
      for (const old of challengers.keys()) if (old.startsWith(`${project}/${name}/`)) challengers.delete(old)
      health = { rows: 0, failures: 0 }
      challengers.set(key, health)
    }
    return health
  }

  return {
    add(live, work) {
      const queue = queues.get(live) ?? { live, work: [], rows: 0 }
      queues.set(live, queue)
      queue.work.push(work)
      queue.rows += work.ids.length
      waiting += work.ids.length
      if (queue.rows >= MOST_BATCH_ROWS) {
        queues.delete(live)
        void run(queue)
      } else if (!scheduled) {
        scheduled = true
        setImmediate(flushAll)
      }
    },
    waiting: () => waiting,
    health: (live) => ({ ...healthOf(live) }),
  }
}

function joined(work: readonly Work[], length: number): Float32Array {
  const all = new Float32Array(length)
  let offset = 0
  for (const { values } of work) {
    all.set(values, offset)
    offset += values.length
  }
  return all
}
