import { buffer } from 'node:stream/consumers'
import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import { openOnnx, type Scorer } from './onnx-runtime.ts'

export type Runtimes = {
  /**
   * The scorer of a version, loaded and warmed; versions with the same file share one. Call `release` once per `load`.
   * Throws what keeps the model from being loaded; nothing is kept then.
   */
  load(version: Pick<ModelVersion, 'model' | 'version' | 'format' | 'digest' | 'features' | 'sizeBytes'>): Promise<Scorer>
  /** Opens a file that is not registered yet and closes it again. Throws the reason it cannot be served. */
  probe(bytes: Uint8Array, features: number): Promise<void>
  /** The models in memory. */
  loaded(): readonly { digest: string; users: number; sizeBytes: number }[]
  close(): Promise<void>
}

/** Larger files belong in a worker or a remote runtime, not in the process that answers requests. */
const MODEL_LIMIT_BYTES = 512 * 1024 * 1024
const WARM_ROWS = [1, 8, 64]

type Held = { users: number; readonly sizeBytes: number; readonly scorer: Promise<Scorer> }

export function createRuntimes(deps: { blobs: Blobs }): Runtimes {
  const held = new Map<string, Held>()

  async function open(digest: string, features: number): Promise<Scorer> {
    const scorer = await openOnnx(await buffer((await deps.blobs.get(digest)).stream), features)
    for (const rows of WARM_ROWS) await scorer.score(new Float32Array(rows * features), rows)
    return scorer
  }

  return {
    async load({ model, version, format, digest, features, sizeBytes: knownBytes }) {
      if (digest === null)
        throw new AppError(
          'unsupported',
          `model ${model} version ${version} is a ${format} that this process cannot run; register it with an ONNX file, such as one made by mlflow.onnx.log_model`,
        )
      const sizeBytes = knownBytes ?? 0
      if (sizeBytes > MODEL_LIMIT_BYTES)
        throw new AppError(
          'too_large',
          `model ${model} version ${version} has ${sizeBytes} bytes; the runtime in process takes ${MODEL_LIMIT_BYTES}`,
        )
      const found = held.get(digest)
      const entry = found ?? { users: 0, sizeBytes, scorer: open(digest, features.length) }
      held.set(digest, entry)
      entry.users += 1
      const release = async () => {
        entry.users -= 1
        if (entry.users > 0 || held.get(digest) !== entry) return
        held.delete(digest)
        await (await entry.scorer).release()
      }
      try {
        const scorer = await entry.scorer
        if (scorer.features !== features.length)
          throw new AppError(
            'conflict',
            `model ${model} version ${version} names ${features.length} features; the same file is loaded with ${scorer.features}`,
          )
        return { ...scorer, release }
      } catch (error) {
        entry.users -= 1
        if (entry.users === 0) held.delete(digest)
        throw error
      }
    },
    async probe(bytes, features) {
      await (await openOnnx(bytes, features)).release()
    },
    loaded: () => [...held].map(([digest, { users, sizeBytes }]) => ({ digest, users, sizeBytes })),
    async close() {
      const open = [...held.values()]
      held.clear()
      for (const { scorer } of open) await (await scorer).release()
    },
  }
}
