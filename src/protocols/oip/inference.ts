import type { Caller } from '../../contract/endpoint.ts'
import { AppError } from '../../contract/errors.ts'
import type { Ids } from '../../infra/ids.ts'
import type { JsonRows } from '../../lib/tensors/json-rows.ts'
import type { Tensor } from '../../lib/tensors/tensor.ts'
import type { Deployments, Live } from '../../modules/serving/deployments/index.ts'
import type { InferCall } from './call.ts'
import type { Statistics } from './statistics.ts'

export type Answer = {
  readonly model: string
  readonly version: number
  readonly id: string
  readonly recorded: boolean
  readonly fallback: boolean
  readonly outputs: readonly Tensor[]
}

/** Which model is meant, and how long and how often the caller asks. */
export type Target = {
  readonly model: string
  readonly version: number | undefined
  readonly deadlineMs: number | undefined
  readonly idempotencyKey: string | undefined
}

type Deps = { readonly deployments: Deployments; readonly ids: Ids; readonly statistics: Statistics }

/** What a deployment adds to a tabular model, and answers when no output is asked for by name. */
const derivedOutputs: ReadonlySet<string> = new Set(['score', 'prediction', 'version'])

/** The one path of every protocol that speaks tensors: what was read goes to the deployment, what it answers is counted. */
export function createInference({ deployments, ids, statistics }: Deps) {
  return {
    live: (caller: Caller, { model, version }: Pick<Target, 'model' | 'version'>): Live =>
      deployments.serving(caller.project, model, version),

    async infer(caller: Caller, live: Live, target: Target, call: InferCall): Promise<Answer> {
      const id = call.id ?? ids('pred')
      const { actor, source, outputs } = call
      const input = { id, ids: call.ids, actor, source, outputs, inputs: inputsFor(live, call), ...limitsOf(target, call.deadlineMs) }
      const startedMs = performance.now()
      try {
        const inferred = await deployments.infer({ ...input, deployment: live.name }, caller)
        const rows = inferred.outputs[0]?.shape[0] ?? 1
        statistics.succeed(live.project, live.name, inferred.version, rows, performance.now() - startedMs)
        return { model: live.name, id, ...inferred }
      } catch (error) {
        statistics.fail(live.project, live.name, live.champion.version, performance.now() - startedMs)
        throw error
      }
    },

    /** The hot path: rows that were read straight from the request’s bytes. */
    async score(caller: Caller, live: Live, target: Target, { id: given, actor, source, count, values }: JsonRows) {
      const id = given ?? ids('pred')
      const rowIds = count === 1 ? [id] : Array.from({ length: count }, (_, row) => `${id}#${row}`)
      const input = { deployment: live.name, ids: rowIds, values, actor, source, ...limitsOf(target, undefined) }
      const startedMs = performance.now()
      try {
        const scored = await deployments.score(input, caller)
        statistics.succeed(live.project, live.name, scored.versions[0]!, count, performance.now() - startedMs)
        return { id, scored }
      } catch (error) {
        statistics.fail(live.project, live.name, live.champion.version, performance.now() - startedMs)
        throw error
      }
    },
  }
}

function limitsOf({ version, deadlineMs, idempotencyKey }: Target, asked: number | undefined) {
  const least = Math.min(asked ?? Number.POSITIVE_INFINITY, deadlineMs ?? Number.POSITIVE_INFINITY)
  return { version, idempotencyKey, deadlineMs: Number.isFinite(least) ? least : undefined }
}

/** A tabular model asked for outputs of its own takes the deployment’s one input by the name it has in the model. */
function inputsFor({ champion: { model } }: Live, { inputs, outputs }: InferCall): readonly Tensor[] {
  if (!model.tabular || inputs.length !== 1 || outputs.every((name) => derivedOutputs.has(name))) return inputs
  return [{ ...inputs[0]!, name: model.inputs[0]!.name }]
}

/** A version as clients write it: a whole number, or nothing for whatever serves. Throws `not_found` for any other text. */
export function versionFrom(model: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new AppError('not_found', `model ${model} has no version ${text}; versions are whole numbers`)
}
