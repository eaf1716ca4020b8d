/** The console’s pages. Each has an address, so that a page can be sent to a colleague. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'deployment'; readonly name: string }
  | { readonly page: 'monitor'; readonly name: string }
  | { readonly page: 'loops' }
  | { readonly page: 'loop'; readonly id: string }
  | { readonly page: 'experiments' }
  | { readonly page: 'experiment'; readonly experiment: string }
  | { readonly page: 'compare'; readonly experiment: string }
  | { readonly page: 'run'; readonly experiment: string; readonly run: string }
  | { readonly page: 'models' }
  | { readonly page: 'model'; readonly model: string }
  | { readonly page: 'version'; readonly model: string; readonly version: number }
  | { readonly page: 'sign-in' }
  | { readonly page: 'unknown'; readonly path: string }

/** The page of a path; a query after it says only how the page is shown. */
export function routeFrom(path: string): Route {
  const [section, ...rest] = partsOf(path)
  const count = rest.length
  if (section === undefined) return { page: 'overview' }
  if (section === 'sign-in' && count === 0) return { page: 'sign-in' }
  if (section === 'deployments' && count === 1) return { page: 'deployment', name: rest[0]! }
  if (section === 'monitors' && count === 1) return { page: 'monitor', name: rest[0]! }
  if (section === 'loops' && count === 0) return { page: 'loops' }
  if (section === 'loops' && count === 1) return { page: 'loop', id: rest[0]! }
  const found = section === 'experiments' ? trackingRoute(rest) : section === 'models' ? modelRoute(rest) : undefined
  return found ?? { page: 'unknown', path }
}

function trackingRoute([experiment, inner, run, ...more]: readonly string[]): Route | undefined {
  if (more.length > 0) return undefined
  if (experiment === undefined) return { page: 'experiments' }
  if (inner === undefined) return { page: 'experiment', experiment }
  if (inner === 'compare' && run === undefined) return { page: 'compare', experiment }
  return inner === 'runs' && run !== undefined ? { page: 'run', experiment, run } : undefined
}

function modelRoute([model, version, ...more]: readonly string[]): Route | undefined {
  if (more.length > 0) return undefined
  if (model === undefined) return { page: 'models' }
  if (version === undefined) return { page: 'model', model }
  return /^[1-9]\d{0,8}$/.test(version) ? { page: 'version', model, version: Number(version) } : undefined
}

export function deploymentPath(name: string): string {
  return `/deployments/${encodeURIComponent(name)}`
}

export function monitorPath(name: string): string {
  return `/monitors/${encodeURIComponent(name)}`
}

export function loopPath(id: string): string {
  return `/loops/${encodeURIComponent(id)}`
}

export function experimentPath(experiment: string): string {
  return `/experiments/${encodeURIComponent(experiment)}`
}

export function runPath(experiment: string, run: string): string {
  return `${experimentPath(experiment)}/runs/${encodeURIComponent(run)}`
}

export function comparePath(experiment: string, runs: readonly string[]): string {
  return `${experimentPath(experiment)}/compare?runs=${runs.map(encodeURIComponent).join(',')}`
}

export function modelPath(model: string): string {
  return `/models/${encodeURIComponent(model)}`
}

export function versionPath(model: string, version: number): string {
  return `${modelPath(model)}/${version}`
}

/** What stands before every path of a page that was opened inside a project: `/p/fraud`; empty in the session’s own. */
export function baseOf(pathname: string): string {
  return /^\/p\/[\w.-]+(?=\/|$)/.exec(pathname)?.[0] ?? ''
}

/**
 * The page that a link printed by a tracking client leads to: such clients write the page behind a hash, as
 * `/#/experiments/1/runs/4f1c`. Undefined for a hash that is none of theirs.
 */
export function pathFromHash(hash: string): string | undefined {
  if (!hash.startsWith('#/')) return undefined
  const [path = '', query = ''] = hash.slice(1).split('?')
  const [section, name, inner, id] = partsOf(path)
  switch (section) {
    case 'experiments':
      if (name === undefined) return '/experiments'
      return inner === 'runs' && id !== undefined ? runPath(name, id) : experimentPath(name)
    case 'models':
    case 'prompts':
      if (name === undefined) return '/models'
      return inner === 'versions' && /^[1-9]\d{0,8}$/.test(id ?? '') ? versionPath(name, Number(id)) : modelPath(name)
    case 'compare-runs':
      return comparedFrom(new URLSearchParams(query))
    default:
      return undefined
  }
}

/** Such a link names its runs and their experiments as JSON: `runs=["4f1c"]&experiments=["1"]`. */
function comparedFrom(query: URLSearchParams): string {
  const texts = (name: string) => [...(query.get(name) ?? '').matchAll(/"([^"\\]*)"/g)].map((match) => match[1]!)
  const [experiment] = texts('experiments')
  return experiment === undefined ? '/experiments' : comparePath(experiment, texts('runs'))
}

/** Where to go after signing in: the page that asked for it, never another site. */
export function pathAfterSignIn(search: string): string {
  const wanted = new URLSearchParams(search).get('next') ?? '/'
  return /^\/(?![/\\])/.test(wanted) && routeFrom(wanted).page !== 'sign-in' ? wanted : '/'
}

export function signInPath(from: string): string {
  return from === '/' || routeFrom(from).page === 'sign-in' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(from)}`
}

/** The token in a sign-in link, or the text itself when a bare token was pasted. */
export function tokenFrom(pasted: string): string {
  const text = pasted.trim()
  return text.slice(text.lastIndexOf('#') + 1)
}

function partsOf(path: string): string[] {
  return path
    .split('?')[0]!
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return part
    throw error
  }
}
