import { type FormEvent, useEffect, useRef, useState } from 'react'
import { access } from '../../../src/contract/access.ts'
import { AppError, messageFrom } from '../../../src/contract/errors.ts'
import { useConsole } from '../console.tsx'
import { Mark } from '../parts/frame.tsx'
import { tokenFrom } from '../routes.ts'

/** Exchanges the one-time token of a sign-in link, or a pasted one, for a session. */
export function SignInPage({ onSignedIn }: { onSignedIn: () => void }) {
  const { client } = useConsole()
  const [pasted, setPasted] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<AppError>()
  const taken = useRef(false)

  async function signIn(token: string) {
    setBusy(true)
    setError(undefined)
    try {
      await client.call(access.signIn, { token })
      onSignedIn()
    } catch (thrown) {
      setError(thrown instanceof AppError ? thrown : new AppError('internal', messageFrom(thrown), {}, thrown))
      setBusy(false)
    }
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: a token works once, so it is taken once
  useEffect(() => {
    document.title = 'Sign in · Setpoint'
    const token = tokenFrom(location.hash)
    if (taken.current || token === '') return
    taken.current = true
    history.replaceState(null, '', location.pathname + location.search)
    void signIn(token)
  }, [])

  function submit(event: FormEvent) {
    event.preventDefault()
    void signIn(tokenFrom(pasted))
  }

  return (
    <main className="sign-in">
      <form onSubmit={submit} aria-busy={busy}>
        <h1>
          <Mark /> Setpoint
        </h1>
        <label htmlFor="token">One-time sign-in link or token</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={pasted}
          onChange={(event) => setPasted(event.target.value)}
          disabled={busy}
        />
        <button type="submit" className="primary" disabled={busy || tokenFrom(pasted) === ''}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <div className="sign-in-error" role="alert">
          {error && (
            <p>
              <strong>{titleOf(error)}</strong> {error.message}
            </p>
          )}
        </div>
        <p className="hint">
          The server prints a link when it starts. It works once, for 10 minutes. On the machine it runs on, this makes a new one:
        </p>
        <pre>setpoint access create-sign-in</pre>
      </form>
    </main>
  )
}

function titleOf(error: AppError): string {
  switch (error.code) {
    case 'unauthenticated':
      return 'Not signed in:'
    case 'throttled':
      return 'Too many tries:'
    case 'unavailable':
      return 'The server does not answer:'
    default:
      return 'Signing in failed:'
  }
}
