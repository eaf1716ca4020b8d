import { useState } from 'react'
import type { LoopRun } from '../../../src/contract/loops.ts'
import { type Action, actionNames, actions, refusalOf } from '../actions.ts'
import { useConsole } from '../console.tsx'
import { ReasonDialog } from './reason-dialog.tsx'

/** What a person may decide about a run; each decision asks why. */
export function RunActions({ run, onDone }: { run: LoopRun; onDone: () => void }) {
  const { client, session } = useConsole()
  const [asked, setAsked] = useState<Action>()
  return (
    <div className="actions" role="toolbar" aria-label="Decide about this run">
      {actionNames.map((action) => {
        const refusal = refusalOf(action, run, session?.scopes ?? [])
        const kind = action === 'approve' ? 'primary' : action === 'abort' || action === 'roll_back' ? 'danger' : undefined
        return (
          <button
            key={action}
            type="button"
            className={kind}
            disabled={refusal !== undefined}
            title={refusal ?? actions[action].says}
            onClick={() => setAsked(action)}
          >
            {actions[action].name}
          </button>
        )
      })}
      {asked && (
        <ReasonDialog
          key={asked}
          title={`${actions[asked].name} the run of ${run.deployment}`}
          says={actions[asked].says}
          note={run.state === 'ended' ? undefined : run.steps.at(-1)?.summary}
          button={actions[asked].name}
          danger={asked === 'abort' || asked === 'roll_back'}
          decide={(reason) => client.call(actions[asked].endpoint, { id: run.id, reason })}
          onClose={() => setAsked(undefined)}
          onDone={onDone}
        />
      )}
    </div>
  )
}
