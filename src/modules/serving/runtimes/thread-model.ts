import { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../../../contract/errors.ts'
import type { Tensor, TensorSpec } from '../../../lib/tensors/tensor.ts'
import type { LoadedModel } from './model.ts'

/** What the thread is asked. The first message is `open`; replies carry the same id. */
export type ThreadRequest =
  | { readonly id: number; readonly kind: 'score'; readonly values: Float32Array; readonly rows: number }
  | { readonly id: number; readonly kind: 'infer'; readonly tensors: readonly Tensor[]; readonly outputs: readonly string[] }
  | { readonly id: number; readonly kind: 'release' }
export type ThreadReply = {
  readonly id: number
  readonly opened?: Pick<LoadedModel, 'tabular' | 'features' | 'scoreOutput' | 'platform'> & {
    readonly inputs: readonly TensorSpec[]
    readonly outputs: readonly TensorSpec[]
    readonly problem: ThreadFault | undefined
  }
  readonly scores?: Float32Array
  readonly tensors?: readonly Tensor[]
  readonly fault?: ThreadFault
}
export type ThreadFault = { readonly code: ErrorCode; readonly message: string }
/** `Omit` would make one type of the union. */
type Asked<T = ThreadRequest> = T extends unknown ? Omit<T, 'id'> : never

/** An ONNX model in a thread of its own, for models so slow that they would hold up other requests. Throws as `openOnnx` does, and `unavailable` once the thread has died. */
export async function openInThread(bytes: Uint8Array, features: number): Promise<LoadedModel> {
  const worker = new Worker(new URL('./onnx-thread.ts', import.meta.url), { workerData: { bytes, features }, execArgv: [], name: 'model' })
  const waiting = new Map<number, { resolve: (reply: ThreadReply) => void; reject: (error: AppError) => void }>()
  let lastId = 0
  let gone: AppError | undefined

  function fail(error: AppError) {
    gone ??= error
    for (const caller of waiting.values()) caller.reject(gone)
    waiting.clear()
  }
  worker.on('message', (reply: ThreadReply) => {
    const caller = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (reply.fault) caller?.reject(new AppError(reply.fault.code, reply.fault.message))
    else caller?.resolve(reply)
  })
  worker.on('error', (cause) =>
    fail(new AppError('unavailable', 'the thread of the model failed; the next load starts another', {}, cause)),
  )
  worker.on('exit', () => fail(new AppError('unavailable', 'the thread of the model has ended')))

  const wait = (id: number) => new Promise<ThreadReply>((resolve, reject) => waiting.set(id, { resolve, reject }))
  async function ask(request: Asked): Promise<ThreadReply> {
    if (gone) throw gone
    lastId += 1
    const reply = wait(lastId)
    worker.postMessage({ ...request, id: lastId } as ThreadRequest)
    return await reply
  }

  const { opened } = await wait(0).catch(async (error: unknown) => {
    await worker.terminate()
    throw error
  })
  const { problem, ...facts } = opened!
  return {
    ...facts,
    score: problem
      ? () => Promise.reject(new AppError(problem.code, problem.message))
      : async (values, rows) => (await ask({ kind: 'score', values, rows })).scores!,
    infer: async (tensors, { outputs }) => (await ask({ kind: 'infer', tensors, outputs })).tensors!,
    async release() {
      if (!gone) await ask({ kind: 'release' })
      gone = new AppError('unavailable', 'the model was released')
      await worker.terminate()
    },
  }
}
