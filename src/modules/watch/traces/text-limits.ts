import { AppError } from '../../../contract/errors.ts'

export const NAME_LIMIT_CHARACTERS = 4_096
export const SESSION_LIMIT_CHARACTERS = 250
const TAG_KEY_LIMIT_CHARACTERS = 250
const TAG_VALUE_LIMIT_CHARACTERS = 8_000

/** A text as both databases can hold it: the character NUL, which PostgreSQL cannot, becomes the sign for what is unreadable. */
export function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text
}

/** Keys and values as both databases can hold them. */
export function storableTexts(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, value]) => [storable(key), storable(value)]))
}

/** Throws `invalid` when the text is longer than `limit` characters. */
export function checkedText(what: string, text: string, limit: number): string {
  if (text.length <= limit) return storable(text)
  throw new AppError('invalid', `'${what}' exceeds the maximum length of ${limit} characters`)
}

/** Tags of a trace; a value that is too long is cut. Throws `invalid` for a key that is too long. */
export function checkedTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => checkedTag(key, value)))
}

export function checkedTag(key: string, value: string): [string, string] {
  return [checkedText('key', key, TAG_KEY_LIMIT_CHARACTERS), storable(value).slice(0, TAG_VALUE_LIMIT_CHARACTERS)]
}
