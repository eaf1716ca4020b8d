import type { Runs } from '../../modules/models/runs/index.ts'
import { experimentRpcs } from './experiments.ts'
import { inputRpcs } from './inputs.ts'
import { loggedModelRpcs } from './logged-models.ts'
import { metricRpcs } from './metrics.ts'
import type { Rpc } from './rpc.ts'
import { runRpcs } from './runs.ts'
import { loggingRpcs } from './runs-logging.ts'

/** Experiments, runs, metrics, datasets and logged models, as tracking clients speak of them. */
export function trackingRpcs(deps: { readonly runs: Runs }): Rpc[] {
  return [experimentRpcs, runRpcs, loggingRpcs, metricRpcs, inputRpcs, loggedModelRpcs].flatMap((rpcs) => rpcs(deps))
}
