import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import type { ObjectiveState, objectives } from '../../../contract/objectives.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Labels } from '../labels/index.ts'
import type { Telemetry } from '../telemetry/index.ts'

export type Objectives = Verbs<typeof objectives>

const AT_MOST: ReadonlySet<string> = new Set(['error_rate', 'latency_p99_ms'])

export function createObjectives(deps: { documents: Documents; labels: Labels; telemetry: Telemetry }): Objectives {
  async function measure({ spec }: Declared<'Objective'>, caller: Caller): Promise<{ value: number | null; rows: number }> {
    const window = { deployment: spec.deployment, windowMs: spec.windowMinutes * 60_000 }
    if (spec.metric === 'latency_p99_ms') {
      const [traffic] = (await deps.telemetry.summarizeTraffic(window, caller)).deployments
      return traffic ? { value: traffic.latencyUs.p99 / 1_000, rows: traffic.requests } : { value: null, rows: 0 }
    }
    const quality = await deps.labels.measureQuality({ ...window, positive: 1 }, caller)
    switch (spec.metric) {
      case 'f1':
        return { value: quality.f1, rows: quality.labelled }
      case 'precision':
        return { value: quality.precision, rows: quality.labelled }
      case 'recall':
        return { value: quality.recall, rows: quality.labelled }
      case 'error_rate':
        return { value: quality.errorRate, rows: quality.labelled }
      case 'label_coverage':
        return { value: quality.coverage, rows: quality.labelled }
    }
  }

  async function stateOf(document: Declared<'Objective'>, caller: Caller): Promise<ObjectiveState> {
    const { spec } = document
    const direction = AT_MOST.has(spec.metric) ? 'at_most' : 'at_least'
    const { value, rows } = await measure(document, caller)
    const enough = value !== null && rows >= spec.minRows
    const met = enough && (direction === 'at_most' ? value <= spec.target : value >= spec.target)
    return { name: document.metadata.name, spec, direction, value, rows, status: !enough ? 'insufficient_data' : met ? 'met' : 'missed' }
  }

  return {
    async listObjectives({ deployment }, caller) {
      const declared = await deps.documents.all('Objective', caller.project)
      return await Promise.all(
        declared
          .filter(({ spec }) => deployment === undefined || spec.deployment === deployment)
          .map((document) => stateOf(document, caller)),
      )
    },
  }
}
