import { AppError } from '../../../contract/errors.ts'
import type { ScorerVersion } from '../../../contract/evaluations.ts'
import type { Actor, Deps } from './datasets.ts'
import * as store from './scorer-store.ts'

type Named = { readonly experiment: string; readonly name: string; readonly version?: number }

const NAME_LIMIT_CHARACTERS = 256
const DEFINITION_LIMIT_CHARACTERS = 1_000_000

/** Scorers of experiments, in versions that do not change. Their definitions are kept, never run. */
export function createScorers({ sql, clock, ids, ledger, experiments }: Deps) {
  async function needActive(project: string, id: string): Promise<void> {
    const found = await experiments.experiment(project, id)
    if (!found) throw new AppError('not_found', `No Experiment with id=${id} exists`, { experiment: id })
    if (found.lifecycle !== 'active')
      throw new AppError('invalid', `The experiment ${id} must be in the 'active' state. Current state is ${found.lifecycle}.`)
  }

  async function needVersions({ experiment, name }: Named, { project }: Actor): Promise<ScorerVersion[]> {
    await needActive(project, experiment)
    const versions = await store.listScorerVersions(sql, project, experiment, name)
    if (versions.length === 0) throw new AppError('not_found', `Scorer with name '${name}' not found for experiment ${experiment}.`)
    return versions
  }

  async function needVersion(asked: Named, caller: Actor): Promise<ScorerVersion> {
    const versions = await needVersions(asked, caller)
    const found = asked.version === undefined ? versions.at(-1) : versions.find((one) => one.version === asked.version)
    if (found) return found
    throw new AppError(
      'not_found',
      `Scorer with name '${asked.name}' and version ${asked.version} not found for experiment ${asked.experiment}.`,
    )
  }

  return {
    /** Adds the next version of a scorer. Throws `invalid`, or `not_found` for the experiment. */
    async register({ experiment, name, definition }: { experiment: string; name: string; definition: string }, caller: Actor) {
      checkScorer(name, definition)
      const { project } = caller
      await needActive(project, experiment)
      return await sql.transaction(async (tx) => {
        const newest = (await store.listScorerVersions(tx, project, experiment, name)).at(-1)
        const version: ScorerVersion = {
          scorer: newest?.scorer ?? ids('scorer'),
          experiment,
          name,
          version: (newest?.version ?? 0) + 1,
          definition,
          createdAt: clock.now(),
        }
        await store.insertScorer(tx, project, version)
        const key = [project, experiment, name, version.version]
        const entry = { caller, reason: 'scorer registered', operation: 'evaluations.registerScorer' }
        await ledger.seal(tx, { ...entry, table: store.scorersTable, key })
        return version
      })
    },
    /** The newest version of each scorer of the experiments, or of all active ones. Throws `not_found` for one named alone. */
    async newest(asked: readonly string[] | undefined, caller: Actor): Promise<ScorerVersion[]> {
      const { project } = caller
      const found: ScorerVersion[] = []
      for (const experiment of asked ?? (await store.experimentsWithScorers(sql, project))) {
        if ((await experiments.experiment(project, experiment))?.lifecycle !== 'active') continue
        const versions = await store.listScorerVersions(sql, project, experiment)
        found.push(...versions.filter((one, i) => versions[i + 1]?.name !== one.name))
      }
      return found
    },
    needActive,
    /** Oldest first. Throws `not_found`. */
    versions: needVersions,
    /** The newest version unless one is named. Throws `not_found`. */
    version: needVersion,
    /** Deletes one version, or all of them. Throws `not_found`. */
    async remove(asked: Named, caller: Actor): Promise<void> {
      const doomed = asked.version === undefined ? await needVersions(asked, caller) : [await needVersion(asked, caller)]
      await sql.transaction(async (tx) => {
        for (const version of doomed) {
          await store.deleteScorer(tx, caller.project, version)
          const key = [caller.project, version.experiment, version.name, version.version]
          const entry = { caller, reason: 'scorer deleted', operation: 'evaluations.deleteScorer' }
          await ledger.seal(tx, { ...entry, table: store.scorersTable, key })
        }
      })
    },
  }
}

function checkScorer(name: string, definition: string): void {
  if (name.trim() === '') throw new AppError('invalid', 'Scorer name cannot be empty or contain only whitespace.')
  if (name.length > NAME_LIMIT_CHARACTERS || name.includes('\0'))
    throw new AppError('invalid', `'name' exceeds the maximum length of ${NAME_LIMIT_CHARACTERS} characters`)
  if (definition.length > DEFINITION_LIMIT_CHARACTERS)
    throw new AppError('invalid', `'serialized_scorer' exceeds the maximum length of ${DEFINITION_LIMIT_CHARACTERS} characters`)
  try {
    JSON.parse(definition)
  } catch {
    throw new AppError('invalid', 'serialized_scorer must be valid JSON')
  }
}
