import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'

// The limit: one session, one thread, the same ready-made block again and again.
const { model, features, blockRows } = workerData as { model: string; features: number; blockRows: number }
const session = await InferenceSession.create(readFileSync(model), {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
})
const values = Float32Array.from({ length: blockRows * features }, () => Math.random())
const score = () => session.run({ features: new Tensor('float32', values, [blockRows, features]) }, ['probability'])
for (let i = 0; i < 3; i++) await score()
parentPort!.postMessage('ready')
parentPort!.on('message', async (blocks: number) => {
  for (let i = 0; i < blocks; i++) await score()
  parentPort!.postMessage('done')
})
