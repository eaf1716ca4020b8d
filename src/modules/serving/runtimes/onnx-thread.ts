import { parentPort, workerData } from 'node:worker_threads'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import { openOnnx } from './onnx-runtime.ts'
import type { ThreadFault, ThreadReply, ThreadRequest } from './thread-model.ts'
import { warm } from './warm.ts'

/** The other side of `openInThread`: opens the model it is given and answers one request after another. */
const { bytes, features } = workerData as { bytes: Uint8Array; features: number }
const port = parentPort!
const reply = (message: ThreadReply) => port.postMessage(message)
const faultFrom = (thrown: unknown): ThreadFault =>
  thrown instanceof AppError ? { code: thrown.code, message: thrown.message } : { code: 'internal', message: messageFrom(thrown) }

try {
  const model = await openOnnx(bytes, features)
  await warm(model)
  port.on('message', (request: ThreadRequest) => {
    answer(request).catch((thrown: unknown) => reply({ id: request.id, fault: faultFrom(thrown) }))
  })
  const problem = model.tabular ? undefined : await model.score(new Float32Array(0), 0).then(() => undefined, faultFrom)
  const { tabular, scoreOutput, platform, inputs, outputs } = model
  reply({ id: 0, opened: { tabular, features: model.features, scoreOutput, platform, inputs, outputs, problem } })

  async function answer(request: ThreadRequest): Promise<void> {
    const { id } = request
    switch (request.kind) {
      case 'score':
        return reply({ id, scores: await model.score(request.values, request.rows) })
      case 'infer':
        return reply({ id, tensors: await model.infer(request.tensors, { outputs: request.outputs }) })
      case 'release':
        await model.release()
        return reply({ id })
    }
  }
} catch (error) {
  reply({ id: 0, fault: faultFrom(error) })
}
