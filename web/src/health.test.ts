import { describe, expect, it } from 'vitest'
import type { LoopRun } from '../../src/contract/loops.ts'
import type { ObjectiveState } from '../../src/contract/objectives.ts'
import { evidencePosition, evidenceWord, healthOf, type Known, worstFirst } from './health.ts'
import { loopRun } from './loop-run-fixture.ts'

const calm: Known = {
  deployment: {
    name: 'phishing',
    project: 'default',
    spec: {
      model: 'phishing',
      environment: 'development',
      mode: 'online',
      threshold: 0.5,
      runtime: { kind: 'auto' },
      features: {},
      limits: { rowsPerRequest: 1, concurrency: 1, queueMs: 250 },
    },
    route: { mode: 'steady', championVersion: 1, challengerVersion: null, percent: 0 },
    ready: true,
    runtime: null,
    problem: null,
    anomalies: [],
    changedAt: 0,
  },
  objectives: [objective('f1', 'met')],
  monitors: [],
  runs: [],
  incidents: [],
  alerts: [],
}

function objective(metric: ObjectiveState['spec']['metric'], status: ObjectiveState['status']): ObjectiveState {
  return {
    name: metric,
    spec: { deployment: 'phishing', metric, target: 0.9, windowMinutes: 60, minRows: 1 },
    direction: 'at_least',
    value: 0.5,
    rows: 9,
    status,
  }
}

const run = (state: LoopRun['state']) => loopRun({ state, step: 'canary' })

describe('health', () => {
  it('says the one thing to know first', () => {
    const says = (known: Partial<Known>) => healthOf({ ...calm, ...known })
    expect(says({})).toEqual({ level: 'good', says: 'holds its set points' })
    expect(says({ objectives: [] }).level).toBe('unknown')
    expect(says({ objectives: [objective('f1', 'insufficient_data')] }).level).toBe('unknown')
    expect(says({ runs: [run('ended')] }).level).toBe('good')
    expect(says({ runs: [run('running')] })).toEqual({ level: 'watch', says: 'the loop is at canary' })
    expect(says({ runs: [run('running')], objectives: [objective('f1', 'missed')] })).toEqual({
      level: 'bad',
      says: 'misses F1; the loop is at canary',
    })
    expect(says({ runs: [run('waiting_for_approval')], objectives: [objective('f1', 'missed')] })).toEqual({
      level: 'act',
      says: 'canary waits for approval; misses F1',
    })
    expect(says({ deployment: { ...calm.deployment, ready: false, problem: 'model phishing has no champion' } })).toEqual({
      level: 'bad',
      says: 'model phishing has no champion',
    })
  })

  it('puts what needs a person first', () => {
    const items = (['good', 'watch', 'bad', 'act', 'good'] as const).map((level, i) => ({ i, health: { level, says: '' } }))
    expect(worstFirst(items).map(({ i }) => i)).toEqual([2, 3, 1, 0, 4])
  })

  it('places evidence on a logarithmic scale', () => {
    expect(evidencePosition(0, 1e6)).toBe(0)
    expect(evidencePosition(1e3, 1e6)).toBeCloseTo(0.5)
    expect(evidencePosition(1e6, 1e6)).toBeCloseTo(1)
    expect(evidencePosition(1e300, 1e6)).toBe(1.25)
    expect([
      evidenceWord(1e3, 1e6, false),
      evidenceWord(9e5, 1e6, false),
      evidenceWord(1e6, 1e6, false),
      evidenceWord(0, 1e6, true),
    ]).toEqual(['quiet', 'rising', 'alarm', 'alarm'])
  })
})
