import { afterAll, expect, test } from 'vitest'
import type { Document } from '../../contract/documents.ts'
import { createPerson } from '../for-tests.ts'
import { kindFrom, readManifests } from './files.ts'
import { yamlFrom, yamlStream } from './yaml.ts'

const person = createPerson({ url: 'http://server' }, { send: () => Promise.reject(new Error('nothing may be sent')) })
afterAll(() => person.close())
const monitor = (name: string, over = '') =>
  `apiVersion: setpoint/v1\nkind: Monitor\nmetadata: { name: ${name} }\nspec:\n  deployment: churn\n  falseAlarmBudget: { everyRows: 10000 }\n${over}`

test('files, folders and streams of documents are read in order', () => {
  person.write('some/b.yaml', `${monitor('b')}---\n${monitor('c')}---\n`)
  person.write('some/inner/a.yml', monitor('a'))
  person.write(
    'some/d.json',
    JSON.stringify({ apiVersion: 'setpoint/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { model: 'm' } }),
  )
  person.write('some/notes.txt', 'not: [yaml')
  expect(readManifests(['some'], person.folder).map(({ metadata }) => metadata.name)).toEqual(['b', 'c', 'd', 'a'])
  expect(readManifests(['-'], person.folder, monitor('x')).map(({ kind }) => kind)).toEqual(['Monitor'])
})

test.each([
  ['broken YAML', 'a: [1\nb: 2\n', /f\.yaml:2: .*flow/i],
  ['a tab', 'a:\n\tb: 1\n', /f\.yaml:2: /],
  ['an unknown kind', monitor('a').replace('Monitor', 'Moniter'), /f\.yaml:2: unknown kind "Moniter"; did you mean Monitor\?/],
  ['no kind', 'apiVersion: setpoint/v1\nmetadata: { name: a }\nspec: {}\n', /kind is missing/],
  ['another apiVersion', monitor('a').replace('/v1', '/v9'), /f\.yaml:1: apiVersion must be setpoint\/v1/],
  ['an unknown field', monitor('a', '  tolerence: 1\n'), /f\.yaml:5: spec has unknown fields: tolerence/],
  ['a bad value', monitor('a', '  tolerance: { features: 2 }\n'), /f\.yaml:7: spec\.tolerance\.features: /],
  ['no object', 'hello\n', /f\.yaml:1: /],
  ['nothing', '# nothing\n', /no document in f\.yaml/],
  ['the same twice', `${monitor('a')}---\n${monitor('a')}`, /f\.yaml:\d+: Monitor a is declared already in f\.yaml:1/],
  [
    'aliases without end',
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    /f\.yaml/,
  ],
])('%s is one clear error and nothing is sent', async (_name, text, message) => {
  person.write('f.yaml', text)
  const run = await person.run('apply', '-f', 'f.yaml')
  expect([run.code, run.out]).toEqual([2, ''])
  expect(run.notes).toMatch(message)
})

test('a missing file and several problems are listed together', async () => {
  person.write('f.yaml', monitor('a', '  x: 1\n'))
  const run = await person.run('diff', '-f', 'f.yaml', 'absent.yaml')
  expect(run).toMatchObject({ code: 2, out: '' })
  expect(run.notes).toMatch(/2 problems, nothing was applied\n.*f\.yaml:5.*\n.*absent\.yaml: there is no such file/)
})

test('kinds are understood in any case, in singular and plural', () => {
  expect(['monitor', 'Monitors', 'DEPLOYMENT'].map(kindFrom)).toEqual(['Monitor', 'Monitor', 'Deployment'])
  expect(() => kindFrom('monitr')).toThrow('did you mean Monitor?')
})

test('what is exported applies unchanged', () => {
  const [read] = readManifests(['-'], person.folder, monitor('a'))
  const document: Document = { ...read!, version: 3, appliedAt: 0, appliedBy: 'me', reason: 'two\nlines' }
  expect(yamlFrom(document).split('\n')[0]).toBe('# version 3, applied 1970-01-01T00:00:00.000Z by me: two lines')
  const other: Document = { ...document, metadata: { name: 'b', labels: { team: 'x: y' }, owner: 'me' } }
  expect(readManifests(['-'], person.folder, yamlStream([document, other]))).toEqual([read, { ...read, metadata: other.metadata }])
})
