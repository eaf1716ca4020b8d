import { parentPort, workerData } from 'node:worker_threads'
import { createProfiler, frameOf, profileChunk, profileOf, type TableProfile } from '../../src/lib/drift/profile/table-profile.ts'
import { createRandom } from '../../src/lib/random.ts'
import { CHUNK_ROWS, createColumns } from './columns.ts'

/** One thread's features of all rows, over the bins of a stored reference. */
export type CountTask = { readonly reference: TableProfile; readonly features: readonly number[]; readonly rows: number }

const { reference, features, rows } = workerData as CountTask
const columns = createColumns('current')
const profiler = createProfiler(frameOf(reference), { random: createRandom('sample'), quantiles: false })
parentPort!.postMessage('ready')
parentPort!.once('message', () => {
  for (let chunk = 0; chunk * CHUNK_ROWS < rows; chunk++)
    profileChunk(profiler, columns(features, chunk, Math.min(CHUNK_ROWS, rows - chunk * CHUNK_ROWS), true))
  parentPort!.postMessage(profileOf(profiler))
})
