import { expect, it } from 'vitest'
import type { Alert } from '../../src/contract/alerts.ts'
import { groupAlerts } from './alert-groups.ts'

const alert = (id: string, at: number, title: string, severity: Alert['severity'] = 'ticket'): Alert => ({
  id,
  rule: 'r',
  event: 'drift.detected',
  deployment: 'd',
  severity,
  title,
  owner: 'o',
  runbook: 'b',
  state: 'firing',
  delivery: 'none',
  at,
  acknowledgedBy: null,
})

it('groups what says the same, pages first, then the newest', () => {
  const groups = groupAlerts([alert('a', 1, 'moved'), alert('b', 5, 'ended'), alert('c', 9, 'moved'), alert('d', 2, 'ended', 'page')])
  expect(groups.map(({ newest, ids }) => [newest.title, newest.at, ids])).toEqual([
    ['ended', 2, ['d']],
    ['moved', 9, ['c', 'a']],
    ['ended', 5, ['b']],
  ])
})
