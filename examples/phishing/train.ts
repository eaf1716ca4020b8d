import fs from 'node:fs'
import { createClient } from '../../src/contract/client.ts'
import { registry } from '../../src/contract/registry.ts'
import { createNumericCsvReader, type NumericTable, numericCsvHeader, numericCsvLine } from '../../src/lib/numeric-csv.ts'
import { createRandom } from '../../src/lib/random.ts'
import { confusionOf, errorRateOf, f1Of } from '../../src/lib/stats/classification.ts'
import { onnxFrom, scoreRows, trainTrees } from './gbt.ts'

// A trainer as Setpoint runs it: it finds its data and the server in the environment, and registers one version.

const HELD_BACK = 0.2
const HELD_BACK_OF_CURRENT = 0.4
const SEED = 7

const need = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set; Setpoint sets it when it starts a trainer`)
  return value
}

type Rows = { readonly values: Float32Array; readonly labels: Uint8Array }

async function train(): Promise<void> {
  const features = need('SETPOINT_FEATURES').split(',')
  const table = readTable(need('SETPOINT_DATASET'))
  const { taught, heldBack } = split(table, features)
  console.log(`training on ${taught.labels.length} rows, measuring on ${heldBack.labels.length} held back`)
  const model = trainTrees(taught.values, taught.labels, { trees: 80, depth: 5, seed: SEED })
  const scores = scoreRows(model, heldBack.values, features.length)
  const confusion = confusionOf(heldBack.labels, scores)
  const metrics = { f1: f1Of(confusion) ?? 0, error_rate: errorRateOf(confusion) ?? 1 }
  console.log(`held back: F1 ${metrics.f1.toFixed(4)}, error ${metrics.error_rate.toFixed(4)}`)

  const client = createClient({ url: need('SETPOINT_URL'), token: need('SETPOINT_TOKEN'), project: process.env.SETPOINT_PROJECT })
  const artifact = await client.call(registry.uploadArtifact, { body: onnxFrom(model, features.length) as never })
  const reference = await client.call(registry.uploadArtifact, { body: csvFrom(features, heldBack) as never })
  const version = await client.call(registry.registerVersion, {
    model: need('SETPOINT_MODEL'),
    artifact: artifact.digest,
    reference: reference.digest,
    features,
    evaluation: { dataset: 'rows held back from the snapshot', rows: heldBack.labels.length, metrics },
    training: process.env.SETPOINT_TRAINING,
    alias: process.env.SETPOINT_ALIAS as 'champion' | undefined,
    owner: 'abuse-desk@example.com',
    commit: 'examples/phishing',
    dataSnapshot: process.env.SETPOINT_TRAINING ?? 'seeded calm traffic',
    tags: { trainer: 'gradient-boosted trees' },
    reason: process.env.SETPOINT_TRAINING ? `training ${process.env.SETPOINT_TRAINING}` : 'first model',
  })
  console.log(`registered ${version.model} version ${version.version}`)
}

function readTable(file: string): NumericTable {
  const reader = createNumericCsvReader()
  reader.push(fs.readFileSync(file, 'utf8'))
  return reader.end()
}

/**
 * Holds back rows of the traffic as it is now, chosen by chance, as the new version’s reference: rows it never saw, from
 * what it will meet. Data without such rows, as for the first version, gives a fifth of all.
 */
function split(table: NumericTable, features: readonly string[]): { taught: Rows; heldBack: Rows } {
  const random = createRandom(SEED)
  const current = table.columns[table.names.indexOf('current')]
  const anyCurrent = current?.some((value) => value === 1) ?? false
  const share = anyCurrent ? HELD_BACK_OF_CURRENT : HELD_BACK
  const taught: number[] = []
  const heldBack: number[] = []
  for (let row = 0; row < table.rows; row++) (random.next() < share && (!anyCurrent || current![row] === 1) ? heldBack : taught).push(row)
  return { taught: pick(table, features, taught), heldBack: pick(table, features, heldBack) }
}

function pick(table: NumericTable, features: readonly string[], chosen: readonly number[]): Rows {
  const columns = features.map((name) => table.columns[table.names.indexOf(name)]!)
  const labels = table.columns[table.names.indexOf('label')]!
  const values = new Float32Array(chosen.length * features.length)
  for (const [i, row] of chosen.entries()) for (let f = 0; f < features.length; f++) values[i * features.length + f] = columns[f]![row]!
  return { values, labels: Uint8Array.from(chosen, (row) => labels[row]!) }
}

function csvFrom(features: readonly string[], { values, labels }: Rows): string {
  let text = numericCsvHeader([...features, 'label'])
  for (let row = 0; row < labels.length; row++)
    text += numericCsvLine([...values.subarray(row * features.length, (row + 1) * features.length), labels[row]!])
  return text
}

await train()
