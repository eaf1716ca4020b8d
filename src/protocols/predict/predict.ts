import type { ReferenceProfile } from '../../contract/drift.ts'
import type { Caller } from '../../contract/endpoint.ts'
import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../../infra/clock.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { parseJson, readBody } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import type { Ids } from '../../infra/ids.ts'
import { medianOf } from '../../lib/drift/profile/profile.ts'
import type { Contribution, Deployments, Live } from '../../modules/serving/deployments/index.ts'
import type { Drift } from '../../modules/watch/drift/index.ts'
import { deadlineFrom, idempotencyKeyFrom } from '../oip/http-limits.ts'
import { readPredictRequest, requestSchema } from './request.ts'

type Deps = {
  readonly deployments: Deployments
  readonly drift: Pick<Drift, 'getProfile'>
  readonly ids: Ids
  readonly clock: Clock
  readonly bodyLimitBytes: number
}
type Explanation = { readonly method: 'occlusion'; readonly contributions: readonly Contribution[] }

/**
 * Predictions for people: features by name in, a class and its score out. Strict: whatever the request holds that it should not
 * is named, with the rule and what was sent, all at once. For models of rows of numbers.
 */
export function predictRoutes(deps: Deps): Route[] {
  const { deployments, ids, clock, bodyLimitBytes } = deps
  const liveOf = async ({ caller, params }: Exchange): Promise<Live> => {
    await deployments.lookUp(caller.project, params.deployment!)
    const live = deployments.serving(caller.project, params.deployment!)
    if (live.champion.model.tabular) return live
    throw new AppError('invalid', `deployment ${live.name} takes tensors, not features by name; use /v2/models/${live.name}/infer`)
  }

  async function predict(exchange: Exchange): Promise<void> {
    const { caller, request: http, response } = exchange
    const live = await liveOf(exchange)
    const { request, problems } = readPredictRequest(parseJson(await readBody(http, bodyLimitBytes)))
    const { instances, features, id = ids('pred'), actor = '', source = '' } = request
    const given = Array.isArray(instances) ? instances : features === undefined ? [] : [features]
    const rows = deployments.rowsFromNames(live, given, (row) => (instances ? `instances.${row}` : 'features'))
    refuse(live, [...problems, ...rows.problems])
    const rowIds = instances ? given.map((_, row) => `${id}#${row}`) : [id]
    const asked = { actor, source, deadlineMs: request.timeout_ms ?? deadlineFrom(http.headers) }
    const scored = await deployments.score(
      { deployment: live.name, ids: rowIds, values: rows.values, ...asked, idempotencyKey: idempotencyKeyFrom(http.headers) },
      caller,
    )
    const width = live.champion.features.length
    const predictions = rowIds.map((rowId, row) => {
      const [score, version] = [scored.scores[row]!, scored.versions[row]!]
      const { prediction, band, reason } = deployments.decide(live, {
        version,
        score,
        values: rows.values.subarray(row * width, (row + 1) * width),
      })
      return { id: rowId, prediction, score, model_version: String(version), ...(band && { band }), ...(reason && { reason }) }
    })
    const explanation = request.explain && (await explain(deps, live, caller, rows.values, scored.versions[0]!, scored.scores[0]!))
    if (!scored.recorded) response.setHeader('setpoint-recorded', 'false')
    sendJson(response, 200, {
      ...(instances ? { predictions } : predictions[0]),
      timestamp: new Date(clock.now()).toISOString(),
      recorded: scored.recorded,
      ...(scored.fallback && { fallback: true }),
      ...(explanation && { explanation }),
    })
  }

  return [
    { method: 'POST', path: '/v1/predict/:deployment', scope: 'predict', handle: predict },
    {
      method: 'GET',
      path: '/v1/predict/:deployment/schema',
      scope: 'read',
      handle: async (exchange) => sendJson(exchange.response, 200, requestSchema(await liveOf(exchange))),
    },
  ]
}

type Problems = Parameters<typeof refuse>[1]
function refuse(live: Live, problems: readonly { field: string; rule: string; received: unknown }[]): void {
  if (problems.length === 0) return
  throw new AppError('invalid', `the request to ${live.name} has ${problems.length} problem(s): ${told(problems)}`, { problems })
}

function told(problems: Problems): string {
  const first = problems.slice(0, 3).map(({ field, rule }) => `${field}: ${rule}`)
  return first.join('; ') + (problems.length > first.length ? ' …' : '')
}

/** Each feature against the median of the reference rows, or as missing where the version has none. */
async function explain(
  { deployments, drift }: Deps,
  live: Live,
  caller: Caller,
  values: Float32Array,
  version: number,
  score: number,
): Promise<Explanation> {
  const profile = await drift.getProfile({ model: live.spec.model, version }, caller).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'not_found') return undefined
    throw error
  })
  const baseline = Float32Array.from(live.champion.features, (name) => medianIn(profile, name))
  const contributions = await deployments.explain({ deployment: live.name, version, values, score, baseline }, caller)
  return { method: 'occlusion', contributions }
}

function medianIn(profile: ReferenceProfile | undefined, name: string): number {
  const feature = profile?.features.find((one) => one.name === name)
  if (!feature || feature.min === null || feature.max === null) return Number.NaN
  return medianOf({ ...feature, min: feature.min, max: feature.max })
}
