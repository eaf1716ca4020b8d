import type { TableProfile } from './table-profile.ts'

/** The profile with some of its columns, and their values in the sample. */
export function withColumns(profile: TableProfile, isWanted: (name: string) => boolean): TableProfile {
  const kept = profile.columns.flatMap(({ name }, c) => (isWanted(name) ? [c] : []))
  return {
    ...profile,
    columns: kept.map((c) => profile.columns[c]!),
    sample: { ...profile.sample, columns: kept.map((c) => profile.sample.columns[c]!) },
  }
}
