import { AppError } from '../../contract/errors.ts'
import type { ScorerVersion } from '../../contract/evaluations.ts'
import type { EvaluationDeps } from './evaluation-datasets.ts'
import { int32, list, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'

const base = '/api/3.0/mlflow/scorers'
const experiment_id = string({ required: true })
const name = string({ required: true })

/** Scorers of experiments, in versions. */
export function scorerRpcs({ evaluations: { scorers } }: EvaluationDeps): Rpc[] {
  return [
    rpc({
      name: 'registerScorer',
      method: 'POST',
      paths: [`${base}/register`],
      scope: 'write',
      fields: { experiment_id, name, serialized_scorer: string({ required: true }) },
      async handle({ experiment_id: experiment, name, serialized_scorer: definition }, { caller }) {
        const made = await scorers.register({ experiment, name, definition }, caller)
        return {
          version: made.version,
          scorer_id: made.scorer,
          experiment_id: made.experiment,
          name: made.name,
          serialized_scorer: made.definition,
          creation_time: made.createdAt,
        }
      },
    }),
    rpc({
      name: 'listScorers',
      method: 'GET',
      paths: [`${base}/list`],
      scope: 'read',
      fields: { experiment_id: string(), experiment_ids: list(string()) },
      async handle({ experiment_id: experiment, experiment_ids: several }, { caller }) {
        if (experiment && several)
          throw new AppError('invalid', "Cannot specify both 'experiment_id' and 'experiment_ids'; give the ids of all in the latter.")
        if (experiment) await scorers.needActive(caller.project, experiment)
        return { scorers: (await scorers.newest(experiment ? [experiment] : several, caller)).map(scorerMessage) }
      },
    }),
    rpc({
      name: 'listScorerVersions',
      method: 'GET',
      paths: [`${base}/versions`],
      scope: 'read',
      fields: { experiment_id, name },
      async handle({ experiment_id: experiment, name }, { caller }) {
        return { scorers: (await scorers.versions({ experiment, name }, caller)).map(scorerMessage) }
      },
    }),
    rpc({
      name: 'getScorer',
      method: 'GET',
      paths: [`${base}/get`],
      scope: 'read',
      fields: { experiment_id, name, version: int32() },
      async handle({ experiment_id: experiment, name, version }, { caller }) {
        return { scorer: scorerMessage(await scorers.version({ experiment, name, version }, caller)) }
      },
    }),
    rpc({
      name: 'getOnlineScoringConfigs',
      method: 'GET',
      paths: [`${base}/online-configs`],
      scope: 'read',
      fields: { scorer_ids: list(string(), { required: true }) },
      // Scorers are never run here, so none has a configuration to run by.
      handle: async () => ({ configs: [] }),
    }),
    rpc({
      name: 'upsertOnlineScoringConfig',
      method: 'PUT',
      paths: [`${base}/online-config`],
      scope: 'write',
      fields: { experiment_id, name },
      async handle() {
        throw new AppError(
          'unsupported',
          'scorers are kept here but never run; score traces with a client, or stop asking for a sample rate',
        )
      },
    }),
    rpc({
      name: 'deleteScorer',
      method: 'DELETE',
      paths: [`${base}/delete`],
      scope: 'write',
      fields: { experiment_id, name, version: int32() },
      async handle({ experiment_id: experiment, name, version }, { caller }) {
        await scorers.remove({ experiment, name, version }, caller)
        return {}
      },
    }),
  ]
}

/** The message holds the experiment’s id as a number, as ids of experiments are. */
function scorerMessage(scorer: ScorerVersion): object {
  return {
    experiment_id: Number(scorer.experiment),
    scorer_name: scorer.name,
    scorer_version: scorer.version,
    serialized_scorer: scorer.definition,
    creation_time: scorer.createdAt,
    scorer_id: scorer.scorer,
  }
}
