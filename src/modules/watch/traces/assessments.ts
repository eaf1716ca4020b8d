import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Assessment } from '../../../contract/traces.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import { deleteAssessment, findAssessment, markValid, saveAssessment } from './assessment-store.ts'
import { noSuchTrace } from './records.ts'
import { findTraces, lockTraces } from './store.ts'

/** An assessment before it is kept: its id, and where absent its times, are given here. */
export type NewAssessment = Omit<Assessment, 'id' | 'trace' | 'valid' | 'createdAt' | 'updatedAt'> & {
  readonly id?: string
  readonly createdAt?: number
  readonly updatedAt?: number
}

export type AssessmentChange = {
  readonly name?: string
  readonly feedback?: Pick<Assessment, 'value' | 'error'>
  readonly expectation?: Pick<Assessment, 'value'>
  readonly rationale?: string
  /** Added to what is there; the new wins. */
  readonly metadata?: Readonly<Record<string, string>>
}

type Actor = Pick<Caller, 'project'>
type Deps = { readonly sql: Sql; readonly ids: Ids; readonly clock: Clock }

const NAME_LIMIT_CHARACTERS = 250

/** What is said of traces: created, read, changed, taken back. */
export function createAssessments({ sql, ids, clock }: Deps) {
  return {
    /** Keeps an assessment; the one it overrides is no longer valid. Throws `not_found`. */
    async createAssessment(trace: string, given: NewAssessment, { project }: Actor): Promise<Assessment> {
      checkName(given.name)
      const now = clock.now()
      const assessment: Assessment = {
        ...given,
        id: given.id || ids('a').replace('_', '-'),
        trace,
        valid: true,
        createdAt: given.createdAt ?? now,
        updatedAt: given.updatedAt ?? now,
      }
      return await sql.transaction(async (tx) => {
        const [row] = await lockTraces(tx, project, [trace], sql.dialect)
        if (!row) throw noSuchTrace(trace)
        if (assessment.overrides !== null && !(await markValid(tx, project, trace, assessment.overrides, false)))
          throw noSuchAssessment(trace, assessment.overrides)
        await saveAssessment(tx, project, row.experiment, assessment)
        return assessment
      })
    },
    async getAssessment(trace: string, id: string, { project }: Actor): Promise<Assessment> {
      return await needAssessment(sql, project, trace, id)
    },
    /** Throws `not_found`, or `invalid` when a feedback is given to an expectation or the other way round. */
    async updateAssessment(trace: string, id: string, change: AssessmentChange, { project }: Actor): Promise<Assessment> {
      if (change.name !== undefined) checkName(change.name)
      return await sql.transaction(async (tx) => {
        const [row] = await lockTraces(tx, project, [trace], sql.dialect)
        const before = await needAssessment(tx, project, trace, id)
        const changed = changedFrom(before, change, clock.now())
        await saveAssessment(tx, project, row!.experiment, changed)
        return changed
      })
    },
    /** Takes an assessment back; the one it overrode is valid again. There need be none. */
    async deleteAssessment(trace: string, id: string, { project }: Actor): Promise<void> {
      await sql.transaction(async (tx) => {
        const [row] = await lockTraces(tx, project, [trace], sql.dialect)
        if (!row) throw noSuchTrace(trace)
        const assessment = await findAssessment(tx, project, trace, id)
        if (!assessment) return
        if (assessment.overrides !== null) await markValid(tx, project, trace, assessment.overrides, true)
        await deleteAssessment(tx, project, trace, id)
      })
    },
  }
}

function changedFrom(before: Assessment, change: AssessmentChange, nowMs: number): Assessment {
  if (change.expectation && change.feedback) throw new AppError('invalid', 'Cannot specify both `expectation` and `feedback` parameters.')
  if (change.expectation && before.kind !== 'expectation')
    throw new AppError('invalid', 'Cannot update expectation value on a Feedback assessment.')
  if (change.feedback && before.kind !== 'feedback')
    throw new AppError('invalid', 'Cannot update feedback value on an Expectation assessment.')
  const value = change.expectation ?? change.feedback ?? before
  return {
    ...before,
    name: change.name ?? before.name,
    value: value.value,
    error: change.feedback ? change.feedback.error : before.error,
    rationale: before.kind === 'expectation' ? before.rationale : (change.rationale ?? before.rationale),
    metadata: change.metadata || before.metadata ? { ...before.metadata, ...change.metadata } : null,
    updatedAt: nowMs,
  }
}

async function needAssessment(db: Db, project: string, trace: string, id: string): Promise<Assessment> {
  const found = await findAssessment(db, project, trace, id)
  if (found) return found
  if ((await findTraces(db, project, [trace])).length === 0)
    throw new AppError('not_found', `Trace with request_id '${trace}' not found`, { trace })
  throw noSuchAssessment(trace, id)
}

function noSuchAssessment(trace: string, id: string): AppError {
  return new AppError('not_found', `Assessment with ID '${id}' not found for trace '${trace}'`, { trace, assessment: id })
}

function checkName(name: string): void {
  if (name.length === 0) throw new AppError('invalid', 'an assessment needs a name')
  if (name.length > NAME_LIMIT_CHARACTERS)
    throw new AppError('invalid', `'assessment_name' exceeds the maximum length of ${NAME_LIMIT_CHARACTERS} characters`)
}
