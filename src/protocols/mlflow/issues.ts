import { AppError } from '../../contract/errors.ts'
import type { Issue } from '../../contract/traces.ts'
import type { Traces } from '../../modules/watch/traces/index.ts'
import { bool, int32, list, string } from './fields.ts'
import { skipFrom } from './page-token.ts'
import { type Rpc, rpc } from './rpc.ts'

const base = '/api/3.0/mlflow/issues'
const ISSUES_A_PAGE = 100
const MOST_ISSUES_A_PAGE = 50_000
const statuses = ['pending', 'rejected', 'resolved'] as const
const severities = ['not_an_issue', 'low', 'medium', 'high'] as const

/** Problems found in traces. */
export function issueRpcs({ traces }: { readonly traces: Traces }): Rpc[] {
  return [...changeRpcs(traces), ...readRpcs(traces)]
}

function changeRpcs(traces: Traces): Rpc[] {
  const changing = { status: string(), severity: string() }
  return [
    rpc({
      name: 'createIssue',
      method: 'POST',
      paths: [base],
      scope: 'write',
      fields: {
        experiment_id: string({ required: true }),
        name: string({ required: true }),
        description: string({ required: true }),
        ...changing,
        root_causes: list(string()),
        categories: list(string()),
        source_run_id: string(),
        created_by: string(),
      },
      async handle(given, { caller }) {
        const issue = {
          experiment: given.experiment_id,
          name: given.name,
          description: given.description,
          status: oneOf(statuses, given.status) ?? 'pending',
          severity: oneOf(severities, given.severity) ?? null,
          rootCauses: given.root_causes ?? [],
          categories: given.categories ?? [],
          sourceRun: given.source_run_id || null,
          createdBy: given.created_by || null,
        }
        return { issue: issueMessage(await traces.createIssue(issue, caller)) }
      },
    }),
    rpc({
      name: 'updateIssue',
      method: 'PATCH',
      paths: [`${base}/:issue_id`],
      scope: 'write',
      fields: { issue_id: string({ required: true }), name: string(), description: string(), ...changing },
      async handle({ issue_id, name, description, status, severity }, { caller }) {
        const change = {
          ...(name ? { name } : {}),
          ...(description ? { description } : {}),
          ...(status === undefined ? {} : { status: oneOf(statuses, status)! }),
          ...(severity === undefined ? {} : { severity: oneOf(severities, severity)! }),
        }
        return { issue: issueMessage(await traces.changeIssue(issue_id, change, 'issue updated', caller)) }
      },
    }),
  ]
}

function readRpcs(traces: Traces): Rpc[] {
  return [
    rpc({
      name: 'getIssue',
      method: 'GET',
      paths: [`${base}/:issue_id`],
      scope: 'read',
      fields: { issue_id: string({ required: true }) },
      async handle({ issue_id }, { caller }) {
        return { issue: issueMessage(await traces.issue(issue_id, caller)) }
      },
    }),
    rpc({
      name: 'searchIssues',
      method: 'POST',
      paths: [`${base}/search`],
      scope: 'read',
      fields: { experiment_id: string(), filter_string: string(), max_results: int32(), page_token: string(), include_trace_count: bool() },
      async handle({ experiment_id, filter_string, max_results, page_token, include_trace_count }, { caller }) {
        const most = max_results ?? ISSUES_A_PAGE
        if (most < 1 || most > MOST_ISSUES_A_PAGE)
          throw new AppError(
            'invalid',
            `Invalid value ${most} for parameter 'max_results' supplied. It must be from 1 to ${MOST_ISSUES_A_PAGE}`,
          )
        const skip = skipFrom(page_token)
        const asked = { experiment: experiment_id || undefined, filter: filter_string, most: most + 1, skip }
        const found = await traces.findIssues(asked, caller)
        const next = found.length > most ? Buffer.from(JSON.stringify({ offset: skip + most })).toString('base64') : ''
        return {
          issues: found.slice(0, most).map(({ issue, traces }) => issueMessage(issue, include_trace_count ? traces : undefined)),
          next_page_token: next,
        }
      },
    }),
  ]
}

function oneOf<const T extends readonly string[]>(known: T, value: string | undefined): T[number] | undefined {
  if (value === undefined || known.includes(value)) return value
  throw new AppError('invalid', `'${value}' is none of ${known.join(', ')}`)
}

function issueMessage(issue: Issue, traceCount?: number): object {
  return {
    issue_id: issue.id,
    experiment_id: issue.experiment,
    name: issue.name,
    description: issue.description,
    status: issue.status,
    ...(issue.severity === null ? {} : { severity: issue.severity }),
    root_causes: issue.rootCauses,
    categories: issue.categories,
    ...(issue.sourceRun === null ? {} : { source_run_id: issue.sourceRun }),
    created_timestamp: issue.createdAt,
    last_updated_timestamp: issue.updatedAt,
    ...(issue.createdBy === null ? {} : { created_by: issue.createdBy }),
    ...(traceCount === undefined ? {} : { trace_count: traceCount }),
  }
}
