import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const PACKAGE = 'confluent-kafka==2.16.1'
const INSTALL_LIMIT_MS = 300_000

type Kafka = { readonly url: string; remove(): Promise<void> }

/** A broker for the tests: the mock cluster inside librdkafka, started by Python; or why there is none. */
export async function startKafka(): Promise<Kafka | { readonly skipped: string }> {
  const python = pythonWithKafka()
  if ('skipped' in python) return python
  const child = spawn(python.python, [path.join(import.meta.dirname, 'kafka_broker.py')], { stdio: ['pipe', 'pipe', 'ignore'] })
  const exit = once(child, 'exit')
  const said = await Promise.race([once(child.stdout, 'data'), exit])
  if (child.exitCode !== null) return { skipped: `the mock cluster of librdkafka ended with code ${child.exitCode}` }
  return {
    url: `kafka://${String(said[0]).trim()}`,
    async remove() {
      child.stdin.end()
      await exit
    },
  }
}

/** The Python that KAFKA_PYTHON names, or of an environment in the temporary folder, made once. */
function pythonWithKafka(): { readonly python: string } | { readonly skipped: string } {
  const given = process.env.KAFKA_PYTHON
  if (given) return works(given) ? { python: given } : { skipped: `${given} cannot import confluent_kafka` }
  const environment = path.join(os.tmpdir(), `setpoint-${PACKAGE.replaceAll('=', '-')}`)
  const python = path.join(environment, 'bin', 'python')
  if (works(python)) return { python }
  fs.rmSync(environment, { recursive: true, force: true })
  const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' })
  if (made.status !== 0) return { skipped: `python3 -m venv failed: ${made.error?.message ?? made.stderr}` }
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE]
  const installed = spawnSync(python, install, { encoding: 'utf8', timeout: INSTALL_LIMIT_MS })
  return installed.status === 0 ? { python } : { skipped: `pip could not install ${PACKAGE}: ${installed.stderr.slice(-300)}` }
}

function works(python: string): boolean {
  return spawnSync(python, ['-c', 'import confluent_kafka']).status === 0
}
