import { type FormEvent, useState } from 'react'
import type { AppError } from '../../../src/contract/errors.ts'

/** A filter in the search grammar, asked on Enter; what the server says against it stands below. */
export function FilterBox({
  filter,
  error,
  onFilter,
}: {
  filter: string
  error: AppError | undefined
  onFilter: (filter: string) => void
}) {
  const [text, setText] = useState(filter)
  function submit(event: FormEvent) {
    event.preventDefault()
    onFilter(text.trim())
  }
  return (
    <form className="filter" onSubmit={submit}>
      <input
        type="search"
        aria-label="Filter runs"
        aria-invalid={error !== undefined}
        aria-describedby="filter-says"
        placeholder="metrics.auc > 0.9 AND params.depth = '6'"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          // The cross inside a search field empties it and asks for nothing more.
          if (event.target.value === '' && filter !== '') onFilter('')
        }}
      />
      <button type="submit">Filter</button>
      <p id="filter-says" role="status" className={error ? 'inline-problem' : 'dim'}>
        {error ? error.message : 'metrics, params, tags and attributes such as status, start_time or run_name; joined by AND'}
      </p>
    </form>
  )
}
