import type { Client } from '../../contract/client.ts'
import { labels } from '../../contract/labels.ts'
import type { Shell } from '../shell.ts'
import { patiently } from './inference.ts'
import { createOwedLabels, type Owed } from './labels.ts'
import type { ReplayPlan } from './replay.ts'
import type { Row } from './rows.ts'

export type Telling = {
  /** A row whose label is known from now on; it is told when its delay has passed. */
  owe(row: Row): void
  /** Tells every label that is due after row `last` was asked. */
  tellDue(last: number): Promise<void>
  /** Waits until at most `most` labels are owed that have a time of their own to wait for. */
  waitDownTo(most: number, last: number): Promise<void>
  tellAll(): Promise<void>
  /** Labels the server has acknowledged. */
  readonly told: number
}

const LABELS_PER_CALL = 5_000

/** Request ids carry the row, so that an earlier replay can be found and gone on with. */
export function idOf({ prefix }: Pick<ReplayPlan, 'prefix'>, row: number): string {
  return `${prefix}-${row}`
}

/** Tells labels late, oldest first, by the clock or, where the rows have a time and the delay is in seconds, by theirs. */
export function createTelling(plan: ReplayPlan, client: Client, shell: Shell): Telling {
  const stop = shell.interrupted()
  const owed = createOwedLabels(plan.delay)
  let fileMs = 0
  let told = 0

  async function tell(due: readonly Owed[]): Promise<void> {
    for (let from = 0; from < due.length; from += LABELS_PER_CALL) {
      const part = due.slice(from, from + LABELS_PER_CALL).map(({ n, label }) => ({ recordId: idOf(plan, n), label, source: 'replay' }))
      await patiently(shell, stop, () => client.call(labels.recordLabels, { deployment: plan.deployment, labels: part }))
      told += part.length
    }
  }

  return {
    owe({ n, label, timeMs }) {
      fileMs = timeMs ?? fileMs
      if (!Number.isNaN(label)) owed.push({ n, label, atMs: plan.timed ? timeMs! : shell.now() })
    },
    tellDue: (last) => tell(owed.due(last, plan.timed ? fileMs : shell.now())),
    async waitDownTo(most, last) {
      while (owed.size > most && !stop.aborted) {
        const next = plan.timed ? undefined : owed.nextMs()
        if (next === undefined) return
        await shell.pause(Math.max(1, next - shell.now()), stop)
        await tell(owed.due(last, shell.now()))
      }
    },
    tellAll: () => tell(owed.all()),
    get told() {
      return told
    },
  }
}
