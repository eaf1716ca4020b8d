import fs from 'node:fs'
import { createServer } from 'node:http'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { FEATURES } from './model.ts'

// The limit: node:http, JSON.parse, one run() of the model, a reply. No key, no record, no policy.
const [modelFile, port] = process.argv.slice(2)
const session = await InferenceSession.create(fs.readFileSync(modelFile!), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 3,
})
const [input] = session.inputNames
const output = session.outputNames.find((name) => /prob|score/i.test(name)) ?? session.outputNames[0]!

const server = createServer({ noDelay: true }, (request, response) => {
  if (request.method === 'GET') return void response.writeHead(200).end('ready')
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', async () => {
    const { inputs } = JSON.parse(Buffer.concat(chunks).toString()) as { inputs: [{ data: number[] }] }
    const row = Float32Array.from(inputs[0].data)
    const result = await session.run({ [input!]: new Tensor('float32', row, [row.length / FEATURES, FEATURES]) }, [output])
    const scores = result[output]!.data as Float32Array
    const reply = JSON.stringify({
      model_name: 'trees',
      outputs: [{ name: 'score', datatype: 'FP32', shape: [1, 1], data: [scores.at(-1)] }],
    })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(reply) }).end(reply)
  })
})
server.listen(Number(port), '127.0.0.1')
