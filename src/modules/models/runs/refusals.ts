import { AppError } from '../../../contract/errors.ts'
import { invalid } from './limits.ts'
import type { RunRow } from './tables.ts'

/** What is refused in the words that clients of the ecosystem look for. */
export function noRun(id: string): AppError {
  return new AppError('not_found', `Run with id=${id} not found`, { runId: id })
}

export function noExperiment(id: string | number): AppError {
  return new AppError('not_found', `No Experiment with id=${id} exists`, { experimentId: String(id) })
}

export function noLoggedModel(id: string): AppError {
  return new AppError('not_found', `Logged model with ID '${id}' not found.`, { modelId: id })
}

export function noTag(key: string, owner: string): AppError {
  return new AppError('not_found', `No tag with name: ${key} in ${owner}`)
}

export function noModelTag(key: string, id: string): AppError {
  return new AppError('not_found', `No tag with key '${key}' found for model with ID '${id}'.`)
}

/** The refusal to add to a deleted run; `undefined` for one that is not deleted. */
export function needActive({ id, lifecycle }: Pick<RunRow, 'id' | 'lifecycle'>): AppError | undefined {
  if (lifecycle === 'active') return undefined
  return invalid(`The run ${id} must be in the 'active' state. Current state is ${lifecycle}.`)
}

export function inactiveExperiment(id: string): AppError {
  return invalid(`The experiment ${id} must be in the 'active' state. Current state is deleted.`)
}

type Change = { readonly key: string; readonly before: string; readonly value: string }
const advice = 'A param is logged once per run; log one that varies in nested runs, one per value, or as a metric with steps.'

export function paramChanged(runId: string, { key, before, value }: Change): AppError {
  return invalid(
    `Changing param values is not allowed. Param with key='${key}' was already logged with value='${before}' for run ID='${runId}'. Attempted logging new value '${value}'. ${advice}`,
  )
}

export function paramsChanged(runId: string, changes: readonly Change[]): AppError {
  const shown = changes.map(({ key, before, value }) => `{'key': '${key}', 'old_value': '${before}', 'new_value': '${value}'}`)
  return invalid(
    `Changing param values is not allowed. Params were already logged='[${shown.join(', ')}]' for run ID='${runId}'. ${advice}`,
  )
}
