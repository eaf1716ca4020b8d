import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { AppError, errorCodes, messageFrom } from '../../contract/errors.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { readBody } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import type { ResourceSpans } from '../../lib/otlp/otlp-spans.ts'
import { resourceSpansFromJson } from '../../lib/otlp/read-json.ts'
import { resourceSpansFromProtobuf } from '../../lib/otlp/read-protobuf.ts'
import type { NewSpan, Traces } from '../../modules/watch/traces/index.ts'

/** Largest request, before and after it is unpacked: what the OpenTelemetry specification recommends. */
const BODY_LIMIT_BYTES = 64 * 1024 * 1024

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

type Deps = {
  readonly traces: Pick<Traces, 'appendSpans' | 'linkToRun'>
  readonly runs: { run(project: string, id: string): Promise<object | undefined> }
}

/**
 * `POST /v1/traces` of OTLP over HTTP, protobuf and JSON. The header `x-mlflow-experiment-id` names the experiment that
 * the traces belong to, `x-mlflow-run-id` a run that whole traces are linked to. All spans of a request are kept, or none.
 */
export function otlpRoutes({ traces, runs }: Deps): Route[] {
  async function handle({ request, response, caller }: Exchange): Promise<void> {
    const { headers } = request
    const experiment = headers['x-mlflow-experiment-id']
    const run = headers['x-mlflow-run-id']
    if (typeof experiment !== 'string' || experiment === '')
      throw unfit('the header x-mlflow-experiment-id is missing; it names the experiment the traces belong to')
    const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
    if (type !== PROTOBUF && type !== JSON_TYPE)
      throw new AppError('invalid', `Invalid Content-Type: ${headers['content-type']}. Expected: ${PROTOBUF} or ${JSON_TYPE}`)
    const body = await unpacked(await readBody(request, BODY_LIMIT_BYTES), headers['content-encoding'])
    const sent = read(body, type)
    if (sent.length === 0) throw new AppError('invalid', 'Invalid OpenTelemetry format - no spans found')
    const spans = sent.flatMap(spansFrom)
    await traces.appendSpans(experiment, spans, caller)
    const whole = [...new Set(spans.filter((span) => span.parent === null).map((span) => span.trace))]
    if (typeof run === 'string' && whole.length > 0 && (await runs.run(caller.project, run))) await traces.linkToRun(whole, run, caller)
    if (type === JSON_TYPE) sendJson(response, 200, {})
    else response.writeHead(200, { 'content-type': PROTOBUF, 'content-length': 0 }).end()
  }
  return [{ method: 'POST', path: '/v1/traces', scope: 'write', handle, fail }]
}

/** Errors in the words that both exporters and clients of the MLflow protocol read. */
const fail: Route['fail'] = (error, { response }) => {
  const status = error.code === 'unsafe' ? 422 : errorCodes[error.code].status
  const errorCode = error.code === 'not_found' ? 'RESOURCE_DOES_NOT_EXIST' : status < 500 ? 'INVALID_PARAMETER_VALUE' : 'INTERNAL_ERROR'
  sendJson(response, status, { error_code: errorCode, message: error.message })
}

/** What is well-formed but cannot be kept. */
function unfit(message: string): AppError {
  return new AppError('unsafe', message)
}

const unpackers: Readonly<Record<string, (body: Buffer) => Promise<Buffer>>> = {
  identity: async (body) => body,
  gzip: (body) => promisify(zlib.gunzip)(body, { maxOutputLength: BODY_LIMIT_BYTES }) as Promise<Buffer>,
  async deflate(body) {
    const limit = { maxOutputLength: BODY_LIMIT_BYTES }
    try {
      return (await promisify(zlib.inflate)(body, limit)) as Buffer
    } catch (error) {
      // Some clients send the bare stream, without its header.
      if ((error as NodeJS.ErrnoException).code !== 'Z_DATA_ERROR') throw error
      return (await promisify(zlib.inflateRaw)(body, limit)) as Buffer
    }
  },
}

async function unpacked(body: Buffer, encoding = 'identity'): Promise<Buffer> {
  const unpack = Object.hasOwn(unpackers, encoding.toLowerCase()) ? unpackers[encoding.toLowerCase()] : undefined
  if (!unpack) throw new AppError('invalid', `Unsupported Content-Encoding: ${encoding}; gzip and deflate can be read`)
  try {
    return await unpack(body)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppError('too_large', `the body is larger than ${BODY_LIMIT_BYTES} bytes when unpacked; send fewer spans at once`)
    throw new AppError('invalid', `Failed to decompress ${encoding} payload: ${messageFrom(error)}`)
  }
}

function read(body: Buffer, type: string): ResourceSpans[] {
  try {
    return type === JSON_TYPE ? resourceSpansFromJson(JSON.parse(body.toString('utf8'))) : resourceSpansFromProtobuf(body)
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError)
      throw new AppError('invalid', `Invalid OpenTelemetry format: ${error.message}`)
    throw error
  }
}

/** Programs whose spans show nowhere else who sent them: their name is put on the root. */
const namedAtTheRoot: ReadonlySet<string> = new Set(['claude-code', 'codex_cli_rs', 'codex_vscode', 'gemini-cli', 'qwen-code'])

function spansFrom({ resource, spans }: ResourceSpans): NewSpan[] {
  const service = resource['service.name']
  const isNamed = service !== undefined && namedAtTheRoot.has(JSON.parse(service))
  return spans.map((span) => {
    if (!/^[0-9a-f]{2,32}$/.test(span.traceId) || !/^[0-9a-f]{2,16}$/.test(span.spanId))
      throw unfit(`the span ${JSON.stringify(span.name)} has no trace id of up to 16 bytes and span id of up to 8`)
    const otelTrace = span.traceId.padStart(32, '0')
    const trace = `tr-${otelTrace}`
    const parent = span.parentSpanId === '' ? null : span.parentSpanId.padStart(16, '0')
    return {
      trace,
      otelTrace,
      id: span.spanId.padStart(16, '0'),
      parent,
      name: span.name.replaceAll('\0', '\uFFFD'),
      startNs: span.startNs,
      endNs: span.endNs === '0' ? null : span.endNs,
      status: span.status,
      attributes: {
        ...(parent === null && isNamed ? { 'service.name': service } : {}),
        ...span.attributes,
        'mlflow.traceRequestId': JSON.stringify(trace),
      },
      events: [...span.events],
      links: span.links.map((link) => ({ trace: `tr-${link.traceId}`, span: link.spanId, attributes: link.attributes })),
      resource,
    }
  })
}
