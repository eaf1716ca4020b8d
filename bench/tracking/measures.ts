import { call } from './client.ts'
import type { TrackingServer } from './servers.ts'

const METRICS_PER_BATCH = 100
const HISTORY_POINTS = 10_000

type RunReply = { run: { info: { run_id: string } } }
const newRun = async (url: string) => (await call<RunReply>(url, 'POST', 'runs/create', { experiment_id: '0' })).run.info.run_id

/**
 * How many batches of 100 metrics a second are acknowledged to `clients` clients, each with a run of its own, and how many
 * were refused.
 */
export async function logBatches(url: string, clients: number, seconds: number): Promise<{ perSecond: number; refused: number }> {
  const runs = await Promise.all(Array.from({ length: clients }, () => newRun(url)))
  await call(url, 'POST', 'runs/log-batch', batch(runs[0]!, 0))
  const startedMs = performance.now()
  const endMs = startedMs + seconds * 1_000
  let batches = 0
  let refused = 0
  await Promise.all(
    runs.map(async (run) => {
      for (let step = 1; performance.now() < endMs; step++) {
        await call(url, 'POST', 'runs/log-batch', batch(run, step)).then(
          () => (batches += 1),
          () => (refused += 1),
        )
      }
    }),
  )
  return { perSecond: batches / ((performance.now() - startedMs) / 1_000), refused }
}

function batch(run: string, step: number): object {
  const metrics = Array.from({ length: METRICS_PER_BATCH }, (_, i) => ({
    key: `metric_${i}`,
    value: Math.sin(step * METRICS_PER_BATCH + i),
    timestamp: 1_700_000_000_000 + step,
    step,
  }))
  return { run_id: run, metrics }
}

export type Search = { readonly name: string; readonly fields: object }

export const searches: readonly Search[] = [
  { name: 'newest 100', fields: { max_results: 100 } },
  {
    name: 'metric filter, sort by another, 100',
    fields: { filter: 'metrics.metric_3 > 0.5', order_by: ['metrics.metric_7 DESC'], max_results: 100 },
  },
  {
    name: 'metric and param filter, sort by metric, 1,000',
    fields: { filter: "metrics.metric_3 > 0.5 AND params.param_1 = '7'", order_by: ['metrics.metric_7 ASC'], max_results: 1_000 },
  },
  {
    name: 'rare filter (one in 10,000), sort by metric, 100',
    fields: { filter: 'metrics.metric_3 > 0.9999', order_by: ['metrics.metric_7 DESC'], max_results: 100 },
  },
  {
    name: 'three params, newest 100',
    fields: { filter: "params.param_1 = '7' AND params.param_2 = '3' AND params.param_3 = '1'", max_results: 100 },
  },
  { name: 'sort by a param, 100', fields: { order_by: ['params.param_0 ASC'], max_results: 100 } },
]

/** How long a search may take before it is given up, and from when on one try has to do. */
export const SEARCH_LIMIT_MS = 60_000
const ONCE_MS = 5_000

/** The median time of a search in ms, and the ids it found; infinite when it was given up. */
export async function timeSearch(server: TrackingServer, { fields }: Search, repeats: number): Promise<{ ms: number; ids: string[] }> {
  type Reply = { runs?: { info: { run_id: string } }[] }
  let ids: string[] = []
  const search = async (signal?: AbortSignal) => {
    const reply = await call<Reply>(server.url, 'POST', 'runs/search', { experiment_ids: ['0'], ...fields }, signal)
    ids = (reply.runs ?? []).map((run) => run.info.run_id)
  }
  const limit = AbortSignal.timeout(SEARCH_LIMIT_MS)
  const startedMs = performance.now()
  try {
    await search(limit)
  } catch (error) {
    if (!limit.aborted) throw error
    // It would go on with the search that nobody waits for.
    await server.restart()
    return { ms: Number.POSITIVE_INFINITY, ids: [] }
  }
  const firstMs = performance.now() - startedMs
  return { ms: firstMs > ONCE_MS ? firstMs : await medianMs(repeats, search), ids }
}

/** The median time to read a history of 10,000 points in ms. */
export async function timeHistory(url: string, repeats: number): Promise<number> {
  const run = await newRun(url)
  for (let from = 0; from < HISTORY_POINTS; from += 1_000) {
    const metrics = Array.from({ length: 1_000 }, (_, i) => ({
      key: 'loss',
      value: 1 / (from + i + 1),
      timestamp: from + i,
      step: from + i,
    }))
    await call(url, 'POST', 'runs/log-batch', { run_id: run, metrics })
  }
  return await medianMs(repeats, async () => {
    const reply = await call<{ metrics: unknown[] }>(url, 'GET', 'metrics/get-history', { run_id: run, metric_key: 'loss' })
    if (reply.metrics.length !== HISTORY_POINTS) throw new Error(`the history has ${reply.metrics.length} points`)
  })
}

async function medianMs(repeats: number, run: () => Promise<void>): Promise<number> {
  await run()
  const times: number[] = []
  for (let i = 0; i < repeats; i++) {
    const startedMs = performance.now()
    await run()
    times.push(performance.now() - startedMs)
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
}
