import { expect, test } from 'vitest'
import { Comparison, type Run } from '../../../contract/runs.ts'
import { compareRuns } from './compare.ts'

const run = (id: string, metrics: Run['metrics'], params: Run['params']): Run => ({
  id,
  name: id,
  experiment: '0',
  user: '',
  status: 'FINISHED',
  lifecycle: 'active',
  startedAt: 1,
  endedAt: 2,
  artifactUri: '',
  metrics,
  params,
  tags: {},
  datasets: [],
  models: [],
})

test('what runs have in common and where they differ', () => {
  const compared = compareRuns([
    run('a', { acc: 0.5, nan: null }, { lr: '0.1', model: 'tree', seed: '1' }),
    run('b', { acc: 0.75 }, { lr: '1e-2', model: 'net', seed: '1', depth: '3' }),
  ])
  expect(Comparison.omit({ curves: true }).parse(compared)).toEqual(compared)
  expect(compared.params).toEqual([
    { key: 'depth', differs: true, values: [null, '3'] },
    { key: 'lr', differs: true, values: ['0.1', '1e-2'] },
    { key: 'model', differs: true, values: ['tree', 'net'] },
    { key: 'seed', differs: false, values: ['1', '1'] },
  ])
  expect(compared.metrics).toEqual([
    { key: 'acc', differs: true, values: [0.5, 0.75], min: 0.5, max: 0.75 },
    { key: 'nan', differs: false, values: [null, null], min: null, max: null },
  ])
  expect(compared.coordinates).toEqual({
    axes: [
      { key: 'depth', kind: 'param', range: [3, 3], categories: null },
      { key: 'lr', kind: 'param', range: [0.01, 0.1], categories: null },
      { key: 'model', kind: 'param', range: null, categories: ['net', 'tree'] },
      { key: 'acc', kind: 'metric', range: [0.5, 0.75], categories: null },
      { key: 'nan', kind: 'metric', range: null, categories: null },
    ],
    lines: [
      { run: 'a', values: [null, 0.1, 'tree', 0.5, null] },
      { run: 'b', values: [3, 0.01, 'net', 0.75, null] },
    ],
  })
})

test('keys that every object has are only keys', () => {
  const [param] = compareRuns([run('a', {}, JSON.parse('{"__proto__": "x", "constructor": "y"}')), run('b', {}, {})]).params
  expect(param).toEqual({ key: '__proto__', differs: true, values: ['x', null] })
})
