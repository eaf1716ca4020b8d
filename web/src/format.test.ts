import { describe, expect, it } from 'vitest'
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDifference,
  formatDuration,
  formatEvidence,
  formatInstant,
  formatLatency,
  formatMetric,
  formatNumber,
  formatPercent,
  formatPoints,
  formatRate,
  shortenId,
  wordsFrom,
} from './format.ts'

function check<T>(format: (value: T) => string, cases: readonly (readonly [T, string])[]): void {
  for (const [value, text] of cases) expect(format(value), String(value)).toBe(text)
}

describe('format', () => {
  it('writes counts and rates', () => {
    check(formatCount, [
      [0, '0'],
      [44_859, '44,859'],
      [-3, '−3'],
    ])
    check(formatRate, [
      [0, '0/s'],
      [0.04, '0.04/s'],
      [4.44, '4.4/s'],
      [440.8, '441/s'],
      [2_300, '2,300/s'],
    ])
  })

  it('writes latencies in the unit that suits them', () => {
    check(formatLatency, [
      [142.4, '142 µs'],
      [999.7, '1.00 ms'],
      [1_149.3, '1.15 ms'],
      [79_943, '79.9 ms'],
      [241_244, '241 ms'],
      [999_600, '1.00 s'],
      [12_340_000, '12.3 s'],
    ])
  })

  it('writes durations with two units at most', () => {
    check(formatDuration, [
      [-5, '0 ms'],
      [85, '85 ms'],
      [12_340, '12.3 s'],
      [59_960, '1 min 00 s'],
      [125_000, '2 min 05 s'],
      [3_840_000, '1 h 04 min'],
      [266_400_000, '3 d 02 h'],
    ])
  })

  it('writes ages with one unit', () => {
    const now = 1_000_000_000
    check(
      (ageMs: number) => formatAge(now - ageMs, now),
      [
        [-400, 'now'],
        [1_900, 'now'],
        [12_000, '12 s ago'],
        [200_000, '3 min ago'],
        [7_300_000, '2 h ago'],
        [5 * 86_400_000, '5 d ago'],
      ],
    )
  })

  it('writes instants in local time, with the day only where it is another', () => {
    const now = new Date(2026, 10, 22, 14, 53, 0).getTime()
    check(
      (at: Date) => formatInstant(at.getTime(), now),
      [
        [new Date(2026, 10, 22, 4, 5, 6), '04:05:06'],
        [new Date(2026, 10, 21, 14, 50), '21 Nov 14:50'],
        [new Date(2025, 0, 2), '2 Jan 2025'],
      ],
    )
    expect(formatInstant(9e15, now)).toBe('9000000000000000')
  })

  it('writes shares with more digits near the ends', () => {
    check(formatPercent, [
      [0, '0 %'],
      [1, '100 %'],
      [0.982, '98.2 %'],
      [0.0015, '0.15 %'],
      [0.9999, '99.99 %'],
      [0.999982, '> 99.99 %'],
      [1e-13, '< 0.01 %'],
    ])
  })

  it('writes metrics and differences with their sign', () => {
    check(formatMetric, [[0.89606, '0.8961']])
    check(formatDifference, [
      [0.00196, '+0.0020'],
      [-0.000309, '−0.0003'],
      [-0.00001, '0.0000'],
      [0.00001, '0.0000'],
    ])
    check(formatPoints, [
      [0.0032, '+0.32 pp'],
      [-0.121, '−12.10 pp'],
      [0, '0.00 pp'],
      [-0.00001, '0.00 pp'],
    ])
  })

  it('writes evidence over many powers of ten', () => {
    check(formatEvidence, [
      [0, '0.00'],
      [0.416, '0.42'],
      [38.2, '38'],
      [1_234, '1.2e3'],
      [20_000_000, '2e7'],
      [3.9e16, '3.9e16'],
      [Number.POSITIVE_INFINITY, '∞'],
    ])
  })

  it('writes sizes', () => {
    check(formatBytes, [
      [0, '0 bytes'],
      [999, '999 bytes'],
      [4_210, '4.21 kB'],
      [52_300_000, '52.3 MB'],
      [1_300_000_000, '1.30 GB'],
      [9e18, '9,000,000 TB'],
    ])
  })

  it('writes numbers of any size', () => {
    check<number | null>(formatNumber, [
      [0.896124, '0.89612'],
      [0.5, '0.5'],
      [-0.25, '−0.25'],
      [12_000.04, '12,000'],
      [1_234.5678, '1,234.6'],
      [3.2e-7, '3.2e-7'],
      [-1.5e12, '−1.5e12'],
      [0, '0'],
      [null, 'NaN'],
      [Number.MAX_VALUE, '∞'],
      [-Number.MAX_VALUE, '−∞'],
    ])
  })

  it('shortens ids and spells names out', () => {
    check(shortenId, [
      ['loop_01m81vsb7y1c02tg29tvg1h5vh', 'loop_…g1h5vh'],
      ['key_1', 'key_1'],
      ['plain', 'plain'],
    ])
    check(wordsFrom, [['waiting_for_approval', 'waiting for approval']])
  })
})
