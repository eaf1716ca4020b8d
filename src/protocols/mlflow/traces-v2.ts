import { randomUUID } from 'node:crypto'
import { enumeration, int64, list, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { oldTraceInfoMessage, stateFromOldStatus } from './trace-messages.ts'
import type { TraceDeps } from './traces.ts'

const pairList = () => list(message({ key: string({ required: true }), value: string() }))
const textsFrom = (pairs: readonly { key: string; value?: string }[] = []) =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value ?? '']))

/** Traces as clients before 3.0 tell of them: begun, then ended, with spans in a file. */
export function oldTraceRpcs({ traces }: TraceDeps): Rpc[] {
  return [
    rpc({
      name: 'startTrace',
      method: 'POST',
      paths: ['/api/2.0/mlflow/traces'],
      scope: 'write',
      fields: { experiment_id: string(), timestamp_ms: int64(), request_metadata: pairList(), tags: pairList() },
      async handle({ experiment_id, timestamp_ms, request_metadata, tags }, { caller }) {
        const trace = {
          id: randomUUID().replaceAll('-', ''),
          experiment: experiment_id ?? '',
          requestedAt: timestamp_ms ?? 0,
          metadata: textsFrom(request_metadata),
          tags: textsFrom(tags),
        }
        return { trace_info: oldTraceInfoMessage(await traces.beginTrace(trace, caller)) }
      },
    }),
    rpc({
      name: 'endTrace',
      method: 'PATCH',
      paths: ['/api/2.0/mlflow/traces/:request_id'],
      scope: 'write',
      fields: {
        request_id: string({ required: true }),
        timestamp_ms: int64(),
        status: enumeration(['TRACE_STATUS_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'], 0)(),
        request_metadata: pairList(),
        tags: pairList(),
      },
      async handle({ request_id, timestamp_ms, status, request_metadata, tags }, { caller }) {
        const end = {
          endedAt: timestamp_ms ?? 0,
          state: stateFromOldStatus(status ?? 'TRACE_STATUS_UNSPECIFIED'),
          metadata: textsFrom(request_metadata),
          tags: textsFrom(tags),
        }
        return { trace_info: oldTraceInfoMessage(await traces.endTrace(request_id, end, caller)) }
      },
    }),
    rpc({
      name: 'getTraceInfo',
      method: 'GET',
      paths: ['/api/2.0/mlflow/traces/:request_id/info'],
      scope: 'read',
      fields: { request_id: string({ required: true }) },
      async handle({ request_id }, { caller }) {
        return { trace_info: oldTraceInfoMessage(await traces.info(request_id, caller)) }
      },
    }),
  ]
}
