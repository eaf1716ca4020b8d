import type { Sql } from '../sql/index.ts'
import { type Ending, endClaim } from './store.ts'

type Waiting = { readonly ending: Ending } & PromiseWithResolvers<boolean>

/**
 * Records outcomes, those that come while one transaction is under way together in the next, so that many short jobs
 * share a flush to disk. The function resolves to false when the claim was lost, and rejects when the store is away.
 */
export function createEndings(sql: Sql): (ending: Ending) => Promise<boolean> {
  let waiting: Waiting[] = []
  let isRecording = false

  async function recordAll() {
    isRecording = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        const results = await sql.transaction(async (tx) => {
          const held: boolean[] = []
          for (const { ending } of batch) held.push(await endClaim(tx, ending))
          return held
        })
        for (const [i, one] of batch.entries()) one.resolve(results[i]!)
      } catch (thrown) {
        for (const one of batch) one.reject(thrown)
      }
    }
    isRecording = false
  }

  return (ending) => {
    const one = { ending, ...Promise.withResolvers<boolean>() }
    waiting.push(one)
    if (!isRecording) void recordAll()
    return one.promise
  }
}
