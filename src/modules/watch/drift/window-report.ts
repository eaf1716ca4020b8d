import type { MonitorWindows } from '../../../contract/drift.ts'
import { MonitorWindows as WindowsSpec } from '../../../contract/drift.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { TableProfile } from '../../../lib/drift/profile/table-profile.ts'
import type { DriftReport, SegmentReport } from '../../../lib/drift/report/report.ts'
import type { SegmentedRows } from '../../../lib/drift/report/segments.ts'
import type { Declared } from '../../govern/documents/index.ts'
import type { SampledRow, Telemetry } from '../telemetry/index.ts'
import type { ReferenceTables } from './reference.ts'
import { segmentTest, unknownFeatures } from './segment-rows.ts'
import { featuresOf, outputRoles, sampledRowsOf, windowTable } from './tables.ts'
import type { Opened } from './target.ts'
import type { ReportTask } from './threads/report.ts'

type Deps = {
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'sampleRows'>
  readonly tables: ReferenceTables
  readonly calculations: Calculations
}
const PROGRAM = new URL('./threads/report.ts', import.meta.url)
type Stretch = { readonly fromMs: number; readonly toMs: number }

const DAY_MS = 86_400_000
/** A year of whole weeks, so that the days of the week stay the same. */
const CYCLE_MS = { day: DAY_MS, week: 7 * DAY_MS, year: 364 * DAY_MS } as const

/** What windows are judged by where the monitor declares none. */
export const windowsOf = (document: Declared<'Monitor'>): MonitorWindows => document.spec.windows ?? WindowsSpec.parse({})

/** Holds a stretch of a monitor’s traffic against its reference, or against the same stretch of earlier cycles. */
export function createWindowReport({ clock, telemetry, tables, calculations }: Deps) {
  return async (document: Declared<'Monitor'>, opened: Opened, stretch: Stretch): Promise<DriftReport> => {
    const windows = windowsOf(document)
    const frozen = await tables.read(opened.reference)
    const sampled = async ({ fromMs, toMs }: Stretch, limit: number) =>
      await telemetry.sampleRows({ project: document.project, deployment: document.spec.deployment, fromMs, toMs, limit })
    const counted = (rows: readonly SampledRow[]) =>
      windowTable(frozen, rows, { version: opened.monitor.version!, threshold: opened.threshold })
    const rows = await sampled(stretch, windows.sampleRows)
    const earlier: SampledRow[] = []
    if (windows.reference.kind === 'cycles')
      for (const past of cyclesBefore(stretch, windows.reference))
        earlier.push(...(await sampled(past, Math.ceil(windows.sampleRows / windows.reference.cycles))))
    const seasonal = windows.reference.kind === 'cycles'
    const task: ReportTask = {
      reference: seasonal ? counted(earlier) : frozen,
      current: counted(rows),
      plan: {
        names: { reference: referenceName(opened, windows), current: `${isoTime(stretch.fromMs)} to ${isoTime(stretch.toMs)}` },
        roles: outputRoles,
        settings: settingsFrom(windows),
        joint: windows.joint ? undefined : false,
        createdAt: clock.now(),
      },
      embeddings: document.spec.embeddings,
      segments: segmentedRows(document, windows, frozen, seasonal ? earlier : undefined, rows),
    }
    const report = await calculations.run<ReportTask, DriftReport>(PROGRAM, task)
    return { ...report, segments: [...report.segments, ...unjudgedSegments(document, opened, featuresOf(frozen))] }
  }
}

/** Segments that name a feature which the version does not have: the others, and all rows together, are judged without them. */
function unjudgedSegments({ spec }: Declared<'Monitor'>, { monitor }: Opened, features: readonly string[]): SegmentReport[] {
  return spec.segments.flatMap((segment): SegmentReport[] => {
    const [unknown] = unknownFeatures(segment, features)
    if (unknown === undefined) return []
    const reason = `it names feature ${unknown}, which version ${monitor.version} does not have`
    return [{ name: segment.name, referenceRows: 0, currentRows: 0, columns: [], verdict: 'insufficient_data', reason }]
  })
}

const isoTime = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z')

function settingsFrom({ alpha, control, tolerance, moderate, severe, leastRows }: MonitorWindows) {
  return { alpha, control, tolerance, moderate, severe, leastRows }
}

function referenceName({ reference, monitor }: Opened, windows: MonitorWindows): string {
  if (windows.reference.kind === 'cycles') return `the same time of the last ${windows.reference.cycles} ${windows.reference.cycle}s`
  return `version ${monitor.version} as frozen at ${isoTime(reference.frozenAt)}`
}

function cyclesBefore({ fromMs, toMs }: Stretch, { cycle, cycles }: Extract<MonitorWindows['reference'], { kind: 'cycles' }>): Stretch[] {
  const length = CYCLE_MS[cycle]
  return Array.from({ length: cycles }, (_, i) => ({ fromMs: fromMs - (i + 1) * length, toMs: toMs - (i + 1) * length })).filter(
    (past) => past.fromMs >= 0,
  )
}

/** Each declared slice with the same slice of the reference. */
function segmentedRows(
  { spec }: Declared<'Monitor'>,
  windows: MonitorWindows,
  frozen: TableProfile,
  earlier: readonly SampledRow[] | undefined,
  rows: readonly SampledRow[],
): SegmentedRows | undefined {
  const features = featuresOf(frozen)
  const known = spec.segments.filter((segment) => unknownFeatures(segment, features).length === 0)
  if (known.length === 0) return undefined
  const before = earlier ?? sampledRowsOf(frozen)
  const featuresOnly = ({ features: values }: { readonly features: ArrayLike<number> }) => ({ features: values })
  return {
    features: frozen.columns.flatMap((column) => (column.kind === 'numeric' && features.includes(column.name) ? [column.frame] : [])),
    segments: known.map((segment) => {
      const belongs = segmentTest(segment, features)
      return { name: segment.name, reference: before.filter(belongs).map(featuresOnly), current: rows.filter(belongs).map(featuresOnly) }
    }),
    tolerance: windows.tolerance,
    leastRows: windows.leastRows,
    seed: 'segments',
  }
}
