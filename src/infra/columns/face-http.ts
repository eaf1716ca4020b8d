import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Engine, EngineError } from './engine.ts'
import { insertStatementFrom } from './insert-statement.ts'
import { type ColumnsLimits, readingSettings } from './limits.ts'

const MAX_HEADER_BYTES = 1 << 20
/** What a client may send beside a query. The sessions have their settings already, so most of it changes nothing here. */
function understoodNames(limits: ColumnsLimits): ReadonlySet<string> {
  const inserting = ['insert_deduplication_token', 'insert_deduplicate', 'input_format_parallel_parsing']
  const asking = ['query', 'query_id', 'database', 'default_format', 'cancel_http_readonly_queries_on_client_close']
  return new Set([...asking, ...inserting, ...Object.keys(readingSettings(limits, limits.queryMs))])
}

/**
 * Speaks as much of ClickHouse's HTTP interface as `@clickhouse/client` uses: `/ping`, a query as the body, rows as the
 * body with the `INSERT` in the address, `param_*`, errors with `X-ClickHouse-Exception-Code`.
 * `readonly=1` sends a query to a reading session; anything else may write.
 */
export function createFace(engine: Engine, secret: string, limits: ColumnsLimits): Server {
  const expected = Buffer.from(`Basic ${Buffer.from(`setpoint:${secret}`).toString('base64')}`)
  const understood = understoodNames(limits)
  const isAllowed = (header: string | undefined) => {
    const given = Buffer.from(header ?? '')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<Uint8Array> {
    const url = new URL(request.url ?? '/', 'http://face')
    if (url.pathname === '/ping') return Buffer.from('Ok.\n')
    if (!isAllowed(request.headers.authorization)) throw new EngineError(516, 'the secret is wrong.', 'AUTHENTICATION_FAILED')
    if (url.pathname !== '/' || request.method !== 'POST') throw new EngineError(404, 'only POST / is served.', 'UNKNOWN_ENDPOINT')
    const body = await bodyOf(request, limits.insertBytes)
    return answer(engine, url.searchParams, understood, body, response)
  }

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 60_000 }, (request, response) => {
    handle(request, response).then(
      (bytes) => void response.writeHead(200, { 'content-type': 'text/plain; charset=UTF-8' }).end(bytes),
      (thrown) => fail(response, thrown),
    )
  })
  server.requestTimeout = limits.writeMs
  return server
}

async function answer(engine: Engine, query: URLSearchParams, understood: ReadonlySet<string>, body: Buffer, response: ServerResponse) {
  const parameters = new Map<string, string>()
  for (const [name, value] of query) {
    if (/^param_\w+$/.test(name)) parameters.set(name, value)
    else if (!understood.has(name)) throw new EngineError(115, `the setting ${name} is not one this store takes.`, 'UNKNOWN_SETTING')
  }
  const announced = query.get('query')
  if (announced !== null) {
    const statement = insertStatementFrom(announced)
    if (statement === undefined) throw new EngineError(62, 'a body of rows needs INSERT INTO table FORMAT name.', 'SYNTAX_ERROR')
    await engine.insert(statement, body, query.get('insert_deduplication_token') ?? '')
    return Buffer.alloc(0)
  }
  const sql = body.toString('utf8')
  if (query.get('readonly') !== '1') return engine.write(sql)
  const gone = new AbortController()
  response.once('close', () => gone.abort(new EngineError(394, 'the client went away.', 'QUERY_WAS_CANCELLED')))
  return engine.read(sql, parameters, Number(query.get('max_execution_time') ?? 0) * 1000, gone.signal)
}

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new EngineError(307, `the body is larger than ${maxBytes} bytes.`, 'TOO_MANY_BYTES')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function fail(response: ServerResponse, thrown: unknown): void {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const number = thrown instanceof EngineError ? thrown.number : Number(/Code: (\d+)/.exec(message)?.[1] ?? 1002)
  const text = /^Code: /.test(message) ? message : `Code: ${number}. DB::Exception: ${message} (UNKNOWN_EXCEPTION)`
  const headers = { 'content-type': 'text/plain; charset=UTF-8', 'X-ClickHouse-Exception-Code': String(number), connection: 'close' }
  response.writeHead(number === 516 ? 403 : 500, headers).end(text)
}
