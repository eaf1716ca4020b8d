import type { ReactNode } from 'react'
import type { AppError } from '../../../src/contract/errors.ts'

export type Tone = 'good' | 'watch' | 'bad' | 'act' | 'unknown' | 'plain'

const signs: Readonly<Record<Tone, string>> = { good: '✓', watch: '◐', bad: '✕', act: '▲', unknown: '?', plain: '' }

/** A short state in words, with a sign so that it does not rest on its colour alone. */
export function Pill({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`pill ${tone}`}>
      {signs[tone] && <span aria-hidden="true">{signs[tone]}</span>}
      {children}
    </span>
  )
}

/** Why what is shown may be old, or is not shown at all. */
export function Problem({ error, what, stale }: { error: AppError; what: string; stale: boolean }) {
  const id = error.details.requestId
  return (
    <div className={stale ? 'problem stale' : 'problem'} role="alert">
      <strong>{stale ? `${what} may be out of date.` : `${what} cannot be read.`}</strong> {error.message}
      {typeof id === 'string' && <span className="dim"> · request {id}</span>}
    </div>
  )
}

/** Holds the place of what is being read, in its size, so that nothing jumps when it arrives. */
export function Skeleton({ rows, height }: { rows: number; height: number }) {
  return (
    <div className="skeletons" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the places are all alike
        <div key={i} className="skeleton" style={{ height }} />
      ))}
    </div>
  )
}
