import { useState } from 'react'
import type { RunColumn } from '../run-columns.ts'

const kinds = { metrics: 'Metrics', params: 'Params', tags: 'Tags' } as const
const MOST_OFFERED = 200

type ColumnChoiceProps = {
  readonly offered: readonly RunColumn[]
  readonly shown: readonly RunColumn[]
  readonly onChange: (shown: readonly RunColumn[]) => void
}

/** Which metrics, params and tags stand in the run table. */
export function ColumnChoice({ offered, shown, onChange }: ColumnChoiceProps) {
  const [words, setWords] = useState('')
  const isShown = (column: RunColumn) => shown.some(({ id }) => id === column.id)
  const hidden = shown.filter((column) => !offered.some(({ id }) => id === column.id))
  const found = [...hidden, ...offered].filter(({ key }) => key.toLowerCase().includes(words.trim().toLowerCase())).slice(0, MOST_OFFERED)
  const toggle = (column: RunColumn) => onChange(isShown(column) ? shown.filter(({ id }) => id !== column.id) : [...shown, column])
  return (
    <details className="column-choice">
      <summary>Columns</summary>
      <div>
        <input
          type="search"
          aria-label="Find a column"
          placeholder="Find"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        {(['metrics', 'params', 'tags'] as const).map((kind) => {
          const columns = found.filter((column) => column.kind === kind)
          return (
            columns.length > 0 && (
              <fieldset key={kind}>
                <legend>{kinds[kind]}</legend>
                {columns.map((column) => (
                  <label key={column.id}>
                    <input type="checkbox" checked={isShown(column)} onChange={() => toggle(column)} /> {column.key}
                  </label>
                ))}
              </fieldset>
            )
          )
        })}
        <button type="button" className="quiet" onClick={() => onChange([])}>
          The usual columns
        </button>
      </div>
    </details>
  )
}
