import { useCallback, useEffect, useMemo, useState } from 'react'
import { access, type Session } from '../../src/contract/access.ts'
import { ConsoleProvider, connect } from './console.tsx'
import { LoopPage } from './pages/loop.tsx'
import { LoopsPage } from './pages/loops.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { Frame } from './parts/frame.tsx'
import { Link } from './parts/link.tsx'
import { pathAfterSignIn, type Route, routeFrom, signInPath } from './routes.ts'

/** The console: signs in, keeps one connection for events, and shows the page of the address. */
export function App() {
  const [path, setPath] = useState(location.pathname)
  const [session, setSession] = useState<Session>()

  const navigate = useCallback((to: string) => {
    history.pushState(null, '', to)
    setPath(location.pathname)
    window.scrollTo(0, 0)
  }, [])
  const { client, live } = useMemo(
    () =>
      connect(() => {
        setSession(undefined)
        if (location.pathname === '/sign-in') return
        history.replaceState(null, '', signInPath(location.pathname))
        setPath(location.pathname)
      }),
    [],
  )
  useEffect(() => {
    const onPop = () => setPath(location.pathname)
    window.addEventListener('popstate', onPop)
    return () => window.removeEventListener('popstate', onPop)
  }, [])

  const route = routeFrom(path)
  const signingIn = route.page === 'sign-in'
  useEffect(() => {
    if (signingIn) return
    live.start()
    return () => live.stop()
  }, [live, signingIn])
  useEffect(() => {
    if (signingIn || session) return
    // A failure is not lost: every read of the page fails the same way, and the page shows it.
    client.call(access.whoAmI, {}).then(setSession, () => {})
  }, [client, signingIn, session])

  const value = useMemo(() => ({ client, live, session, path, navigate }), [client, live, session, path, navigate])
  return (
    <ConsoleProvider value={value}>
      {signingIn ? <SignInPage onSignedIn={() => navigate(pathAfterSignIn(location.search))} /> : <Frame>{pageOf(route)}</Frame>}
    </ConsoleProvider>
  )
}

function pageOf(route: Route) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />
    case 'loops':
      return <LoopsPage />
    case 'loop':
      return <LoopPage key={route.id} id={route.id} />
    default:
      return (
        <div className="notice">
          <h1>Nothing is at this address</h1>
          <p>
            Go to the <Link to="/">overview</Link>.
          </p>
        </div>
      )
  }
}
