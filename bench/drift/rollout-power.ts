import { createRandom } from '../../src/lib/random.ts'
import { normalQuantile } from '../../src/lib/stats/distributions.ts'
import { advancePairedTest, createPairedTest } from '../../src/lib/stats/sequential.ts'

/** Chances per row that only the challenger is wrong, and that only the champion is. */
export type Rollout = { readonly name: string; readonly worse: number; readonly better: number }

export const rollouts: readonly Rollout[] = [
  { name: 'no difference', worse: 0.05, better: 0.05 },
  { name: 'challenger worse by 0.01', worse: 0.055, better: 0.045 },
  { name: 'challenger worse by 0.03', worse: 0.065, better: 0.035 },
  { name: 'challenger worse by 0.08', worse: 0.1, better: 0.02 },
]

const ALPHA = 0.05
const LOOKS = 28
const ROWS_PER_LOOK = 250

export type Power = {
  /** Shares of runs called harmful: ours and the z-test at every look, and the z-test once, at the end. */
  readonly sequential: number
  readonly peeking: number
  readonly fixed: number
  /** The median rows to our verdict among runs that had one; the fixed test always takes `horizon`. */
  readonly medianRows: number
  readonly horizon: number
}

/** Runs both tests of "harmful" (mean loss difference above 0, one-sided) on the same rows. */
export function rolloutPower(rollout: Rollout, runs: number): Power {
  let [sequential, peeking, fixed] = [0, 0, 0]
  const rows: number[] = []
  for (let i = 0; i < runs; i++) {
    const outcome = runOnce(rollout, i)
    if (outcome.stoppedAt > 0) {
      sequential++
      rows.push(outcome.stoppedAt)
    }
    if (outcome.peekedHarm) peeking++
    if (outcome.finalHarm) fixed++
  }
  rows.sort((a, b) => a - b)
  const medianRows = rows[rows.length >> 1] ?? Number.NaN
  return { sequential: sequential / runs, peeking: peeking / runs, fixed: fixed / runs, medianRows, horizon: LOOKS * ROWS_PER_LOOK }
}

function runOnce({ name, worse, better }: Rollout, run: number) {
  const random = createRandom(`${name} ${run}`)
  const paired = createPairedTest({ alpha: ALPHA, margin: -0.99, harmMargin: 0 })
  const critical = normalQuantile(1 - ALPHA)
  let [lost, won, stoppedAt] = [0, 0, 0]
  let peekedHarm = false
  let finalHarm = false
  for (let look = 1; look <= LOOKS; look++) {
    const newlyLost = random.binomial(ROWS_PER_LOOK, worse)
    const newlyWon = random.binomial(ROWS_PER_LOOK - newlyLost, better / (1 - worse))
    const { verdict } = advancePairedTest(paired, { worse: newlyLost, better: newlyWon, tied: ROWS_PER_LOOK - newlyLost - newlyWon })
    if (verdict === 'harmful' && stoppedAt === 0) stoppedAt = look * ROWS_PER_LOOK
    lost += newlyLost
    won += newlyWon
    finalHarm = (lost - won) / Math.sqrt(Math.max(1, lost + won)) > critical
    peekedHarm ||= finalHarm
  }
  return { stoppedAt, peekedHarm, finalHarm }
}
