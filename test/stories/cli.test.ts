import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { modelWithCut, openWorld, type World } from '../world.ts'

let world: World
let person: Person
beforeAll(async () => {
  world = await openWorld()
  person = createPerson({ url: world.url, token: await world.token('admin') })
})
afterAll(async () => {
  person.close()
  await world.close()
})

async function done(...words: string[]) {
  const run = await person.run(...words)
  expect([words.join(' '), run.code, run.code === 0 ? '' : run.notes]).toEqual([words.join(' '), 0, ''])
  return run
}

/** Routes are loaded beside the events that change them: a document in force is served a moment later. */
async function served(name: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    await world.settle()
    if (JSON.parse((await done('deployments', 'get-deployment', name, '--json')).out).ready) return
  }
  throw new Error(`${name} is not served`)
}

test('a person uploads a model, registers, deploys and asks it, by words alone', async () => {
  fs.writeFileSync(path.join(person.folder, 'model.onnx'), modelWithCut(0.5))
  const { digest } = JSON.parse((await done('registry', 'upload-artifact', '--body', '@model.onnx', '--json')).out)
  await done('registry', 'register-version', 'churn', '--artifact', digest, '--features', 'a,b', '--alias', 'champion')
  expect((await done('registry', 'list-models')).out).toMatch(/NAME +LATEST VERSION +CREATED AT.*\nchurn +1 /)
  person.write(
    'setpoint/churn.yaml',
    'apiVersion: setpoint/v1\nkind: Deployment\nmetadata: { name: churn, owner: me }\nspec: { model: churn }\n',
  )
  expect((await person.run('diff', '-f', 'setpoint')).code).toBe(1)
  expect((await done('apply', '-f', 'setpoint', '--reason', 'first')).out).toMatch(/Deployment +churn +created +1/)
  await served('churn')
  expect(JSON.parse((await done('deployments', 'predict', 'churn', '--features', '{"a":0.9,"b":0}', '--json')).out)).toMatchObject({
    prediction: 1,
    modelVersion: 1,
  })
  await done('registry', 'download-artifact', 'churn', '1', '--output', 'copy.onnx')
  expect(fs.readFileSync(path.join(person.folder, 'copy.onnx'))).toEqual(Buffer.from(modelWithCut(0.5)))
  expect((await done('status')).out).toMatch(/status +ok[\s\S]*churn +churn +1 +steady +ready/)
})

test('what is exported applies unchanged, and a difference is shown and ends in 1', async () => {
  await done('export', '-o', 'backup')
  expect((await done('diff', '-f', 'backup')).out).toMatch(/churn +unchanged +1/)
  const file = path.join(person.folder, 'backup', 'deployment-churn.yaml')
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('threshold: 0.5', 'threshold: 0.7'))
  const diff = await person.run('diff', '-f', 'backup')
  expect([diff.code, diff.out]).toEqual([1, expect.stringContaining('spec.threshold: 0.5 → 0.7')])
  await done('apply', '-f', 'backup')
  expect((await done('get', 'deployments', 'churn')).out).toContain('threshold: 0.7')
  expect((await done('get', 'deployment', 'churn', '--version', '1', '-o', 'json')).out).toContain('"threshold": 0.5')
  expect((await done('get')).out).toMatch(/KIND +NAME +VERSION[\s\S]*Deployment +churn +2/)
  expect((await done('export')).out).toContain('kind: Deployment')
})

test('errors say what the server said, and each kind of failure has its code', async () => {
  expect(await person.run('registry', 'get-model', 'none')).toMatchObject({
    code: 3,
    out: '',
    notes: expect.stringMatching(/^error: .*none.*\nrequest id: /),
  })
  expect(await person.run('registry', 'list-models', '--token', 'wrong')).toMatchObject({ code: 3 })
  expect(await person.run('registry', 'list-models', '--url', 'http://127.0.0.1:9')).toMatchObject({
    code: 4,
    notes: expect.stringContaining('setpoint up'),
  })
  expect(await person.run('status', '--url', 'http://127.0.0.1:9')).toMatchObject({ code: 4 })
})

test('the ledger is verified and exported', async () => {
  expect((await done('ledger', 'verify')).out).toMatch(/intact +yes/)
  const lines = (await done('ledger', 'export')).out.trim().split('\n')
  expect(JSON.parse(lines[0]!)).toMatchObject({ n: 1 })
})

test('events are followed line by line until the person stops', async () => {
  const stop = new AbortController()
  const lines: string[] = []
  const token = await world.token('viewer')
  const follower = createPerson(
    { url: world.url, token },
    {
      interrupted: () => stop.signal,
      terminal: {
        ...person.shell.terminal,
        async out(data) {
          lines.push(String(data))
          stop.abort()
        },
      },
      async send(url, init) {
        const response = await fetch(url, init)
        await done('incidents', 'open-incident', '--deployment', 'churn', '--title', 'slow today', '--reason', 'seen')
        void world.settle()
        return response
      },
    },
  )
  const run = await follower.run('activity', 'watch-events')
  follower.close()
  expect(run.code).toBe(0)
  expect(lines[0]).toMatch(/^\d{4}-.*Z {2}incidents\.opened/)
})
