import { describe, expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import type { TraceState } from '../../../contract/traces.ts'
import { createIds } from '../../../infra/ids.ts'
import { eachSql } from '../../../infra/sql/for-tests.ts'
import { createLedger, createLedgerStore } from '../../govern/ledger/index.ts'
import { issuesTable } from './issue-store.ts'
import type { NewSpan } from './span-facts.ts'
import type { NewTrace } from './tell.ts'
import { createTraces } from './traces.ts'

const here = { id: 'ann', project: 'p' }
const elsewhere = { id: 'eve', project: 'q' }

/** A trace of experiment 1, as a client tells of it at its end. */
const told = (n: number, more: Partial<NewTrace> = {}): NewTrace => ({
  id: traceId(n),
  experiment: '1',
  requestedAt: 1_000 * n,
  durationMs: 250,
  state: 'OK',
  clientRequestId: null,
  requestPreview: null,
  responsePreview: null,
  tags: {},
  metadata: {},
  assessments: [],
  ...more,
})
const otel = (n: number) => n.toString(16).padStart(32, '0')
const traceId = (n: number) => `tr-${otel(n)}`

/** A span of trace `n` from `startMs` to `endMs`. */
function span(n: number, id: number, more: Partial<NewSpan> & { startMs?: number; endMs?: number } = {}): NewSpan {
  const { startMs = 1_000 * n, endMs = startMs + 100, ...rest } = more
  return {
    trace: traceId(n),
    otelTrace: otel(n),
    id: id.toString(16).padStart(16, '0'),
    parent: id === 1 ? null : '1'.padStart(16, '0'),
    name: `span ${id}`,
    startNs: `${startMs}000001`,
    endNs: `${endMs}000001`,
    status: { code: 'OK', message: '' },
    attributes: {},
    events: [],
    links: [],
    resource: {},
    ...rest,
  }
}
const llm = (tokens: number) => ({
  'mlflow.spanType': '"LLM"',
  'mlflow.chat.tokenUsage': JSON.stringify({ input_tokens: tokens, output_tokens: 1, total_tokens: tokens + 1 }),
})
const feedback = (name: string, value: string | number | boolean) => ({
  name,
  kind: 'feedback' as const,
  value,
  error: null,
  source: { type: 'HUMAN', id: 'ann' },
  span: null,
  rationale: null,
  metadata: null,
  overrides: null,
})

eachSql((_name, open) => {
  async function setUp() {
    const clock = createManualClock()
    const experiments = {
      experiment: async (project: string, id: string) =>
        project === 'p' && ['1', '2', '3'].includes(id)
          ? { id, lifecycle: id === '3' ? ('deleted' as const) : ('active' as const), artifactLocation: `mlflow-artifacts:/${id}` }
          : undefined,
    }
    const sql = await open()
    const anchor = { note() {}, read: async () => null, settle: async () => {} }
    const ledger = createLedger({ sql, store: createLedgerStore(sql), clock, anchor, audited: [issuesTable] })
    const traces = createTraces({ sql, clock, ids: createIds(clock), ledger, experiments })
    const found = async (filter?: string, orderBy: string[] = [], experiments = ['1', '2']) =>
      (await traces.search({ experiments, filter, orderBy, most: 100, skip: 0 }, here)).map(({ id }) => Number.parseInt(id.slice(3), 16))
    return { traces, found, clock, ledger }
  }

  describe('what is told and what is seen', () => {
    test('comes together in either order, and twice changes nothing', async () => {
      const client = told(1, {
        tags: { 'mlflow.traceName': 'answer', team: 'blue' },
        metadata: { 'mlflow.trace.session': 's1', 'mlflow.trace.tokenUsage': '{"input_tokens": 5}', note: 'x' },
        requestPreview: 'hello',
      })
      const spans = [span(1, 1, { startMs: 900, endMs: 2_000 }), span(1, 2, { attributes: llm(7) })]
      const infos = []
      for (const order of ['spans first', 'trace first']) {
        const { traces } = await setUp()
        const steps = [() => traces.appendSpans('1', spans, here), () => traces.startTrace(client, here)]
        if (order === 'trace first') steps.reverse()
        for (const step of [...steps, ...steps]) await step()
        const [found] = await traces.read([traceId(1)], here)
        expect(found!.spans.map(({ name }) => name)).toEqual(['span 1', 'span 2'])
        infos.push(found!.info)
      }
      expect(infos[0]).toEqual(infos[1])
      expect(infos[0]).toMatchObject({
        experiment: '1',
        requestedAt: 1_000,
        durationMs: 250,
        state: 'OK',
        requestPreview: 'hello',
        tags: {
          'mlflow.traceName': 'answer',
          team: 'blue',
          'mlflow.trace.spansLocation': 'TRACKING_STORE',
          'mlflow.artifactLocation': `mlflow-artifacts:/1/traces/${traceId(1)}/artifacts`,
        },
        metadata: { note: 'x', 'mlflow.trace.session': 's1', 'mlflow.trace.tokenUsage': '{"input_tokens": 5}' },
      })
    })

    test('spans alone make a trace: its time, state, previews, tokens, session and tags', async () => {
      const { traces } = await setUp()
      await traces.appendSpans(
        '1',
        [span(1, 2, { startMs: 1_100, endMs: 1_400, attributes: llm(10), resource: { 'service.name': '"shop"' } })],
        here,
      )
      expect(await traces.info(traceId(1), here)).toMatchObject({ requestedAt: 1_100, durationMs: 300, state: 'IN_PROGRESS' })
      const root = {
        startMs: 1_000,
        endMs: 1_900,
        status: { code: 'ERROR' as const, message: 'no' },
        attributes: {
          'mlflow.spanInputs': '{"messages": [{"role": "user", "content": "hi"}]}',
          'mlflow.spanOutputs': '"bye"',
          'session.id': '"s9"',
          'user.id': '"ann"',
          'mlflow.traceTag.env': '"prod"',
        },
      }
      await traces.appendSpans('1', [span(1, 1, root), span(1, 3, { attributes: llm(20) })], here)
      expect(await traces.info(traceId(1), here)).toMatchObject({
        requestedAt: 1_000,
        durationMs: 900,
        state: 'ERROR',
        requestPreview: 'hi',
        responsePreview: '"bye"',
        tags: { env: 'prod', 'service.name': 'shop' },
        metadata: {
          'mlflow.trace.session': 's9',
          'mlflow.trace.user': 'ann',
          'mlflow.trace.tokenUsage': '{"input_tokens": 30, "output_tokens": 2, "total_tokens": 32}',
        },
      })
    })

    test('a span that counts what its children count again speaks for them', async () => {
      const { traces } = await setUp()
      await traces.appendSpans('1', [span(1, 2, { attributes: llm(10) }), span(1, 3, { attributes: llm(20) })], here)
      await traces.appendSpans('1', [span(1, 1, { attributes: llm(30) })], here)
      expect((await traces.info(traceId(1), here)).metadata['mlflow.trace.tokenUsage']).toContain('"input_tokens": 30')
    })

    test('numbers, texts and deep values of attributes come back as they were', async () => {
      const { traces } = await setUp()
      const attributes = { a: '1.0', b: '9223372036854775807', c: '{"x": [1, "\\u0000"]}', d: 'NaN' }
      await traces.appendSpans('1', [span(1, 1, { attributes, startNs: '1751968500123456789' })], here)
      const { spans } = (await traces.read([traceId(1)], here))[0]!
      expect(spans[0]).toMatchObject({ attributes, startNs: '1751968500123456789' })
    })

    test('a trace of an experiment that is not there, deleted, or of another project is refused', async () => {
      const { traces } = await setUp()
      await expect(traces.startTrace(told(1, { experiment: '9' }), here)).rejects.toMatchObject({ code: 'not_found' })
      await expect(traces.startTrace(told(1, { experiment: '3' }), here)).rejects.toMatchObject({ code: 'invalid' })
      await expect(traces.startTrace(told(1), elsewhere)).rejects.toMatchObject({ code: 'not_found' })
      await expect(traces.appendSpans('1', [span(1, 1)], elsewhere)).rejects.toMatchObject({ code: 'not_found' })
      await expect(traces.startTrace(told(1, { tags: { ['k'.repeat(300)]: 'v' } }), here)).rejects.toMatchObject({ code: 'invalid' })
    })

    test('text that PostgreSQL cannot hold is kept readable', async () => {
      const { traces } = await setUp()
      const info = await traces.startTrace(told(1, { requestPreview: 'a\0b', tags: { t: 'c\0d' } }), here)
      expect([info.requestPreview, info.tags.t]).toEqual(['a\uFFFDb', 'c\uFFFDd'])
    })
  })

  describe('search', () => {
    async function filled() {
      const world = await setUp()
      const { traces } = world
      const states: TraceState[] = ['OK', 'ERROR', 'OK', 'IN_PROGRESS']
      for (const [i, state] of states.entries())
        await traces.startTrace(
          told(i + 1, {
            state,
            durationMs: 100 * (i + 1),
            tags: { 'mlflow.traceName': `name-${i + 1}`, ...(i < 2 ? { env: i === 0 ? 'prod' : 'Dev' } : {}) },
            metadata: { 'mlflow.trace.session': i < 2 ? 's1' : 's2', 'mlflow.sourceRun': `run${i}` },
            experiment: i === 3 ? '2' : '1',
          }),
          here,
        )
      await traces.appendSpans(
        '1',
        [
          span(1, 1, { attributes: { model: '"gpt-4"', 'mlflow.spanType': '"LLM"' } }),
          span(1, 2, { name: 'other', attributes: { model: '"claude"' } }),
          span(2, 1, { name: 'tool call', attributes: { note: '"50%_done"', size: '12' } }),
        ],
        here,
      )
      await traces.createAssessment(traceId(1), feedback('correct', 'yes'), here)
      await traces.createAssessment(traceId(3), feedback('score', 0.5), here)
      await traces.createAssessment(traceId(2), { ...feedback('tone', 'calm'), metadata: { 'mlflow.trace.session': 's1' } }, here)
      await traces.linkToRun([traceId(3)], 'linked', here)
      await traces.linkPrompts(traceId(2), ['greeting/2'], here)
      return world
    }

    test.for<[string, number[]]>([
      ["status = 'OK'", [3, 1]],
      ["trace.status != 'OK'", [4, 2]],
      ["status IN ('OK', 'ERROR')", [3, 2, 1]],
      ["name LIKE 'name-%' AND timestamp_ms > 1000", [4, 3, 2]],
      ['execution_time >= 200 AND execution_time < 400', [3, 2]],
      ['end_time_ms = 2200', [2]],
      ["tags.env = 'prod'", [1]],
      ["tags.env ILIKE 'd%'", [2]],
      ["tags.env LIKE 'd%'", []],
      ['tags.env IS NULL', [4, 3]],
      ['tag.`env` IS NOT NULL', [2, 1]],
      ["metadata.`mlflow.trace.session` = 's1'", [2, 1]],
      ["run_id = 'run1'", [2]],
      ["run_id = 'linked'", [3]],
      ["prompt = 'greeting/2'", [2]],
      ["request_id = 'tr-00000000000000000000000000000003'", [3]],
      ["span.name = 'other'", [1]],
      ["span.type = 'LLM' AND span.name = 'other'", []],
      ["span.attributes.model LIKE 'gpt%'", [1]],
      ["span.attributes.model = 'claude'", [1]],
      ["span.attributes.size = '12'", [2]],
      ["trace.text LIKE '%50%'", [2]],
      ["text ILIKE '%CLAUDE%'", [1]],
      ["feedback.correct = 'yes'", [1]],
      ["feedback.correct != 'yes'", []],
      ['feedback.score > 0.4', [3]],
      ['feedback.score > 0.5', []],
      ["feedback.tone = 'calm'", [2, 1]],
      ['feedback.tone IS NOT NULL', [2, 1]],
      ['feedback.tone IS NULL', [4, 3]],
      ["tags.env RLIKE '^p.*d$'", [1]],
      ["span.name RLIKE 'tool|other'", [2, 1]],
      ['', [4, 3, 2, 1]],
    ])('%s', async ([filter, expected]) => {
      const { found } = await filled()
      expect(await found(filter)).toEqual(expected)
    })

    test('orders by attributes and tags, what is missing last, the newest first among equals', async () => {
      const { found } = await filled()
      expect(await found('', ['execution_time ASC'])).toEqual([1, 2, 3, 4])
      expect(await found('', ['status DESC'])).toEqual([3, 1, 4, 2])
      expect(await found('', ['tags.env DESC'])).toEqual([1, 2, 4, 3])
      expect(await found('', ['name'])).toEqual([1, 2, 3, 4])
      await expect(found('', ['name', 'name'])).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching('duplicate fields'),
      })
    })

    test('sees one project and the experiments asked for', async () => {
      const { traces, found } = await filled()
      expect(await found('', [], ['2'])).toEqual([4])
      expect(await found('', [], [])).toEqual([])
      expect(await traces.search({ experiments: ['1', '2'], orderBy: [], most: 10, skip: 0 }, elsewhere)).toEqual([])
      expect(await traces.read([traceId(1)], elsewhere)).toEqual([])
    })

    test.each([
      ["status == 'OK'", /comparator/],
      ["nothing = 'x'", /Invalid attribute key 'nothing'/],
      ["invalid.filter = 'x'", /Invalid entity type 'invalid'/],
      ["feedback.score > 'x'", /numeric value/],
      ['feedback.score = 1', /quoted string value/],
      ["prompt = 'a/b/c'", /Expected format/],
      ["span.kind = 'x'", /Invalid span attribute 'kind'/],
      ["span.content = 'x'", /comparator/],
      ["status = 'OK' OR status = 'ERROR'", /Invalid clause/],
      ["status = 'x'; drop table traces", /./],
      [Array.from({ length: 101 }, () => "status = 'OK'").join(' AND '), /at most 100/],
    ])('%s is refused', async (filter, message) => {
      const { found } = await setUp()
      await expect(found(filter)).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(message) })
    })

    test('two filters are told apart from chance', async () => {
      const { traces } = await filled()
      const asked = { experiments: ['1', '2'], first: "tags.env = 'prod'", second: "status = 'OK'" }
      expect(await traces.correlate(asked, here)).toMatchObject({ total: 4, first: 1, second: 2, both: 1, npmi: 0.5 })
      expect(await traces.correlate({ ...asked, base: 'execution_time < 150' }, here)).toMatchObject({ total: 1, first: 1, npmi: 1 })
    })
  })

  describe('assessments', () => {
    test('one that stands in for another makes it invalid until it goes', async () => {
      const { traces, clock } = await setUp()
      await traces.startTrace(told(1), here)
      const first = await traces.createAssessment(traceId(1), feedback('a', 'no'), here)
      const second = await traces.createAssessment(traceId(1), { ...feedback('a', 'yes'), overrides: first.id }, here)
      expect((await traces.getAssessment(traceId(1), first.id, here)).valid).toBe(false)
      clock.advance(5)
      const changed = await traces.updateAssessment(
        traceId(1),
        second.id,
        { feedback: { value: 'maybe', error: null }, metadata: { k: 'v' } },
        here,
      )
      expect(changed).toMatchObject({ value: 'maybe', metadata: { k: 'v' }, createdAt: second.createdAt, updatedAt: second.updatedAt + 5 })
      await traces.deleteAssessment(traceId(1), second.id, here)
      await traces.deleteAssessment(traceId(1), second.id, here)
      expect((await traces.getAssessment(traceId(1), first.id, here)).valid).toBe(true)
      await expect(traces.updateAssessment(traceId(1), first.id, { expectation: { value: 1 } }, here)).rejects.toMatchObject({
        code: 'invalid',
      })
      await expect(traces.createAssessment(traceId(1), { ...feedback('a', 1), overrides: 'a-0' }, here)).rejects.toMatchObject({
        code: 'not_found',
      })
      await expect(traces.createAssessment(traceId(9), feedback('a', 1), here)).rejects.toMatchObject({ code: 'not_found' })
      await expect(traces.getAssessment(traceId(1), first.id, elsewhere)).rejects.toMatchObject({ code: 'not_found' })
      await expect(traces.deleteAssessment(traceId(1), first.id, elsewhere)).rejects.toMatchObject({ code: 'not_found' })
    })
  })

  describe('metrics', () => {
    const count = { kind: 'COUNT' as const }
    const ask = { experiments: ['1'], dimensions: [], filters: [], most: 100 }

    test('counts, spreads and percentiles agree with the definition', async () => {
      const { traces } = await setUp()
      for (const [i, durationMs] of [10, 20, 30, 40].entries())
        await traces.startTrace(
          told(i + 1, { durationMs, state: i === 0 ? 'ERROR' : 'OK', metadata: { 'mlflow.trace.session': `s${i % 2}` } }),
          here,
        )
      const latency = await traces.measure(
        {
          ...ask,
          view: 'TRACES',
          metric: 'latency',
          aggregations: [
            { kind: 'AVG' },
            { kind: 'MIN' },
            { kind: 'MAX' },
            { kind: 'PERCENTILE', percent: 50 },
            { kind: 'PERCENTILE', percent: 90 },
          ],
        },
        here,
      )
      // numpy.quantile([10, 20, 30, 40], [.5, .9]) = [25, 37]
      expect(latency).toEqual([{ dimensions: {}, values: { AVG: 25, MIN: 10, MAX: 40, 'P50.0': 25, 'P90.0': 37 } }])
      const byState = { ...ask, view: 'TRACES' as const, metric: 'trace_count', aggregations: [count], dimensions: ['trace_status'] }
      expect(await traces.measure(byState, here)).toEqual([
        { dimensions: { trace_status: 'ERROR' }, values: { COUNT: 1 } },
        { dimensions: { trace_status: 'OK' }, values: { COUNT: 3 } },
      ])
      expect(await traces.measure({ ...byState, filters: ["trace.status = 'OK'"] }, here)).toHaveLength(1)
      expect(await traces.measure({ ...byState, dimensions: [], metric: 'session_count' }, here)).toEqual([
        { dimensions: {}, values: { COUNT: 2 } },
      ])
      const overTime = { ...byState, dimensions: [], everySeconds: 2, fromMs: 0, toMs: 3_500 }
      expect(await traces.measure(overTime, here)).toEqual([
        { dimensions: { time_bucket: '1970-01-01T00:00:00+00:00' }, values: { COUNT: 1 } },
        { dimensions: { time_bucket: '1970-01-01T00:00:02+00:00' }, values: { COUNT: 2 } },
      ])
      expect(await traces.measure(byState, elsewhere)).toEqual([])
    })

    test('spans and assessments are counted by what they are', async () => {
      const { traces } = await setUp()
      const cost = { 'mlflow.llm.cost': '{"total_cost": 0.5}', 'mlflow.llm.model': '"gpt-4"' }
      await traces.appendSpans('1', [span(1, 1, { attributes: cost }), span(1, 2, { attributes: cost }), span(1, 3)], here)
      const sum = {
        ...ask,
        view: 'SPANS' as const,
        metric: 'total_cost',
        aggregations: [{ kind: 'SUM' as const }],
        dimensions: ['span_model_name'],
      }
      expect(await traces.measure(sum, here)).toEqual([{ dimensions: { span_model_name: 'gpt-4' }, values: { SUM: 1 } }])
      const first = await traces.createAssessment(traceId(1), feedback('good', false), here)
      await traces.createAssessment(traceId(1), { ...feedback('good', true), overrides: first.id }, here)
      const average = {
        ...ask,
        view: 'ASSESSMENTS' as const,
        metric: 'assessment_value',
        aggregations: [{ kind: 'AVG' as const }],
        dimensions: ['assessment_name'],
      }
      expect(await traces.measure(average, here)).toEqual([{ dimensions: { assessment_name: 'good' }, values: { AVG: 1 } }])
    })

    test.each([
      [{ metric: 'nothing' }, /metric_name must be one of/],
      [{ aggregations: [{ kind: 'SUM' as const }] }, /invalid aggregation_type/],
      [{ dimensions: ['span_name'] }, /invalid dimension/],
      [{ everySeconds: 5 }, /start_time_ms and end_time_ms are required/],
      [{ filters: ["trace.nothing = 'x'"] }, /Invalid entity 'nothing'/],
      [{ filters: ["span.name = 'x'"] }, /only supported for SPANS/],
      [{ filters: ["trace.status = 'x' and 1 = 1"] }, /Expected one filter clause/],
    ])('%j is refused', async (wrong, message) => {
      const { traces } = await setUp()
      const asked = { ...ask, view: 'TRACES' as const, metric: 'trace_count', aggregations: [count], ...wrong }
      await expect(traces.measure(asked, here)).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(message) })
    })
  })

  test('issues are found, counted by their traces, and decided on under seal', async () => {
    const { traces, clock, ledger } = await setUp()
    const blank = {
      experiment: '1',
      description: 'd',
      status: 'pending' as const,
      rootCauses: ['x'],
      categories: [],
      sourceRun: null,
      createdBy: 'ann',
    }
    const minor = await traces.createIssue({ ...blank, name: 'minor', severity: 'low' }, here)
    const major = await traces.createIssue({ ...blank, name: 'major', severity: 'high', sourceRun: 'r1' }, here)
    const plain = await traces.createIssue({ ...blank, name: 'plain', severity: null }, here)
    for (const n of [1, 2]) {
      await traces.startTrace(told(n), here)
      const reference = { ...feedback(minor.id, 'x'), kind: 'issue' as const, value: { issue_name: 'minor' } }
      await traces.createAssessment(traceId(n), reference, here)
    }
    const names = async (filter?: string) =>
      (await traces.findIssues({ filter, most: 10, skip: 0 }, here)).map(({ issue, traces }) => `${issue.name} ${traces}`)
    expect(await names()).toEqual(['major 0', 'minor 2', 'plain 0'])
    expect(
      (await traces.search({ experiments: ['1'], filter: `issue.id = '${minor.id}'`, orderBy: [], most: 9, skip: 0 }, here)).length,
    ).toBe(2)
    clock.advance(7)
    const changed = await traces.changeIssue(plain.id, { status: 'resolved', severity: 'medium' }, 'fixed in 1.2', here)
    expect(changed).toMatchObject({ name: 'plain', status: 'resolved', updatedAt: plain.updatedAt + 7, createdAt: plain.createdAt })
    expect(await names("status != 'resolved' AND source_run_id = 'r1'")).toEqual(['major 0'])
    expect((await ledger.entriesAbout('p', `trace_issues/p/${plain.id}`)).map(({ reason }) => reason)).toEqual([
      'issue found',
      'fixed in 1.2',
    ])
    await expect(traces.issue(major.id, elsewhere)).rejects.toMatchObject({ code: 'not_found' })
    await expect(traces.changeIssue(major.id, { status: 'rejected' }, 'mine', elsewhere)).rejects.toMatchObject({ code: 'not_found' })
    await expect(names("name = 'x'")).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching("Invalid filter field 'name'"),
    })
    await expect(traces.createIssue({ ...blank, name: 'x'.repeat(251), severity: null }, here)).rejects.toMatchObject({ code: 'invalid' })
  })

  test('tags are set and taken away; the name is one of them', async () => {
    const { traces } = await setUp()
    await traces.startTrace(told(1, { tags: { a: '1', 'mlflow.traceName': 'n' } }), here)
    await traces.setTag(traceId(1), 'a', '2', here)
    await traces.setTag(traceId(1), 'mlflow.traceName', 'm', here)
    expect((await traces.info(traceId(1), here)).tags).toMatchObject({ a: '2', 'mlflow.traceName': 'm' })
    await traces.deleteTag(traceId(1), 'a', here)
    await traces.deleteTag(traceId(1), 'mlflow.traceName', here)
    expect(Object.keys((await traces.info(traceId(1), here)).tags)).toEqual(['mlflow.artifactLocation'])
    await expect(traces.deleteTag(traceId(1), 'a', here)).rejects.toMatchObject({ code: 'not_found' })
    await expect(traces.setTag(traceId(1), 'a', '3', elsewhere)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('deletion takes the oldest, or those named, of one experiment, with all that hangs on them', async () => {
    const { traces, found } = await setUp()
    for (const n of [1, 2, 3, 4]) await traces.startTrace(told(n, { experiment: n === 4 ? '2' : '1' }), here)
    await traces.createAssessment(traceId(1), feedback('a', 1), here)
    expect(await traces.remove({ experiment: '1', notAfter: 9_000, most: 1 }, here)).toBe(1)
    expect(await found()).toEqual([4, 3, 2])
    expect(await traces.remove({ experiment: '1', ids: [traceId(3), traceId(4)] }, here)).toBe(1)
    expect(await traces.remove({ experiment: '1', notAfter: 9_000 }, elsewhere)).toBe(0)
    await traces.startTrace(told(1), here)
    expect((await traces.info(traceId(1), here)).assessments).toEqual([])
  })

  test('more spans than one statement holds, of more traces than one names, are kept', async () => {
    const { traces } = await setUp()
    const many = Array.from({ length: 1_200 }, (_, n) => span(n + 1, 1))
    await traces.appendSpans('1', many, here)
    expect(await traces.search({ experiments: ['1'], orderBy: [], most: 500, skip: 1_000 }, here)).toHaveLength(200)
    expect(
      await traces.read(
        many.map(({ trace }) => trace),
        here,
      ),
    ).toHaveLength(1_200)
  })
})
