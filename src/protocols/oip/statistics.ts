import type { Clock } from '../../infra/clock.ts'

type Count = { count: number; ns: number }
/** What one version of a deployment has answered since the process began. Durations are sums in nanoseconds. */
export type VersionStatistics = {
  readonly version: number
  /** Rows that were answered. */
  rows: number
  lastMs: number
  readonly success: Count
  readonly fail: Count
}

export type Statistics = ReturnType<typeof createStatistics>

/** Counts answers and failures by deployment and version, over all the ways that requests of this protocol come. */
export function createStatistics(clock: Clock) {
  const all = new Map<string, Map<number, VersionStatistics>>()

  function of(project: string, name: string, version: number): VersionStatistics {
    const key = `${project}/${name}`
    let versions = all.get(key)
    if (!versions) {
      versions = new Map()
      all.set(key, versions)
    }
    let found = versions.get(version)
    if (!found) {
      found = { version, rows: 0, lastMs: 0, success: { count: 0, ns: 0 }, fail: { count: 0, ns: 0 } }
      versions.set(version, found)
    }
    return found
  }

  return {
    succeed(project: string, name: string, version: number, rows: number, tookMs: number): void {
      const one = of(project, name, version)
      one.rows += rows
      one.lastMs = clock.now()
      one.success.count += 1
      one.success.ns += Math.round(tookMs * 1e6)
    },
    fail(project: string, name: string, version: number, tookMs: number): void {
      const { fail } = of(project, name, version)
      fail.count += 1
      fail.ns += Math.round(tookMs * 1e6)
    },
    /** Of the versions that answered; with one that did not yet, its zeros. */
    read(project: string, name: string, serving: number): readonly Readonly<VersionStatistics>[] {
      of(project, name, serving)
      return [...all.get(`${project}/${name}`)!.values()]
    },
  }
}
