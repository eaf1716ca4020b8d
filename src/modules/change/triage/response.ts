import type { Diagnosis, DriftCause } from '../../../contract/triage.ts'
import type { WindowDiagnosis } from '../../../lib/drift/diagnosis/diagnose-window.ts'

type Found = Pick<WindowDiagnosis, 'cause' | 'attacks' | 'performance'> & {
  /** Quality estimated without labels fell below the reference. */
  readonly estimateDropped: boolean
}

/** A rise of the error rate that is worth a new model. */
const WORTH_RETRAINING = 0.01

/** What usually helps against a cause, and why. */
export function suggestResponse({ cause, attacks, performance, estimateDropped }: Found): Diagnosis['response'] {
  switch (cause) {
    case 'data_fault':
      return { suggested: 'fix_upstream', why: 'the rows themselves are faulty; a model that learnt from them would learn the fault' }
    case 'attack': {
      const names = [...new Set(attacks.map(({ by }) => by))].slice(0, 5).join(', ')
      if (attacks.some(({ attack }) => attack === 'poisoning'))
        return { suggested: 'quarantine_labels', why: `labels of ${names} contradict everybody else’s and must not teach` }
      return { suggested: 'block_actors', why: `${names} stand out; look at them before anything is trained on their rows` }
    }
    case 'concept':
      return { suggested: 'retrain', why: 'the same inputs mean something else now: only new labels can teach that' }
    case 'prior':
      return {
        suggested: 'adjust_threshold',
        why: 'the classes look as before and only their shares moved: the threshold decides what that costs',
      }
    case 'covariate':
      if (performance && performance.change > WORTH_RETRAINING)
        return {
          suggested: 'retrain',
          why: `other inputs come, and the error rose by ${(100 * performance.change).toFixed(1)} points with them`,
        }
      if (!performance && estimateDropped)
        return {
          suggested: 'retrain',
          why: 'other inputs come, and the error estimated without labels rose with them: label some of them first',
        }
      return {
        suggested: 'new_baseline',
        why: performance
          ? 'other inputs come, and the model is as right on them as before: they are the new normal'
          : 'other inputs come, and nothing says that the model is worse on them; look at labels or estimates before you accept them',
      }
    case 'seasonal':
      if (!performance && estimateDropped)
        return {
          suggested: 'retrain',
          why: 'other inputs come, and the error estimated without labels rose with them: label some of them first',
        }
      return {
        suggested: 'new_baseline',
        why: 'the same hours of earlier weeks looked like this: freeze a season, or hold windows against cycles',
      }
    case 'model_change':
      return {
        suggested: 'fallback_model',
        why: 'scores follow otherwise from the same inputs since the model changed; the version before is known',
      }
    case 'none':
      return { suggested: 'none', why: 'nothing that was looked at differs by more than chance' }
  }
}

const saying: Readonly<Record<DriftCause, string>> = {
  data_fault: 'a fault of the data path',
  attack: 'an attack',
  covariate: 'other inputs, with the same meaning',
  prior: 'other shares of the classes',
  concept: 'another meaning of the same inputs',
  seasonal: 'a season that came before',
  model_change: 'a change of the model',
  none: 'nothing beyond chance',
}

/** A diagnosis in one sentence: the cause and what speaks most for it. */
export function summaryOf({ cause, evidence }: Pick<WindowDiagnosis, 'cause' | 'evidence'>): string {
  return `${saying[cause]}: ${evidence[0]!.text[0]}`
}
