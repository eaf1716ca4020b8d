import { checkBetween, checkCount, checkNumber, createFromRule, type Signal, type StreamingDetector, type StreamState } from './detector.ts'

export type AdwinOptions = {
  /** The significance of one comparison of two parts of the window. 0.002 if not given. */
  readonly delta?: number
  /** Samples from one look for a change to the next. 32 if not given. */
  readonly clock?: number
  /** Buckets of one size before the two oldest become one of twice the size. 5 if not given. */
  readonly maxBuckets?: number
  /** The fewest samples on either side of a cut. 5 if not given. */
  readonly minWindowLength?: number
  /** Samples before the first look. 10 if not given. */
  readonly gracePeriod?: number
}

/** `levels[i]` holds buckets of 2^i samples each, oldest first: the sum and the sum of squared deviations of each. */
type Level = { sums: number[]; squares: number[] }
type Memory = { levels: Level[]; total: number; squares: number; width: number; ticks: number }
type Options = Required<AdwinOptions>

/**
 * ADWIN: a window of past samples that is cut where the means of its two parts differ by more than a bound of Bernstein
 * type (Bifet & Gavaldà 2007, "Learning from time-changing data with adaptive windowing", §4; the variance of buckets as in
 * Babcock et al. 2003). Memory O(log n). Takes any finite number; the bound is meant for numbers in [0, 1]. After a drift it
 * begins afresh, as River's does, and does not keep the newer part. Throws RangeError for options that make no sense.
 *
 * `merge` is an approximation: sums, squared deviations and width are those of all samples, but buckets of one size lie next
 * to each other, so the large ones of the later stream come before the small ones of the earlier.
 */
export function createAdwin(options: AdwinOptions = {}, state?: StreamState): StreamingDetector {
  const full: Options = { delta: 0.002, clock: 32, maxBuckets: 5, minWindowLength: 5, gracePeriod: 10, ...options }
  checkBetween('delta', full.delta, 0, 1)
  checkCount('clock', full.clock, 1)
  checkCount('maxBuckets', full.maxBuckets, 1)
  checkCount('minWindowLength', full.minWindowLength, 1)
  checkCount('gracePeriod', full.gracePeriod, 0)
  const fresh = (): Memory => ({ levels: [{ sums: [], squares: [] }], total: 0, squares: 0, width: 0, ticks: 0 })
  const step = (memory: Memory, value: number): Signal => {
    insert(memory, value, full.maxBuckets)
    memory.ticks++
    if (memory.ticks % full.clock !== 0 || memory.width <= full.gracePeriod) return 'stable'
    let drift = false
    while (hasCut(memory, full)) {
      drift = true
      dropOldest(memory)
    }
    return drift ? 'drift' : 'stable'
  }
  return createFromRule({ kind: 'adwin', options: full, fresh, check: checkNumber, step, merge: mergeInto(full.maxBuckets) }, state)
}

function insert(memory: Memory, value: number, maxBuckets: number): void {
  const { levels, width, total } = memory
  levels[0]!.sums.push(value)
  levels[0]!.squares.push(0)
  if (width > 0) {
    const distance = value - total / width
    memory.squares += (width * distance * distance) / (width + 1)
  }
  memory.width++
  memory.total += value
  compress(levels, maxBuckets)
}

/** Joins the two oldest buckets of every level that has too many. */
function compress(levels: Level[], maxBuckets: number): void {
  for (let i = 0; i < levels.length; i++) {
    const { sums, squares } = levels[i]!
    if (sums.length <= maxBuckets) continue
    if (i + 1 === levels.length) levels.push({ sums: [], squares: [] })
    const next = levels[i + 1]!
    while (sums.length > maxBuckets) {
      const size = 2 ** i
      const distance = sums[0]! / size - sums[1]! / size
      next.sums.push(sums[0]! + sums[1]!)
      next.squares.push(squares[0]! + squares[1]! + (size / 2) * distance * distance)
      sums.splice(0, 2)
      squares.splice(0, 2)
    }
  }
}

/** Whether the window has a cut with means that differ too much. */
function hasCut({ levels, total, squares, width }: Memory, { delta, minWindowLength }: Options): boolean {
  const logTerm = Math.log((2 * Math.log(width)) / delta)
  const spread = 2 * (squares / width) * logTerm
  let older = 0
  let newer = width
  let olderSum = 0
  let newerSum = total
  for (let i = levels.length - 1; i >= 0; i--) {
    const { sums } = levels[i]!
    const size = 2 ** i
    for (const sum of sums) {
      older += size
      newer -= size
      olderSum += sum
      newerSum -= sum
      if (newer < minWindowLength) return false
      if (older < minWindowLength) continue
      const reciprocal = 1 / (older - minWindowLength + 1) + 1 / (newer - minWindowLength + 1)
      const bound = Math.sqrt(reciprocal * spread) + (2 / 3) * logTerm * reciprocal
      if (Math.abs(olderSum / older - newerSum / newer) > bound) return true
    }
  }
  return false
}

function dropOldest(memory: Memory): void {
  const { levels } = memory
  const size = 2 ** (levels.length - 1)
  const { sums, squares } = levels.at(-1)!
  const sum = sums.shift()!
  const own = squares.shift()!
  memory.width -= size
  memory.total -= sum
  const distance = sum / size - memory.total / memory.width
  memory.squares -= own + (size * memory.width * distance * distance) / (size + memory.width)
  if (sums.length === 0) levels.pop()
}

function mergeInto(maxBuckets: number): (memory: Memory, later: Memory) => void {
  return (memory, later) => {
    const distance = memory.total / memory.width - later.total / later.width
    memory.squares += later.squares + (distance * distance * memory.width * later.width) / (memory.width + later.width)
    memory.total += later.total
    memory.width += later.width
    memory.ticks += later.ticks
    later.levels.forEach(({ sums, squares }, i) => {
      if (i === memory.levels.length) memory.levels.push({ sums: [], squares: [] })
      memory.levels[i]!.sums.push(...sums)
      memory.levels[i]!.squares.push(...squares)
    })
    compress(memory.levels, maxBuckets)
  }
}
