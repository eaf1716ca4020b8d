import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { startServer } from '../../examples/phishing/demo/server.ts'
import { createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { deployIdentities } from '../identity-model.ts'
import { deployment, modelWithCut, registerModel } from '../world.ts'
import { clientPython, type Outcome, runPytest } from './python.ts'

// The clients that people have for the Open Inference Protocol, as they come: Triton's, KServe's, and curl.
const folder = path.join(import.meta.dirname, 'oip')
const files = fs.readdirSync(folder).filter((file) => /^test_\w+\.py$/.test(file))
const python = clientPython({
  requirements: path.join(folder, 'requirements.txt'),
  withoutDependencies: path.join(folder, 'without-dependencies.txt'),
  imports: 'tritonclient.http, tritonclient.grpc, httpx, pytest, cloudevents',
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** What `curl` makes of a request, or undefined where there is no curl. */
function curl(url: string, token: string, body: string): string | undefined {
  const options = ['--silent', '--show-error', '--header', `authorization: Bearer ${token}`, '--data-binary', '@-']
  const run = spawnSync('curl', [...options, url], { input: body, encoding: 'utf8' })
  return run.error ? undefined : run.stdout
}

async function outcomes(): Promise<{ files: Map<string, Outcome[]>; curled: string | undefined }> {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-clients-oip-'))
  const grpcPort = await freePort()
  const server = await startServer(data, { environment: { SETPOINT_GRPC_PORT: String(grpcPort) } })
  try {
    const client = createClient({ url: server.url, token: server.token })
    await registerModel(client, 'churn', modelWithCut(0.5), { alias: 'champion' })
    await client.call(documents.apply, { documents: [deployment('churn')] })
    await deployIdentities(client)
    const body = JSON.stringify({ inputs: [{ name: 'features', shape: [1, 2], datatype: 'FP32', data: [[0.9, 0.1]] }] })
    const curled = curl(`${server.url}/v2/models/churn/infer`, server.token, body)
    const found = new Map<string, Outcome[]>()
    if (!('skipped' in python))
      for (const file of files) {
        const environment = { SETPOINT_URL: server.url, SETPOINT_TOKEN: server.token, SETPOINT_GRPC: `127.0.0.1:${grpcPort}` }
        found.set(file, await runPytest(python.python, path.join(folder, file), environment))
      }
    return { files: found, curled }
  } finally {
    await server.stop()
    fs.rmSync(data, { recursive: true, force: true })
  }
}

const { files: found, curled } = await outcomes()
test.skipIf(curled === undefined)('curl', () => {
  expect(JSON.parse(curled!)).toMatchObject({ model_name: 'churn', outputs: [{ name: 'score' }, { data: [1] }, { data: [1] }] })
})
if ('skipped' in python) test.skip(`the Python clients, skipped: ${python.skipped}`, () => {})
for (const [file, results] of found)
  describe(file, () => {
    for (const { name, outcome, text } of results)
      test.skipIf(outcome === 'skipped')(name, () => {
        expect(outcome, text).toBe('passed')
      })
  })
