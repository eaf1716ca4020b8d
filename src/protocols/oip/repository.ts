import type { Caller } from '../../contract/endpoint.ts'
import { AppError } from '../../contract/errors.ts'
import type { Deployments } from '../../modules/serving/deployments/index.ts'

/** One model of the repository, as Triton and KServe show it. */
export type IndexEntry = {
  readonly name: string
  readonly version: string
  readonly state: 'READY' | 'UNAVAILABLE'
  readonly reason: string
}

/** The repository extension: what is declared in the caller’s project is what can be loaded. */
export function createRepository(deployments: Deployments) {
  function entryOf(project: string, name: string): IndexEntry {
    try {
      const { champion } = deployments.serving(project, name)
      return { name, version: String(champion.version), state: 'READY', reason: '' }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { name, version: '', state: 'UNAVAILABLE', reason: error.message }
    }
  }

  return {
    async index({ project }: Caller, readyOnly: boolean): Promise<readonly IndexEntry[]> {
      const all = (await deployments.readiness(project)).map(({ name }) => entryOf(project, name))
      return readyOnly ? all.filter(({ state }) => state === 'READY') : all
    },
    /** Throws `not_found`; `unavailable` with the reason; `invalid` for parameters that would load something else than what is declared. */
    async load({ project }: Caller, name: string, parameters: readonly string[]): Promise<void> {
      if (parameters.length > 0)
        throw new AppError(
          'invalid',
          `load takes no parameters (${parameters.join(', ')}): what is declared is loaded; see "setpoint apply"`,
        )
      await deployments.load(project, name)
    },
    async unload({ project, id }: Caller, name: string): Promise<void> {
      await deployments.unload(project, name, id)
    },
  }
}
