import { expect, test } from 'vitest'
import { createManualClock } from '../../../test/manual-clock.ts'
import type { AppError } from '../../contract/errors.ts'
import { createIds } from '../ids.ts'
import { silentLog } from '../log.ts'
import { eachSql } from '../sql/for-tests.ts'
import type { Sql } from '../sql/index.ts'
import { createJobs, type Job, type JobContext, type Jobs, turnOf } from './index.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const project = 'p'

eachSql((_name, open) => {
  async function setUp({ concurrency = 4 } = {}) {
    const sql = await open()
    const clock = createManualClock()
    const ids = createIds(clock)
    const more = (over: { leaseMs?: number } = {}): Jobs =>
      createJobs({ sql, clock, ids, random: () => 0.5, log: silentLog, concurrency, ...over })
    return { sql, clock, jobs: more(), more }
  }

  test('a job runs once with its payload, and is done', async () => {
    const { sql, jobs } = await setUp()
    const seen: unknown[] = []
    jobs.define('greet', { run: async ({ payload }) => void seen.push(payload) })
    await jobs.start()
    const { id } = await sql.transaction((tx) => jobs.enqueue(tx, { kind: 'greet', project, payload: { to: 'ana' } }))
    await jobs.settle()
    expect(seen).toEqual([{ to: 'ana' }])
    expect(await jobs.get(id)).toMatchObject({ state: 'done', progress: 1, failures: 0, project, kind: 'greet', error: null })
    await jobs.stop()
  })

  test('a job of a transaction that is rolled back does not exist', async () => {
    const { sql, jobs } = await setUp()
    const failed = sql.transaction(async (tx) => {
      await jobs.enqueue(tx, { kind: 'greet', project, payload: null })
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await jobs.list({ limit: 10 })).toEqual([])
  })

  test('the same project, kind and key are one job; another project has its own', async () => {
    const { sql, jobs } = await setUp()
    const first = await jobs.enqueue(sql, { kind: 'greet', project, payload: 1, key: 'k' })
    const again = await jobs.enqueue(sql, { kind: 'greet', project, payload: 2, key: 'k' })
    const other = await jobs.enqueue(sql, { kind: 'greet', project: 'q', payload: 3, key: 'k' })
    const unkeyed = await jobs.enqueue(sql, { kind: 'greet', project, payload: 4 })
    expect(again).toEqual(first)
    expect(new Set([first.id, other.id, unkeyed.id]).size).toBe(3)
  })

  test('a job waits for its time', async () => {
    const { sql, clock, jobs } = await setUp()
    let runs = 0
    jobs.define('later', { run: async () => void runs++ })
    await jobs.start()
    await jobs.enqueue(sql, { kind: 'later', project, payload: null, runAtMs: clock.now() + MINUTE_MS })
    await jobs.settle()
    clock.advance(MINUTE_MS - 1)
    await jobs.settle()
    expect(runs).toBe(0)
    clock.advance(51)
    await jobs.settle()
    expect(runs).toBe(1)
    await jobs.stop()
  })

  test('a job whose failure no later attempt can mend is dead at once', async () => {
    const { sql, jobs } = await setUp()
    jobs.define('refused', {
      mayRecover: (thrown) => !(thrown instanceof TypeError),
      run: async ({ payload }) => {
        throw payload === 'hopeless' ? new TypeError('never') : new Error('not yet')
      },
    })
    await jobs.start()
    const hopeless = await jobs.enqueue(sql, { kind: 'refused', project, payload: 'hopeless' })
    const early = await jobs.enqueue(sql, { kind: 'refused', project, payload: 'early' })
    await jobs.settle()
    expect(await jobs.get(hopeless.id)).toMatchObject({ state: 'dead', failures: 1, error: 'never' })
    expect(await jobs.get(early.id)).toMatchObject({ state: 'waiting', failures: 1, error: 'not yet' })
    await jobs.stop()
  })

  test('a failing job is tried again after its backoff, then is dead, and can be given its attempts again', async () => {
    const { sql, clock, jobs } = await setUp()
    const startedAt: number[] = []
    jobs.define('fail', {
      maxAttempts: 3,
      backoff: { baseMs: 1_000, capMs: 10_000 },
      run: async () => {
        startedAt.push(clock.now())
        if (startedAt.length < 4) throw new Error(`no ${startedAt.length}`)
      },
    })
    await jobs.start()
    const beganMs = clock.now()
    const { id } = await jobs.enqueue(sql, { kind: 'fail', project, payload: null })
    await jobs.settle()
    expect(await jobs.get(id)).toMatchObject({ state: 'waiting', failures: 1, error: 'no 1', runAtMs: beganMs + 500 })
    for (const delayMs of [500, 1_000]) {
      clock.advance(delayMs)
      await jobs.settle()
    }
    expect(startedAt.map((at) => at - beganMs)).toEqual([0, 500, 1_500])
    expect(await jobs.get(id)).toMatchObject({ state: 'dead', failures: 3, error: 'no 3' })
    await expect(jobs.cancel(id)).rejects.toMatchObject({ code: 'conflict' })
    await jobs.retry(id)
    await jobs.settle()
    expect(await jobs.get(id)).toMatchObject({ state: 'done', failures: 0, error: null })
    await expect(jobs.retry(id)).rejects.toMatchObject({ code: 'conflict' })
    await expect(jobs.retry('job_no')).rejects.toMatchObject({ code: 'not_found' })
    await jobs.stop()
  })

  test('a job that takes too long is aborted and counts as failed', async () => {
    const { sql, clock, jobs } = await setUp()
    const started = Promise.withResolvers<JobContext>()
    jobs.define('slow', { timeoutMs: 5_000, maxAttempts: 1, run: untilAborted(started) })
    await jobs.start()
    const { id } = await jobs.enqueue(sql, { kind: 'slow', project, payload: null })
    await started.promise
    clock.advance(5_000)
    await jobs.settle()
    expect(await jobs.get(id)).toMatchObject({ state: 'dead', error: expect.stringContaining('longer than 5000 ms') })
    await jobs.stop()
  })

  test('a job that ignores its signal is left behind, and its slot is free again', async () => {
    const { sql, clock, jobs } = await setUp({ concurrency: 1 })
    const started = Promise.withResolvers<void>()
    const never = Promise.withResolvers<void>()
    jobs.define('deaf', {
      timeoutMs: 5_000,
      maxAttempts: 1,
      run: () => {
        started.resolve()
        return never.promise
      },
    })
    jobs.define('next', { run: async () => {} })
    await jobs.start()
    const deaf = await jobs.enqueue(sql, { kind: 'deaf', project, payload: null })
    await started.promise
    const next = await jobs.enqueue(sql, { kind: 'next', project, payload: null })
    clock.advance(10_000)
    await jobs.settle()
    expect((await jobs.get(deaf.id)).state).toBe('dead')
    expect((await jobs.get(next.id)).state).toBe('done')
    never.resolve()
    await jobs.stop()
  })

  test('cancel ends a waiting job at once and a running one by its signal', async () => {
    const { sql, jobs } = await setUp()
    const started = Promise.withResolvers<JobContext>()
    jobs.define('slow', { run: untilAborted(started) })
    const waiting = await jobs.enqueue(sql, { kind: 'other', project, payload: null })
    await jobs.cancel(waiting.id)
    expect((await jobs.get(waiting.id)).state).toBe('cancelled')
    await jobs.start()
    const running = await jobs.enqueue(sql, { kind: 'slow', project, payload: null })
    const { signal } = await started.promise
    await jobs.cancel(running.id)
    await jobs.settle()
    expect((signal.reason as AppError).code).toBe('cancelled')
    expect(await jobs.get(running.id)).toMatchObject({ state: 'cancelled', failures: 0 })
    await jobs.stop()
  })

  test('a cancel that only the table knows of reaches the job with the next heartbeat', async () => {
    const { sql, clock, jobs, more } = await setUp()
    const started = Promise.withResolvers<JobContext>()
    const aborted = Promise.withResolvers<void>()
    jobs.define('slow', {
      run: async (context) => {
        context.signal.addEventListener('abort', () => aborted.resolve())
        await untilAborted(started)(context)
      },
    })
    await jobs.start()
    const { id } = await jobs.enqueue(sql, { kind: 'slow', project, payload: null })
    await started.promise
    await more().cancel(id)
    clock.advance(10_000)
    await aborted.promise
    await jobs.settle()
    expect((await jobs.get(id)).state).toBe('cancelled')
    await jobs.stop()
  })

  test('no more jobs run at once than the worker and the kind allow', async () => {
    const { sql, jobs } = await setUp({ concurrency: 3 })
    const gauge = { any: 0, most: 0, narrow: 0, mostNarrow: 0 }
    const run = async ({ job }: JobContext) => {
      const isNarrow = job.kind === 'narrow'
      gauge.most = Math.max(gauge.most, ++gauge.any)
      if (isNarrow) gauge.mostNarrow = Math.max(gauge.mostNarrow, ++gauge.narrow)
      await jobs.get(job.id)
      gauge.any--
      if (isNarrow) gauge.narrow--
    }
    jobs.define('narrow', { run, concurrency: 1 })
    jobs.define('wide', { run })
    for (let i = 0; i < 10; i++) for (const kind of ['narrow', 'wide']) await jobs.enqueue(sql, { kind, project, payload: i })
    await jobs.start()
    await jobs.settle()
    expect(gauge).toEqual({ any: 0, most: 3, narrow: 0, mostNarrow: 1 })
    expect(await jobs.list({ state: 'done', limit: 50 })).toHaveLength(20)
    await jobs.stop()
  })

  test('progress and note are seen while the job runs; the heartbeat holds', async () => {
    const { sql, jobs } = await setUp()
    const seen: Partial<Job>[] = []
    jobs.define('train', {
      run: async ({ job, progress, heartbeat }) => {
        await progress(0.25, 'epoch 1 of 4')
        await heartbeat()
        const { progress: fraction, note, state } = await jobs.get(job.id)
        seen.push({ progress: fraction, note, state })
      },
    })
    await jobs.start()
    await jobs.enqueue(sql, { kind: 'train', project, payload: null })
    await jobs.settle()
    expect(seen).toEqual([{ progress: 0.25, note: 'epoch 1 of 4', state: 'running' }])
    await jobs.stop()
  })

  test('stop waits for what runs, then gives it back without counting a failure', async () => {
    const { sql, clock, jobs } = await setUp()
    const started = Promise.withResolvers<JobContext>()
    jobs.define('slow', { run: untilAborted(started) })
    await jobs.start()
    const { id } = await jobs.enqueue(sql, { kind: 'slow', project, payload: null })
    const { signal } = await started.promise
    const beganMs = clock.now()
    let isStopped = false
    const stopped = jobs.stop(2_000).then(() => {
      isStopped = true
    })
    while (!isStopped) {
      if (clock.now() - beganMs < 2_000) expect(signal.aborted).toBe(false)
      clock.advance(500)
      await turnOfEventLoop()
    }
    await stopped
    expect(await jobs.get(id)).toMatchObject({ state: 'waiting', failures: 0, lapses: 0 })
  })

  test('a job whose process went away runs again; what the first worker still writes is refused', async () => {
    const { sql, clock, jobs, more } = await setUp({ concurrency: 1 })
    const started = Promise.withResolvers<JobContext>()
    const release = Promise.withResolvers<void>()
    const late = Promise.withResolvers<unknown>()
    jobs.define('pay', {
      run: async (context) => {
        started.resolve(context)
        await release.promise
        late.resolve(await sql.transaction((tx) => context.completeIn(tx)).catch((thrown: unknown) => thrown))
      },
    })
    await jobs.start()
    const { id } = await jobs.enqueue(sql, { kind: 'pay', project, payload: null })
    await started.promise
    const second = more({ leaseMs: 1_000 })
    let runs = 0
    second.define('pay', {
      run: async ({ completeIn }) => {
        runs++
        await sql.transaction(completeIn)
      },
    })
    await lapse(sql, id)
    await second.start()
    await second.settle()
    expect(runs).toBe(1)
    expect(await jobs.get(id)).toMatchObject({ state: 'done', lapses: 1, failures: 0 })
    release.resolve()
    expect(await late.promise).toMatchObject({ code: 'conflict' })
    clock.advance(1)
    await Promise.all([jobs.stop(), second.stop()])
    expect((await jobs.get(id)).state).toBe('done')
  })

  test('what a job writes with completeIn counts once, even when it throws afterwards', async () => {
    const { sql, jobs } = await setUp()
    let runs = 0
    jobs.define('pay', {
      run: async ({ completeIn }) => {
        runs++
        await sql.transaction(completeIn)
        throw new Error('too late to matter')
      },
    })
    await jobs.start()
    const { id } = await jobs.enqueue(sql, { kind: 'pay', project, payload: null })
    await jobs.settle()
    expect(runs).toBe(1)
    expect((await jobs.get(id)).state).toBe('done')
    await jobs.stop()
  })

  test('a schedule makes a job every interval, one for all turns missed, and none while the last has not ended', async () => {
    const { sql, clock, jobs, more } = await setUp()
    const ran: number[] = []
    const startedMs = clock.now()
    const kind = { run: async () => void ran.push((clock.now() - startedMs) / MINUTE_MS) }
    jobs.define('tidy', kind)
    await jobs.start()
    await jobs.schedule(sql, { project, name: 'tidy', kind: 'tidy', everyMs: MINUTE_MS })
    for (let i = 0; i < 2; i++) {
      await jobs.settle()
      clock.advance(MINUTE_MS)
    }
    await jobs.settle()
    expect(ran).toEqual([1, 2])
    await jobs.stop()
    clock.advance(10.5 * MINUTE_MS)
    const second = more()
    second.define('tidy', kind)
    await second.start()
    await second.schedule(sql, { project, name: 'tidy', kind: 'tidy', everyMs: MINUTE_MS })
    await second.settle()
    expect(ran).toEqual([1, 2, 12.5])
    clock.advance(0.5 * MINUTE_MS)
    await second.settle()
    expect(ran).toEqual([1, 2, 12.5, 13])
    await second.unschedule(sql, project, 'tidy')
    clock.advance(5 * MINUTE_MS)
    await second.settle()
    expect(ran).toHaveLength(4)
    await second.stop()
  })

  test('a schedule by cron keeps its turns across restarts, and makes up for missed ones with the latest', async () => {
    const { sql, clock, jobs, more } = await setUp()
    const turns: string[] = []
    const kind = { run: async ({ job }: JobContext) => void turns.push(new Date(turnOf(job)!).toISOString().slice(11, 16)) }
    const hourly = { project, name: 'hourly', kind: 'hourly', cron: '10 * * * *', timeZone: 'Europe/Berlin' }
    jobs.define('hourly', kind)
    await jobs.start()
    await jobs.schedule(sql, hourly)
    const untilMs = (minute: number) => (((minute * MINUTE_MS - clock.now()) % HOUR_MS) + HOUR_MS) % HOUR_MS
    clock.advance(untilMs(9))
    await jobs.settle()
    expect(turns).toEqual([])
    clock.advance(MINUTE_MS)
    await jobs.settle()
    expect(turns).toHaveLength(1)
    await jobs.stop()
    clock.advance(3.5 * HOUR_MS)
    const second = more()
    second.define('hourly', kind)
    await second.start()
    await second.schedule(sql, hourly)
    await second.settle()
    expect(turns).toHaveLength(2)
    expect((Number(turns[1]!.slice(0, 2)) - Number(turns[0]!.slice(0, 2)) + 24) % 24).toBe(3)
    expect(turns.every((turn) => turn.endsWith(':10'))).toBe(true)
    await second.stop()
  })

  test('a turn is left out while the job of the one before waits', async () => {
    const { sql, clock, jobs } = await setUp()
    await jobs.start()
    await jobs.schedule(sql, { project, name: 'elsewhere', kind: 'elsewhere', everyMs: MINUTE_MS })
    for (let i = 0; i < 5; i++) {
      clock.advance(MINUTE_MS)
      await jobs.settle()
    }
    expect(await jobs.list({ kind: 'elsewhere', limit: 10 })).toHaveLength(1)
    await expect(jobs.schedule(sql, { project, name: 'x', kind: 'x', everyMs: 0 })).rejects.toMatchObject({ code: 'invalid' })
    await jobs.stop()
  })

  test('jobs that ended are removed after a while, the others stay', async () => {
    const { sql, clock, jobs } = await setUp()
    jobs.define('greet', { run: async () => {} })
    await jobs.start()
    await jobs.enqueue(sql, { kind: 'greet', project, payload: null })
    const kept = await jobs.enqueue(sql, { kind: 'elsewhere', project, payload: null })
    await jobs.settle()
    clock.advance(8 * 24 * 60 * MINUTE_MS)
    await jobs.settle()
    expect((await jobs.list({ limit: 10 })).map(({ id }) => id)).toEqual([kept.id])
    await jobs.stop()
  })

  test('a list goes from the newest to the oldest, page by page, filtered', async () => {
    const { sql, jobs } = await setUp()
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift((await jobs.enqueue(sql, { kind: i === 0 ? 'a' : 'b', project, payload: i })).id)
    const first = await jobs.list({ project, kind: 'b', state: 'waiting', limit: 3 })
    const rest = await jobs.list({ project, kind: 'b', after: first.at(-1)!.id, limit: 3 })
    expect([...first, ...rest].map(({ id }) => id)).toEqual(made.slice(0, 4))
    expect(await jobs.list({ project: 'q', limit: 3 })).toEqual([])
  })

  test('a payload too large is refused, and a kind defined twice or late too', async () => {
    const { sql, jobs } = await setUp()
    const large = jobs.enqueue(sql, { kind: 'a', project, payload: 'x'.repeat(1_048_576) })
    await expect(large).rejects.toMatchObject({ code: 'too_large' })
    jobs.define('a', { run: async () => {} })
    expect(() => jobs.define('a', { run: async () => {} })).toThrow('defined twice')
    await jobs.start()
    expect(() => jobs.define('b', { run: async () => {} })).toThrow('before the worker starts')
    await jobs.stop()
  })
})

/** Work that ends only by its signal. */
function untilAborted(started: PromiseWithResolvers<JobContext>) {
  return async (context: JobContext) => {
    started.resolve(context)
    await new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason)))
  }
}

/** Makes the claim on a job as old as that of a process that is gone. */
async function lapse(sql: Sql, id: string) {
  await sql.db
    .withTables<{ jobs: { id: string; lease_until: number } }>()
    .updateTable('jobs')
    .set({ lease_until: 0 })
    .where('id', '=', id)
    .execute()
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
