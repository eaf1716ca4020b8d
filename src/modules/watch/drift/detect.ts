import type { Detection, DriftSignal } from '../../../contract/drift.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Tx } from '../../../infra/sql/index.ts'
import type { Noticed } from './other-detectors.ts'
import type { Detections } from './store.ts'
import type { Opened } from './target.ts'
import type { Crossing } from './watching.ts'

const MOST_STREAMS = 8
const STREAMS_IN_EVENT = 3

/** Turns crossings of the threshold into detections and their confirmation. */
export function createNote({ clock, ids, bus, detections }: { clock: Clock; ids: Ids; bus: Bus; detections: Detections }) {
  async function detect(tx: Tx, { monitor, project, name }: Opened, signal: DriftSignal, { atMs, shown }: Crossing): Promise<Detection> {
    const { rows, evidence, threshold, streams } = shown
    const { deployment } = monitor.spec
    const top = streams.slice(0, MOST_STREAMS)
    const known = { monitor: name, deployment, signal, at: atMs }
    const detection: Detection = {
      ...known,
      id: ids('drift'),
      modelVersion: monitor.version!,
      storedAt: clock.now(),
      rows,
      evidence,
      threshold,
      top,
      judgement: null,
    }
    await detections.insert(tx, project, detection)
    await bus.publish(tx, {
      name: 'drift.detected',
      project,
      subject: detection.id,
      data: { ...known, detection: detection.id, top: top.slice(0, STREAMS_IN_EVENT).map((stream) => stream.stream) },
    })
    return detection
  }

  async function confirm(tx: Tx, { monitor, project, name }: Opened, signal: DriftSignal, detection: string): Promise<void> {
    const data = { detection, monitor: name, deployment: monitor.spec.deployment, signal }
    await bus.publish(tx, { name: 'drift.confirmed', project, subject: detection, data })
  }

  /**
   * The first crossing since the reset is the detection; the second, from new rows only, confirms it; later ones say
   * nothing new. Returns the id of the detection made, if one was.
   */
  async function note(tx: Tx, opened: Opened, signal: DriftSignal, crossings: readonly Crossing[]): Promise<string | null> {
    const before = opened.monitor[signal]
    const [first, ...more] = crossings
    if (!first) return null
    if (before.crossings === 0) {
      const detection = await detect(tx, opened, signal, first)
      if (more.length > 0) await confirm(tx, opened, signal, detection.id)
      return detection.id
    }
    if (before.crossings === 1) await confirm(tx, opened, signal, before.detection!)
    return null
  }

  return {
    note,
    /** Tells of what further detectors found: once for each of them and batch of rows. */
    async notice(tx: Tx, { monitor, project, name }: Opened, noticed: readonly Noticed[]): Promise<void> {
      const { deployment } = monitor.spec
      for (const [detector, found] of Map.groupBy(noticed, (one) => one.detector)) {
        const data = { monitor: name, deployment, detector, at: found[0]!.atMs, times: found.length }
        await bus.publish(tx, { name: 'drift.noticed', project, subject: name, data })
      }
    },
  }
}
