import { excludingFrom, type Quarantine } from '../../../contract/quarantine.ts'
import type { Training } from '../../../contract/retraining.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import { numericCsvHeader, numericCsvLine } from '../../../lib/numeric-csv.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'

const PIECE_CHARACTERS = 262_144

type Wanted = {
  readonly project: string
  readonly deployment: string
  readonly fromMs: number
  readonly toMs: number
  /** Rows since then are marked as current. */
  readonly changedAt: number
  readonly maxRows: number
  /** Newest share kept back for the gate. */
  readonly holdOut: number
  readonly features: readonly string[]
  /** Windows whose rows must not teach. */
  readonly quarantined: readonly Quarantine[]
  readonly reference: LabelledMatrix | null
}
export type Snapshot = { readonly facts: NonNullable<Training['snapshot']>; readonly heldOutFromMs: number }

/**
 * Freezes what a trainer learns from: the newest labelled rows but for the held-out share, without quarantined ones, after
 * the champion’s reference rows where wanted. Columns: the features, `label`, and `current`: 1 for rows of the traffic as it
 * is since the change, from which the next reference should be taken; 0 for rows from before it.
 */
export async function takeSnapshot(deps: { telemetry: Telemetry; blobs: Blobs }, wanted: Wanted): Promise<Snapshot> {
  const { project, deployment, fromMs, toMs, maxRows, features, reference } = wanted
  const window = { project, deployment, fromMs, toMs, limit: maxRows }
  const rows: { atMs: number; line: string }[] = []
  for await (const page of deps.telemetry.labelledRows({ ...window, order: 'newest', excluding: excludingFrom(wanted.quarantined) })) {
    for (const row of page)
      if (row.features.length === features.length)
        rows.push({
          atMs: row.atMs,
          line: numericCsvLine([...row.features.map((value) => value ?? Number.NaN), row.label, row.atMs >= wanted.changedAt ? 1 : 0]),
        })
  }
  rows.sort((a, b) => a.atMs - b.atMs)
  const heldOutFromMs = rows[Math.floor(rows.length * (1 - wanted.holdOut))]?.atMs ?? toMs
  const taught = rows.filter((row) => row.atMs < heldOutFromMs)
  const all =
    wanted.quarantined.length === 0
      ? rows.length
      : await deps.telemetry.countLabelled({ project, deployment, fromMs: rows[0]?.atMs ?? fromMs, toMs })

  function* lines() {
    yield numericCsvHeader([...features, 'label', 'current'])
    for (let row = 0; row < (reference?.rows ?? 0); row++) {
      yield numericCsvLine([...reference!.values.subarray(row * features.length, (row + 1) * features.length), reference!.labels[row]!, 0])
    }
    for (const { line } of taught) yield line
  }
  const { digest } = await deps.blobs.put(pieces(lines()))
  const facts = {
    digest,
    rows: taught.length,
    referenceRows: reference?.rows ?? 0,
    quarantinedRows: Math.max(0, all - rows.length),
    currentRows: taught.filter((row) => row.atMs >= wanted.changedAt).length,
    fromMs: taught[0]?.atMs ?? fromMs,
    toMs: taught.at(-1)?.atMs ?? toMs,
  }
  return { facts, heldOutFromMs }
}

/** Lines in pieces of about 256 KiB: each piece costs a turn of the event loop. */
async function* pieces(lines: Iterable<string>): AsyncIterable<Uint8Array> {
  let text = ''
  for (const line of lines) {
    text += line
    if (text.length < PIECE_CHARACTERS) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(text)
}
