import { describe, expect, test } from 'vitest'
import { type JudgedWindow, type Standing, type StandingChange, standingAfter } from './standing.ts'

const rule = { sustained: { windows: 2, of: 3 }, clearAfter: 2 }

/** Plays windows given as letters: s stable, - too few rows, m minor, M moderate, S severe drift. */
function play(letters: string, given = rule): { kinds: string[]; changes: (StandingChange & { at: number })[]; last: Standing } {
  const severityOf = { s: 'none', '-': 'none', m: 'minor', M: 'moderate', S: 'severe' } as const
  const windows: JudgedWindow[] = []
  const kinds: string[] = []
  const changes: (StandingChange & { at: number })[] = []
  let standing: Standing = { kind: 'calm' }
  for (const [at, letter] of [...letters].entries()) {
    windows.push({
      fromMs: at,
      verdict: letter === 's' ? 'stable' : letter === '-' ? 'insufficient_data' : 'drift',
      severity: severityOf[letter as keyof typeof severityOf],
    })
    const after = standingAfter(standing, windows, given)
    standing = after.standing
    kinds.push(standing.kind)
    if (after.change) changes.push({ ...after.change, at })
  }
  return { kinds, changes, last: standing }
}

describe('what a monitor makes of its windows', () => {
  test('one window with drift is watched, not told', () => {
    expect(play('smss')).toMatchObject({ kinds: ['calm', 'watching', 'watching', 'watching'], changes: [] })
    expect(play('smsss').kinds.at(-1)).toBe('calm')
  })

  test('drift in two of three windows is told once, with its worst severity and its beginning', () => {
    const { changes } = play('smsMmm')
    expect(changes).toEqual([{ kind: 'sustained', severity: 'moderate', sinceMs: 1, key: '1', at: 3 }])
  })

  test('it is told again only when it becomes worse', () => {
    const { changes } = play('mmmMmMSS')
    expect(changes.map(({ kind, severity, at }: { kind: string; severity?: string; at: number }) => [kind, severity, at])).toEqual([
      ['sustained', 'minor', 1],
      ['worse', 'moderate', 3],
      ['worse', 'severe', 6],
    ])
  })

  test('it is over after two stable windows in a row, not after one', () => {
    expect(play('mmsmsm').changes).toHaveLength(1)
    expect(play('mmss').changes.at(-1)).toEqual({ kind: 'cleared', key: '0', at: 3 })
  })

  test('windows with too few rows neither sustain nor clear', () => {
    expect(play('m--m').changes).toEqual([{ kind: 'sustained', severity: 'minor', sinceMs: 0, key: '0', at: 3 }])
    expect(play('mm-s-').changes).toHaveLength(1)
    expect(play('----').kinds.every((kind) => kind === 'calm')).toBe(true)
  })

  test('after it is over the same drift begins anew, under another key', () => {
    const { changes } = play('mmssmm')
    expect(changes.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['sustained 0', 'cleared 0', 'sustained 4'])
    const longMemory = { sustained: { windows: 2, of: 10 }, clearAfter: 1 }
    expect(play('mmsm', longMemory).changes.map(({ kind }) => kind)).toEqual(['sustained', 'cleared'])
  })
})
