import { expect, test } from 'vitest'
import { createNumericCsvReader, numericCsvHeader, numericCsvLine } from './numeric-csv.ts'

function read(...pieces: string[]) {
  const reader = createNumericCsvReader()
  for (const piece of pieces) reader.push(piece)
  const table = reader.end()
  return { names: table.names, columns: table.columns.map((column) => Array.from(column)) }
}

test('what is written is read back, missing values and pieces cut anywhere included', () => {
  const text = numericCsvHeader(['a', 'b']) + numericCsvLine([1.5, Number.NaN]) + numericCsvLine([-2e-7, 3])
  const expected = {
    names: ['a', 'b'],
    columns: [
      [1.5, -2e-7],
      [Number.NaN, 3],
    ],
  }
  for (let cut = 0; cut < text.length; cut++) expect(read(text.slice(0, cut), text.slice(cut))).toEqual(expected)
})

test('lines of other systems and a missing last line break are read', () => {
  expect(read('a,b\r\n1,2\r\n3,4')).toEqual({
    names: ['a', 'b'],
    columns: [
      [1, 3],
      [2, 4],
    ],
  })
})

test('more rows than the first buffer holds', () => {
  expect(read(`a\n${Array.from({ length: 3_000 }, (_, i) => `${i}\n`).join('')}`).columns[0]!.at(-1)).toBe(2_999)
})

test('errors name the line and the column', () => {
  expect(() => read('a,b\n1,x\n')).toThrow('line 2, column b: "x" is no number')
  expect(() => read('a,b\n1\n')).toThrow('line 2 has 1 fields; the header has 2')
  expect(() => read('')).toThrow('the file is empty')
  expect(() => numericCsvHeader(['a,b'])).toThrow('may hold no comma')
})
