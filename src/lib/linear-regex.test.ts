import { expect, test } from 'vitest'
import { compileLinearRegex } from './linear-regex.ts'
import { createRandom } from './random.ts'

const matches = (pattern: string, text: string) => compileLinearRegex(pattern).test(text)

test.each([
  ['abc', 'xabcx', true],
  ['^abc$', 'xabc', false],
  ['a.c', 'a\nc', false],
  ['^(?:a|b|)c$', 'c', true],
  ['[^a-c]', 'abc', false],
  ['[]a]', ']', true],
  ['[a\\-z]', '-', true],
  ['^\\d{2,3}$', '1234', false],
  ['^\\d{2,}$', '1234', true],
  ['\\bcat\\b', 'a cat.', true],
  ['\\bcat\\b', 'concatenate', false],
  ['(?i)GPT-[3-4]', 'use gpt-4 now', true],
  ['(?i)[a-c]x', 'BX', true],
  ['^a*?$', 'aaa', true],
  ['^é+$', 'éé', true],
  ['^.$', '😀', true],
  ['\\.', 'a', false],
  ['', '', true],
  ['a{,2}', 'a{,2}', true],
])('%s on %j: %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})

test.each([
  '(',
  ')',
  '[a',
  'a{3,2}',
  '*a',
  '(?=a)',
  '(?<n>a)',
  '\\1',
  '\\',
  '[z-a]',
  '(a{1000}){1000}',
  '(((){9999}){9999}){9999}',
  `${'('.repeat(60)}${')'.repeat(60)}`,
  'a'.repeat(1_001),
])('%s is refused', (pattern) => {
  expect(() => compileLinearRegex(pattern)).toThrow(SyntaxError)
})

test('says what the engine of the language says, over random expressions and texts', () => {
  const random = createRandom('linear-regex')
  const pick = (from: readonly string[]) => from[random.int(from.length)]!
  const expression = (depth: number): string => {
    const parts = Array.from({ length: 1 + random.int(3) }, () => {
      const atom =
        depth > 0 && random.bernoulli(0.4) ? `(${expression(depth - 1)})` : pick(['a', 'b', '.', '[ab]', '[^a]', '\\w', '^', '$', '\\b'])
      return /^[\^$]|^\\b/.test(atom) ? atom : atom + pick(['', '', '*', '+', '?', '{1,2}'])
    })
    return parts.join(pick(['', '', '|']))
  }
  for (let i = 0; i < 3_000; i++) {
    const pattern = expression(2)
    const text = Array.from({ length: random.int(7) }, () => pick(['a', 'b', 'c', ' '])).join('')
    expect([pattern, text, matches(pattern, text)]).toEqual([pattern, text, new RegExp(pattern).test(text)])
  }
})

test('an expression made to explode is answered', () => {
  expect(matches('^(a+)+$', `${'a'.repeat(5_000)}b`)).toBe(false)
  expect(matches('(x+x+)+y', 'x'.repeat(5_000))).toBe(false)
})
