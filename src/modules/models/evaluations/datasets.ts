import { createHash } from 'node:crypto'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { EvaluationDataset } from '../../../contract/evaluations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { searchFrom } from './dataset-search.ts'
import * as store from './dataset-store.ts'
import { deleteRecords } from './record-store.ts'

/** What the data sets need to know of the experiments they belong to. */
type Experiments = {
  experiment(project: string, id: string): Promise<{ readonly lifecycle: 'active' | 'deleted' } | undefined>
}

export type Actor = Pick<Caller, 'id' | 'project'>
export type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly ids: Ids
  readonly ledger: Ledger
  readonly experiments: Experiments
}
export type Change = { readonly dataset: string; readonly operation: string; readonly reason: string }

export const USER_TAG = 'mlflow.user'
const NAME_LIMIT_CHARACTERS = 255
const TAG_LIMIT_CHARACTERS = 8_000
const MOST_TAGS = 1_000

/** Evaluation data sets apart from their records. */
export function createDatasets(deps: Deps) {
  const { sql, clock, ids, experiments } = deps
  const { changeIn, save } = createChanges(deps)

  async function change(asked: Change, caller: Actor, to: (before: EvaluationDataset) => Partial<EvaluationDataset>) {
    return await sql.transaction((tx) => changeIn(tx, asked, caller, async (before) => to(before)))
  }

  return {
    async create(
      given: { name: string; experiments: readonly string[]; tags: Readonly<Record<string, string>>; reason: string },
      caller: Actor,
    ): Promise<EvaluationDataset> {
      checkName(given.name)
      const now = clock.now()
      const user = given.tags[USER_TAG] ?? null
      const dataset: EvaluationDataset = {
        id: ids('d').replace('_', '-'),
        name: given.name,
        tags: checkedTags(given.tags),
        digest: digestOf(given.name, now),
        fields: null,
        recordCount: 0,
        experiments: [...new Set(given.experiments)],
        createdAt: now,
        updatedAt: now,
        createdBy: user,
        updatedBy: user,
      }
      await sql.transaction((tx) => save(tx, dataset, { operation: 'createDataset', reason: given.reason }, caller))
      return dataset
    },
    /** Throws `not_found`. */
    find: (id: string, { project }: Actor) => needDataset(sql, project, id),
    /** Throws `invalid` for a filter or an order that cannot be read. */
    async search(
      asked: { filter?: string; orderBy: readonly string[]; experiments?: readonly string[]; most: number; skip: number },
      { project }: Actor,
    ): Promise<EvaluationDataset[]> {
      return await store.searchDatasets(sql, project, { ...asked, ...searchFrom(asked.filter, asked.orderBy) })
    },
    /** Deletes a data set with its records; answers whether there was one. */
    async remove(id: string, reason: string, caller: Actor): Promise<boolean> {
      const { project } = caller
      return await sql.transaction(async (tx) => {
        if (!(await store.lockDataset(tx, project, id, sql.dialect))) return false
        await deleteRecords(tx, { project, dataset: id })
        await store.deleteDataset(tx, project, id)
        const key = [project, id]
        await deps.ledger.seal(tx, { caller, reason, operation: 'evaluations.deleteDataset', table: store.datasetsTable, key })
        return true
      })
    },
    /** Adds tags to those that are there; the new win. Throws `not_found`. */
    setTags: (id: string, tags: Readonly<Record<string, string>>, caller: Actor) =>
      change({ dataset: id, operation: 'setTags', reason: 'tags set' }, caller, (before) => ({
        tags: checkedTags({ ...before.tags, ...tags }),
      })),
    /** Takes a tag away; there need be neither tag nor data set. */
    async deleteTag(id: string, key: string, caller: Actor): Promise<void> {
      if (!(await store.findDataset(sql, caller.project, id))) return
      await change({ dataset: id, operation: 'deleteTag', reason: 'tag deleted' }, caller, (before) => {
        const { [key]: _gone, ...tags } = before.tags
        return { tags }
      })
    },
    /** Throws `not_found` for the data set or an experiment. */
    async addToExperiments(id: string, added: readonly string[], caller: Actor): Promise<EvaluationDataset> {
      await needDataset(sql, caller.project, id)
      for (const experiment of added)
        if (!(await experiments.experiment(caller.project, experiment)))
          throw new AppError('not_found', `No Experiment with id=${experiment}`)
      return await change({ dataset: id, operation: 'addToExperiments', reason: 'experiments added' }, caller, (before) => ({
        experiments: [...new Set([...before.experiments, ...added])],
        updatedAt: clock.now(),
      }))
    },
    /** Throws `not_found` for the data set; experiments it does not belong to are passed over. */
    removeFromExperiments: (id: string, removed: readonly string[], caller: Actor) =>
      change({ dataset: id, operation: 'removeFromExperiments', reason: 'experiments removed' }, caller, (before) => ({
        experiments: before.experiments.filter((experiment) => !removed.includes(experiment)),
        updatedAt: clock.now(),
      })),
  }
}

/** How a data set changes: its row locked, written, sealed. */
export function createChanges({ sql, ledger }: Pick<Deps, 'sql' | 'ledger'>) {
  async function save(tx: Tx, dataset: EvaluationDataset, { operation, reason }: Omit<Change, 'dataset'>, caller: Actor) {
    await store.saveDataset(tx, caller.project, dataset)
    const key = [caller.project, dataset.id]
    await ledger.seal(tx, { caller, reason, operation: `evaluations.${operation}`, table: store.datasetsTable, key })
  }

  return {
    save,
    /** Throws `not_found`. `to` answers what is to be different. */
    async changeIn(
      tx: Tx,
      { dataset, ...how }: Change,
      caller: Actor,
      to: (before: EvaluationDataset) => Promise<Partial<EvaluationDataset>>,
    ): Promise<EvaluationDataset> {
      const before = await store.lockDataset(tx, caller.project, dataset, sql.dialect)
      if (!before) throw noSuchDataset(dataset)
      const after = { ...before, ...(await to(before)) }
      await save(tx, after, how, caller)
      return after
    },
  }
}

/** Throws `not_found`. */
export async function needDataset(db: Db, project: string, id: string): Promise<EvaluationDataset> {
  const found = await store.findDataset(db, project, id)
  if (!found) throw noSuchDataset(id)
  return found
}

function noSuchDataset(id: string): AppError {
  return new AppError('not_found', `Evaluation dataset with id '${id}' not found`, { dataset: id })
}

/** A short name of the state of a data set: another one after every change. */
export function digestOf(name: string, updatedAtMs: number): string {
  return createHash('sha256').update(`${name}:${updatedAtMs}`).digest('hex').slice(0, 8)
}

function checkName(name: string): void {
  if (name.trim() === '') throw new AppError('invalid', 'Dataset name cannot be empty')
  if (name.length > NAME_LIMIT_CHARACTERS)
    throw new AppError('invalid', `'name' exceeds the maximum length of ${NAME_LIMIT_CHARACTERS} characters`)
}

function checkedTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  if (Object.keys(tags).length > MOST_TAGS) throw new AppError('invalid', `a data set has at most ${MOST_TAGS} tags`)
  for (const [key, value] of Object.entries(tags))
    if (key.length > NAME_LIMIT_CHARACTERS || value.length > TAG_LIMIT_CHARACTERS)
      throw new AppError('invalid', `the tag ${key.slice(0, 100)} exceeds the maximum length of ${TAG_LIMIT_CHARACTERS} characters`)
  const clean = (text: string) => text.replaceAll('\0', '\uFFFD')
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [clean(key), clean(value)]))
}
