import { AppError, errorCodes } from '../../contract/errors.ts'
import type { Blobs } from '../../infra/blobs/blobs.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { fieldsFromQuery, parseJson, readBody } from '../../infra/http/body.ts'
import { sendFile } from '../../infra/http/file-reply.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import { nameOf } from '../../lib/artifact-path.ts'
import { mediaTypeOf } from '../../lib/media-type.ts'
import type { Artifacts } from '../../modules/models/artifacts/index.ts'
import type { Registry } from '../../modules/models/registry/index.ts'
import { entriesAt, isoTime, modelInfo, treeOf } from './entries.ts'
import { createSnapshots, type Snapshot, type Snapshots } from './snapshots.ts'

type Deps = {
  readonly registry: Registry
  readonly artifacts: Artifacts
  readonly blobs: Blobs
  readonly bodyLimitBytes: number
}

const MOST_ENTRIES = 1_000
const MOST_PATHS = 1_000

/**
 * The read API of the Hugging Face Hub over the registry: with `HF_ENDPOINT` at this server, `<project>/<model>` (or the
 * model’s name alone, in the key’s own project) is a repository, and its versions and aliases are revisions. Private: a
 * key is sent as `HF_TOKEN`; where a client insists on tokens of the Hub’s own form, as `hf_sp_…`.
 */
export function huggingfaceRoutes(deps: Deps): Route[] {
  const snapshots = createSnapshots(deps)
  const route = (method: Route['method'], path: string, handle: Route['handle']): Route => ({ method, path, scope: 'read', handle, fail })
  /** A repository with and without its namespace. */
  const both = (method: Route['method'], before: string, after: string, handle: Route['handle']) => [
    route(method, `${before}/:namespace/:name${after}`, handle),
    route(method, `${before}/:name${after}`, handle),
  ]
  const file = (exchange: Exchange) => sendOne(exchange, snapshots, deps.blobs)
  const info = async (exchange: Exchange) => {
    const snapshot = await snapshotFor(exchange, snapshots)
    sendJson(exchange.response, 200, modelInfo(exchange.caller.project, snapshot, fieldsFromQuery(exchange.search).blobs !== undefined))
  }
  return [
    route('GET', '/api/whoami-v2', whoAmI),
    route('GET', '/api/models', (exchange) => listModels(exchange, deps.registry)),
    ...both('GET', '/api/models', '', info),
    ...both('GET', '/api/models', '/revision/:revision', info),
    ...['/tree/:revision', '/tree/:revision/*'].flatMap((after) =>
      both('GET', '/api/models', after, (exchange) => sendTree(exchange, snapshots)),
    ),
    ...both('POST', '/api/models', '/paths-info/:revision', (exchange) => sendPaths(exchange, snapshots, deps.bodyLimitBytes)),
    ...both('GET', '/api/models', '/refs', (exchange) => sendRefs(exchange, snapshots)),
    ...both('GET', '/api/models', '/commits/:revision', (exchange) => sendCommits(exchange, snapshots)),
    ...(['GET', 'HEAD'] as const).flatMap((method) => both(method, '', '/resolve/:revision/*', file)),
  ]
}

/** The repository and revision a request names. Another project than the caller’s is not there. */
async function snapshotFor({ caller, params }: Exchange, snapshots: Snapshots): Promise<Snapshot> {
  const { namespace = caller.project, name = '', revision = 'main' } = params
  if (namespace !== caller.project)
    throw new AppError('not_found', `there is no repository ${namespace}/${name}`, { hubCode: 'RepoNotFound' })
  return await snapshots.find(caller.project, name, revision)
}

async function sendOne(exchange: Exchange, snapshots: Snapshots, blobs: Blobs): Promise<void> {
  const { commit, files, version } = await snapshotFor(exchange, snapshots)
  exchange.response.setHeader('x-repo-commit', commit)
  const path = exchange.params['*'] ?? ''
  const found = files.get(path)
  if (!found)
    throw new AppError('not_found', `${version.model} version ${version.version} has no file ${path}`, { hubCode: 'EntryNotFound' })
  const { digest, sizeBytes } = found
  exchange.response.setHeader('x-linked-size', sizeBytes)
  exchange.response.setHeader('x-linked-etag', `"${digest}"`)
  await sendFile(exchange, {
    contentType: mediaTypeOf(path),
    filename: nameOf(path),
    sizeBytes,
    digest,
    send: (write, range) => blobs.send(digest, write, range),
  })
}

async function sendTree(exchange: Exchange, snapshots: Snapshots): Promise<void> {
  const snapshot = await snapshotFor(exchange, snapshots)
  const { recursive, limit, cursor } = fieldsFromQuery(exchange.search)
  const folder = (exchange.params['*'] ?? '').replace(/\/+$/, '')
  const entries = treeOf(snapshot, folder, /^(true|1)$/i.test(String(recursive)))
  if (!entries) throw new AppError('not_found', `${folder} does not exist on this revision`, { hubCode: 'EntryNotFound' })
  const size = Math.min(Math.max(Number(limit ?? MOST_ENTRIES) || MOST_ENTRIES, 1), MOST_ENTRIES)
  const after = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString() : undefined
  const rest = after === undefined ? entries : entries.filter((entry) => entry.path > after)
  const page = rest.slice(0, size)
  if (rest.length > size) exchange.response.setHeader('link', `<${nextPage(exchange, page.at(-1)!.path)}>; rel="next"`)
  exchange.response.setHeader('x-repo-commit', snapshot.commit)
  sendJson(exchange.response, 200, page)
}

/** The address of this request with another cursor; clients follow it as it is, so it is whole. */
function nextPage({ request }: Exchange, last: string): string {
  const forwarded = request.headers['x-forwarded-proto']
  const scheme = typeof forwarded === 'string' && /^https\b/.test(forwarded) ? 'https' : 'http'
  const address = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? 'localhost'}`)
  address.searchParams.set('cursor', Buffer.from(last).toString('base64url'))
  return address.href
}

/** Paths come as a form or as JSON, one or several. */
async function sendPaths(exchange: Exchange, snapshots: Snapshots, bodyLimitBytes: number): Promise<void> {
  const snapshot = await snapshotFor(exchange, snapshots)
  const body = await readBody(exchange.request, bodyLimitBytes)
  const isJson = /json/.test(exchange.request.headers['content-type'] ?? '')
  const { paths } = (isJson ? parseJson(body) : fieldsFromQuery(body.toString())) as { paths?: unknown }
  const asked = [paths ?? []].flat().filter((path) => typeof path === 'string')
  if (asked.length > MOST_PATHS) throw new AppError('invalid', `at most ${MOST_PATHS} paths can be asked for at once`)
  sendJson(exchange.response, 200, entriesAt(snapshot, asked))
}

/** `main` and the aliases are branches, for they move; versions are tags. */
async function sendRefs(exchange: Exchange, snapshots: Snapshots): Promise<void> {
  const main = await snapshotFor(exchange, snapshots)
  const newest = await snapshots.newest(exchange.caller.project, main.version.model)
  const branches = newest.flatMap(({ version, commit }) => version.aliases.map((alias) => ref('heads', alias, commit)))
  const tags = newest.map(({ version, commit }) => ref('tags', `v${version.version}`, commit))
  sendJson(exchange.response, 200, { branches: [ref('heads', 'main', main.commit), ...branches], tags, converts: [], pullRequests: [] })
}

function ref(kind: 'heads' | 'tags', name: string, targetCommit: string) {
  return { name, ref: `refs/${kind}/${name}`, targetCommit }
}

async function sendCommits(exchange: Exchange, snapshots: Snapshots): Promise<void> {
  const until = await snapshotFor(exchange, snapshots)
  const newest = await snapshots.newest(exchange.caller.project, until.version.model)
  const commits = newest
    .filter(({ version }) => version.version <= until.version.version)
    .map(({ commit, version }) => ({
      id: commit,
      title: `version ${version.version}`,
      message: version.description,
      authors: [{ user: version.createdBy }],
      date: isoTime(version.createdAt),
    }))
  exchange.response.setHeader('x-total-count', commits.length)
  sendJson(exchange.response, 200, commits)
}

async function listModels(exchange: Exchange, registry: Registry): Promise<void> {
  const { search, author, limit } = fieldsFromQuery(exchange.search)
  const { project } = exchange.caller
  if (author !== undefined && author !== project) return sendJson(exchange.response, 200, [])
  const models = await registry.listModels({ limit: MOST_ENTRIES }, exchange.caller)
  const wanted = models.filter((model) => model.latestVersion > 0 && model.tags['mlflow.prompt.is_prompt'] !== 'true')
  const named = typeof search === 'string' ? wanted.filter((model) => model.name.toLowerCase().includes(search.toLowerCase())) : wanted
  const most = Math.min(Number(limit ?? MOST_ENTRIES) || MOST_ENTRIES, MOST_ENTRIES)
  const listed = named.slice(0, most).map((model) => {
    const id = `${project}/${model.name}`
    const times = { createdAt: isoTime(model.createdAt), lastModified: isoTime(model.updatedAt) }
    return { _id: id, id, modelId: id, author: project, private: true, gated: false, downloads: 0, likes: 0, tags: [], ...times }
  })
  sendJson(exchange.response, 200, listed)
}

function whoAmI({ response, caller }: Exchange): void {
  sendJson(response, 200, {
    type: 'user',
    id: caller.id,
    name: caller.id,
    fullname: caller.id,
    isPro: false,
    orgs: [{ type: 'org', id: caller.project, name: caller.project, fullname: caller.project }],
    auth: { type: 'access_token', accessToken: { displayName: caller.id, role: 'read' } },
  })
}

/** Errors as the Hub’s clients read them: from headers, for a HEAD has no body. */
const fail: NonNullable<Route['fail']> = (error, { response }) => {
  const { hubCode } = error.details
  if (typeof hubCode === 'string') response.setHeader('x-error-code', hubCode)
  response.setHeader('x-error-message', error.message.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 500))
  sendJson(response, errorCodes[error.code].status, { error: error.message })
}
