import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Log } from '../../../infra/log.ts'
import { type AnswerDeps, createAnswer } from './answer.ts'
import { type ChallengerHealth, createChallengers } from './challengers.ts'
import type { Live, Work } from './live.ts'

export type Scoring = {
  /** Puts the rows of one request into the batch of this event-loop turn. */
  add(live: Live, work: Work): void
  waiting(): number
  health(live: Pick<Live, 'project' | 'name' | 'salt'>): ChallengerHealth
}

type Queue = { readonly live: Live; work: Work[]; rows: number }

const MOST_BATCH_ROWS = 512

/**
 * Gathers the requests of one event-loop turn into one run of the model.
 */
export function createScoring(deps: AnswerDeps & { readonly log: Log }): Scoring {
  const queues = new Map<Live, Queue>()
  const challengers = createChallengers(deps.log)
  const answer = createAnswer(deps)
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
      const challenger = live.challenger ? await challengers.scores(live, values, rows) : null
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
    health: (live) => ({ ...challengers.healthOf(live) }),
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
