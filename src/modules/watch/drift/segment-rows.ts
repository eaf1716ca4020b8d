import type { MonitorSegment } from '../../../contract/drift.ts'

type Row = { readonly features: ArrayLike<number>; readonly actor: string; readonly source: string }

/** Whether a row belongs to a segment, by all of its conditions; a missing value meets none. */
export function segmentTest({ where }: MonitorSegment, features: readonly string[]): (row: Row) => boolean {
  const conditions = where.map((condition): ((row: Row) => boolean) => {
    if ('actor' in condition) {
      const actors = new Set(condition.actor)
      return ({ actor }) => actors.has(actor)
    }
    if ('source' in condition) {
      const sources = new Set(condition.source)
      return ({ source }) => sources.has(source)
    }
    const column = features.indexOf(condition.feature)
    const { from = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = condition
    return ({ features: values }) => values[column]! >= from && values[column]! < below
  })
  return (row) => conditions.every((meets) => meets(row))
}

/** The features that a segment names and the model does not have; its rows can then not be told. */
export function unknownFeatures({ where }: MonitorSegment, features: readonly string[]): string[] {
  return where.flatMap((condition) => ('feature' in condition && !features.includes(condition.feature) ? [condition.feature] : []))
}

/** Whether some condition on a feature bounds nothing, or leaves nothing. */
export function isUnbounded({ where }: MonitorSegment): boolean {
  return where.some(
    (condition) =>
      'feature' in condition &&
      ((condition.from === undefined && condition.below === undefined) ||
        (condition.from ?? Number.NEGATIVE_INFINITY) >= (condition.below ?? Number.POSITIVE_INFINITY)),
  )
}
