import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Log } from '../../../infra/log.ts'
import { type AnswerDeps, createAnswer } from './answer.ts'
import type { Challengers } from './challengers.ts'
import type { Live, LoadedVersion, Work } from './live.ts'
import { createPace, type Pace } from './pace.ts'

export type Scoring = {
  /** Puts the rows of one request into the batch of this event-loop turn. */
  add(live: Live, work: Work): void
  /** What is under way for a deployment. */
  pace(live: Pick<Live, 'project' | 'name'>): Pace
}

type Queue = { readonly live: Live; readonly pace: Pace; work: Work[]; rows: number }
/** What a batch was scored with: the champion, or the fallback in its place. */
export type Run = {
  readonly served: LoadedVersion
  readonly scores: Float32Array
  readonly challenger: Float32Array | null
  readonly fallback: boolean
}

const MOST_BATCH_ROWS = 512

/** Gathers the requests of one event-loop turn into one run of the model. */
export function createScoring(deps: AnswerDeps & { readonly log: Log; readonly challengers: Challengers }): Scoring {
  const { log, challengers } = deps
  const queues = new Map<Live, Queue>()
  const paces = new Map<string, Pace>()
  const answer = createAnswer(deps)
  let scheduled = false

  function paceOf({ project, name }: Pick<Live, 'project' | 'name'>): Pace {
    const key = `${project}/${name}`
    let pace = paces.get(key)
    if (!pace) {
      pace = createPace(deps.nowUs)
      paces.set(key, pace)
    }
    return pace
  }

  function flushAll() {
    scheduled = false
    for (const queue of queues.values()) void run(queue)
    queues.clear()
  }

  async function run({ live, pace, work, rows }: Queue): Promise<void> {
    const values = rows === work[0]!.ids.length ? work[0]!.values : joined(work, rows * live.champion.features.length)
    try {
      answer(live, work, await score(live, values, rows))
    } catch (error) {
      const failure =
        error instanceof AppError
          ? error
          : new AppError('internal', `model ${live.spec.model} version ${live.champion.version} failed: ${messageFrom(error)}`, {}, error)
      for (const one of work) one.reject(failure)
    } finally {
      pace.leave(rows)
    }
  }

  async function score(live: Live, values: Float32Array, rows: number): Promise<Run> {
    try {
      const scores = await live.champion.model.score(values, rows)
      const challenger = live.challenger ? await challengers.scores(live, values, rows) : null
      return { served: live.champion, scores, challenger, fallback: false }
    } catch (error) {
      if (!live.fallback) throw error
      log.warn('serving.fallback', {
        project: live.project,
        deployment: live.name,
        version: live.champion.version,
        error: messageFrom(error),
      })
      return { served: live.fallback, scores: await live.fallback.model.score(values, rows), challenger: null, fallback: true }
    }
  }

  return {
    add(live, work) {
      let queue = queues.get(live)
      if (!queue) {
        queue = { live, pace: paceOf(live), work: [], rows: 0 }
        queues.set(live, queue)
      }
      queue.work.push(work)
      queue.rows += work.ids.length
      queue.pace.enter(work.ids.length)
      if (queue.rows >= MOST_BATCH_ROWS) {
        queues.delete(live)
        void run(queue)
      } else if (!scheduled) {
        scheduled = true
        setImmediate(flushAll)
      }
    },
    pace: paceOf,
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
