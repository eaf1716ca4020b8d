import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import { messageFrom } from '../../../src/contract/errors.ts'
import type { LoopRun } from '../../../src/contract/loops.ts'
import { Reason } from '../../../src/contract/scalars.ts'
import { type Action, actionNames, actions, refusalOf } from '../actions.ts'
import { useConsole } from '../console.tsx'

/** What a person may decide about a run; each decision asks why. */
export function RunActions({ run, onDone }: { run: LoopRun; onDone: () => void }) {
  const { session } = useConsole()
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
      {asked && <Ask key={asked} action={asked} run={run} onClose={() => setAsked(undefined)} onDone={onDone} />}
    </div>
  )
}

function Ask({ action, run, onClose, onDone }: { action: Action; run: LoopRun; onClose: () => void; onDone: () => void }) {
  const { client } = useConsole()
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const { name, says, endpoint } = actions[action]

  useEffect(() => dialog.current?.showModal(), [])

  async function decide(event: FormEvent) {
    event.preventDefault()
    const checked = Reason.safeParse(reason)
    if (!checked.success) return setProblem(checked.error.issues[0]!.message)
    setBusy(true)
    setProblem(undefined)
    try {
      await client.call(endpoint, { id: run.id, reason: checked.data })
      onDone()
      onClose()
    } catch (error) {
      setProblem(messageFrom(error))
      setBusy(false)
    }
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={`${id}-title`}>
      <form onSubmit={(event) => void decide(event)}>
        <h2 id={`${id}-title`}>
          {name} the run of {run.deployment}
        </h2>
        {run.state !== 'ended' && <p>{run.steps.at(-1)?.summary}</p>}
        <p className="dim">{says}</p>
        <label htmlFor={`${id}-reason`}>Why</label>
        <textarea
          id={`${id}-reason`}
          rows={3}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          maxLength={2_000}
          disabled={busy}
          placeholder="kept in the ledger"
        />
        <div className="ask-problem" role="alert">
          {problem}
        </div>
        <div className="ask-buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className={action === 'abort' || action === 'roll_back' ? 'danger' : 'primary'} disabled={busy}>
            {busy ? 'Asking…' : name}
          </button>
        </div>
      </form>
    </dialog>
  )
}
