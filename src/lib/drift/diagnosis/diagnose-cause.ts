import { type CauseFacts, type CauseInput, measureFacts } from './cause-facts.ts'

export const causes = ['data_fault', 'attack', 'model_change', 'seasonal', 'concept', 'prior', 'covariate', 'none'] as const
export type Cause = (typeof causes)[number]

type Evidence = {
  readonly cause: Cause
  /** How strongly the facts speak for it, on a scale of log odds; comparable between causes of one verdict only. */
  readonly score: number
  /** Its part of the belief: all of them sum to one. It ranks causes; it is no measured chance of being right. */
  readonly confidence: number
  /** What speaks for it or against it, in words. */
  readonly text: readonly string[]
}

export type CauseVerdict = {
  readonly cause: Cause
  /** Most likely first. */
  readonly evidence: readonly Evidence[]
  readonly facts: CauseFacts
}

type Opinion = { readonly score: number; readonly text: readonly string[] }

/**
 * Why a window differs from its reference: a verdict over eight causes with the evidence for each. Explanations are weighed
 * from the cheapest to the dearest: broken data and attacks explain everything else away, a known change of the model or the
 * same picture in earlier cycles explains shifts, and only then are changed meaning (concept), changed class shares (prior)
 * and changed inputs (covariate) told apart. Without labels concept drift cannot be seen, and the evidence says so. When
 * nothing changed, all tests together name a cause a few times in a hundred at most (4 of 200 seeded worlds with alpha 0.01). Pure; chance decides folds and draws.
 */
export function diagnoseCause(input: CauseInput): CauseVerdict {
  const facts = measureFacts(input)
  const alpha = input.alpha ?? 0.01
  const opinions: Record<Cause, Opinion> = {
    data_fault: faultOpinion(facts),
    attack: attackOpinion(facts),
    model_change: modelOpinion(facts, input, alpha),
    seasonal: seasonalOpinion(facts, alpha),
    concept: conceptOpinion(facts, alpha),
    prior: priorOpinion(facts, alpha),
    covariate: covariateOpinion(facts, alpha),
    none: noneOpinion(facts, alpha),
  }
  const total = causes.reduce((sum, cause) => sum + Math.exp(opinions[cause].score), 0)
  const evidence = causes
    .map((cause) => ({ cause, ...opinions[cause], confidence: Math.exp(opinions[cause].score) / total }))
    .sort((a, b) => b.score - a.score)
  return { cause: evidence[0]!.cause, evidence, facts }
}

/** Evidence of a p-value beyond alpha, from 0 to 2. */
function strength(pValue: number, alpha: number): number {
  return Math.min(2, Math.max(0, Math.log10(alpha / Math.max(pValue, 1e-300)) / 2))
}

const pText = (pValue: number) => (pValue < 1e-4 ? 'p < 0.0001' : `p = ${pValue.toFixed(4)}`)
const percent = (share: number) => `${(100 * share).toFixed(1)} %`

function faultOpinion({ faults, attacks }: CauseFacts): Opinion {
  if (faults.length === 0) return { score: -3, text: ['no feature is missing, stuck, out of range or in another unit'] }
  const text = faults.slice(0, 5).map(({ text }) => text)
  // Whoever attacks sends what nobody sent before: that alone is no fault on the way.
  if (attacks.some(({ attack }) => attack !== 'poisoning') && faults.every(({ kind }) => kind === 'out_of_range')) return { score: 5, text }
  return { score: 9 + Math.min(2, faults.length / 2), text }
}

function attackOpinion({ attacks }: CauseFacts): Opinion {
  if (attacks.length === 0) return { score: -3, text: ['no actor and no source of labels stands out'] }
  return { score: 7.5, text: attacks.slice(0, 5).map(({ attack, text }) => `${attack}: ${text}`) }
}

function modelOpinion({ scoresGivenInputs, inputs, scores }: CauseFacts, { modelChanges = [] }: CauseInput, alpha: number): Opinion {
  const told = `scores given inputs: distance ${scoresGivenInputs.distance.toFixed(3)}, ${pText(scoresGivenInputs.pValue)}`
  const otherwise = scoresGivenInputs.pValue < alpha / 8 && scoresGivenInputs.distance > 0.08
  const version = modelChanges.filter(({ kind }) => kind === 'version')
  const embedding = modelChanges.filter(({ kind }) => kind === 'embedding')
  if (version.length > 0 && otherwise) return { score: 7, text: [...version.map(({ text }) => text), told] }
  if (embedding.length > 0 && (inputs.pValue < alpha / 8 || scores.pValue < alpha / 8))
    return { score: 7, text: [...embedding.map(({ text }) => text), 'the inputs it makes moved at that time'] }
  if (modelChanges.length > 0) return { score: -1, text: [...modelChanges.map(({ text }) => text), `and yet ${told}`] }
  return { score: otherwise ? 1 : -3, text: ['no change of model or embedding is known at that time', told] }
}

function seasonalOpinion(facts: CauseFacts, alpha: number): Opinion {
  const { cycles, inputs, scores } = facts
  if (!cycles) return { score: -3, text: ['no earlier cycles to hold it against'] }
  const moved = Math.max(inputs.distance, scores.distance)
  const text = `distance from the same hours of earlier cycles ${cycles.distance.toFixed(3)} (${pText(cycles.pValue)}), from the reference ${moved.toFixed(3)}`
  const asBefore = cycles.pValue >= alpha || cycles.distance < 0.3 * moved
  const shifted = inputs.pValue < alpha / 8 || scores.pValue < alpha / 8
  return { score: asBefore && shifted ? 6 : -3, text: [text] }
}

function conceptOpinion({ labels }: CauseFacts, alpha: number): Opinion {
  if (!labels) return { score: -2, text: ['too few labels: a change of meaning cannot be seen without them'] }
  const least = Math.max(labels.meaningPValue, labels.meaningGivenPriorPValue)
  const text = `labels given inputs as before: ${pText(labels.meaningPValue)}; with the new share of positives: ${pText(labels.meaningGivenPriorPValue)}, on ${labels.rows} labels`
  return { score: least < alpha / 8 ? 4 + strength(least, alpha) : -2, text: [text] }
}

function priorOpinion({ labels, prior }: CauseFacts, alpha: number): Opinion {
  if (!prior) return { score: -3, text: ['the reference has no labels to weigh its classes by'] }
  const text = [
    `positives ${percent(prior.before)} before, ${percent(prior.now)} now${labels ? ` (${pText(labels.sharePValue)})` : ', told from scores'}`,
    `distance from the reference ${prior.plainDistance.toFixed(3)}, with its classes reweighted ${prior.reweightedDistance.toFixed(3)} (${pText(prior.reweighted)})`,
  ]
  const moved = labels ? labels.sharePValue < alpha / 8 : prior.plain < alpha / 8
  const explained = prior.reweighted >= alpha / 4 || prior.reweightedDistance < 0.3 * prior.plainDistance
  const meaning = !labels || labels.meaningGivenPriorPValue >= alpha / 8
  return { score: moved && explained && meaning ? 4.5 + strength(prior.plain, alpha) / 4 : -2, text }
}

function covariateOpinion({ inputs, labels, prior }: CauseFacts, alpha: number): Opinion {
  const text = [`${inputs.feature || 'no feature'} moved most: distance ${inputs.distance.toFixed(3)}, ${pText(inputs.pValue)}`]
  if (labels) text.push(`labels given inputs are as before: ${pText(labels.meaningPValue)}`)
  const unexplained = !prior || prior.reweighted < alpha / 4
  return { score: inputs.pValue < alpha / 8 ? 3 + strength(inputs.pValue, alpha) / 2 + (unexplained ? 0.5 : 0) : -2, text }
}

function noneOpinion({ inputs, scores, labels }: CauseFacts, alpha: number): Opinion {
  const least = Math.min(inputs.pValue, scores.pValue, labels ? labels.sharePValue : 1, labels ? labels.meaningPValue : 1)
  return {
    score: 2.5 - strength(least * 8, alpha) / 2,
    text: [`the least p-value of all that was looked at, before correction for it, is ${pText(least)}`],
  }
}
