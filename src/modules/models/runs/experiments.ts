import path from 'node:path'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql, Tx } from '../../../infra/sql/index.ts'
import type { Experiment, Page, Pair, ViewType } from './entities.ts'
import { checkArtifactLocation, checkExperimentName, checkExperimentTag, checkMaxResults, experimentNumber, invalid } from './limits.ts'
import { pageToken, placeFrom } from './page-token.ts'
import { inactiveExperiment, noExperiment, noTag } from './refusals.ts'
import { clausesOf, orderingsOf } from './search-conditions.ts'
import { searchExperimentRows } from './search-experiments.ts'
import { checkExperimentOrdering, experimentGrammar } from './search-grammars.ts'
import * as store from './store.ts'
import { takeNumber } from './tables.ts'

const DEFAULT_ID = 0
/** Tags of this prefix hold the views that people saved in the reference console; each is large. */
const VIEW_TAG_PREFIX = 'mlflow.customView.view'
const MOST_VIEWS = 50
/** Where artifacts of an experiment are kept by this server itself. */
const artifactsOf = (id: number) => `mlflow-artifacts:/${id}`

export type NewExperiment = {
  readonly name: string
  readonly artifactLocation?: string | undefined
  readonly tags?: readonly Pair[] | undefined
}
export type ExperimentSearch = {
  readonly view?: ViewType | undefined
  readonly maxResults: number
  readonly filter?: string | undefined
  readonly orderBy?: readonly string[] | undefined
  readonly pageToken?: string | undefined
}
export type Experiments = ReturnType<typeof createExperiments>

/** Experiments of a project. The one named Default, with id 0, is there from the start. */
export function createExperiments({ sql, clock }: { sql: Sql; clock: Clock }) {
  const prepared = new Set<string>()

  async function prepare(project: string): Promise<void> {
    if (prepared.has(project)) return
    // It was there before whatever is created now.
    const at = clock.now() - 1
    const row = { project, id: DEFAULT_ID, name: 'Default', artifact_location: artifactsOf(DEFAULT_ID), created_at: at, updated_at: at }
    await store.insertExperiment(sql, { ...row, lifecycle: 'active' })
    prepared.add(project)
  }

  async function need(db: Db, project: string, id: string): Promise<Experiment & { number: number }> {
    const number = experimentNumber(id === '' ? String(DEFAULT_ID) : id)
    const found = await store.findExperiment(db, project, number)
    if (!found) throw noExperiment(number)
    return { ...found, number }
  }

  async function needActive(db: Db, project: string, id: string) {
    const found = await need(db, project, id)
    if (found.lifecycle !== 'active') throw inactiveExperiment(found.id)
    return found
  }

  /** Changes one experiment in a transaction; answers what `change` does. */
  async function within<R>(project: string, change: (tx: Tx) => Promise<R>): Promise<R> {
    await prepare(project)
    return await sql.transaction(change)
  }

  return {
    prepare,
    /** Throws `not_found`; or `invalid` when it is deleted or the id is no number. An empty id is the default one. */
    needActiveExperiment: needActive,
    async experiment(project: string, id: string): Promise<Experiment | undefined> {
      await prepare(project)
      return await store.findExperiment(sql, project, experimentNumber(id))
    },
    async experimentByName(project: string, name: string): Promise<Experiment | undefined> {
      await prepare(project)
      return await store.findExperimentByName(sql, project, name)
    },
    /** Throws `conflict` for a name that is taken, also by a deleted experiment. */
    async createExperiment(project: string, { name, artifactLocation, tags = [] }: NewExperiment): Promise<Experiment> {
      checkExperimentName(name)
      const location = artifactLocation ? resolvedLocation(artifactLocation) : undefined
      for (const tag of tags) checkExperimentTag(tag)
      checkViews(tags.map((tag) => tag.key))
      return await within(project, async (tx) => {
        await checkNameFree(tx, project, name)
        const id = await takeNumber(tx, project, 'experiment')
        const at = clock.now()
        const row = { project, id, name, artifact_location: location ?? artifactsOf(id), created_at: at, updated_at: at }
        await store.insertExperiment(tx, { ...row, lifecycle: 'active' })
        await store.saveExperimentTags(tx, project, id, tags)
        return (await store.findExperiment(tx, project, id))!
      })
    },
    async renameExperiment(project: string, id: string, name: string): Promise<void> {
      checkExperimentName(name)
      await within(project, async (tx) => {
        const found = await need(tx, project, id)
        if (found.lifecycle !== 'active')
          throw new AppError('conflict', 'Cannot rename a non-active experiment.', { errorCode: 'INVALID_STATE' })
        if (found.name === name) return
        await checkNameFree(tx, project, name)
        await store.updateExperiment(tx, project, found.number, { name, updated_at: clock.now() })
      })
    },
    /** Deletes an experiment that is active, with its runs; everything stays restorable. */
    deleteExperiment: (project: string, id: string) => moveTo(project, id, 'deleted'),
    /** Restores a deleted experiment with all its runs. */
    restoreExperiment: (project: string, id: string) => moveTo(project, id, 'active'),
    async setExperimentTag(project: string, id: string, tag: Pair): Promise<void> {
      checkExperimentTag(tag)
      await within(project, async (tx) => {
        const found = await needActive(tx, project, id)
        if (!found.tags.some(({ key }) => key === tag.key)) checkViews([...found.tags.map(({ key }) => key), tag.key])
        await store.saveExperimentTags(tx, project, found.number, [tag])
      })
    },
    async deleteExperimentTag(project: string, id: string, key: string): Promise<void> {
      await within(project, async (tx) => {
        const found = await needActive(tx, project, id)
        if (!(await store.deleteExperimentTag(tx, project, found.number, key))) throw noTag(key, `experiment with id ${id}`)
      })
    },
    async searchExperiments(project: string, search: ExperimentSearch): Promise<Page<Experiment>> {
      checkMaxResults(search.maxResults)
      const clauses = clausesOf(search.filter, experimentGrammar)
      const orderings = orderingsOf(search.orderBy ?? [], experimentGrammar, checkExperimentOrdering)
      const { offset } = placeFrom(search.pageToken)
      await prepare(project)
      const question = { project, stages: store.stagesOf(search.view ?? 'ACTIVE_ONLY'), clauses, orderings }
      const found = await searchExperimentRows(sql, question, { offset, limit: search.maxResults + 1 }, sql.dialect)
      const more = found.length > search.maxResults
      return {
        items: found.slice(0, search.maxResults),
        nextPageToken: more ? pageToken({ offset: offset + search.maxResults, part: 0 }) : undefined,
      }
    },
  }

  async function moveTo(project: string, id: string, lifecycle: 'active' | 'deleted'): Promise<void> {
    await within(project, async (tx) => {
      const found = await need(tx, project, id)
      if (found.lifecycle === lifecycle) throw noExperiment(found.number)
      const at = clock.now()
      await store.updateExperiment(tx, project, found.number, { lifecycle, updated_at: at })
      await store.moveRunsOf(tx, project, found.number, lifecycle, lifecycle === 'deleted' ? at : null)
    })
  }
}

async function checkNameFree(tx: Tx, project: string, name: string): Promise<void> {
  const taken = await store.findExperimentByName(tx, project, name)
  if (!taken) return
  const hint = taken.lifecycle === 'deleted' ? `; experiment ${taken.id} of this name is deleted: restore it, or choose another name` : ''
  throw new AppError('conflict', `Experiment(name=${name}) already exists.${hint}`, { experimentId: taken.id })
}

/** A path without a scheme is one of this machine. */
function resolvedLocation(location: string): string {
  checkArtifactLocation(location)
  return /^[a-z][a-z0-9+.-]*:/i.test(location) ? location : path.resolve(location)
}

function checkViews(keys: readonly string[]): void {
  if (keys.filter((key) => key.startsWith(VIEW_TAG_PREFIX)).length > MOST_VIEWS)
    throw invalid(
      `Unable to create another custom view; the maximum number of custom views per experiment is ${MOST_VIEWS}. Delete an existing custom view before creating a new one.`,
    )
}
