import { createRandom, type Random } from '../../src/lib/random.ts'
import { measured, pageFeatures } from './pages.ts'

/**
 * calm: nothing happens. evasion: a campaign sends a quarter of the traffic. poison: the community feed calls most
 * phishing benign. season: every page changes. The campaign goes on in the phases after it.
 */
export type Phase = 'calm' | 'evasion' | 'poison' | 'season'

type LabelSource = 'analysts' | 'honeypot' | 'community'

/** A page somebody asked about. */
export type Page = {
  /** Values in the order of `featureNames`. */
  readonly features: Float32Array
  /** 1 is phishing. */
  readonly truth: 0 | 1
  /** What the label source will say, which may be a lie. */
  readonly label: 0 | 1
  readonly labelSource: LabelSource
  readonly actor: string
  readonly network: string
}

export type World = { sample(phase: Phase): Page }

export const featureNames: readonly string[] = pageFeatures.map((feature) => feature.name)

const PHISHING_SHARE = 0.35
const HONEST_ACTORS = 5_000
const HONEST_NETWORKS = 60
const CAMPAIGN_ACTORS = 6
const CAMPAIGN_NETWORK = 'as64999'
const POISONED_SHARE = 0.8

/** The share of all traffic that the campaign sends. */
const campaignShare: Readonly<Record<Phase, number>> = { calm: 0, evasion: 0.25, poison: 0.25, season: 0.25 }

/** A seeded, endless stream of pages: the same seed and the same phases give the same pages. */
export function createWorld(seed: number | string): World {
  const random = createRandom(`world ${seed}`)
  return {
    sample(phase) {
      const campaign = random.bernoulli(campaignShare[phase])
      const truth = campaign || random.bernoulli(PHISHING_SHARE) ? 1 : 0
      const labelSource = sourceOf(random)
      const lie = phase === 'poison' && labelSource === 'community' && truth === 1 && random.bernoulli(POISONED_SHARE)
      return {
        features: featuresOf(random, { phishing: truth === 1, campaign, season: phase === 'season' }),
        truth,
        label: lie ? 0 : truth,
        labelSource,
        ...(campaign ? { actor: `relay-${random.int(CAMPAIGN_ACTORS)}`, network: CAMPAIGN_NETWORK } : honestActor(random)),
      }
    },
  }
}

/** Many pages at once, as training wants them: `rows` is row after row. */
export type Batch = { readonly rows: Float32Array; readonly truths: Uint8Array; readonly labels: Uint8Array }

export function batchFrom(pages: readonly Page[]): Batch {
  const rows = new Float32Array(pages.length * featureNames.length)
  for (const [i, page] of pages.entries()) rows.set(page.features, i * featureNames.length)
  return { rows, truths: Uint8Array.from(pages, (page) => page.truth), labels: Uint8Array.from(pages, (page) => page.label) }
}

/** The next `count` pages of the world. */
export function samplePages(world: World, phase: Phase, count: number): Page[] {
  return Array.from({ length: count }, () => world.sample(phase))
}

function sourceOf(random: Random): LabelSource {
  const draw = random.next()
  return draw < 0.3 ? 'analysts' : draw < 0.55 ? 'honeypot' : 'community'
}

/** Some actors ask more often than others; none more than a third of a percent of the time. */
function honestActor(random: Random): { actor: string; network: string } {
  const index = Math.floor(HONEST_ACTORS * random.next() ** 1.5)
  return { actor: `client-${index}`, network: `as${64_500 + (index % HONEST_NETWORKS)}` }
}

function featuresOf(random: Random, page: { phishing: boolean; campaign: boolean; season: boolean }): Float32Array {
  // How well this page of the campaign imitates: some are better than others, so that scores crowd around the boundary.
  const imitation = 0.8 + 0.3 * random.next()
  const features = new Float32Array(pageFeatures.length)
  for (let f = 0; f < features.length; f++) {
    const { scale, phishing, evasion, season } = pageFeatures[f]!
    const mean = page.campaign ? phishing + (evasion - phishing) * imitation : page.phishing ? phishing : 0
    features[f] = measured(scale, mean + (page.season ? season : 0) + random.normal())
  }
  return features
}
