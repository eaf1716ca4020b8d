const FARTHEST = 3

/** The candidate that the fewest edits turn `typed` into, whatever the case; undefined when more than three, or half, would be needed. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  const limit = Math.min(FARTHEST, Math.ceil(typed.length / 2))
  const ranked = candidates.map((candidate) => ({ candidate, edits: editsBetween(typed.toLowerCase(), candidate.toLowerCase()) }))
  const best = ranked.sort((a, b) => a.edits - b.edits)[0]
  return best && best.edits <= limit ? best.candidate : undefined
}

/** Levenshtein's distance: insertions, deletions and substitutions of one letter. */
function editsBetween(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++)
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1))
    above = row
  }
  return above[to.length]!
}
