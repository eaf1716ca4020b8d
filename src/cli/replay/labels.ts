import type { Delay } from './values.ts'

export type Owed = { readonly n: number; readonly label: number; readonly atMs: number }
export type OwedLabels = {
  push(owed: Owed): void
  /** Labels that may be told once `rows` rows were asked and it is `nowMs`; they are owed no longer. */
  due(rows: number, nowMs: number): Owed[]
  /** When the oldest label falls due, in the time of `atMs`; undefined when it waits for rows or none is owed. */
  nextMs(): number | undefined
  all(): Owed[]
  readonly size: number
}

/** Labels that are known to the file and not yet told to the server, oldest first. */
export function createOwedLabels(delay: Delay): OwedLabels {
  let owed: Owed[] = []
  let told = 0
  const take = (count: number) => {
    const taken = owed.slice(told, told + count)
    told += count
    if (told > 4_096 && told * 2 > owed.length) {
      owed = owed.slice(told)
      told = 0
    }
    return taken
  }
  return {
    push: (one) => void owed.push(one),
    due(rows, nowMs) {
      let count = 0
      while (told + count < owed.length) {
        const { n, atMs } = owed[told + count]!
        if (delay.kind === 'rows' ? n + delay.rows > rows : atMs + delay.ms > nowMs) break
        count += 1
      }
      return take(count)
    },
    nextMs: () => (delay.kind === 'seconds' && told < owed.length ? owed[told]!.atMs + delay.ms : undefined),
    all: () => take(owed.length - told),
    get size() {
      return owed.length - told
    },
  }
}
