import { AppError } from '../../../contract/errors.ts'
import type { DatasetInput, LoggedMetric, Pair } from './entities.ts'

const MOST_KEY_CHARACTERS = 250
const MOST_PARAM_CHARACTERS = 6_000
const MOST_TAG_CHARACTERS = 8_000
/** Those of a logged model come from libraries that describe themselves at length: whole prompts, nested settings. */
const MOST_MODEL_KEY_CHARACTERS = 255
const MOST_MODEL_VALUE_CHARACTERS = 65_535
const MOST_EXPERIMENT_NAME_CHARACTERS = 500
const MOST_EXPERIMENT_TAG_CHARACTERS = 20_000
const MOST_LOCATION_CHARACTERS = 2_048
const MOST_METRICS_PER_BATCH = 1_000
const MOST_PAIRS_PER_BATCH = 100
const MOST_ENTITIES_PER_BATCH = 1_000
const MOST_DATASETS_PER_CALL = 1_000
const MOST_RESULTS = 50_000
/** The largest number whose neighbours a double can still tell apart. */
const MOST_WHOLE = Number.MAX_SAFE_INTEGER

const datasetLimits = [
  ['name', 500],
  ['digest', 36],
  ['source', 65_535],
  ['schema', 1_048_575],
  ['profile', 16_777_215],
] as const

export function invalid(message: string): AppError {
  return new AppError('invalid', message)
}

function invalidValue(path: string, value: unknown, why: string): AppError {
  return invalid(`Invalid value ${JSON.stringify(value)} for parameter '${path}' supplied: ${why}`)
}

/** Throws `invalid` when `text` has more than `limit` characters, or one that no store keeps. */
export function checkLength(what: string, text: string, limit: number): void {
  // A text of n UTF-16 units has at most n characters, so most texts need no counting.
  if (text.length > limit && [...text].length > limit) throw invalid(`'${what}' exceeds the maximum length of ${limit} characters`)
  checkStorable(what, text)
}

function checkStorable(what: string, text: string): void {
  if (text.includes('\0')) throw invalid(`'${what}' holds the character U+0000, which cannot be stored; remove it`)
}

/** The name of a metric, param or tag: such that it stays one name when it is used as a path. Throws `invalid`. */
function checkKey(key: string, path: string): void {
  if (!/^[/\p{L}\p{N}_.\- :]*$/u.test(key))
    throw invalidValue(
      path,
      key,
      'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).',
    )
  const resolved = normalPath(key)
  if (resolved !== key || resolved === '.' || resolved.startsWith('..') || resolved.startsWith('/'))
    throw invalidValue(
      path,
      key,
      `Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${resolved}'`,
    )
}

/** A POSIX path without empty parts, `.` and `..` where they can be resolved. */
function normalPath(path: string): string {
  const isRooted = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..' || parts.at(-1) === '..' || (parts.length === 0 && !isRooted)) parts.push(part)
    else parts.pop()
  }
  return (isRooted ? '/' : '') + parts.join('/') || '.'
}

/** Throws `invalid` for a number that is not whole, or so large that its neighbours are the same. */
export function checkWhole(path: string, value: number): void {
  if (!Number.isSafeInteger(value)) throw invalidValue(path, value, `It must be a whole number between -${MOST_WHOLE} and ${MOST_WHOLE}.`)
}

function checkMetric(metric: LoggedMetric, path: string): void {
  checkKey(metric.key, path === '' ? 'name' : `${path}.name`)
  checkLength('Metric name', metric.key, MOST_KEY_CHARACTERS)
  const prefix = path === '' ? '' : `${path}.`
  if (metric.at < 0 || Math.abs(metric.at) > MOST_WHOLE)
    throw invalidValue(
      `${prefix}timestamp`,
      metric.at,
      `metric '${metric.key}' (value=${metric.value}). Timestamp must be a nonnegative long (64-bit integer) `,
    )
  if (Math.abs(metric.step) > MOST_WHOLE)
    throw invalidValue(`${prefix}step`, metric.step, `metric '${metric.key}' (value=${metric.value}). Step must be at most ${MOST_WHOLE}.`)
  for (const text of [metric.modelId, metric.datasetName, metric.datasetDigest]) if (text !== undefined) checkLength('metric', text, 500)
}

/** The param, its value cut to what is kept of one. Throws `invalid`. */
function checkedParam({ key, value }: Pair, path: string): Pair {
  checkKey(key, path)
  checkLength('Param key', key, MOST_KEY_CHARACTERS)
  checkStorable('Param value', value)
  return { key, value: cut(value, MOST_PARAM_CHARACTERS) }
}

function checkedTag({ key, value }: Pair, path: string): Pair {
  checkKey(key, path)
  checkLength(path, key, MOST_KEY_CHARACTERS)
  checkStorable(path, value)
  return { key, value: cut(value, MOST_TAG_CHARACTERS) }
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : [...text].slice(0, limit).join('')
}

/** Throws `invalid` for a tag that an experiment cannot carry. */
export function checkExperimentTag({ key, value }: Pair): void {
  checkKey(key, 'key')
  checkLength('key', key, MOST_KEY_CHARACTERS)
  checkLength('value', value, MOST_EXPERIMENT_TAG_CHARACTERS)
}

export function checkExperimentName(name: string): void {
  if (name === '') throw invalid(`Invalid experiment name: '${name}'`)
  checkLength('name', name, MOST_EXPERIMENT_NAME_CHARACTERS)
}

/** Throws `invalid` for a place where artifacts cannot be kept. */
export function checkArtifactLocation(location: string): void {
  if (location.length > MOST_LOCATION_CHARACTERS)
    throw invalid(
      `Invalid artifact path length. The length of the artifact path cannot be greater than ${MOST_LOCATION_CHARACTERS} characters.`,
    )
  checkStorable('artifact_location', location)
  if (location.startsWith('runs:')) throw invalid(`Artifact location cannot be a runs:/ URI. Given: '${location}'`)
  if (location.includes('#')) throw invalid(`'artifact_location' URL can't include fragments or params.`)
  if (isClimbing(location)) throw invalid(`Invalid artifact location '${location}': '..' may not stand in it`)
}

function isClimbing(location: string): boolean {
  let text = location
  for (let round = 0; round < 5; round++) {
    if (/(^|[\\/?=&])\.\.([\\/?=&]|$)/.test(text)) return true
    const decoded = decoded1(text)
    if (decoded === text) return false
    text = decoded
  }
  return true
}

function decoded1(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // What is no percent-encoding stands for itself.
    return text
  }
}

export type Batch = { readonly metrics: readonly LoggedMetric[]; readonly params: readonly Pair[]; readonly tags: readonly Pair[] }

/** The batch as it will be kept. Throws `invalid` naming the first entry that is wrong, or the limit it passes. */
export function checkedBatch({ metrics, params, tags }: Batch, single = false): Batch {
  const at = (list: string, i: number) => (single ? '' : `${list}[${i}]`)
  const keyAt = (list: string, i: number) => (single ? 'key' : `${list}[${i}].key`)
  checkCount('metrics', metrics.length, MOST_METRICS_PER_BATCH)
  checkCount('params', params.length, MOST_PAIRS_PER_BATCH)
  checkCount('tags', tags.length, MOST_PAIRS_PER_BATCH)
  checkCount('metrics, params, and tags', metrics.length + params.length + tags.length, MOST_ENTITIES_PER_BATCH)
  for (const [i, metric] of metrics.entries()) checkMetric(metric, at('metrics', i))
  const kept = {
    metrics,
    params: params.map((param, i) => checkedParam(param, keyAt('params', i))),
    tags: tags.map((tag, i) => checkedTag(tag, keyAt('tags', i))),
  }
  const keys = kept.params.map((param) => param.key)
  const twice = keys.filter((key, i) => keys.indexOf(key) !== i)
  if (twice.length > 0)
    throw invalid(
      `Duplicate parameter keys have been submitted: [${twice.map((key) => `'${key}'`).join(', ')}]. Please ensure the request contains only one param value per param key.`,
    )
  return kept
}

function checkCount(what: string, count: number, limit: number): void {
  if (count > limit)
    throw invalid(
      `A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. Please split up ${what} across multiple requests and try again.`,
    )
}

/** The tags of a new run, which a batch may not hold more of either. Throws `invalid`. */
export function checkedTags(tags: readonly Pair[]): Pair[] {
  return tags.map((tag, i) => checkedTag(tag, `tags[${i}].key`))
}

/** Throws `invalid` naming the part of a dataset that is too long. */
export function checkDatasetInputs(inputs: readonly DatasetInput[]): void {
  if (inputs.length > MOST_DATASETS_PER_CALL)
    throw invalid(`at most ${MOST_DATASETS_PER_CALL} datasets can be logged at once; log the rest in another call`)
  for (const { dataset, tags } of inputs) {
    for (const [part, limit] of datasetLimits) checkLength(part, dataset[part] ?? '', limit)
    checkLength('source_type', dataset.sourceType, 36)
    for (const { key, value } of tags) {
      checkLength('key', key, 255)
      checkLength('value', value, 500)
    }
  }
}

export function checkRunId(runId: string): void {
  if (!/^[a-zA-Z0-9][\p{L}\p{N}_-]{0,255}$/u.test(runId))
    throw invalid(`Invalid value ${JSON.stringify(runId)} for parameter 'run_id' supplied.`)
}

export function checkMaxResults(maxResults: number, limit = MOST_RESULTS): void {
  const refuse = (rule: string) => invalid(`Invalid value ${maxResults} for parameter 'max_results' supplied. It must be ${rule}`)
  if (maxResults < 1) throw refuse('a positive integer')
  if (maxResults > limit) throw refuse(`at most ${limit}`)
}

/** The number of an experiment. Throws `invalid` for an id that is no whole number. */
export function experimentNumber(id: string): number {
  const number = /^\s*-?\d{1,15}\s*$/.test(id) ? Number(id) : Number.NaN
  if (Number.isNaN(number)) throw invalid(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`)
  return number
}

export function checkLoggedModelName(name: string): void {
  const bad = ['/', ':', '.', '%', '"', "'"]
  if (name === '' || bad.some((character) => name.includes(character)))
    throw invalid(
      `Invalid model name ('${name}') provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`,
    )
  checkLength('name', name, MOST_EXPERIMENT_NAME_CHARACTERS)
}

/** Params and tags of a logged model. Throws `invalid`. */
export function checkModelPairs(pairs: readonly Pair[], what: 'params' | 'tags'): void {
  if (pairs.length > MOST_ENTITIES_PER_BATCH) throw invalid(`at most ${MOST_ENTITIES_PER_BATCH} ${what} can be logged at once`)
  for (const { key, value } of pairs) {
    if (key === '') throw invalid(`Missing value for required parameter '${what}.key'.`)
    checkLength('key', key, MOST_MODEL_KEY_CHARACTERS)
    checkLength('value', value, MOST_MODEL_VALUE_CHARACTERS)
  }
}
