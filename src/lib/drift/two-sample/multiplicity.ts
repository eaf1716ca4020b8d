/**
 * Holm's adjusted p-values (1979), in the order given: rejecting those at most α keeps the probability of even one false
 * rejection at α, however the tests depend on one another. Throws RangeError on a value outside [0, 1].
 */
export function holmAdjusted(pValues: readonly number[]): number[] {
  const count = pValues.length
  let most = 0
  return adjusted(pValues, (order) =>
    order.map((p, rank) => {
      most = Math.max(most, Math.min(1, p * (count - rank)))
      return most
    }),
  )
}

/**
 * Benjamini & Hochberg's adjusted p-values (1995), in the order given: rejecting those at most α keeps the expected share of false
 * ones among the rejected at α, for tests that are independent or positively dependent. Throws RangeError on a value outside
 * [0, 1].
 */
export function benjaminiHochbergAdjusted(pValues: readonly number[]): number[] {
  const count = pValues.length
  return adjusted(pValues, (order) => {
    let least = 1
    return order
      .map((_, back) => {
        const rank = count - 1 - back
        least = Math.min(least, (order[rank]! * count) / (rank + 1))
        return least
      })
      .reverse()
  })
}

function adjusted(pValues: readonly number[], adjust: (ascending: readonly number[]) => readonly number[]): number[] {
  for (const p of pValues) if (!(p >= 0 && p <= 1)) throw new RangeError(`a p-value lies in [0, 1], not ${p}`)
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!)
  const values = adjust(order.map((i) => pValues[i]!))
  const result = new Array<number>(pValues.length)
  order.forEach((i, rank) => {
    result[i] = values[rank]!
  })
  return result
}
