import { expect, test } from 'vitest'
import { percentOf } from './split.ts'

const IDS = 20_000
const ids = (prefix: string) => Array.from({ length: IDS }, (_, i) => `${prefix}${i}`)

/** Pearson’s statistic of the counts against equal shares. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}
function counted(bins: number, cells: readonly number[]): number[] {
  const counts = new Array<number>(bins).fill(0)
  for (const cell of cells) counts[cell]! += 1
  return counts
}

// The 99.9 % quantile of chi-square with 99 degrees of freedom is 148.2.
test.each([['request-'], ['pred_01k8'], [''], ['0000000000000000']])(
  'requests named %s… spread evenly over a hundred percents',
  (prefix) => {
    expect(
      chiSquare(
        counted(
          100,
          ids(prefix).map((id) => Math.floor(percentOf('roll_1', id))),
        ),
      ),
    ).toBeLessThan(148.2)
  },
)

test('two rollouts split independently: every pair of deciles is as frequent', () => {
  const cells = ids('request-').map((id) => Math.floor(percentOf('roll_1', id) / 10) * 10 + Math.floor(percentOf('roll_2', id) / 10))
  expect(chiSquare(counted(100, cells))).toBeLessThan(148.2)
})

test('the same request always falls into the same percent, from 0 up to but not 100', () => {
  for (const id of ids('x').slice(0, 1_000)) {
    const percent = percentOf('salt', id)
    expect(percentOf('salt', id)).toBe(percent)
    expect(percent >= 0 && percent < 100).toBe(true)
  }
})
