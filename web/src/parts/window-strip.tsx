import { useState } from 'react'
import type { WindowState } from '../../../src/contract/drift.ts'
import { formatCount, formatInstant, wordsFrom } from '../format.ts'

/** Judged windows from the oldest to the newest: verdict by colour and height, lasting drift underlined, words for the one pointed at. */
export function WindowStrip({ windows }: { windows: readonly WindowState[] }) {
  const oldestFirst = [...windows].sort((a, b) => a.fromMs - b.fromMs)
  const [pointed, setPointed] = useState<number>()
  const shown = oldestFirst.find(({ fromMs }) => fromMs === pointed) ?? oldestFirst.at(-1)
  if (!shown) return <p className="dim">No window has been judged yet.</p>
  return (
    <>
      <ol className="window-strip">
        {oldestFirst.map((window) => (
          <li key={window.fromMs}>
            <button
              type="button"
              className={`${window.verdict} ${window.severity} ${window.standing}`}
              aria-label={wordsOf(window)}
              aria-pressed={window.fromMs === shown.fromMs}
              onPointerEnter={() => setPointed(window.fromMs)}
              onFocus={() => setPointed(window.fromMs)}
              onClick={() => setPointed(window.fromMs)}
            />
          </li>
        ))}
      </ol>
      <p>{wordsOf(shown)}</p>
    </>
  )
}

function wordsOf({ fromMs, verdict, severity, standing, columns, rows, reason }: WindowState): string {
  const said = verdict === 'drift' ? `${severity} drift of ${columns.join(', ') || 'all together'}` : wordsFrom(verdict)
  const lasting = standing === 'sustained' ? '; it lasts' : standing === 'watching' ? '; watched whether it lasts' : ''
  return `${formatInstant(fromMs, Date.now())}: ${said}${lasting}; ${formatCount(rows)} rows. ${reason}`
}
