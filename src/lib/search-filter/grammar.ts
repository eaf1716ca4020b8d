export type Comparator = '=' | '!=' | '>' | '>=' | '<' | '<=' | 'LIKE' | 'ILIKE' | 'RLIKE' | 'IN' | 'NOT IN' | 'IS NULL' | 'IS NOT NULL'

/** What may be asked of one key. */
export type Field = {
  readonly comparators: readonly Comparator[]
  /** `either` leaves the choice between text and number to the comparator’s owner. */
  readonly value: 'text' | 'number' | 'either'
  /** Begins the complaint about a value of the wrong kind. */
  readonly expected: string
  /** The complaint about a list where none may stand; absent where lists may stand. */
  readonly noList?: string
}

/** What may be searched: the prefixes of names, what they stand for, and what may be asked of each key. */
export type Grammar = {
  /** A prefix as it is written, such as `metrics`, and the entity it stands for, such as `metric`. */
  readonly entities: Readonly<Record<string, string>>
  /** The entities as they are listed to whoever used another. */
  readonly listed: readonly string[]
  /** The entity of a name without prefix. */
  readonly bare: string
  /** What `IS NULL` may be asked of, for the complaint about asking it of something else. */
  readonly nullable: string
  /** Throws `SyntaxError` for a key that cannot be searched. */
  readonly field: (entity: string, key: string) => Field
}

export type Clause = {
  readonly entity: string
  readonly key: string
  readonly comparator: Comparator
  /** `null` beside `IS NULL` and `IS NOT NULL`; a list beside `IN` and `NOT IN`. */
  readonly value: string | number | readonly string[] | null
}

export type Ordering = { readonly entity: string; readonly key: string; readonly ascending: boolean }

export const numericComparators = ['>', '>=', '=', '!=', '<', '<='] as const
export const textComparators = ['=', '!=', 'LIKE', 'ILIKE'] as const

/** Words as clients of the ecosystem know them listed: `['a', 'b']`. */
export function listed(words: readonly string[]): string {
  return `[${words.map((word) => `'${word}'`).join(', ')}]`
}
