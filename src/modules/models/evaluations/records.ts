import { createHash } from 'node:crypto'
import { AppError } from '../../../contract/errors.ts'
import type { EvaluationDataset, EvaluationRecord, NewEvaluationRecord } from '../../../contract/evaluations.ts'
import { kindOfValue, sortedJson } from '../../../lib/exact-json.ts'
import { type Actor, createChanges, type Deps, digestOf, needDataset, USER_TAG } from './datasets.ts'
import * as store from './record-store.ts'

type Fields = NonNullable<EvaluationDataset['fields']>

const MOST_RECORDS_A_CALL = 10_000

/** The records of evaluation data sets: one for each different inputs. */
export function createEvaluationRecords(deps: Deps) {
  const { sql, clock, ids } = deps
  const { changeIn } = createChanges(deps)

  return {
    /** Adds records and updates those whose inputs are there already, all or none. Throws `not_found`, `too_large`. */
    async upsert(
      { dataset, records, reason }: { dataset: string; records: readonly NewEvaluationRecord[]; reason: string },
      caller: Actor,
    ): Promise<{ inserted: number; updated: number }> {
      if (records.length > MOST_RECORDS_A_CALL)
        throw new AppError(
          'too_large',
          `${records.length} records in one call; at most ${MOST_RECORDS_A_CALL} are taken, send them in parts`,
        )
      const place = { project: caller.project, dataset }
      const hashed = records.map((record) => ({ hash: hashOf(record), record }))
      return await sql.transaction(async (tx) => {
        let inserted = 0
        await changeIn(tx, { dataset, operation: 'upsertRecords', reason }, caller, async (before) => {
          const hashes = [...new Set(hashed.map(({ hash }) => hash))]
          const known = await store.findByHash(tx, place, hashes)
          const now = clock.now()
          inserted = hashes.filter((hash) => !known.has(hash)).length
          for (const { hash, record } of hashed) {
            const earlier = known.get(hash)
            known.set(hash, earlier ? merged(earlier, record, now) : recordFrom(record, ids('dr').replace('_', '-'), now))
          }
          await store.saveRecords(
            tx,
            place,
            [...known].map(([hash, record]) => ({ hash, record })),
          )
          const users = records.map((record) => record.tags?.[USER_TAG]).filter((user) => typeof user === 'string')
          return {
            updatedAt: now,
            updatedBy: users.at(-1) ?? null,
            digest: digestOf(before.name, now),
            fields: records.reduce(fieldsWith, before.fields),
            recordCount: await store.countRecords(tx, place),
          }
        })
        return { inserted, updated: records.length - inserted }
      })
    },
    /** Oldest first. Throws `not_found`. */
    async list(
      dataset: string,
      page: { readonly most: number; readonly after?: { readonly createdAt: number; readonly id: string } },
      { project }: Actor,
    ): Promise<EvaluationRecord[]> {
      await needDataset(sql, project, dataset)
      return await store.listRecords(sql, { project, dataset }, page)
    },
    /** Throws `not_found` for the data set or the record. */
    async find(dataset: string, id: string, { project }: Actor): Promise<EvaluationRecord> {
      await needDataset(sql, project, dataset)
      const found = await store.findRecord(sql, { project, dataset }, id)
      if (!found) throw new AppError('not_found', `evaluation data set ${dataset} has no record ${id}`, { record: id })
      return found
    },
    /** Deletes those of the named records that are there; answers how many. Throws `not_found` for the data set. */
    async remove(dataset: string, names: readonly string[], caller: Actor): Promise<number> {
      const place = { project: caller.project, dataset }
      return await sql.transaction(async (tx) => {
        let deleted = 0
        await changeIn(tx, { dataset, operation: 'deleteRecords', reason: 'records deleted' }, caller, async (before) => {
          deleted = await store.deleteRecords(tx, place, names)
          return { recordCount: before.recordCount - deleted }
        })
        return deleted
      })
    },
  }
}

function hashOf(record: NewEvaluationRecord): string {
  return createHash('sha256').update(sortedJson(record.inputs)).digest('hex')
}

function recordFrom(given: NewEvaluationRecord, id: string, nowMs: number): EvaluationRecord {
  const user = given.tags?.[USER_TAG]
  const by = typeof user === 'string' ? user : null
  return {
    id,
    inputs: given.inputs,
    outputs: given.outputs === undefined ? {} : given.outputs,
    expectations: given.expectations ?? null,
    tags: given.tags ?? {},
    source: given.source ?? null,
    createdAt: nowMs,
    updatedAt: nowMs,
    createdBy: by,
    updatedBy: by,
  }
}

/** Outputs are replaced; expectations and tags are added to. Where a record came from does not change. */
function merged(before: EvaluationRecord, given: NewEvaluationRecord, nowMs: number): EvaluationRecord {
  const user = given.tags?.[USER_TAG]
  return {
    ...before,
    outputs: given.outputs === undefined ? before.outputs : given.outputs,
    expectations: given.expectations ? { ...before.expectations, ...given.expectations } : before.expectations,
    tags: { ...before.tags, ...given.tags },
    updatedAt: nowMs,
    updatedBy: typeof user === 'string' ? user : before.updatedBy,
  }
}

/** The kinds of all fields seen so far; the first kind of a field stays. */
function fieldsWith(before: EvaluationDataset['fields'], record: NewEvaluationRecord): Fields {
  const known = before ?? { inputs: {}, outputs: {}, expectations: {} }
  const { inputs, outputs, expectations } = record
  return {
    inputs: { ...kindsOf(inputs), ...(known.inputs as object) },
    outputs: isObject(outputs)
      ? isObject(known.outputs)
        ? { ...kindsOf(outputs), ...known.outputs }
        : known.outputs
      : outputs === undefined || outputs === null || !isEmpty(known.outputs)
        ? known.outputs
        : kindOfValue(outputs),
    expectations: { ...kindsOf(expectations ?? {}), ...(known.expectations as object) },
  }
}

function kindsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, kindOfValue(value)]))
}

function isObject(value: unknown): value is Record<string, unknown> & object {
  return kindOfValue(value) === 'object'
}

const isEmpty = (value: unknown) => isObject(value) && Object.keys(value).length === 0
