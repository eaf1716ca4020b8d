import { AppError } from '../../contract/errors.ts'
import { list, message, string } from './fields.ts'

/** Fields that many calls of the registry share. */
export const oneModel = { name: string({ required: true }) }
export const oneVersion = { ...oneModel, version: string({ required: true }) }
export const oneTag = { key: string({ required: true }), value: string() }
export const tagFields = list(message(oneTag))

/** What the ledger keeps as the reason: the protocol has no field for one. */
export const REASON = 'asked by an MLflow client'

export const registryPath = (path: string) => [`/api/2.0/mlflow/${path}`]

const MOST_NAME_CHARACTERS = 256
const MOST_TAG_KEY_CHARACTERS = 250
const MOST_TAG_VALUE_CHARACTERS = 100_000
const MOST_ALIAS_CHARACTERS = 255

/** A model’s name as clients may write it. Throws `invalid` in the words their tests know. */
export function checkedName(name: string): string {
  if (name.trim() === '') throw new AppError('invalid', `Missing value for required parameter 'name'.`)
  if (/[/:]/.test(name)) throw new AppError('invalid', `Invalid model name '${name}'. Names cannot contain '/' or ':'.`)
  if (name === '.' || name === '..' || /\p{Cc}/u.test(name))
    throw new AppError('invalid', `Invalid value ${JSON.stringify(name)} for parameter 'name' supplied: Names cannot be paths.`)
  checkLength('name', name, MOST_NAME_CHARACTERS)
  return name
}

/** The number of a version, which travels as text. */
export function versionNumber(version: string): number {
  const number = /^\d{1,9}$/.test(version) ? Number(version) : 0
  if (number > 0) return number
  throw new AppError('invalid', `Parameter 'version' must be an integer, got '${version}'.`)
}

export function checkedAlias(alias: string): string {
  if (!/^[\w-]+$/.test(alias))
    throw new AppError('invalid', `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`)
  checkLength('Registered model alias name', alias, MOST_ALIAS_CHARACTERS)
  if (alias.toLowerCase() === 'latest') throw new AppError('invalid', `'latest' alias name (case insensitive) is reserved.`)
  if (/^v\d+$/i.test(alias)) throw new AppError('invalid', `Version alias name '${alias}' is reserved.`)
  return alias
}

/** Tags as a record; of a key given twice the last value counts. */
export function checkedTags(tags: readonly { readonly key: string; readonly value?: string }[] = []): Record<string, string> {
  for (const { key, value = '' } of tags) {
    if (!/^[\w\-. :/]+$/u.test(key))
      throw new AppError(
        'invalid',
        `Invalid value ${JSON.stringify(key)} for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`,
      )
    checkLength('key', key, MOST_TAG_KEY_CHARACTERS)
    if (key === 'mlflow.prompt.text' && value.length > MOST_TAG_VALUE_CHARACTERS)
      throw new AppError('invalid', `Prompt text exceeds max length of ${MOST_TAG_VALUE_CHARACTERS} characters.`)
    checkLength('value', value, MOST_TAG_VALUE_CHARACTERS)
  }
  return Object.fromEntries(tags.map(({ key, value = '' }) => [key, value]))
}

function checkLength(what: string, text: string, most: number): void {
  if (text.length > most) throw new AppError('invalid', `'${what}' exceeds the maximum length of ${most} characters: it has ${text.length}`)
}

/** Throws `invalid` for a page of none or of too many. */
export function atMost(name: string, value: number, most: number): number {
  if (value >= 1 && value <= most) return value
  throw new AppError(
    'invalid',
    `Invalid value ${value} for parameter '${name}' supplied: It must be at most ${most}, but got value ${value}`,
  )
}
