import { describe, expect, it } from 'vitest'
import type { Run } from '../../src/contract/runs.ts'
import {
  cellOf,
  columnFrom,
  columnsOf,
  nameInSearch,
  orderAfter,
  orderFrom,
  orderInAddress,
  orderText,
  usualColumns,
} from './run-columns.ts'

const run = (metrics: Run['metrics'], params: Run['params'], tags: Run['tags'] = {}): Run => ({
  id: 'r1',
  name: 'one',
  experiment: '1',
  user: 'ada',
  status: 'FINISHED',
  lifecycle: 'active',
  startedAt: 0,
  endedAt: null,
  artifactUri: 'mlflow-artifacts:/1/r1/artifacts',
  metrics,
  params,
  tags,
  datasets: [],
  models: [],
})

describe('columns of the run table', () => {
  const runs = [
    run({ auc: 0.9, loss: 0.1 }, { depth: '3', seed: '1' }, { team: 'risk', 'mlflow.user': 'ada' }),
    run({ auc: null }, { depth: '4', seed: '1' }),
  ]

  it('offers what the runs have, the commonest first, without what clients write for themselves', () => {
    expect(columnsOf(runs).map(({ id }) => id)).toEqual(['metrics.auc', 'metrics.loss', 'params.depth', 'params.seed', 'tags.team'])
  })

  it('shows metrics, and the params that differ, while nobody chose', () => {
    expect(usualColumns(runs).map(({ id }) => id)).toEqual(['metrics.auc', 'metrics.loss', 'params.depth'])
    expect(usualColumns(runs.slice(0, 1)).map(({ id }) => id)).toContain('params.seed')
    expect(usualColumns([])).toEqual([])
  })

  it('writes cells, also of what is missing or no number', () => {
    const cell = (id: string, nth: number) => cellOf(runs[nth]!, columnFrom(id)!)
    expect(cell('metrics.auc', 0)).toBe('0.9')
    expect(cell('metrics.auc', 1)).toBe('NaN')
    expect(cell('metrics.loss', 1)).toBe('–')
    expect(cell('params.depth', 1)).toBe('4')
    expect(cell('params.constructor', 1)).toBe('–')
    expect(columnFrom('elsewhere.a')).toBeUndefined()
  })

  it('names columns as the search grammar reads them', () => {
    expect(nameInSearch('metrics.auc')).toBe('metrics.auc')
    expect(nameInSearch('metrics.val/auc 1')).toBe('metrics.`val/auc 1`')
    expect(nameInSearch('params.a`b')).toBe('params."a`b"')
    expect(nameInSearch('start_time')).toBe('start_time')
  })

  it('turns an order round when its heading is chosen again, and keeps it in the address', () => {
    const first = orderAfter(undefined, 'metrics.auc')
    expect(orderText(first)).toBe('metrics.auc DESC')
    expect(orderText(orderAfter(first, 'metrics.auc'))).toBe('metrics.auc ASC')
    expect(orderText(orderAfter(first, 'params.depth'))).toBe('params.depth ASC')
    expect(orderText(orderAfter(undefined, 'start_time'))).toBe('start_time DESC')
    expect(orderFrom(orderInAddress(first))).toEqual(first)
    expect(orderFrom('run_name')).toEqual({ column: 'run_name', ascending: true })
    expect(orderFrom(null)).toBeUndefined()
  })
})
