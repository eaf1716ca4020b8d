import fs from 'node:fs'
import { onnxFrom, scoreRows, trainTrees } from '../../examples/phishing/gbt.ts'
import { createClient } from '../../src/contract/client.ts'
import { registry } from '../../src/contract/registry.ts'
import { createNumericCsvReader, numericCsvHeader, numericCsvLine } from '../../src/lib/numeric-csv.ts'
import { confusionOf, errorRateOf } from '../../src/lib/stats/classification.ts'
import { TREES } from './settings.ts'
import { splitRows } from './split.ts'

// The trainer of the ELEC2 benchmark: gradient-boosted trees on the snapshot, a third of its rows held back as reference.

const features = process.env.SETPOINT_FEATURES!.split(',')
const reader = createNumericCsvReader()
reader.push(fs.readFileSync(process.env.SETPOINT_DATASET!, 'utf8'))
const table = reader.end()
const { taught, heldBack } = splitRows(table.rows)

function pick(rows: readonly number[]) {
  const columns = [...features, 'label'].map((name) => table.columns[table.names.indexOf(name)]!)
  const values = new Float32Array(rows.length * features.length)
  for (const [i, row] of rows.entries()) for (let f = 0; f < features.length; f++) values[i * features.length + f] = columns[f]![row]!
  return { values, labels: Uint8Array.from(rows, (row) => columns.at(-1)![row]!) }
}

const train = pick(taught)
const reference = pick(heldBack)
const model = trainTrees(train.values, train.labels, TREES)
const error = errorRateOf(confusionOf(reference.labels, scoreRows(model, reference.values, features.length))) ?? 1
let csv = numericCsvHeader([...features, 'label'])
for (let row = 0; row < reference.labels.length; row++)
  csv += numericCsvLine([...reference.values.subarray(row * features.length, (row + 1) * features.length), reference.labels[row]!])

const client = createClient({ url: process.env.SETPOINT_URL!, token: process.env.SETPOINT_TOKEN })
const artifact = await client.call(registry.uploadArtifact, { body: onnxFrom(model, features.length) as never })
const frozen = await client.call(registry.uploadArtifact, { body: csv as never })
await client.call(registry.registerVersion, {
  model: process.env.SETPOINT_MODEL!,
  artifact: artifact.digest,
  reference: frozen.digest,
  features,
  training: process.env.SETPOINT_TRAINING,
  alias: process.env.SETPOINT_ALIAS as 'champion' | undefined,
  evaluation: { dataset: 'rows held back', rows: heldBack.length, metrics: { error_rate: error } },
  owner: 'bench',
  commit: 'bench/elec2',
  dataSnapshot: process.env.SETPOINT_TRAINING ?? 'first tenth',
})
