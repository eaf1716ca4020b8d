import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { tagKeys } from './keys.ts'
import { needInfo, noSuchTrace } from './records.ts'
import { deleteTag, findTraces, saveLinks, saveTexts, updateTrace } from './store.ts'
import { checkedTag, checkedText, NAME_LIMIT_CHARACTERS } from './text-limits.ts'

type Actor = Pick<Caller, 'project'>

const MOST_LINKS_A_CALL = 100

/** What people and programs hang on a trace afterwards: tags, the run and the prompts it belongs to. */
export function createLinks({ sql }: { readonly sql: Sql }) {
  return {
    /** Throws `not_found`, or `invalid` for a key that is too long. */
    async setTag(trace: string, key: string, value: string, { project }: Actor): Promise<void> {
      const [name, text] = checkedTag(key, value)
      await sql.transaction(async (tx) => {
        if ((await findTraces(tx, project, [trace])).length === 0) throw noSuchTrace(trace)
        if (key === tagKeys.name) await updateTrace(tx, project, trace, { name: checkedText('Trace name', value, NAME_LIMIT_CHARACTERS) })
        else await saveTexts(tx, 'trace_tags', project, [{ trace, texts: { [name]: text } }])
      })
    },
    /** Throws `not_found` for the trace or the tag. */
    async deleteTag(trace: string, key: string, { project }: Actor): Promise<void> {
      await sql.transaction(async (tx) => {
        const { tags } = await needInfo(tx, project, trace)
        if (!(key in tags)) throw new AppError('not_found', `No trace tag with key '${key}' for trace with ID '${trace}'`, { trace, key })
        if (key === tagKeys.name) await updateTrace(tx, project, trace, { name: null })
        else await deleteTag(tx, project, trace, key)
      })
    },
    /** Says that traces belong to a run, before or after they come. Throws `invalid` for more than 100. */
    async linkToRun(traces: readonly string[], run: string, { project }: Actor): Promise<void> {
      if (traces.length > MOST_LINKS_A_CALL)
        throw new AppError(
          'invalid',
          `Cannot link more than ${MOST_LINKS_A_CALL} traces to a run in a single request. Provided ${traces.length} traces.`,
        )
      await sql.transaction((tx) =>
        saveLinks(
          tx,
          [...new Set(traces)].map((trace) => ({ project, trace, kind: 'run', target: run })),
        ),
      )
    },
    /** Says which prompt versions, as `name/version`, a trace was made with. Throws `not_found`. */
    async linkPrompts(trace: string, prompts: readonly string[], { project }: Actor): Promise<void> {
      await sql.transaction(async (tx) => {
        if ((await findTraces(tx, project, [trace])).length === 0) throw noSuchTrace(trace)
        await saveLinks(
          tx,
          [...new Set(prompts)].map((target) => ({ project, trace, kind: 'prompt', target })),
        )
      })
    },
  }
}
