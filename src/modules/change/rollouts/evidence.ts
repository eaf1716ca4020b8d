import type { PairedEvidence } from '../../../contract/rollouts.ts'
import {
  advancePairedTest,
  createPairedTest,
  differenceInterval,
  type PairedTestState,
  pairedTestState,
} from '../../../lib/stats/sequential.ts'

/** An e-value beyond this is shown as this: JSON has no infinity. */
const MOST_EVIDENCE = 1e300

/** One labelled row that both versions scored. */
export type ScoredPair = { readonly label: number; readonly championScore: number; readonly challengerScore: number }
/** The score from which each version says 1. */
export type Thresholds = { readonly champion: number; readonly challenger: number }
export type TestPlan = { readonly margin: number; readonly alpha: number }
/** The evidence of one stage, as shown and as needed to go on with it. */
export type StageEvidence = { readonly shown: PairedEvidence; readonly state: PairedTestState }

/**
 * Adds rows to the paired sequential test of a stage. The loss is 0 or 1 a row: right or wrong at the version’s own threshold. The
 * verdict may be looked at after every row without raising its error rate above alpha.
 */
export function addPairs(
  earlier: StageEvidence | null,
  pairs: readonly ScoredPair[],
  thresholds: Thresholds,
  plan: TestPlan,
): StageEvidence {
  const counts = { better: 0, worse: 0, tied: 0 }
  for (const { label, championScore, challengerScore } of pairs) {
    const champion = championScore >= thresholds.champion === label >= 0.5
    const challenger = challengerScore >= thresholds.challenger === label >= 0.5
    counts[champion === challenger ? 'tied' : challenger ? 'better' : 'worse'] += 1
  }
  const test = createPairedTest({ margin: plan.margin, harmMargin: 0, alpha: plan.alpha }, earlier?.state)
  const reading = advancePairedTest(test, counts)
  return {
    state: pairedTestState(test),
    shown: {
      rows: reading.rows,
      better: (earlier?.shown.better ?? 0) + counts.better,
      worse: (earlier?.shown.worse ?? 0) + counts.worse,
      difference: reading.rows === 0 ? null : reading.difference,
      ...(reading.rows === 0 ? { low: null, high: null } : differenceInterval(test)),
      evidenceNotWorse: Math.min(MOST_EVIDENCE, Math.exp(reading.evidence.notWorse)),
      evidenceHarm: Math.min(MOST_EVIDENCE, Math.exp(reading.evidence.harmful)),
      threshold: 1 / plan.alpha,
    },
  }
}

export type StageVerdict = 'pass' | 'harm' | 'undecided'

/** Harm is believed at once; not being worse needs the plan’s rows as well. */
export function verdictOf({ shown }: StageEvidence, minRows: number): StageVerdict {
  if (shown.evidenceHarm >= shown.threshold) return 'harm'
  return shown.rows >= minRows && shown.evidenceNotWorse >= shown.threshold ? 'pass' : 'undecided'
}
