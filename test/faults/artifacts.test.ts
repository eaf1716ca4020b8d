import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { artifacts } from '../../src/contract/artifacts.ts'
import { createClient } from '../../src/contract/client.ts'
import { createRandom } from '../../src/lib/random.ts'

const KILLS = 8
const WRITERS = 16
const SEED = 5
const root = '/api/2.0/mlflow-artifacts/artifacts'

let data: string
let server: Server
beforeAll(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-kill-artifacts-'))
  server = await startServer(data)
})
afterAll(async () => {
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
})

/** The same content for the same path, a few bytes or some megabytes, so that what comes back can be told right from wrong. */
function contentOf(name: string): Buffer {
  const random = createRandom(name)
  return Buffer.alloc(random.bernoulli(0.2) ? 1 + random.int(4 << 20) : 1 + random.int(4_000), name)
}

test('an upload that was answered is there after kill -9, whole; one that was not is whole or absent', async () => {
  const random = createRandom(`kills ${SEED}`)
  const acknowledged = new Set<string>()
  const sent = new Set<string>()
  for (let kill = 0; kill < KILLS; kill++) {
    const enough = 20 + random.int(150)
    let answered = 0
    let running = true
    const write = async (writer: number) => {
      for (let n = 0; running; n++) {
        const name = `kill-${kill}/writer-${writer}/${n}.bin`
        sent.add(name)
        const init = { method: 'PUT', body: new Uint8Array(contentOf(name)), headers: { authorization: `Bearer ${server.token}` } }
        const reply = await fetch(`${server.url}${root}/${name}`, init).catch(() => undefined)
        if (reply?.status !== 200) return
        acknowledged.add(name)
        answered += 1
        if (answered !== enough) continue
        // From within a writer, so that the others are in the middle of what they do.
        server.process.kill('SIGKILL')
        running = false
      }
    }
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
    if (server.process.exitCode === null && server.process.signalCode === null) await once(server.process, 'exit')
    server = await startServer(data)
  }

  const client = createClient({ url: server.url, token: server.token })
  expect(await client.call(artifacts.verifyFolder, {})).toMatchObject({ damaged: [] })
  for (const name of sent) {
    const reply = await fetch(`${server.url}${root}/${name}`, { headers: { authorization: `Bearer ${server.token}` } })
    const content = Buffer.from(await reply.arrayBuffer())
    if (acknowledged.has(name)) expect([name, reply.status]).toEqual([name, 200])
    if (reply.status === 200) expect([name, content.equals(contentOf(name))]).toEqual([name, true])
    else expect([name, reply.status]).toEqual([name, 404])
  }
  expect(fs.readdirSync(path.join(data, 'blobs', 'incoming'))).toEqual([])
  console.log(`${KILLS} kills: ${acknowledged.size} of ${sent.size} uploads answered, all of them whole; nothing half written is left`)
})
