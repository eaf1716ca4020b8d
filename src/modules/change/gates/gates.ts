import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { GateCheck, GateVerdict, gates } from '../../../contract/gates.ts'
import type { Spec } from '../../../contract/kinds.ts'
import { excludingFrom } from '../../../contract/quarantine.ts'
import type { ModelVersion } from '../../../contract/registry.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import { type LabelledMatrix, readReference } from '../../../infra/labelled-rows.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import { numericCsvHeader, numericCsvLine } from '../../../lib/numeric-csv.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Runtimes, Scorer } from '../../serving/runtimes/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { checkNewest, checkSlice, type Pair } from './checks.ts'

export type Gates = Verbs<typeof gates>

export const verdictsTable = { table: 'gate_verdicts', key: ['id'] } as const
/** The newest labelled rows looked at: enough for any difference that matters, little enough not to hold up requests. */
const MOST_ROWS = 10_000

type Deps = {
  sql: Sql
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  blobs: Blobs
  documents: Documents
  registry: Registry
  runtimes: Runtimes
  telemetry: Telemetry
  quarantine: QuarantineWindows
}

export function createGates(deps: Deps): Gates {
  const { sql, clock, ids, ledger, bus, blobs, documents, registry, runtimes } = deps
  const records = createRecords<GateVerdict>(
    verdictsTable.table,
    (verdict) => ({ deployment: null, state: verdict.verdict, at: verdict.at }),
    sql.dialect,
  )

  /** Labelled rows of the window, without what is quarantined. */
  async function newestRows(project: string, deployment: string, fromMs: number, toMs: number, width: number): Promise<LabelledMatrix> {
    const excluding = excludingFrom(await deps.quarantine.inForce(project, deployment))
    const values: number[] = []
    const labels: number[] = []
    for await (const page of deps.telemetry.labelledRows({
      project,
      deployment,
      fromMs,
      toMs,
      limit: MOST_ROWS,
      order: 'newest',
      excluding,
    })) {
      for (const row of page) {
        if (row.features.length !== width) continue
        for (const value of row.features) values.push(value ?? Number.NaN)
        labels.push(row.label)
      }
    }
    return { values: Float32Array.from(values), labels: Float32Array.from(labels), rows: labels.length }
  }

  async function pairUp(matrix: LabelledMatrix, champion: Scorer, challenger: Scorer): Promise<Pair> {
    return {
      labels: matrix.labels,
      champion: await champion.score(matrix.values, matrix.rows),
      challenger: await challenger.score(matrix.values, matrix.rows),
    }
  }

  async function evaluate(
    spec: Spec<'Gate'>,
    project: string,
    deployment: string,
    versions: [ModelVersion, ModelVersion],
    window: { fromMs: number; toMs: number },
    threshold: number,
  ) {
    const [champion, challenger] = versions
    if (champion.features.join() !== challenger.features.join())
      throw new AppError('conflict', `version ${challenger.version} takes other features than the champion, version ${champion.version}`)
    const scorers: Scorer[] = []
    try {
      for (const version of versions) scorers.push(await runtimes.load(version))
      const newest = await pairUp(
        await newestRows(project, deployment, window.fromMs, window.toMs, champion.features.length),
        scorers[0]!,
        scorers[1]!,
      )
      const checks: GateCheck[] = [checkNewest(spec, newest, threshold)]
      if (spec.slices.length > 0) {
        if (!champion.reference)
          throw new AppError(
            'invalid',
            `the gate asks for frozen slices, but version ${champion.version} was registered without reference rows`,
          )
        const matrix = await readReference(blobs, champion.reference, champion.features)
        const frozen = await pairUp(matrix, scorers[0]!, scorers[1]!)
        for (const slice of spec.slices) checks.push(checkSlice(spec, slice, frozen, matrix, champion.features, threshold))
      }
      return { checks, evidence: await keepEvidence(blobs, newest) }
    } finally {
      for (const scorer of scorers) await scorer.release()
    }
  }

  return {
    async evaluateGate({ gate, deployment, challenger, fromMs, toMs, key }, caller) {
      const earlier = key === undefined ? undefined : await records.findByKey(sql, caller.project, key)
      if (earlier) return earlier
      const { spec } = await documents.need('Gate', caller.project, gate)
      const target = await documents.need('Deployment', caller.project, deployment)
      const champion = await registry.champion(caller.project, target.spec.model)
      if (!champion) throw new AppError('conflict', `model ${target.spec.model} has no champion to compare with`)
      const candidate = await registry.version(caller.project, target.spec.model, challenger)
      const { checks, evidence } = await evaluate(
        spec,
        caller.project,
        deployment,
        [champion, candidate],
        { fromMs, toMs },
        target.spec.threshold,
      )
      const { verdict, reason } = conclude(checks)
      const record: GateVerdict = {
        id: ids('gate'),
        gate,
        model: target.spec.model,
        champion: champion.version,
        challenger,
        verdict,
        reason,
        checks,
        evidence,
        at: clock.now(),
      }
      await sql.transaction(async (tx) => {
        await records.insert(tx, caller.project, record, key)
        await ledger.seal(tx, { caller, reason, operation: 'gates.evaluateGate', table: verdictsTable, key: [record.id] })
        await bus.publish(tx, {
          name: 'gates.decided',
          project: caller.project,
          subject: record.id,
          data: { gate, deployment, model: record.model, challenger, verdict, reason },
        })
      })
      return record
    },
    async listVerdicts({ model, limit }, caller) {
      const found = await records.list(sql, { project: caller.project, limit })
      return model === undefined ? found : found.filter((verdict) => verdict.model === model)
    },
    async getVerdict({ id }, caller) {
      const found = await records.find(sql, caller.project, id)
      if (!found) throw new AppError('not_found', `project ${caller.project} has no gate verdict ${id}; see "setpoint gates list-verdicts"`)
      return found
    },
  }
}

/**
 * One failed check refuses. Short of that, a newest window without enough rows leaves the verdict open: more are coming.
 * A frozen slice that is too small says nothing, will never say more, and is named in the reason.
 */
function conclude(checks: readonly GateCheck[]): Pick<GateVerdict, 'verdict' | 'reason'> {
  const failed = checks.filter((check) => check.outcome === 'fail')
  const newest = checks[0]!
  if (failed.length > 0) return { verdict: 'refuse', reason: failed.map(describeCheck).join('; ') }
  if (newest.outcome === 'insufficient_data')
    return { verdict: 'insufficient_data', reason: `${newest.name}: only ${newest.rows} labelled rows` }
  return { verdict: 'pass', reason: checks.map(describeCheck).join('; ') }
}

function describeCheck(check: GateCheck): string {
  if (check.outcome === 'insufficient_data') return `${check.name}: nothing can be said on ${check.rows} rows`
  const number = (value: number | null) => (value === null ? 'unknown' : value.toFixed(4))
  return `${check.name}: ${check.metric} ${number(check.challenger)} against ${number(check.champion)} on ${check.rows} rows; ${check.required}`
}

async function keepEvidence(blobs: Blobs, { labels, champion, challenger }: Pair): Promise<string> {
  async function* csv() {
    yield Buffer.from(numericCsvHeader(['label', 'champion', 'challenger']))
    for (let from = 0; from < labels.length; from += 4_096) {
      let text = ''
      for (let i = from; i < Math.min(labels.length, from + 4_096); i++) text += numericCsvLine([labels[i]!, champion[i]!, challenger[i]!])
      yield Buffer.from(text)
    }
  }
  return (await blobs.put(csv())).digest
}
