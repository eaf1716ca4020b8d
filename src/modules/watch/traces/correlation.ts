/** How often two conditions hold, apart and together, among `total` traces. */
export type Counts = { readonly total: number; readonly first: number; readonly second: number; readonly both: number }

/** Weight of Jeffreys’ prior, added to each of the four cells of the table. */
const JEFFREYS_PRIOR = 0.5

/**
 * Normalised pointwise mutual information of two conditions, from −1 (never together) over 0 (independent) to 1 (always
 * together), and the same smoothed for small samples. NaN where it is not defined: when one of them never holds.
 * Bouma, “Normalized (Pointwise) Mutual Information in Collocation Extraction” (2009), equation 6.
 */
export function npmiFrom({ total, first, second, both }: Counts): { npmi: number; smoothed: number } {
  const cells = [both, first - both, second - both, total - first - second + both] as const
  if (total <= 0 || first === 0 || second === 0 || Math.min(...cells) < 0) return { npmi: Number.NaN, smoothed: Number.NaN }
  return { npmi: both === 0 ? -1 : npmi(cells, 0), smoothed: npmi(cells, JEFFREYS_PRIOR) }
}

function npmi([both, onlyFirst, onlySecond, neither]: readonly [number, number, number, number], added: number): number {
  if (onlyFirst === 0 && onlySecond === 0 && neither === 0) return 1
  const joint = both + added
  const total = both + onlyFirst + onlySecond + neither + 4 * added
  const first = joint + onlyFirst + added
  const second = joint + onlySecond + added
  const information = Math.log(joint) + Math.log(total) - Math.log(first) - Math.log(second)
  return Math.max(-1, Math.min(1, information / (Math.log(total) - Math.log(joint))))
}
