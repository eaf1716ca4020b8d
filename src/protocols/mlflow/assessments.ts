import type { Traces } from '../../modules/watch/traces/index.ts'
import {
  type AssessmentMessage,
  assessmentFields,
  assessmentMessage,
  expectationValue,
  feedbackFrom,
  newAssessmentFrom,
} from './assessment-messages.ts'
import { json, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'

const collection = '/api/3.0/mlflow/traces/:trace_id/assessments'
const one = `${collection}/:assessment_id`
const ids = { trace_id: string({ required: true }), assessment_id: string({ required: true }) }

/** What is said of traces: feedback, expectations, references to issues. */
export function assessmentRpcs({ traces }: { readonly traces: Traces }): Rpc[] {
  return [
    rpc({
      name: 'createAssessment',
      method: 'POST',
      paths: [collection],
      scope: 'write',
      fields: { trace_id: string({ required: true }), assessment: message(assessmentFields, { required: true }) },
      async handle({ trace_id, assessment }, { caller }) {
        return { assessment: assessmentMessage(await traces.createAssessment(trace_id, newAssessmentFrom(assessment), caller)) }
      },
    }),
    rpc({
      name: 'getAssessment',
      method: 'GET',
      paths: [one],
      scope: 'read',
      fields: ids,
      async handle({ trace_id, assessment_id }, { caller }) {
        return { assessment: assessmentMessage(await traces.getAssessment(trace_id, assessment_id, caller)) }
      },
    }),
    rpc({
      name: 'updateAssessment',
      method: 'PATCH',
      paths: [one],
      scope: 'write',
      fields: { ...ids, assessment: message(assessmentFields, { required: true }), update_mask: json({ required: true }) },
      async handle({ trace_id, assessment_id, assessment, update_mask }, { caller }) {
        const change = changeFrom(assessment, pathsFrom(update_mask))
        return { assessment: assessmentMessage(await traces.updateAssessment(trace_id, assessment_id, change, caller)) }
      },
    }),
    rpc({
      name: 'deleteAssessment',
      method: 'DELETE',
      paths: [one],
      scope: 'write',
      fields: ids,
      async handle({ trace_id, assessment_id }, { caller }) {
        await traces.deleteAssessment(trace_id, assessment_id, caller)
        return {}
      },
    }),
  ]
}

/** A field mask is a text of names in camelCase, or an object with a list of `paths`. */
function pathsFrom(mask: unknown): ReadonlySet<string> {
  const paths = typeof mask === 'string' ? mask.split(',') : (mask as { paths?: unknown }).paths
  const names = Array.isArray(paths) ? paths.map((path) => String(path).trim()) : []
  return new Set(names.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)))
}

function changeFrom(given: AssessmentMessage, paths: ReadonlySet<string>): Parameters<Traces['updateAssessment']>[2] {
  return {
    ...(paths.has('assessment_name') ? { name: given.assessment_name ?? '' } : {}),
    ...(paths.has('feedback') && given.feedback ? { feedback: feedbackFrom(given.feedback) } : {}),
    ...(paths.has('expectation') && given.expectation ? { expectation: { value: expectationValue(given.expectation) } } : {}),
    ...(paths.has('rationale') ? { rationale: given.rationale ?? '' } : {}),
    ...(paths.has('metadata') ? { metadata: given.metadata ?? {} } : {}),
  }
}
