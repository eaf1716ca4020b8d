import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Client } from '../../../src/contract/client.ts'
import { documents } from '../../../src/contract/documents.ts'
import { drift } from '../../../src/contract/drift.ts'
import { numericCsvHeader, numericCsvLine } from '../../../src/lib/numeric-csv.ts'
import { createWorld, featureNames, samplePages } from '../world.ts'
import type { Server } from './server.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const FIRST_ROWS = 30_000

/** Writes the calm traffic that the first model learns from, as a trainer finds it. */
export function writeFirstDataset(file: string, seed: number): void {
  let text = numericCsvHeader([...featureNames, 'label'])
  for (const page of samplePages(createWorld(`history ${seed}`), 'calm', FIRST_ROWS)) text += numericCsvLine([...page.features, page.truth])
  fs.writeFileSync(file, text)
}

const phishingTrainer = { script: 'examples/phishing/train.ts', features: featureNames }

/** Runs a trainer once by hand, as its owner would for the first version. */
export async function trainFirst(
  server: Server,
  model: string,
  dataset: string,
  logFile: string,
  trainer: { script: string; features: readonly string[] } = phishingTrainer,
): Promise<void> {
  const log = fs.openSync(logFile, 'a')
  const child = spawn(process.execPath, [path.join(root, trainer.script)], {
    cwd: root,
    env: {
      ...process.env,
      SETPOINT_URL: server.url,
      SETPOINT_TOKEN: server.token,
      SETPOINT_DATASET: dataset,
      SETPOINT_FEATURES: trainer.features.join(','),
      SETPOINT_MODEL: model,
      SETPOINT_ALIAS: 'champion',
    },
    stdio: ['ignore', log, log],
  })
  fs.closeSync(log)
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`the trainer ended with code ${code}:\n${fs.readFileSync(logFile, 'utf8')}`)
}

type Manifest = { kind: string; metadata: { name: string }; spec: Record<string, unknown> }

/** The documents of this example’s folder. */
export function readDocuments(): Manifest[] {
  const folder = path.join(root, 'examples/phishing/setpoint')
  return fs
    .readdirSync(folder)
    .flatMap((file) => parseAllDocuments(fs.readFileSync(path.join(folder, file), 'utf8')).map((document) => document.toJS() as Manifest))
}

/** The control: the same model and the same monitor on calm traffic only, with nothing that acts on it. */
export function controlDocuments(all: readonly Manifest[]): Manifest[] {
  return all
    .filter(({ kind }) => kind === 'Deployment' || kind === 'Monitor')
    .map((document) => ({
      ...document,
      metadata: { ...document.metadata, name: 'control' },
      spec: { ...document.spec, ...(document.kind === 'Deployment' ? { model: 'control' } : { deployment: 'control' }) },
    }))
}

export async function apply(client: Client, given: readonly Manifest[]): Promise<void> {
  await client.call(documents.apply, { documents: [...given], reason: 'the phishing example' })
}

/** Waits until a monitor has its reference and the deployment its model. */
export async function untilWatched(client: Client, monitor: string, pause: () => Promise<void>): Promise<void> {
  while (!(await client.call(drift.getMonitor, { monitor })).ready) await pause()
}
