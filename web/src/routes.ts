/** The console’s pages. Each has an address, so that a page can be sent to a colleague. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'loops' }
  | { readonly page: 'loop'; readonly id: string }
  | { readonly page: 'sign-in' }
  | { readonly page: 'unknown'; readonly path: string }

export function routeFrom(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.length === 0) return { page: 'overview' }
  if (parts[0] === 'sign-in' && parts.length === 1) return { page: 'sign-in' }
  if (parts[0] === 'loops' && parts.length === 1) return { page: 'loops' }
  if (parts[0] === 'loops' && parts.length === 2) return { page: 'loop', id: decoded(parts[1]!) }
  return { page: 'unknown', path }
}

export function loopPath(id: string): string {
  return `/loops/${encodeURIComponent(id)}`
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

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return part
    throw error
  }
}
