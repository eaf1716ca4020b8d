import type { Estimate } from '../../src/contract/estimates.ts'
import { type Box, type Range, rangeOf, scaled, widened } from './curves.ts'

export type EstimatePoint = {
  readonly fromMs: number
  readonly x: number
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
  readonly realised: number | null
  readonly covered: boolean | null
  readonly dropped: boolean
  readonly suspicion: string | null
  readonly abstained: string | null
}

export type EstimateDrawing = {
  readonly across: Range
  readonly up: Range
  readonly points: readonly EstimatePoint[]
  /** Outlines of the intervals, one for each stretch without a gap. */
  readonly bands: readonly string[]
  readonly line: string
  /** The reference’s own value for the newest estimate. */
  readonly baseline: number | null
}

/** What the chart of a model shows: how often it is wrong or, of a regression, how far off it is in the unit of its labels. */
export type ShownError = { readonly metric: 'error_rate' | 'mae'; readonly name: string; readonly unit: 'share' | 'label' }

const shownErrors = {
  classification: { metric: 'error_rate', name: 'Error rate', unit: 'share' },
  regression: { metric: 'mae', name: 'Mean absolute error', unit: 'label' },
} as const satisfies Record<string, ShownError>

/** By the newest window, in whatever order, that has an estimate or labels. */
export function shownErrorOf(estimates: readonly Estimate[]): ShownError {
  const newest = estimates
    .filter(({ metrics, realised }) => [metrics, realised?.metrics ?? {}].some((own) => 'mae' in own || 'error_rate' in own))
    .reduce<Estimate | undefined>((last, window) => (last && last.fromMs > window.fromMs ? last : window), undefined)
  return newest && ('mae' in newest.metrics || 'mae' in (newest.realised?.metrics ?? {}))
    ? shownErrors.regression
    : shownErrors.classification
}

const round = (value: number) => Math.round(value * 10) / 10

/** Where the estimates of one metric lie in a box, oldest first; a window that abstained breaks the line and the band. */
export function drawEstimates(given: readonly Estimate[], metric: string, box: Box): EstimateDrawing {
  const windows = [...given].sort((a, b) => a.fromMs - b.fromMs)
  const across = rangeOf(windows.map(({ fromMs, toMs }) => (fromMs + toMs) / 2))
  const baseline = windows.findLast((window) => window.metrics[metric])?.metrics[metric]?.baseline ?? null
  const values = windows.flatMap(({ metrics, realised }) => {
    const own = metrics[metric]
    return [...(own ? [own.value, own.interval.low, own.interval.high] : []), realised?.metrics[metric] ?? null]
  })
  const up = widened(rangeOf([...values, baseline]))
  const points = windows.map((window): EstimatePoint => {
    const own = window.metrics[metric]
    return {
      fromMs: window.fromMs,
      x: round(scaled((window.fromMs + window.toMs) / 2, across, box.left, box.left + box.width)),
      value: own?.value ?? null,
      low: own?.interval.low ?? null,
      high: own?.interval.high ?? null,
      realised: window.realised?.metrics[metric] ?? null,
      covered: window.realised?.covered ?? null,
      dropped: window.dropped,
      suspicion: window.suspicion,
      abstained: window.abstained,
    }
  })
  const y = (value: number) => round(scaled(value, up, box.top + box.height, box.top))
  const stretches = stretchesOf(points)
  const bands = stretches.map((own) => {
    const there = own.map(({ x, high }) => `${x} ${y(high!)}`)
    const back = own.toReversed().map(({ x, low }) => `${x} ${y(low!)}`)
    return `M${[...there, ...back].join('L')}Z`
  })
  const line = stretches.map((own) => `M${own.map(({ x, value }) => `${x} ${y(value!)}`).join('L')}`).join('')
  return { across, up, points, bands, line, baseline }
}

/** Runs of windows that have an estimate. */
function stretchesOf(points: readonly EstimatePoint[]): EstimatePoint[][] {
  const stretches: EstimatePoint[][] = []
  let open = false
  for (const point of points) {
    if (point.value === null) open = false
    else if (open) stretches.at(-1)!.push(point)
    else {
      stretches.push([point])
      open = true
    }
  }
  return stretches
}
