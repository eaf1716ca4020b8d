/** How a latent standard score becomes the measured value of a feature. All are increasing. */
export type Scale =
  | { readonly kind: 'count' | 'amount'; readonly typical: number; readonly spread: number }
  | { readonly kind: 'share' }
  | { readonly kind: 'flag' }

/**
 * One feature of a web page. The numbers are means of its latent score, which has deviation 1: `benign` is 0 throughout.
 * `phishing` is where phishing pages lie; `evasion` where the campaign moves them; `season` how far every page moves in
 * the season, of either kind.
 */
export type PageFeature = {
  readonly name: string
  readonly scale: Scale
  readonly phishing: number
  readonly evasion: number
  readonly season: number
}

const count = (typical: number, spread = 0.6): Scale => ({ kind: 'count', typical, spread })
const amount = (typical: number, spread = 0.6): Scale => ({ kind: 'amount', typical, spread })
const share: Scale = { kind: 'share' }
const flag: Scale = { kind: 'flag' }

function feature(name: string, scale: Scale, phishing: number, evasion: number, season: number): PageFeature {
  return { name, scale, phishing, evasion, season }
}

/**
 * The first group gives calm phishing away, and is what the campaign learns to imitate. The second says little in calm
 * times, and is where the campaign's own kit shows. The third says next to nothing.
 */
export const pageFeatures: readonly PageFeature[] = [
  feature('url_length', amount(60, 0.4), 2.3, 0.8, 0.75),
  feature('host_dots', count(2, 0.4), 1.8, 0.6, 0),
  feature('host_entropy', amount(3.1, 0.15), 2.1, 0.7, 0.75),
  feature('domain_age_days', amount(1_900, 0.9), -2.5, -0.9, -0.85),
  feature('certificate_age_days', amount(120, 0.7), -2.1, -0.7, -0.75),
  feature('form_actions_off_domain', share, 2.3, 0.8, 0.75),
  feature('links_off_domain', share, 2.1, 0.7, 0.75),
  feature('brand_in_path', share, 1.8, 0.6, 0),
  feature('password_fields', count(0.6, 0.7), 1.8, 0.6, 0),
  feature('favicon_distance', amount(0.2, 0.5), 1.9, 0.6, 0),
  feature('hidden_elements', count(6, 0.7), 0.2, 3.2, 0),
  feature('script_entropy', amount(4.6, 0.12), 0.2, 3, 0),
  feature('encoded_payload', share, 0.2, 3, 0),
  feature('redirects', count(0.8, 0.7), 0.3, 2.6, 0),
  feature('iframe_share', share, 0.3, 2.6, 0),
  feature('dom_depth', count(14, 0.3), 0, 2, 0),
  feature('script_count', count(18, 0.5), 0.1, 0, 1.6),
  feature('image_count', count(24, 0.6), -0.3, 0, 2),
  feature('text_length', amount(3_500, 0.8), -0.3, 0, 0.4),
  feature('title_similarity', share, 0.3, 0, 0),
  feature('https', flag, -0.2, 0, 0.1),
  feature('url_digits', count(4, 0.8), 0.3, 0, 1.2),
  feature('url_hyphens', count(1.5, 0.7), 0.3, 0, 0.4),
  feature('query_parameters', count(1.2, 0.8), 0.2, 0, 1.4),
  feature('page_bytes', amount(380_000, 0.7), -0.2, 0, 0.4),
  feature('response_ms', amount(240, 0.5), 0.1, 0, 0.3),
  feature('meta_tags', count(12, 0.5), -0.2, 0, 0),
  feature('external_styles', share, 0.1, 0, 0),
  feature('popups', count(0.3, 0.7), 0.1, 0, 0.3),
  feature('host_reputation', amount(50, 0.3), -0.3, 0, -0.2),
]

/** The measured value for a latent score. */
export function measured(scale: Scale, score: number): number {
  switch (scale.kind) {
    case 'count':
      return Math.round(scale.typical * Math.exp(scale.spread * score))
    case 'amount':
      return scale.typical * Math.exp(scale.spread * score)
    case 'share':
      return 1 / (1 + Math.exp(1 - score))
    case 'flag':
      return score > -1.3 ? 1 : 0
  }
}
