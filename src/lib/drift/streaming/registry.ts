import { createAdwin } from './adwin.ts'
import { createConformal, createERank } from './conformal-detector.ts'
import { createDdm, createEddm } from './ddm.ts'
import type { StreamingDetector, StreamState } from './detector.ts'
import { createEBernoulli, createEBounded, createEGaussian } from './e-detector.ts'
import { createHddmA, createHddmW } from './hddm.ts'
import { createKswin } from './kswin.ts'
import { createLfr } from './linear-four-rates.ts'
import { createMddm } from './mddm.ts'
import { createPageHinkley } from './page-hinkley.ts'
import { createStepd } from './stepd.ts'

/** A detector as a setting names it: its kind, and any of its options. */
export type StreamingSetting = { readonly kind: string; readonly [option: string]: number | string | boolean }

export type StreamingKind = {
  readonly create: (options: never, state?: StreamState) => StreamingDetector
  /** What an option is when it is not given; with the type that it must have. */
  readonly defaults: Readonly<Record<string, number | string | boolean>>
  /** Options that a setting must give; their defaults are examples. */
  readonly required?: readonly string[]
  /** What a sample is: any number, an error as 1 or 0, a number in [0, 1], or a cell of the confusion matrix. */
  readonly sample: 'number' | 'error' | 'share' | 'cell'
  readonly paper: string
}

const hddm = { driftConfidence: 0.001, warningConfidence: 0.005, twoSided: false }
const form = 'shiryaev-roberts'
const anytime = { falseAlarmEvery: 10_000, baseline: 0.1, baselineSamples: 0, referenceError: 0.05, direction: 'both', form }
const anytimePaper = 'Shin, Ramdas & Rinaldo 2024'
const ranked = { falseAlarmEvery: 10_000, form, warmUp: 200, bins: 16, seed: 'conformal' }
const hddmPaper = 'Frías-Blanco et al. 2015'

/** Every streaming detector, by its kind. */
export const streamingDetectors: Readonly<Record<string, StreamingKind>> = {
  adwin: {
    create: createAdwin,
    defaults: { delta: 0.002, clock: 32, maxBuckets: 5, minWindowLength: 5, gracePeriod: 10 },
    sample: 'number',
    paper: 'Bifet & Gavaldà 2007',
  },
  'page-hinkley': {
    create: createPageHinkley,
    defaults: { minInstances: 30, delta: 0.005, threshold: 50, alpha: 0.9999, mode: 'both' },
    sample: 'number',
    paper: 'Page 1954; Hinkley 1971',
  },
  kswin: {
    create: createKswin,
    defaults: { alpha: 0.005, windowSize: 100, statSize: 30, seed: 'kswin' },
    sample: 'number',
    paper: 'Raab, Heusinger & Schleif 2020',
  },
  ddm: {
    create: createDdm,
    defaults: { warmStart: 30, warningThreshold: 2, driftThreshold: 3 },
    sample: 'error',
    paper: 'Gama et al. 2004',
  },
  eddm: {
    create: createEddm,
    defaults: { warmStart: 30, alpha: 0.95, beta: 0.9 },
    sample: 'error',
    paper: 'Baena-García et al. 2006',
  },
  'hddm-a': { create: createHddmA, defaults: hddm, sample: 'error', paper: hddmPaper },
  'hddm-w': { create: createHddmW, defaults: { ...hddm, lambda: 0.05 }, sample: 'error', paper: hddmPaper },
  stepd: {
    create: createStepd,
    defaults: { windowSize: 30, driftSignificance: 0.003, warningSignificance: 0.05 },
    sample: 'error',
    paper: 'Nishida & Yamauchi 2007',
  },
  mddm: {
    create: createMddm,
    defaults: { weights: 'A', windowSize: 100, delta: 1e-6, growth: 0.01 },
    sample: 'error',
    paper: 'Pesaranghader, Viktor & Paquet 2018',
  },
  lfr: {
    create: createLfr,
    defaults: { decay: 0.9, warningSignificance: 0.01, driftSignificance: 1e-5 },
    sample: 'cell',
    paper: 'Wang & Abraham 2015',
  },
  'e-bernoulli': {
    create: createEBernoulli,
    defaults: anytime,
    required: ['baseline'],
    sample: 'error',
    paper: anytimePaper,
  },
  'e-bounded': { create: createEBounded, defaults: anytime, required: ['baseline'], sample: 'share', paper: anytimePaper },
  'e-gaussian': {
    create: createEGaussian,
    defaults: { ...anytime, baseline: 0, sigma: 1 },
    required: ['baseline', 'sigma'],
    sample: 'number',
    paper: anytimePaper,
  },
  'e-rank': { create: createERank, defaults: ranked, sample: 'number', paper: 'Vovk, Gammerman & Shafer 2005' },
  conformal: {
    create: createConformal,
    defaults: { ...ranked, jump: 0.01 },
    sample: 'number',
    paper: 'Vovk et al. 2021',
  },
}

/**
 * The detector that a setting such as `{ kind: 'adwin', delta: 0.002 }` names, from the start or from a state it had. Throws
 * RangeError for a kind or option that there is not, an option of another type, or a value that makes no sense.
 */
export function createStreamingDetector({ kind, ...options }: StreamingSetting, state?: StreamState): StreamingDetector {
  const known = Object.hasOwn(streamingDetectors, kind) ? streamingDetectors[kind] : undefined
  if (!known) throw new RangeError(`there is no detector of kind ${kind}; there are ${Object.keys(streamingDetectors).join(', ')}`)
  for (const [name, value] of Object.entries(options)) {
    const usual = Object.hasOwn(known.defaults, name) ? known.defaults[name] : undefined
    if (usual === undefined)
      throw new RangeError(`a detector of kind ${kind} has no option ${name}; it has ${Object.keys(known.defaults).join(', ')}`)
    if (typeof value !== typeof usual) throw new RangeError(`${name} of ${kind} is a ${typeof usual}, not ${JSON.stringify(value)}`)
  }
  const missing = known.required?.filter((name) => !Object.hasOwn(options, name)) ?? []
  if (missing.length > 0) throw new RangeError(`a detector of kind ${kind} needs ${missing.join(' and ')}`)
  return known.create({ ...known.defaults, ...options } as never, state)
}
