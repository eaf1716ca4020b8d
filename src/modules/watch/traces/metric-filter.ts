import { AppError } from '../../../contract/errors.ts'
import { listed } from '../../../lib/search-filter/grammar.ts'
import { quotedValue, tokensOf, withoutQuotes } from '../../../lib/search-filter/tokens.ts'

/** One condition of a metric: `trace.status = "OK"`, `trace.tag.env = "prod"`, `span.name = …`, `assessment.name = …`. */
export type MetricCondition = {
  readonly of: 'trace' | 'span' | 'assessment'
  readonly what: string
  readonly key: string | undefined
  readonly value: string
}

/** What may be asked of each, and whether it has keys of its own. */
const askable = {
  trace: { status: false, tag: true, metadata: true },
  span: { name: false, status: false, type: false },
  assessment: { name: false, type: false },
} as const satisfies Record<string, Record<string, boolean>>

/** Reads one condition. Throws `invalid` with what is wrong. */
export function metricConditionFrom(text: string): MetricCondition {
  const [name, operator, value, ...rest] = tokensOf(text)
  if (name?.kind !== 'name' || operator === undefined || value === undefined || rest.length > 0)
    throw new AppError('invalid', `Invalid filter: '${text}'. Expected one filter clause.`)
  const [of = '', what = '', ...keys] = partsOf(name.text)
  if (!isOf(of)) throw new AppError('invalid', `Invalid view type '${of}'. Valid values are ${listed(Object.keys(askable))}`)
  const known: Readonly<Record<string, boolean>> = askable[of]
  const needsKey = Object.hasOwn(known, what) ? known[what] : undefined
  if (needsKey === undefined)
    throw new AppError(
      'invalid',
      `Invalid entity '${what}' specified for view type '${of}'. Valid entities are ${listed(Object.keys(known))}`,
    )
  if (needsKey && keys.length === 0)
    throw new AppError('invalid', `Filtering by ${what} requires a key, e.g. '${of}.${what}.<key> = <value>'`)
  if (!needsKey && keys.length > 0)
    throw new AppError('invalid', `Filtering by ${what} does not require a key, use '${of}.${what}' instead`)
  if (operator.text !== '=') throw new AppError('invalid', `Invalid comparator: '${operator.text}', only '=' operator is supported`)
  const wanted = quotedValue(value)
  if (wanted === undefined)
    throw new AppError('invalid', `Expected a quoted string value for ${what} value (e.g. 'my-value'). Got value ${value.text}`)
  return { of, what, key: needsKey ? withoutQuotes(keys.join('.')) : undefined, value: wanted }
}

const isOf = (text: string): text is MetricCondition['of'] => Object.hasOwn(askable, text)

/** The first two parts of a name and the rest, which may hold dots of its own. */
function partsOf(name: string): string[] {
  const [first = '', second, ...rest] = name.split('.')
  return second === undefined ? [first] : rest.length === 0 ? [first, second] : [first, second, rest.join('.')]
}
