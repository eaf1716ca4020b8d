import { useCallback, useEffect, useMemo, useState } from 'react'
import { access, type Session } from '../../src/contract/access.ts'
import type { Client } from '../../src/contract/client.ts'
import { ConsoleProvider, connect } from './console.tsx'
import { ComparePage } from './pages/compare.tsx'
import { DeploymentPage } from './pages/deployment.tsx'
import { ExperimentPage } from './pages/experiment.tsx'
import { ExperimentsPage } from './pages/experiments.tsx'
import { LoopPage } from './pages/loop.tsx'
import { LoopsPage } from './pages/loops.tsx'
import { ModelPage } from './pages/model.tsx'
import { ModelsPage } from './pages/models.tsx'
import { MonitorPage } from './pages/monitor.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { RunPage } from './pages/run.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { VersionPage } from './pages/version.tsx'
import { Frame } from './parts/frame.tsx'
import { Link } from './parts/link.tsx'
import { baseOf, pathAfterSignIn, pathFromHash, type Route, routeFrom, signInPath } from './routes.ts'

type Place = { readonly base: string; readonly path: string; readonly search: string }

/** Where the browser is; a link of a tracking client’s, which names its page behind a hash, becomes the console’s own. */
function currentPlace(): Place {
  const base = baseOf(location.pathname)
  const linked = pathFromHash(location.hash)
  if (linked !== undefined) history.replaceState(null, '', base + linked)
  return { base, path: location.pathname.slice(base.length) || '/', search: location.search }
}

/** The console: signs in, keeps one connection for events, and shows the page of the address. */
export function App() {
  const [{ base, path, search }, setPlace] = useState(currentPlace)
  const [known, setKnown] = useState<{ client: Client; session: Session }>()

  const go = useCallback(
    (to: string) => {
      history.pushState(null, '', base + to)
      setPlace(currentPlace())
      window.scrollTo(0, 0)
    },
    [base],
  )
  const adjust = useCallback((query: URLSearchParams) => {
    history.replaceState(null, '', query.size > 0 ? `?${query}` : location.pathname)
    setPlace(currentPlace())
  }, [])
  const { client, live } = useMemo(
    () =>
      connect(base, () => {
        setKnown(undefined)
        const here = currentPlace()
        if (here.path === '/sign-in') return
        history.replaceState(null, '', base + signInPath(here.path + here.search))
        setPlace(currentPlace())
      }),
    [base],
  )
  useEffect(() => {
    const onMove = () => setPlace(currentPlace())
    window.addEventListener('popstate', onMove)
    window.addEventListener('hashchange', onMove)
    return () => {
      window.removeEventListener('popstate', onMove)
      window.removeEventListener('hashchange', onMove)
    }
  }, [])

  const session = known?.client === client ? known.session : undefined
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
    client.call(access.whoAmI, {}).then(
      (session) => setKnown({ client, session }),
      () => {},
    )
  }, [client, signingIn, session])

  const value = useMemo(
    () => ({ client, live, session, base, path, query: new URLSearchParams(search), navigate: go, adjust }),
    [client, live, session, base, path, search, go, adjust],
  )
  return (
    <ConsoleProvider value={value}>
      {signingIn ? <SignInPage onSignedIn={() => go(pathAfterSignIn(location.search))} /> : <Frame>{pageOf(route)}</Frame>}
    </ConsoleProvider>
  )
}

function pageOf(route: Route) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />
    case 'deployment':
      return <DeploymentPage key={route.name} name={route.name} />
    case 'monitor':
      return <MonitorPage key={route.name} name={route.name} />
    case 'loops':
      return <LoopsPage />
    case 'loop':
      return <LoopPage key={route.id} id={route.id} />
    case 'experiments':
      return <ExperimentsPage />
    case 'experiment':
      return <ExperimentPage key={route.experiment} id={route.experiment} />
    case 'compare':
      return <ComparePage experiment={route.experiment} />
    case 'run':
      return <RunPage key={route.run} experiment={route.experiment} id={route.run} />
    case 'models':
      return <ModelsPage />
    case 'model':
      return <ModelPage key={route.model} name={route.model} />
    case 'version':
      return <VersionPage key={`${route.model}/${route.version}`} model={route.model} version={route.version} />
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
