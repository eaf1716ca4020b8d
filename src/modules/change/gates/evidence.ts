import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { GateEvidence, gates } from '../../../contract/gates.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import { evidenceTable, insertEvidence, listEvidence } from './evidence-store.ts'

type Deps = { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus; blobs: Blobs; registry: Registry }

/** Keeps load reports for gates. What a report says of the version’s file is read from the registry, not from the report. */
export function createEvidence(deps: Deps): Pick<Verbs<typeof gates>, 'recordEvidence' | 'listEvidence'> {
  const { sql, clock, ids, ledger, bus, blobs, registry } = deps
  return {
    async recordEvidence({ report, artifact, reason }, caller) {
      const { model, version } = report
      const { digest } = await registry.version(caller.project, model, version)
      if (report.interrupted) throw new AppError('invalid', 'report: the load test was stopped before its end; run it again')
      if (!(await blobs.has(artifact)))
        throw new AppError('not_found', `artifact: nothing with the digest ${artifact} is stored; upload the report first`)
      const evidence: GateEvidence = {
        id: ids('evid'),
        kind: 'load',
        model,
        version,
        digest,
        report,
        artifact,
        at: clock.now(),
        by: caller.id,
      }
      return await sql.transaction(async (tx) => {
        await insertEvidence(tx, caller.project, evidence)
        await ledger.seal(tx, { caller, reason, operation: 'gates.recordEvidence', table: evidenceTable, key: [evidence.id] })
        await bus.publish(tx, {
          name: 'gates.evidence_recorded',
          project: caller.project,
          subject: evidence.id,
          data: { model, version, verdict: report.verdict },
        })
        return evidence
      })
    },
    listEvidence: ({ model, limit }, caller) => listEvidence(sql, caller.project, model, limit),
  }
}
