import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { Endpoint } from '../../contract/endpoint.ts'
import { operations } from '../../contract/operations.ts'
import { createPerson } from '../for-tests.ts'
import { createProgram } from '../program.ts'
import { leavesOf } from '../reference/tree.ts'
import { fieldsOf, kebabCase } from './fields.ts'

type Call = {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body: unknown
  readonly headers: Record<string, string>
}
const calls: Call[] = []
const reply = { value: [] as unknown }
const person = createPerson(
  { url: 'http://server', token: 'sp_1' },
  {
    async send(url, init) {
      const { pathname, search } = new URL(url)
      calls.push({
        method: init.method!,
        path: pathname,
        query: search,
        body: typeof init.body === 'string' ? JSON.parse(init.body) : init.body && (await new Response(init.body).text()),
        headers: init.headers as Record<string, string>,
      })
      return new Response(JSON.stringify(reply.value), { headers: { 'content-type': 'application/json' } })
    },
  },
)
afterAll(() => person.close())
const all = Object.entries(operations).flatMap(([module, contract]) =>
  Object.entries(contract).map(([name, endpoint]) => ({ module, name, endpoint: endpoint as Endpoint })),
)

/** Words as a POSIX shell would split an example: quotes kept together, redirections left out. */
function wordsOf(line: string): string[] {
  const words = [...line.replace(/ [<>|] .*$/, '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!)
  return words.slice(1)
}

async function typed(...words: string[]): Promise<Call> {
  calls.length = 0
  const run = await person.run(...words)
  const ended = run.notes === 'the server ended the stream\n' && run.code === 4
  expect(ended ? [words.join(' '), 0, ''] : [words.join(' '), run.code, run.notes.replace('none\n', '')]).toEqual([words.join(' '), 0, ''])
  return calls.at(-1)!
}

test('every operation has one command, and every field of it one way to say it', () => {
  const leaves = new Map(leavesOf(createProgram(person.shell, () => {})).map((leaf) => [leaf.path.join(' '), leaf.command]))
  for (const { module, name, endpoint } of all) {
    const command = leaves.get(`${kebabCase(module)} ${kebabCase(name)}`)
    expect([module, name, command?.description()]).toEqual([module, name, endpoint.summary])
    const { properties = {} } = z.toJSONSchema(endpoint.input, { io: 'input', unrepresentable: 'any' })
    const options = command!.options.map((option) => option.attributeName())
    expect([name, Object.keys(properties).filter((field) => !options.includes(field))]).toEqual([name, []])
    const flags = command!.options.map((option) => option.flags)
    expect([name, flags.filter((flag, i) => flags.indexOf(flag) !== i)]).toEqual([name, []])
    expect(fieldsOf(endpoint).filter((field) => field.inPath).length).toBe(command!.registeredArguments.length)
  }
})

test('every example of the contract is a command line that is understood', async () => {
  person.write('model.onnx', 'bytes')
  for (const { module, name, endpoint } of all)
    for (const example of endpoint.examples ?? []) {
      reply.value = module === 'ledger' && name === 'verify' ? { intact: true } : []
      const words = wordsOf(example).map((word) => (word.endsWith('…') ? '0'.repeat(64) : word))
      const call = await typed(...words)
      expect(call.method).toBe(endpoint.method)
      expect(call.path.split('/').length).toBe(endpoint.path.split('/').length)
    }
})

test('values reach the server where the contract puts them', async () => {
  expect(await typed('registry', 'move-alias', 'phishing', 'champion', '--version', '4', '--reason', 'canary won')).toMatchObject({
    method: 'PUT',
    path: '/api/v1/models/phishing/aliases/champion',
    body: { version: 4, reason: 'canary won' },
    headers: { authorization: 'Bearer sp_1' },
  })
  expect(await typed('telemetry', 'list-records', '--deployment', 'churn', '--limit', '20')).toMatchObject({
    path: '/api/v1/deployments/churn/records',
    query: '?limit=20',
  })
  expect(await typed('registry', 'get-version', '--model', 'churn', '3')).toMatchObject({ path: '/api/v1/models/churn/versions/3' })
  expect(await typed('quarantine', 'list-windows', '--all')).toMatchObject({ query: '?all=true' })
  expect(await typed('access', 'create-key', '--name', 'shop', '--role', 'operator', '--scopes', 'predict,label')).toMatchObject({
    body: { scopes: ['predict', 'label'] },
  })
  expect(await typed('access', 'sign-in', '--token', 'once')).toMatchObject({
    body: { token: 'once' },
    headers: { authorization: 'Bearer sp_1' },
  })
  person.write('labels.json', '[{"recordId":"a","label":1}]')
  expect(await typed('labels', 'record-labels', 'churn', '--labels', '@labels.json')).toMatchObject({
    body: { labels: [{ recordId: 'a', label: 1 }] },
  })
  person.write('model.onnx', 'bytes')
  expect(await typed('registry', 'upload-artifact', '--body', '@model.onnx')).toMatchObject({ body: 'bytes' })
  expect(await typed('--project', 'fraud', 'registry', 'list-models')).toMatchObject({ headers: { 'x-setpoint-project': 'fraud' } })
})

test.each([
  [['registry', 'move-alias', 'phishing', 'champion'], 'missing: --version, --reason'],
  [['registry', 'get-version', 'phishing'], 'missing: <version>'],
  [['registry', 'get-version', 'phishing', 'x'], '<version>: "x" is no number'],
  [['registry', 'get-version', 'phishing', '3', '4'], 'too many arguments'],
  [['registry', 'get-model', 'phishing', '--model', 'churn'], 'is one value too many'],
  [['registry', 'get-model', 'phi:shing'], '<model>: Names cannot contain'],
  [['registry', 'remove-alias', 'phishing', 'a king', '--reason', 'because'], '<alias>: '],
  [['deployments', 'predict', 'churn', '--features', '{"a"'], '--features: '],
  [['deployments', 'predict', 'churn', '--features', '@none.json'], 'cannot read'],
  [['registry', 'upload-artifact', '--body', 'model.onnx'], 'give @file, or -'],
  [['registry', 'upload-artifact', '--body', '@absent.onnx'], 'cannot read'],
  [['registry', 'list-modles'], 'Did you mean list-models?'],
  [['regstry'], 'Did you mean registry?'],
  [['registry', 'list-models', '--limt', '3'], 'Did you mean --limit?'],
  [['registry', 'list-models', '--limit', '0'], '--limit: '],
  [['registry'], 'Usage: setpoint registry'],
])('%j is refused before anything is sent', async (words, message) => {
  calls.length = 0
  const run = await person.run(...words)
  expect([run.code, calls.length, run.out]).toEqual([2, 0, ''])
  expect(run.notes).toContain(message)
})

test('a reply that means no ends in 1 and says what is wrong', async () => {
  reply.value = {
    intact: false,
    entries: 9,
    rows: 3,
    head: null,
    broken: { n: 7, subject: 'registry.aliases/x', reason: 'the hash does not follow' },
  }
  expect(await person.run('ledger', 'verify', '--json')).toMatchObject({
    code: 1,
    out: `${JSON.stringify(reply.value, null, 2)}\n`,
    notes: 'the ledger is broken at entry 7 (registry.aliases/x): the hash does not follow\n',
  })
})
