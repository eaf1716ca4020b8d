import { profileFrom } from '../../src/lib/drift/profile/profile.ts'
import { createSketch, observe, resetSketch } from '../../src/lib/drift/profile/sketch.ts'
import { advanceErrorDetector, createErrorDetector, forgetErrorEvidence } from '../../src/lib/drift/streaming/error-detector.ts'
import { advanceDetector, createDetector, forgetEvidence } from '../../src/lib/drift/streaming/feature-detector.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'

/** What happened over many streams on which nothing changed, each with a reference of its own. */
export type NullRuns = { readonly streams: number; readonly rows: number; readonly alarms: number; readonly alarmedStreams: number }

type NullOptions = { readonly streams: number; readonly rows: number; readonly referenceRows: number; readonly budget: number }

/** `features` streams of values: normal, skewed, discrete and partly missing ones in turn; a look every 50 rows. */
export function featureNullRuns(features: number, { streams, rows, referenceRows, budget }: NullOptions): NullRuns {
  const alarms = Array.from({ length: streams }, (_, s) => {
    const random = createRandom(`feature null ${s}`)
    const columns = Array.from({ length: features }, (_, f) => Float32Array.from({ length: referenceRows }, () => drawValue(random, f)))
    const profile = profileFrom(
      columns.map((_, f) => `f${f}`),
      columns,
    )
    const detector = createDetector({ profile, falseAlarmEveryRows: budget, tolerance: 0 })
    const block = createSketch(profile)
    const row = new Float32Array(features)
    let own = 0
    for (let at = 1; at <= rows; at++) {
      for (let f = 0; f < features; f++) row[f] = drawValue(random, f)
      observe(block, row)
      if (at % 50 !== 0) continue
      if (advanceDetector(detector, block).alarm) {
        own++
        forgetEvidence(detector)
      }
      resetSketch(block)
    }
    return own
  })
  return totalOf(alarms, rows)
}

function drawValue(random: Random, feature: number): number {
  switch (feature % 4) {
    case 0:
      return random.normal()
    case 1:
      return Math.exp(random.normal())
    case 2:
      return random.int(5)
    default:
      return random.bernoulli(0.03) ? Number.NaN : random.next()
  }
}

/** A labelled error of 0.2, looked at after every tenth label. */
export function errorNullRuns({ streams, rows, referenceRows, budget }: NullOptions): NullRuns {
  const alarms = Array.from({ length: streams }, (_, s) => {
    const random = createRandom(`error null ${s}`)
    const baselineRate = random.binomial(referenceRows, 0.2) / referenceRows
    const detector = createErrorDetector({ baselineRate, baselineSampleSize: referenceRows, falseAlarmEveryRows: budget })
    let own = 0
    for (let at = 0; at < rows; at += 10) {
      if (!advanceErrorDetector(detector, random.binomial(10, 0.2), 10).alarm) continue
      own++
      forgetErrorEvidence(detector)
    }
    return own
  })
  return totalOf(alarms, rows)
}

function totalOf(alarms: readonly number[], rows: number): NullRuns {
  return {
    streams: alarms.length,
    rows: alarms.length * rows,
    alarms: alarms.reduce((sum, own) => sum + own, 0),
    alarmedStreams: alarms.filter((own) => own > 0).length,
  }
}
