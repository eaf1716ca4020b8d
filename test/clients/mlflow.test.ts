import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { startServer } from '../../examples/phishing/demo/server.ts'
import { clientPython, type Outcome, runPytest } from './python.ts'

// The Python client of MLflow, as its users use it, file by file: each of pytest’s tests is a test here.
const folder = path.join(import.meta.dirname, 'mlflow')
const files = fs.readdirSync(folder).filter((file) => /^test_\w+\.py$/.test(file))
const python = clientPython()

async function outcomesOf(python: string): Promise<Map<string, Outcome[]>> {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-clients-'))
  const server = await startServer(data)
  try {
    const outcomes = new Map<string, Outcome[]>()
    for (const file of files) {
      const environment = { SETPOINT_URL: server.url, SETPOINT_TOKEN: server.token }
      outcomes.set(file, await runPytest(python, path.join(folder, file), environment))
    }
    return outcomes
  } finally {
    await server.stop()
    fs.rmSync(data, { recursive: true, force: true })
  }
}

if ('skipped' in python) test.skip(`the Python clients, skipped: ${python.skipped}`, () => {})
else
  for (const [file, outcomes] of await outcomesOf(python.python))
    describe(file, () => {
      for (const { name, outcome, text } of outcomes)
        test.skipIf(outcome === 'skipped')(name, () => {
          expect(outcome, text).toBe('passed')
        })
    })
