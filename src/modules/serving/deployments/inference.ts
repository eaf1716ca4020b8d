import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Log } from '../../../infra/log.ts'
import { floatsFromTensor, scorePerRow } from '../../../lib/tensors/rows.ts'
import type { Tensor } from '../../../lib/tensors/tensor.ts'
import { type AnswerDeps, attempt } from './answer.ts'
import { predictionOf } from './decide.ts'
import type { Live, LoadedVersion } from './live.ts'
import type { Scoring } from './scoring.ts'
import { percentOf } from './split.ts'

export type TensorsInput = {
  readonly id: string
  /** Ids of the rows, where the caller names them. */
  readonly ids?: readonly string[]
  readonly actor: string
  readonly source: string
  readonly inputs: readonly Tensor[]
  /** Names of the model’s outputs that are wanted; all when empty. */
  readonly outputs: readonly string[]
  readonly signal?: AbortSignal
}
export type Inferred = {
  readonly version: number
  readonly outputs: readonly Tensor[]
  readonly recorded: boolean
  readonly fallback: boolean
}

/** Wider rows are answered and recorded without their features. */
const MOST_RECORDED_FEATURES = 4_096

/**
 * Runs tensors of any kind through the version that the request falls to, whole, and records it: the features where they are
 * rows of numbers, the score where the model gives one a row.
 */
export function createInference({ telemetry, clock, nowUs, scoring, log }: AnswerDeps & { readonly scoring: Scoring; readonly log: Log }) {
  return async (live: Live, input: TensorsInput): Promise<Inferred> => {
    const startedUs = nowUs()
    const pace = scoring.pace(live)
    const chosen = chosenFor(live, input.id)
    pace.enter(1)
    try {
      const { served, outputs, fallback } = await run(live, chosen, input)
      const recorded = record(live, input, served, outputs, startedUs)
      return { version: served.version, outputs: wantedOf(outputs, input.outputs), recorded, fallback }
    } finally {
      pace.leave(1)
    }
  }

  async function run(live: Live, chosen: LoadedVersion, { inputs, outputs: wanted, signal }: TensorsInput) {
    const options = (version: LoadedVersion) => ({ outputs: withScore(version, wanted), signal })
    try {
      return { served: chosen, outputs: await chosen.model.infer(inputs, options(chosen)), fallback: false }
    } catch (error) {
      // A request that no version takes is the caller’s own fault.
      if (!live.fallback || (error instanceof AppError && error.code === 'invalid')) throw error
      log.warn('serving.fallback', { project: live.project, deployment: live.name, version: chosen.version, error: messageFrom(error) })
      return { served: live.fallback, outputs: await live.fallback.model.infer(inputs, options(live.fallback)), fallback: true }
    }
  }

  function record(live: Live, input: TensorsInput, served: LoadedVersion, outputs: readonly Tensor[], startedUs: number): boolean {
    const rows = rowsOf(input.inputs)
    const width = rows === undefined ? 0 : rows.values.length / rows.count
    const scores = scoresOf(served, outputs, rows?.count ?? 1)
    const latencyUs = nowUs() - startedUs
    const atMs = clock.now()
    let recorded = true
    for (let row = 0; row < (rows?.count ?? 1); row++) {
      const score = scores?.[row] ?? Number.NaN
      const values = rows === undefined ? new Float32Array(0) : rows.values.subarray(row * width, (row + 1) * width)
      const one = {
        project: live.project,
        deployment: live.name,
        model: live.spec.model,
        version: served.version,
        role: served === live.challenger ? ('challenger' as const) : live.role,
        recordId: input.ids?.[row] ?? (rows === undefined || rows.count === 1 ? input.id : `${input.id}#${row}`),
        atMs,
        actor: input.actor,
        source: input.source,
        features: values,
        score,
        prediction: Number.isNaN(score) ? Number.NaN : predictionOf(live, served, score, values),
        otherVersion: 0,
        otherScore: Number.NaN,
        latencyUs,
      }
      recorded = attempt(() => telemetry.record(one)) && recorded
    }
    return attempt(() => telemetry.flush()) && recorded
  }
}

/** In a canary the id decides; in shadow the champion answers. */
function chosenFor(live: Live, id: string): LoadedVersion {
  return live.challenger && live.route.mode === 'canary' && percentOf(live.salt, id) < live.route.percent ? live.challenger : live.champion
}

function withScore({ model }: LoadedVersion, wanted: readonly string[]): readonly string[] {
  return wanted.length === 0 || model.scoreOutput === null || wanted.includes(model.scoreOutput) ? wanted : [...wanted, model.scoreOutput]
}

function wantedOf(outputs: readonly Tensor[], wanted: readonly string[]): readonly Tensor[] {
  return wanted.length === 0 ? outputs : wanted.map((name) => outputs.find((output) => output.name === name)!)
}

/** One matrix of numbers is rows; anything else is one request without rows. */
function rowsOf(inputs: readonly Tensor[]): { count: number; values: Float32Array } | undefined {
  const [input, ...others] = inputs
  if (!input || others.length > 0 || input.shape.length !== 2) return undefined
  const [count, width] = input.shape as [number, number]
  if (count === 0 || width === 0 || width > MOST_RECORDED_FEATURES) return undefined
  const values = floatsFromTensor(input)
  return values && { count, values }
}

function scoresOf({ model }: LoadedVersion, outputs: readonly Tensor[], rows: number): Float32Array | undefined {
  const output = outputs.find(({ name }) => name === (model.scoreOutput ?? outputs[0]?.name))
  const values = output && floatsFromTensor(output)
  return values && scorePerRow(values, rows)
}
