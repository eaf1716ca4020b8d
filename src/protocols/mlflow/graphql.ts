import { AppError } from '../../contract/errors.ts'
import type { Exchange } from '../../infra/http/route.ts'
import { answerPlan } from '../../lib/graphql/answer.ts'
import { excessOf } from '../../lib/graphql/limits.ts'
import { type Document, parseGraphql } from '../../lib/graphql/parse.ts'
import { type FieldType, type Plan, type PlannedField, planQuery, QueryFault } from '../../lib/graphql/plan.ts'
import { json, readMessage, string } from './fields.ts'
import { mlflowSchema } from './graphql-schema.ts'
import { type Rpc, rpc } from './rpc.ts'

const limits = { depth: 10, selections: 1_000, rootFields: 10, aliases: 10 }

type Source = Readonly<Record<string, unknown>>

/** The calls of the protocol’s own web pages that ask by GraphQL; they are answered by `rpcs`, for the same caller. */
export function graphqlRpcs(rpcs: readonly Rpc[]): Rpc[] {
  const calls = new Map(rpcs.map((call) => [call.name, call]))
  return [
    rpc({
      name: 'graphql',
      method: 'POST',
      paths: ['/graphql'],
      scope: 'read',
      fields: { query: string({ required: true }), operation_name: string(), variables: json() },
      async handle({ query, operation_name, variables }, exchange) {
        const planned = plan(query, operation_name, variables)
        if ('fault' in planned) return { data: null, errors: [planned.fault] }
        const resolve = resolver(calls, exchange)
        const { data, errors } = await answerPlan<Source>(planned.plan, {}, { resolve, told })
        return { data, errors: errors.length > 0 ? errors : null }
      },
    }),
  ]
}

function plan(query: string, operation: string | undefined, variables: unknown): { plan: Plan } | { fault: string } {
  try {
    const document: Document = parseGraphql(query)
    const excess = excessOf(document, limits)
    if (excess) return { fault: excess }
    return { plan: planQuery(mlflowSchema, document, { operation, variables: variablesFrom(variables) }) }
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof QueryFault) return { fault: thrown.message }
    throw thrown
  }
}

function variablesFrom(given: unknown): Source {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new QueryFault('Variables must be an object.')
  return given as Source
}

function told(thrown: unknown): string {
  if (thrown instanceof AppError) return thrown.message
  throw thrown
}

function resolver(calls: ReadonlyMap<string, Rpc>, exchange: Exchange): (field: PlannedField, source: Source) => unknown {
  const experiments = new Map<string, Promise<unknown>>()
  return (planned, source) => {
    const { of, name, given } = planned
    if (name === '__typename') return of
    if (of === 'Query' || of === 'Mutation') {
      if (planned.field.type === 'Test') return { output: given.inputString }
      return ask(callOf(name), (given.input ?? {}) as Source)
    }
    if (of === 'MlflowRun' && name === 'experiment') return experimentOf(idIn(source, 'experiment_id'))
    if (of === 'MlflowRun' && name === 'modelVersions') return versionsOf(idIn(source, 'run_id'))
    return asTold(planned.field, source[snakeCase(name)])
  }

  async function ask(name: string, input: Source): Promise<Source> {
    const call = calls.get(name)!
    const result = readMessage(call.fields, input, JSON.stringify(input))
    if ('fault' in result) throw new AppError('invalid', result.fault)
    return (await call.handle(result.read as never, exchange)) as Source
  }

  /** Runs listed together are mostly of one experiment. */
  async function experimentOf(experimentId: string): Promise<unknown> {
    const known = experiments.get(experimentId) ?? ask('getExperiment', { experimentId }).then(({ experiment }) => experiment)
    experiments.set(experimentId, known)
    return await known
  }

  async function versionsOf(runId: string): Promise<unknown> {
    const { model_versions } = await ask('searchModelVersions', { filter: `run_id='${runId}'` })
    return model_versions ?? []
  }
}

/** `mlflowGetRun` is answered by the call `getRun`. */
function callOf(field: string): string {
  const name = field.slice('mlflow'.length)
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function idIn(run: Source, name: string): string {
  return String((run.info as Source)[name])
}

/** What is not told has the value that a protocol buffer gives it; 64-bit numbers are texts, and no number is null. */
function asTold({ type, isObject, many }: FieldType, value: unknown): unknown {
  if (many) return value ?? []
  if (isObject) return value ?? (type === 'ApiError' ? null : {})
  if (type === 'LongString') return String(value ?? 0)
  if (type === 'Float') return typeof value === 'number' && Number.isFinite(value) ? value : value === undefined ? 0 : null
  return value ?? (type === 'Boolean' ? false : '')
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
