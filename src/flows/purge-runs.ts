import type { Verbs } from '../contract/endpoint.ts'
import type { runs as contract } from '../contract/runs.ts'
import type { Clock } from '../infra/clock.ts'
import type { Sql } from '../infra/sql/index.ts'
import { folderFromArtifactUri } from '../lib/artifact-uri.ts'
import type { Ledger } from '../modules/govern/ledger/index.ts'
import type { Artifacts } from '../modules/models/artifacts/index.ts'
import type { Registry } from '../modules/models/registry/index.ts'
import type { Deleted, Runs } from '../modules/models/runs/index.ts'

type Deps = { sql: Sql; clock: Clock; ledger: Ledger; runs: Runs; registry: Registry; artifacts: Artifacts }

const DAY_MS = 86_400_000
const PAGE = 200
const MOST_KEPT_SHOWN = 100

/**
 * Runs and logged models that were deleted long enough ago → kept where a version of the registry names them → their files
 * leave the tree → they are forgotten. The files go first: a purge that is cut off finds the rest again. Content that
 * nothing else names is freed by the collector of artifacts.
 */
export function purgeRuns({ sql, clock, ledger, runs, registry, artifacts }: Deps): Pick<Verbs<typeof contract>, 'purge'> {
  return {
    async purge({ deletedDays, dryRun, reason }, caller) {
      const { project } = caller
      const before = clock.now() - deletedDays * DAY_MS
      const answer = {
        dryRun,
        runs: 0,
        loggedModels: 0,
        files: 0,
        kept: [] as { run: string; model: string; version: number }[],
        keptRuns: 0,
      }

      async function remove({ artifactUri }: Deleted): Promise<void> {
        const folder = folderFromArtifactUri(artifactUri)
        if (!folder || !(await artifacts.stat(project, folder))) return
        answer.files += dryRun ? (await artifacts.measureFolder({ folder }, caller)).files : await artifacts.remove(project, folder)
      }
      const note = { caller, reason, operation: 'runs.purge' }

      for await (const run of pages((after) => runs.deletedRuns(project, before, after, PAGE))) {
        const [named] = (await registry.findVersions(project, { filter: `run_id = '${run.id}'`, limit: 1 })).versions
        if (named) {
          answer.keptRuns += 1
          if (answer.kept.length < MOST_KEPT_SHOWN) answer.kept.push({ run: run.id, model: named.model, version: named.version })
          continue
        }
        await remove(run)
        answer.runs += 1
        if (dryRun) continue
        await sql.transaction(async (tx) => {
          if (await runs.forgetRun(tx, project, run.id)) await ledger.note(tx, { ...note, subject: `run/${run.id}` })
        })
      }
      for await (const model of pages((after) => runs.deletedLoggedModels(project, before, after, PAGE))) {
        await remove(model)
        answer.loggedModels += 1
        if (dryRun) continue
        await sql.transaction(async (tx) => {
          if (await runs.forgetLoggedModel(tx, project, model.id)) await ledger.note(tx, { ...note, subject: `logged_model/${model.id}` })
        })
      }
      return answer
    },
  }
}

async function* pages(read: (after: string) => Promise<readonly Deleted[]>): AsyncGenerator<Deleted> {
  for (let after = ''; ; ) {
    const page = await read(after)
    yield* page
    if (page.length < PAGE) return
    after = page.at(-1)!.id
  }
}
