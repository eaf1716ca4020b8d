import { AppError } from '../../../contract/errors.ts'
import { nextCronMs } from '../../../infra/jobs/index.ts'
import type { Rule } from '../../govern/documents/index.ts'

/** What every row of the output carries beside its key. */
const taken: ReadonlySet<string> = new Set(['ds', 'score', 'prediction', 'model_version', 'run_id', 'scored_at'])

/** Refuses, before it is accepted, a document whose runs could only fail, or would overwrite each other. */
export const checkBatch: Rule<'BatchScoring'> = ({ metadata: { name }, spec }) => {
  const { source, destination, schedule, on } = spec
  const refuse = (path: string, problem: string): never => {
    throw new AppError('invalid', `BatchScoring ${name}: spec.${path}: ${problem}`)
  }
  for (const [part, at] of [
    ['source', source],
    ['destination', destination],
  ] as const)
    if (at.kind === 'sql' && (at.file === undefined) === (at.urlFrom === undefined)) refuse(part, 'name either file or urlFrom')
  if (source.kind === 'sql') {
    if ((source.query === undefined) === (source.table === undefined)) refuse('source', 'name either query or table')
    if (source.query !== undefined && !/^\s*(select|with)\b/i.test(source.query)) refuse('source.query', 'one SELECT is needed')
    if (source.freshWithinMs !== undefined && source.timeColumn === undefined)
      refuse('source.freshWithinMs', 'a query needs timeColumn to be judged by')
  }
  if (source.kind === 'columns' && (source.lookups.length > 0 || source.freshWithinMs !== undefined))
    refuse('source', 'recorded predictions have neither lookups nor freshWithinMs')
  if ('path' in destination && !destination.path.includes('{ds}'))
    refuse('destination.path', 'put {ds} into it, or each day overwrites the one before')
  if ('path' in destination && destination.path.includes('*')) refuse('destination.path', 'a destination is one file')
  if ('path' in destination && 'path' in source && destination.path === source.path) refuse('destination.path', 'it is the source')
  if (taken.has(source.keyColumn))
    refuse('source.keyColumn', `the output has a column ${source.keyColumn} of its own; give the key another name`)
  const names = source.lookups.map((lookup) => lookup.name)
  if (new Set(names).size < names.length) refuse('source.lookups', 'two have the same name')
  const timeZone = schedule?.timeZone ?? (source.kind === 'columns' ? source.timeZone : 'UTC')
  nextCronMs({ cron: schedule?.cron ?? '0 0 * * *', timeZone }, 0)
  if (on?.event === 'batch.run_succeeded' && (on.batch === undefined || on.batch === name))
    refuse('on.batch', 'name another BatchScoring to wait for')
  if (on?.event === 'registry.alias_moved' && typeof spec.version === 'number') refuse('on.event', 'a fixed version is moved by no alias')
}
