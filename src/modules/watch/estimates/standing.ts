import type { StoredWindow } from './store.ts'

type Seen = Pick<StoredWindow, 'logEvidence'> & {
  readonly estimate: Pick<StoredWindow['estimate'], 'modelVersion' | 'dropped' | 'abstained' | 'fromMs'>
}

/** What the windows of a version say together. */
export type Standing = {
  /** The newest window with an estimate lies below the reference. */
  readonly dropped: boolean
  /** Since which window labels contradict the estimates; null while they do not. */
  readonly contradictedSinceMs: number | null
  /** For each window given, since which window labels contradicted the estimates then; null where they did not. */
  readonly suspicions: readonly (number | null)[]
}

/** Windows between two false contradictions, at least, while the estimates hold. */
const WINDOWS_BETWEEN_FALSE = 1_000
/** So many windows in a row with labels that agree, after which the estimates are believed again. */
const CLEAR_AFTER = 3

/**
 * Puts together what windows of one version say, oldest first. Evidence of labels is gathered as an e-detector of the CUSUM
 * kind (Shin, Ramdas & Rinaldo 2024, "E-detectors", definition 2.4): what a window multiplies it by is an e-value, it never
 * falls below 1, and at a threshold of c there are at least c windows between false alarms on average.
 */
export function standingOf(windows: readonly Seen[]): Standing {
  const needed = Math.log(WINDOWS_BETWEEN_FALSE)
  let [evidence, agreeing] = [0, 0]
  let since: number | null = null
  const suspicions = windows.map(({ estimate, logEvidence }) => {
    if (logEvidence === null) return since
    evidence = Math.max(0, evidence) + logEvidence
    if (evidence >= needed) {
      since ??= estimate.fromMs
      ;[evidence, agreeing] = [0, 0]
    } else if (++agreeing >= CLEAR_AFTER && evidence <= 0) since = null
    return since
  })
  const newest = windows.findLast(({ estimate }) => estimate.abstained === null)
  return { dropped: newest?.estimate.dropped ?? false, contradictedSinceMs: since, suspicions }
}

/** The metric that drops and contradictions are about: the error rate or, of a regression, the mean absolute error. */
export function leadingMetric(metrics: Readonly<Record<string, unknown>>): 'error_rate' | 'mae' {
  return 'mae' in metrics ? 'mae' : 'error_rate'
}

/** What the labels of a window say its error is; undefined without enough of them. */
export function realisedError({ realised }: Pick<StoredWindow['estimate'], 'realised'>): number | undefined {
  return realised?.metrics[leadingMetric(realised.metrics)]
}
