import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import { messageFrom } from '../../../src/contract/errors.ts'
import { Reason } from '../../../src/contract/scalars.ts'

export type ReasonDialogProps = {
  readonly title: string
  /** What follows from it. */
  readonly says: string
  readonly note?: string
  readonly button: string
  readonly danger?: boolean
  readonly decide: (reason: string) => Promise<unknown>
  readonly onClose: () => void
  readonly onDone: () => void
}

/** Asks why before something is decided. */
export function ReasonDialog({ title, says, note, button, danger = false, decide, onClose, onDone }: ReasonDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()

  useEffect(() => dialog.current?.showModal(), [])

  async function submit(event: FormEvent) {
    event.preventDefault()
    const checked = Reason.safeParse(reason)
    if (!checked.success) return setProblem(checked.error.issues[0]!.message)
    setBusy(true)
    setProblem(undefined)
    try {
      await decide(checked.data)
      onDone()
      onClose()
    } catch (error) {
      setProblem(messageFrom(error))
      setBusy(false)
    }
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={`${id}-title`}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={`${id}-title`}>{title}</h2>
        {note && <p>{note}</p>}
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
          <button type="submit" className={danger ? 'danger' : 'primary'} disabled={busy}>
            {busy ? 'Asking…' : button}
          </button>
        </div>
      </form>
    </dialog>
  )
}
