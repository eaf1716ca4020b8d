import type { ReactNode } from 'react'
import { access } from '../../../src/contract/access.ts'
import { useConsole } from '../console.tsx'
import { formatInstant } from '../format.ts'
import { useLiveState, useNow } from '../use-live.ts'
import { Link } from './link.tsx'

/** What stays on every page: where one is, whether the numbers are live, and who is signed in. */
export function Frame({ children }: { children: ReactNode }) {
  const { client, session, navigate } = useConsole()
  async function signOut() {
    await client.call(access.signOut, {})
    navigate('/sign-in')
  }
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="top">
        <Link to="/" className="mark" label="Setpoint, overview">
          <Mark /> Setpoint
        </Link>
        <nav aria-label="Pages">
          <Link to="/">Overview</Link>
          <Link to="/experiments" section>
            Experiments
          </Link>
          <Link to="/models" section>
            Models
          </Link>
          <Link to="/loops" section>
            Loop runs
          </Link>
        </nav>
        <Connection />
        <div className="who">
          {session && (
            <>
              <span title={`may ${session.scopes.join(', ')}`}>
                {session.caller} <span className="dim">in</span> {session.project}
              </span>
              <button type="button" className="quiet" onClick={() => void signOut().catch(() => navigate('/sign-in'))}>
                Sign out
              </button>
            </>
          )}
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  )
}

function Connection() {
  const state = useLiveState()
  const now = useNow()
  const text =
    state.status === 'live'
      ? 'live'
      : state.status === 'connecting'
        ? 'connecting'
        : `not live since ${formatInstant(state.sinceMs, now)}, retrying`
  return (
    <div className={`connection ${state.status}`} role="status" title={state.status === 'lost' ? state.problem : undefined}>
      <span className="dot" aria-hidden="true" />
      {text}
    </div>
  )
}

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
      <path d="M3 16h26" stroke="var(--accent)" strokeWidth="2" strokeDasharray="3 3" />
      <path d="M3 25c5 0 6-17 11-17s4 11 8 9 2-1 7-1" fill="none" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round" />
    </svg>
  )
}
