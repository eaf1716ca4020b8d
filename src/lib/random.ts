/** A reproducible source of randomness: the same seed gives the same draws on every machine. Not for secrets. */
export type Random = {
  /** Uniform in [0, 1), in steps of 2⁻³². */
  next(): number
  /** Standard normal. */
  normal(): number
  /** Uniform integer in [0, n). Throws RangeError unless 1 ≤ n ≤ 2³². */
  int(n: number): number
  /** True with probability `p`. */
  bernoulli(p: number): boolean
  /** How many of `n` trials succeed, each with probability `p`: exact, in time that grows with n·min(p, 1 − p). */
  binomial(n: number, p: number): number
  /** One element, uniformly. Throws RangeError for an empty list. */
  choice<T>(list: readonly T[]): T
  /** An independent generator named by `label`; it does not depend on how much has been drawn from this one. */
  fork(label: number | string): Random
}

/**
 * A generator seeded by a number or a text, which need not look random: xoshiro128** (Blackman & Vigna 2021, "Scrambled
 * linear pseudorandom number generators") on a state mixed from the seed.
 */
export function createRandom(seed: number | string): Random {
  const path = `${typeof seed}:${seed}`
  const state = stateFrom(path)
  let spare = Number.NaN

  function next(): number {
    return step(state) * 2 ** -32
  }

  return {
    next,
    normal() {
      if (!Number.isNaN(spare)) {
        const kept = spare
        spare = Number.NaN
        return kept
      }
      // Marsaglia's polar method: a uniform point of the disc gives two independent normals.
      for (;;) {
        const x = 2 * next() - 1
        const y = 2 * next() - 1
        const s = x * x + y * y
        if (s >= 1 || s === 0) continue
        const scale = Math.sqrt((-2 * Math.log(s)) / s)
        spare = y * scale
        return x * scale
      }
    },
    int(n) {
      if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`int(n) needs an integer n from 1 to 2^32, not ${n}`)
      // Draws from the incomplete last lap are thrown away, so that every value is equally likely.
      const limit = 2 ** 32 - (2 ** 32 % n)
      let draw = step(state)
      while (draw >= limit) draw = step(state)
      return draw % n
    },
    bernoulli: (p) => next() < p,
    binomial: (n, p) => (p > 0.5 ? n - fewOf(next, n, 1 - p) : fewOf(next, n, p)),
    choice(list) {
      if (list.length === 0) throw new RangeError('choice needs a list with at least one element')
      return list[Math.floor(next() * list.length)]!
    },
    fork: (label) => createRandom(`${path}/${typeof label}:${label}`),
  }
}

/** A binomial draw for p ≤ 1/2 by inversion, in parts so small that the probability of none does not underflow. */
function fewOf(next: () => number, n: number, p: number): number {
  if (!(p > 0)) return 0
  const most = Math.max(1, Math.floor(300 / p))
  let hits = 0
  for (let rest = n; rest > 0; rest -= most) {
    const trials = Math.min(rest, most)
    const odds = p / (1 - p)
    let weight = Math.exp(trials * Math.log1p(-p))
    let draw = next()
    let k = 0
    while (draw > weight && k < trials) {
      draw -= weight
      weight *= ((trials - k) / (k + 1)) * odds
      k++
    }
    hits += k
  }
  return hits
}

/** One step of xoshiro128**; returns an unsigned 32-bit integer. */
function step(s: Int32Array): number {
  const s1 = s[1]!
  const product = Math.imul(s1, 5)
  const result = Math.imul((product << 7) | (product >>> 25), 9)
  s[2]! ^= s[0]!
  s[3]! ^= s1
  s[1]! ^= s[2]!
  s[0]! ^= s[3]!
  s[2]! ^= s1 << 9
  const s3 = s[3]!
  s[3] = (s3 << 11) | (s3 >>> 21)
  return result >>> 0
}

/** Four well-mixed words from a text: an FNV-like pass over its characters, then the finaliser of murmur3 per word. */
function stateFrom(text: string): Int32Array {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = mix(Math.imul(hash ^ text.charCodeAt(i), 0x01000193) + i)
  const state = new Int32Array(4)
  for (let i = 0; i < 4; i++) {
    hash = (hash + 0x9e3779b9) | 0
    state[i] = mix(hash)
  }
  if (state.every((word) => word === 0)) state[0] = 1
  return state
}

function mix(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
