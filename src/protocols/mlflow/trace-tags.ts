import { AppError } from '../../contract/errors.ts'
import { list, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import type { TraceDeps } from './traces.ts'

/** Tags by which clients know where spans are; only the server sets them. */
const ours: ReadonlySet<string> = new Set(['mlflow.trace.spansLocation', 'mlflow.trace.archiveLocation', 'mlflow.trace.archivalFailure'])

/** Version 2.0 calls a trace’s id that of its request. */
const tagPaths = [
  { name: 'V3', path: '/api/3.0/mlflow/traces/:trace_id/tags' },
  { name: '', path: '/api/2.0/mlflow/traces/:trace_id/tags' },
]

/** Tags of traces, and the runs and prompts they belong to. */
export function traceTagRpcs({ traces, runs }: TraceDeps): Rpc[] {
  const trace_id = string({ required: true })
  const key = string({ required: true })
  return [
    ...tagPaths.flatMap(({ name, path }) => [
      rpc({
        name: `setTraceTag${name}`,
        method: 'PATCH',
        paths: [path],
        scope: 'write',
        fields: { trace_id, key, value: string() },
        async handle(tag, { caller }) {
          if (ours.has(tag.key)) throw new AppError('invalid', `Tag '${tag.key}' is immutable and cannot be set on a trace.`)
          await traces.setTag(tag.trace_id, tag.key, tag.value ?? '', caller)
          return {}
        },
      }),
      rpc({
        name: `deleteTraceTag${name}`,
        method: 'DELETE',
        paths: [path],
        scope: 'write',
        fields: { trace_id, key },
        async handle(tag, { caller }) {
          if (ours.has(tag.key)) throw new AppError('invalid', `Tag '${tag.key}' is immutable and cannot be deleted on a trace.`)
          await traces.deleteTag(tag.trace_id, tag.key, caller)
          return {}
        },
      }),
    ]),
    rpc({
      name: 'linkTracesToRun',
      method: 'POST',
      paths: ['/api/2.0/mlflow/traces/link-to-run'],
      scope: 'write',
      fields: { trace_ids: list(string(), { required: true }), run_id: string({ required: true }) },
      async handle({ trace_ids, run_id }, { caller }) {
        if (!(await runs.run(caller.project, run_id))) throw new AppError('not_found', `Run with id=${run_id} not found`, { run: run_id })
        await traces.linkToRun(trace_ids, run_id, caller)
        return {}
      },
    }),
    rpc({
      name: 'linkPromptsToTrace',
      method: 'POST',
      paths: ['/api/2.0/mlflow/traces/link-prompts'],
      scope: 'write',
      fields: { trace_id, prompt_versions: list(message({ name: string(), version: string() }), { required: true }) },
      async handle({ trace_id: trace, prompt_versions }, { caller }) {
        await traces.linkPrompts(
          trace,
          prompt_versions.map(({ name, version }) => `${name}/${version}`),
          caller,
        )
        return {}
      },
    }),
  ]
}
