import { AppError, errorCodes, messageFrom } from '../../../contract/errors.ts'
import { kinds } from '../../../contract/kinds.ts'
import type { JobContext } from '../../../infra/jobs/index.ts'
import { clearRun, gatherDeadLetters, runPipeline } from './pipeline.ts'
import { hasEnded } from './runs.ts'
import type { StartDeps, Task } from './start.ts'
import type { KeptRun } from './store.ts'
import { createPool } from './threads/pool.ts'

/** More than any document may ask for; a document’s own `retries` ends its runs before. */
const MOST_ATTEMPTS = 11
const LONGEST_RUN_MS = 24 * 3_600_000

/** Defines the job that runs a partition. What another attempt may mend is left to it, up to the document’s `retries`; any other failure is final. */
export function defineRunJob(deps: StartDeps): void {
  const { sql, store, runs, folder, log, documents, registry } = deps

  async function run(context: JobContext, { project, run: id }: Task): Promise<void> {
    const found = await store.findRun(sql, project, id)
    if (!found || hasEnded(found)) return
    const spec = await specOf(project, found)
    const attempt = { ...found, attempts: context.job.failures + 1 }
    try {
      const { features, processing } = await registry.version(project, found.model, found.version)
      await runPipeline(deps, { context, project, run: attempt, spec, features, processing })
      await clearRun(folder, id)
    } catch (error) {
      // Put back, taken over or cancelled: whoever asked for that has said so in the run, or goes on with it.
      if (context.signal.aborted && (context.signal.reason as AppError).code !== 'timeout') {
        const now = await store.findRun(sql, project, id)
        if (now && hasEnded(now)) await clearRun(folder, id)
        throw error
      }
      const mayRecover = !(error instanceof AppError) || errorCodes[error.code].retryable
      if (mayRecover && !context.signal.aborted && context.job.failures < spec.retries) {
        log.warn('batch.attempt_failed', { run: id, attempt: attempt.attempts, error })
        throw error
      }
      await fail(project, found, { problem: messageFrom(error), attempts: attempt.attempts })
    }
  }

  async function specOf(project: string, { batch, documentVersion }: KeptRun) {
    const caller = { id: 'setpoint', project, scopes: new Set(['read' as const]), requestId: 'batch' }
    const document = await documents.get({ kind: 'BatchScoring', name: batch, version: documentVersion }, caller)
    return kinds.BatchScoring.spec.parse(document.spec)
  }

  async function fail(project: string, { id }: KeptRun, { problem, attempts }: { problem: string; attempts: number }): Promise<void> {
    const pool = createPool(1)
    const deadLetters = await gatherDeadLetters(folder, id, pool).finally(() => pool.close())
    await runs.end(project, id, 'failed', problem, { deadLetters, attempts })
    await clearRun(folder, id)
  }

  deps.jobs.define('batch.run', {
    maxAttempts: MOST_ATTEMPTS,
    backoff: { baseMs: 10_000, capMs: 600_000 },
    timeoutMs: LONGEST_RUN_MS,
    concurrency: 1,
    run: (context) => run(context, context.payload as Task),
  })
}
