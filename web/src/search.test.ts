import { expect, test } from 'vitest'
import { nameFilter } from './search.ts'

test.each([
  ['  ', undefined],
  [' churn ', "name ILIKE '%churn%'"],
  ["Ada's", `name ILIKE "%Ada's%"`],
  [`a'b"c`, `name ILIKE "%a'b_c%"`],
])('%j is searched for by the filter %j', (words, filter) => {
  expect(nameFilter(words)).toBe(filter)
})
