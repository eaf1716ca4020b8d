import type { PredictionBatch } from '../telemetry/index.ts'
import type { StoredPrediction } from './store.ts'

/** One prediction in memory, and whether its first label has come. */
export type Recent = { readonly isPaired: boolean; prediction(): StoredPrediction; pair(): void }

/** The columns of a batch without its features, which are most of it. */
type Columns = Omit<PredictionBatch, 'features' | 'ends'>
type Generation = {
  /** Of each deployment, the position of each record that is indexed; the first of those with the same id. */
  readonly positions: Map<string, Map<string, number>>
  readonly columns: Columns[]
  readonly rows: number[]
  readonly paired: boolean[]
  indexed: number
}

/** Forgetting goes by generations, of which there are so many. */
const GENERATIONS = 4
/** Rows indexed before others get their turn. */
const INDEXED_AT_ONCE = 1_024

export type RecentPredictions = ReturnType<typeof createRecentPredictions>

/**
 * The newest predictions, at most `limit` and at least three quarters of it. They stay in the columns they came in, are
 * indexed only when a label asks, and a generation is forgotten whole: objects that live for seconds and die one by one are
 * what makes garbage collection stop a server.
 */
export function createRecentPredictions(limit: number) {
  const generations: Generation[] = [emptyGeneration()]
  const perGeneration = Math.max(1, Math.floor(limit / GENERATIONS))

  function newest(): Generation {
    const last = generations.at(-1)!
    if (last.rows.length < perGeneration) return last
    if (generations.length === GENERATIONS) generations.shift()
    const next = emptyGeneration()
    generations.push(next)
    return next
  }

  function indexSome(generation: Generation, most: number): void {
    const to = Math.min(generation.rows.length, generation.indexed + most)
    for (let at = generation.indexed; at < to; at++) {
      const columns = generation.columns[at]!
      const deployment = deploymentOf(columns)
      const recordId = columns.recordIds[generation.rows[at]!]!
      let positions = generation.positions.get(deployment)
      if (!positions) {
        positions = new Map()
        generation.positions.set(deployment, positions)
      }
      if (!positions.has(recordId)) positions.set(recordId, at)
    }
    generation.indexed = to
  }

  return {
    /** Makes what was added so far quick to find; many rows are indexed bit by bit. */
    async index(): Promise<void> {
      for (const generation of [...generations])
        while (generation.indexed < generation.rows.length) {
          indexSome(generation, INDEXED_AT_ONCE)
          if (generation.indexed < generation.rows.length) await new Promise((resolve) => setImmediate(resolve))
        }
    },
    /** The first prediction with an id; undefined for what memory does not hold. */
    find(deployment: string, recordId: string): Recent | undefined {
      for (const generation of generations) {
        if (generation.indexed < generation.rows.length) indexSome(generation, Number.POSITIVE_INFINITY)
        const { positions, columns, rows, paired } = generation
        const at = positions.get(deployment)?.get(recordId)
        if (at === undefined) continue
        return {
          isPaired: paired[at]!,
          prediction: () => predictionFrom(columns[at]!, rows[at]!),
          pair() {
            paired[at] = true
          },
        }
      }
      return undefined
    },
    add(columns: Columns, row: number, isPaired: boolean): void {
      const generation = newest()
      generation.columns.push(columns)
      generation.rows.push(row)
      generation.paired.push(isPaired)
    },
  }
}

function emptyGeneration(): Generation {
  return { positions: new Map(), columns: [], rows: [], paired: [], indexed: 0 }
}

/** Names hold no line break, so no two deployments share a key. */
export function deploymentOf({ project, deployment }: { readonly project: string; readonly deployment: string }): string {
  return `${project}\n${deployment}`
}

export function columnsOf({ features: _features, ends: _ends, ...columns }: PredictionBatch): Columns {
  return columns
}

/** A prediction read from the store, as a batch of one. */
export function columnsOfStored(project: string, deployment: string, one: StoredPrediction): Columns {
  return {
    project,
    deployment,
    model: one.model,
    version: one.version,
    role: one.role,
    rows: 1,
    recordIds: [one.recordId],
    actors: [one.actor],
    sources: [one.source],
    atMs: Float64Array.of(one.atMs),
    scores: Float64Array.of(one.score),
    predictions: Float64Array.of(one.prediction),
    otherVersions: Uint32Array.of(one.otherVersion),
    otherScores: Float64Array.of(one.otherScore),
    latencyUs: Uint32Array.of(0),
  }
}

export function predictionFrom(batch: Columns, row: number): StoredPrediction {
  return {
    model: batch.model,
    version: batch.version,
    role: batch.role,
    recordId: batch.recordIds[row]!,
    atMs: batch.atMs[row]!,
    actor: batch.actors[row]!,
    source: batch.sources[row]!,
    score: batch.scores[row]!,
    prediction: batch.predictions[row]!,
    otherVersion: batch.otherVersions[row]!,
    otherScore: batch.otherScores[row]!,
  }
}
