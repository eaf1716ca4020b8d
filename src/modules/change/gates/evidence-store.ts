import type { GateEvidence } from '../../../contract/gates.ts'
import type { Db } from '../../../infra/sql/index.ts'

export const evidenceTable = { table: 'gate_evidence', key: ['id'] } as const

type EvidenceRow = { id: string; project: string; model: string; subject: string; at: number; body: string }
const tables = (db: Db) => db.db.withTables<{ gate_evidence: EvidenceRow }>()
const evidenceFrom = ({ body }: { body: string }) => JSON.parse(body) as GateEvidence

/** What evidence speaks for: a file by its digest, wherever it is registered, or a version that has none. */
export function subjectOf({ model, version, digest }: Pick<GateEvidence, 'model' | 'version' | 'digest'>): string {
  return digest ?? `${model}/${version}`
}

export async function insertEvidence(db: Db, project: string, evidence: GateEvidence): Promise<void> {
  const { id, model, at } = evidence
  await tables(db)
    .insertInto('gate_evidence')
    .values({ id, project, model, subject: subjectOf(evidence), at, body: JSON.stringify(evidence) })
    .execute()
}

/** The newest evidence for a subject since an instant. */
export async function newestEvidence(db: Db, project: string, subject: string, sinceMs: number): Promise<GateEvidence | undefined> {
  const row = await tables(db)
    .selectFrom('gate_evidence')
    .select('body')
    .where('project', '=', project)
    .where('subject', '=', subject)
    .where('at', '>=', sinceMs)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && evidenceFrom(row)
}

export async function listEvidence(db: Db, project: string, model: string | undefined, limit: number): Promise<GateEvidence[]> {
  let query = tables(db).selectFrom('gate_evidence').select('body').where('project', '=', project)
  if (model !== undefined) query = query.where('model', '=', model)
  return (await query.orderBy('id', 'desc').limit(limit).execute()).map(evidenceFrom)
}
