import type { Verbs } from '../../../contract/endpoint.ts'
import type { LoopSpec } from '../../../contract/loops.ts'
import { excludingFrom } from '../../../contract/quarantine.ts'
import type { triage } from '../../../contract/triage.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Drift } from '../../watch/drift/index.ts'
import type { Estimates } from '../../watch/estimates/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { type Assessment, assess, type LabelledRow } from './assess.ts'
import { createResponses } from './responses.ts'

type Window = {
  readonly project: string
  readonly spec: LoopSpec
  readonly fromMs: number
  readonly toMs: number
  readonly moved: readonly string[]
}

export type Triage = Verbs<typeof triage> & {
  /** Looks at the rows and labels of a window and says what is behind a detection. Undefined while the monitor has no reference. */
  diagnose(window: Window): Promise<Assessment | undefined>
  /** Labelled rows of a window that are not quarantined. */
  countLabelled(window: Pick<Window, 'project' | 'spec' | 'fromMs' | 'toMs'>): Promise<number>
}

const SAMPLE_ROWS = 5_000

type Deps = {
  sql: Sql
  clock: Clock
  ledger: Ledger
  bus: Bus
  calculations: Calculations
  telemetry: Telemetry
  drift: Drift
  estimates: Estimates
  documents: Documents
  registry: Registry
  quarantine: QuarantineWindows
}

export function createTriage(deps: Deps): Triage {
  async function labelled({ project, spec, fromMs, toMs }: Pick<Window, 'project' | 'spec' | 'fromMs' | 'toMs'>): Promise<LabelledRow[]> {
    const excluding = excludingFrom(await deps.quarantine.inForce(project, spec.deployment))
    const rows: LabelledRow[] = []
    for await (const page of deps.telemetry.labelledRows({
      project,
      deployment: spec.deployment,
      fromMs,
      toMs,
      limit: SAMPLE_ROWS,
      order: 'newest',
      excluding,
    })) {
      for (const { label, score, actor, labelSource } of page) if (score !== null) rows.push({ label, score, actor, labelSource })
    }
    return rows
  }

  return {
    ...createResponses(deps),
    async countLabelled({ project, spec, fromMs, toMs }) {
      const excluding = excludingFrom(await deps.quarantine.inForce(project, spec.deployment))
      return await deps.telemetry.countLabelled({ project, deployment: spec.deployment, fromMs, toMs, excluding })
    },
    async diagnose(window) {
      const reference = await deps.drift.reference(window.project, window.spec.monitor)
      const monitor = await deps.documents.find('Monitor', window.project, window.spec.monitor)
      if (!reference || !monitor) return undefined
      return assess(
        {
          profile: reference.profile.profile,
          moved: window.moved,
          rows: await deps.telemetry.sampleRows({
            project: window.project,
            deployment: window.spec.deployment,
            fromMs: window.fromMs,
            toMs: window.toMs,
            limit: SAMPLE_ROWS,
          }),
          // A regression, or more classes than two: no row is right or wrong, and no error rate is normal.
          labelled: reference.profile.labelRows === 0 ? [] : await labelled(window),
          threshold: reference.threshold,
          baselineErrors: reference.profile.labelErrors,
          baselineRows: reference.profile.labelRows,
          tolerance: monitor.spec.tolerance.error,
        },
        window.spec.triage,
      )
    },
  }
}
