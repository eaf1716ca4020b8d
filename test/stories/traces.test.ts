import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { traces } from '../../src/contract/traces.ts'
import { joined, type Message, messageField, textField, varintField } from '../../src/lib/protobuf/wire-writer.ts'
import { openWorld, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
  await world.admin.call(access.createProject, { name: 'fraud' })
})
afterAll(() => world.close())

type Reply = { status: number; body: Record<string, unknown> & { trace?: { trace_info: never; spans: never[] } } }

async function ask(method: string, path: string, body?: unknown, project = 'default'): Promise<Reply> {
  const response = await fetch(`${world.url}/p/${project}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Reply['body'] }
}
const v3 = '/api/3.0/mlflow/traces'

async function export_(body: Uint8Array | string, headers: Record<string, string> = {}, project = 'default'): Promise<Response> {
  const type = typeof body === 'string' ? 'application/json' : 'application/x-protobuf'
  return await fetch(`${world.url}/p/${project}/v1/traces`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': type, 'x-mlflow-experiment-id': '0', ...headers },
    body: body as never,
  })
}

const hexField = (number: number, hex: string) => [Uint8Array.of(number * 8 + 2, hex.length / 2), Buffer.from(hex, 'hex')] as Message
function fixed64Field(number: number, value: bigint): Message {
  const bytes = new DataView(new ArrayBuffer(8))
  bytes.setBigUint64(0, value, true)
  return [Uint8Array.of(number * 8 + 1), new Uint8Array(bytes.buffer)]
}
function doubleField(number: number, value: number): Message {
  const bytes = new DataView(new ArrayBuffer(8))
  bytes.setFloat64(0, value, true)
  return [Uint8Array.of(number * 8 + 1), new Uint8Array(bytes.buffer)]
}
const keyValue = (number: number, key: string, value: Message) => messageField(number, [textField(1, key), messageField(2, [value])])

/** An `ExportTraceServiceRequest` of one span. */
function protobufOf({ trace = 'ab'.repeat(16), span = 'cd'.repeat(8), name = 'root', attributes = [] as Message[] } = {}): Uint8Array {
  const message = messageField(2, [
    hexField(1, trace),
    hexField(2, span),
    textField(5, name),
    fixed64Field(7, 1_751_968_500_123_456_789n),
    fixed64Field(8, 1_751_968_501_123_456_789n),
    ...attributes,
    messageField(15, [varintField(3, 1)]),
  ])
  return joined([messageField(1, [messageField(1, [keyValue(1, 'service.name', textField(1, 'shop'))]), messageField(2, [message])])])
}

test('spans of a program without any client of ours come back as they were sent, exact to the nanosecond and the last digit', async () => {
  const attributes = [
    keyValue(9, 'text', textField(1, 'a "quoted" \u0000 text')),
    keyValue(9, 'yes', varintField(2, 1)),
    keyValue(9, 'whole', [Uint8Array.of(0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)]),
    keyValue(9, 'negative', varintField(3, -5)),
    keyValue(9, 'double', doubleField(4, 2)),
    keyValue(9, 'list', messageField(5, [messageField(1, [varintField(3, 1)]), messageField(1, [textField(1, 'x')])])),
    keyValue(9, 'map', messageField(6, [keyValue(1, 'k', textField(1, 'v'))])),
  ]
  const response = await export_(protobufOf({ attributes }))
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, 'application/x-protobuf', ''])
  const { body } = await ask('GET', `${v3}/get?trace_id=tr-${'ab'.repeat(16)}`)
  expect(body.trace!.trace_info).toMatchObject({
    state: 'OK',
    request_time: '2025-07-08T09:55:00.123Z',
    execution_duration: '1s',
    tags: { 'service.name': 'shop', 'mlflow.trace.spansLocation': 'TRACKING_STORE' },
  })
  expect(body.trace!.spans).toEqual([
    expect.objectContaining({
      trace_id: Buffer.from('ab'.repeat(16), 'hex').toString('base64'),
      start_time_unix_nano: '1751968500123456789',
      status: { code: 'STATUS_CODE_OK', message: '' },
      attributes: expect.arrayContaining([
        { key: 'text', value: { string_value: 'a "quoted" \u0000 text' } },
        { key: 'yes', value: { bool_value: true } },
        { key: 'whole', value: { int_value: '9223372036854775807' } },
        { key: 'negative', value: { int_value: -5 } },
        { key: 'double', value: { double_value: 2 } },
        { key: 'list', value: { array_value: { values: [{ int_value: 1 }, { string_value: 'x' }] } } },
        { key: 'map', value: { kvlist_value: { values: [{ key: 'k', value: { string_value: 'v' } }] } } },
      ]),
    }),
  ])
  const file = await fetch(`${world.url}/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-${'ab'.repeat(16)}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect(file.headers.get('content-disposition')).toBe('attachment; filename=traces.json')
  expect(await file.text()).toContain('"start_time_unix_nano":1751968500123456789')
})

test('JSON, gzip, and both say the same as protobuf', async () => {
  const json = (traceId: string) =>
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId,
                  spanId: 'cd'.repeat(8),
                  name: 'root',
                  startTimeUnixNano: '1751968500123456789',
                  endTimeUnixNano: '1751968501123456789',
                  attributes: [{ key: 'n', value: { intValue: '9007199254740993' } }],
                  status: { code: 1 },
                },
              ],
            },
          ],
        },
      ],
    })
  const plain = await export_(json('11'.repeat(16)))
  expect([plain.status, await plain.json()]).toEqual([200, {}])
  expect((await export_(gzipSync(json('22'.repeat(16))), { 'content-type': 'application/json', 'content-encoding': 'gzip' })).status).toBe(
    200,
  )
  const attributes = [keyValue(9, 'n', [Uint8Array.of(0x18, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)])]
  await export_(gzipSync(protobufOf({ trace: '33'.repeat(16), attributes })), { 'content-encoding': 'gzip' })
  const [one, two, three] = await Promise.all(
    ['11', '22', '33'].map(async (pair) => (await world.admin.call(traces.getTrace, { trace: `tr-${pair.repeat(16)}` })).spans[0]!),
  )
  expect(one!.attributes.n).toBe('9007199254740993')
  for (const span of [two!, three!]) {
    const { trace: _trace, otelTrace: _otel, attributes, ...rest } = span
    expect(rest).toEqual((({ trace: _t, otelTrace: _o, attributes: _a, ...same }) => same)(one!))
    expect(attributes.n).toBe(one!.attributes.n)
  }
})

test('a trace told of and judged over REST is found by what is said of it', async () => {
  const info = {
    trace_id: 'tr-told',
    trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
    request_time: '2025-07-08T10:00:00.250Z',
    execution_duration: '1.5s',
    state: 'OK',
    tags: { 'mlflow.traceName': 'told', env: 'prod' },
    trace_metadata: { 'mlflow.trace.session': 's1' },
    assessments: [
      {
        assessment_name: 'early',
        source: { source_type: 'CODE', source_id: 'x' },
        feedback: { value: 3 },
        create_time: '2025-07-08T10:00:01Z',
      },
    ],
  }
  const started = await ask('POST', v3, { trace: { trace_info: info } })
  expect(started.body.trace!.trace_info).toMatchObject({
    trace_id: 'tr-told',
    execution_duration: '1.500s',
    assessments: [{ assessment_name: 'early', feedback: { value: 3 }, trace_id: 'tr-told', valid: true }],
  })
  const expectation = { serialized_value: { serialization_format: 'JSON_FORMAT', value: '{"answer": 42}' } }
  const made = await ask('POST', `${v3}/tr-told/assessments`, {
    assessment: { assessment_name: 'truth', source: { source_type: 'HUMAN', source_id: 'ann' }, expectation },
  })
  const { assessment_id: id } = made.body.assessment as { assessment_id: string }
  expect(made.body.assessment).toMatchObject({ expectation: { serialized_value: { value: '{"answer":42}' } } })
  const changed = await ask('PATCH', `${v3}/tr-told/assessments/${id}`, {
    assessment: { expectation: { value: 7 }, metadata: { why: 'wrong' } },
    update_mask: 'expectation,metadata',
  })
  expect(changed.body.assessment).toMatchObject({ assessment_name: 'truth', expectation: { value: 7 }, metadata: { why: 'wrong' } })
  const search = async (filter: string) =>
    ((await ask('POST', `${v3}/search`, { locations: [{ mlflow_experiment: { experiment_id: '0' } }], filter })).body.traces as object[])
      .length
  expect(await search("expectation.truth = '7' AND tags.env = 'prod'")).toBe(1)
  expect(await search('feedback.early >= 3')).toBe(1)
  expect(await search('feedback.early > 3')).toBe(0)
  await ask('DELETE', `${v3}/tr-told/assessments/${id}`)
  expect(await search('expectation.truth IS NOT NULL')).toBe(0)
  expect((await ask('GET', `${v3}/get?trace_id=tr-told`)).body.message).toMatch(/not fully exported yet/)
  expect((await ask('POST', `${v3}/delete-traces`, { experiment_id: '0', request_ids: ['tr-told'] })).body).toEqual({ traces_deleted: 1 })
})

test.each<[string, () => Promise<Response>, number, RegExp]>([
  ['no experiment', () => export_(protobufOf(), { 'x-mlflow-experiment-id': '' }), 422, /x-mlflow-experiment-id/],
  ['an experiment that is not there', () => export_(protobufOf(), { 'x-mlflow-experiment-id': '77' }), 404, /No Experiment/],
  ['another content type', () => export_(protobufOf(), { 'content-type': 'text/plain' }), 400, /Invalid Content-Type/],
  ['another encoding', () => export_(protobufOf(), { 'content-encoding': 'br' }), 400, /Unsupported Content-Encoding/],
  ['gzip that is none', () => export_(protobufOf(), { 'content-encoding': 'gzip' }), 400, /decompress/],
  ['a bomb', () => export_(gzipSync(Buffer.alloc(80 * 1024 * 1024)), { 'content-encoding': 'gzip' }), 413, /larger than/],
  ['noise', () => export_(Buffer.from('this is not protobuf at all')), 400, /Invalid OpenTelemetry format/],
  ['a message cut off', () => export_(protobufOf().slice(0, 40)), 400, /Invalid OpenTelemetry format/],
  ['nothing', () => export_(new Uint8Array(0)), 400, /no spans found/],
  ['a span without an id', () => export_(protobufOf({ span: '' })), 422, /span id/],
  ['a trace id that is too long', () => export_(protobufOf({ trace: 'ab'.repeat(17) })), 422, /trace id/],
  ['JSON that is none', () => export_('{"resourceSpans": ['), 400, /Invalid OpenTelemetry format/],
  ['JSON of another shape', () => export_('{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}'), 400, /hexadecimal/],
  ['values nested without end', () => export_(deepJson(5_000)), 400, /nested deeper/],
])('%s is refused with the reason', async (_name, send, status, message) => {
  const response = await send()
  expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(message)])
})

function deepJson(levels: number): string {
  const value = `${'{"arrayValue":{"values":['.repeat(levels)}{"intValue":1}${']}}'.repeat(levels)}`
  const span = `{"traceId":"aa","spanId":"bb","attributes":[{"key":"k","value":${value}}]}`
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`
}

test('another project sees no trace of ours and cannot touch one', async () => {
  const trace = 'de'.repeat(16)
  await export_(protobufOf({ trace }))
  const id = `tr-${trace}`
  expect((await ask('GET', `${v3}/${id}`, undefined, 'fraud')).status).toBe(404)
  expect((await ask('GET', `${v3}/batchGet?trace_ids=${id}`, undefined, 'fraud')).body).toEqual({ traces: [] })
  expect((await ask('PATCH', `${v3}/${id}/tags`, { key: 'a', value: 'b' }, 'fraud')).status).toBe(404)
  expect(
    (await ask('POST', `${v3}/${id}/assessments`, { assessment: { assessment_name: 'x', feedback: { value: 1 } } }, 'fraud')).status,
  ).toBe(404)
  expect((await ask('POST', `${v3}/delete-traces`, { experiment_id: '0', request_ids: [id] }, 'fraud')).body).toEqual({ traces_deleted: 0 })
  await export_(protobufOf({ trace, name: 'theirs' }), {}, 'fraud')
  expect((await world.admin.call(traces.getTrace, { trace: id })).spans[0]!.name).toBe('root')
})

test('an expression made to explode is answered at once, one that looks back is refused', async () => {
  await export_(protobufOf({ trace: 'ee'.repeat(16), name: 'a'.repeat(4_000) }))
  const search = (filter: string) => ask('POST', `${v3}/search`, { locations: [{ mlflow_experiment: { experiment_id: '0' } }], filter })
  expect((await search("span.name RLIKE '^(a+)+b$'")).body).toMatchObject({ traces: [] })
  expect(await search("span.name RLIKE '(a)\\1'")).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
})
