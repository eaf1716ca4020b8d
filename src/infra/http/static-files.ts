import fs from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import path from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.png': 'image/png',
}

const POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

/**
 * Serves a folder that was there at the start, held in memory by exact path, so that no request can name a file outside
 * it. A path that may be a page of the console gets `index.html`: the console finds its own way from there. Answers whether it
 * served.
 */
export function createStaticFiles(folder: string): (request: IncomingMessage, response: ServerResponse) => boolean {
  const files = new Map<string, { body: Buffer; type: string }>()
  if (fs.existsSync(folder)) {
    for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const file = path.join(folder, name)
      if (fs.statSync(file).isFile())
        files.set(`/${name.split(path.sep).join('/')}`, {
          body: fs.readFileSync(file),
          type: types[path.extname(name)] ?? 'application/octet-stream',
        })
    }
  }
  return (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://console')
    const found = files.get(pathname) ?? (isPage(pathname, request.headers.accept) ? files.get('/index.html') : undefined)
    if (!found) return false
    response.writeHead(200, {
      'content-type': found.type,
      'content-length': found.body.length,
      'cache-control': pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    response.end(found.body)
    return true
  }
}

/** What a page is about may have a dot in its name, such as a model: then it is one when a person goes there in a browser. */
function isPage(pathname: string, accept = ''): boolean {
  if (/^(\/p\/[\w.-]+)?\/(api|ajax-api|assets)\//.test(pathname)) return false
  return path.extname(pathname) === '' || accept.includes('text/html')
}
