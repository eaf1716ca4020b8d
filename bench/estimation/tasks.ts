import fs from 'node:fs'
import path from 'node:path'
import { boostTrees, type Columns, predictRows } from '../../src/lib/drift/estimation/boosted-trees.ts'
import { probabilityOf } from '../../src/lib/drift/estimation/calibrator.ts'
import { pickRows } from '../../src/lib/drift/estimation/estimate-adaptive.ts'
import { createNumericCsvReader } from '../../src/lib/numeric-csv.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'

/** Rows that were scored, or predicted, with what came true. */
export type JudgedRows = { readonly features: Columns; readonly scores: Float64Array; readonly labels: Float64Array }

/** A model at work: its reference, and chunks of equal size that came later. */
export type Task = {
  readonly name: string
  /** Whether labels follow inputs as they did: then an estimate should hold, else it should be withheld or flagged. */
  readonly conceptHolds: boolean
  readonly reference: JudgedRows
  readonly chunks: readonly JudgedRows[]
}

const CHUNK = 1_000

/** A model that knows x and misses z. The seed gives the rows; each shift has the same reference. */
export function plantedTasks(seed: number, chunks: number): Task[] {
  type Shift = { x?: number; z?: number; positives?: number; turned?: boolean }
  const draw = (random: Random, count: number, { x = 0, z = 0, positives, turned = false }: Shift = {}): JudgedRows => {
    const rows: number[][] = []
    while (rows.length < count) {
      const [a, b] = [random.normal() + x, random.normal() + z]
      const label = Number(random.bernoulli(probabilityOf((turned ? -1 : 1) * 1.5 * a + 0.8 * b)))
      if (positives !== undefined && !random.bernoulli(label === 1 ? positives : 1 - positives)) continue
      rows.push([a, b, label])
    }
    const column = (f: number) => Float64Array.from(rows, (row) => row[f]!)
    return { features: [column(0), column(1)], labels: column(2), scores: column(0).map((own) => probabilityOf(2.4 * own)) }
  }
  const reference = draw(createRandom(seed), 4_000)
  const task = (name: string, conceptHolds: boolean, shift: Shift): Task => ({
    name,
    conceptHolds,
    reference,
    chunks: Array.from({ length: chunks }, (_, i) => draw(createRandom(`${seed}/${name}/${i}`), CHUNK, shift)),
  })
  return [
    task('planted: nothing moved', true, {}),
    task('planted: a known feature moved', true, { x: 0.8 }),
    task('planted: a feature the model misses moved', true, { z: 1 }),
    task('planted: positives 50 → 75 %', false, { positives: 0.75 }),
    task('planted: the meaning turned', false, { turned: true }),
  ]
}

/** ELEC2: taught on the first tenth, the second tenth is the reference, then chunks in the order they came. */
export function elec2Task(folder: string): Task | null {
  const text = readIfThere(path.join(folder, 'elec2/elec.csv'))
  if (text === null) return null
  const reader = createNumericCsvReader()
  reader.push(text)
  const table = reader.end()
  const labels = table.columns[table.names.indexOf('class')]!
  const features = table.columns.filter((_, f) => table.names[f] !== 'class')
  const tenth = Math.floor(table.rows / 10)
  return learnt('ELEC2', false, features, labels, {
    taught: span(0, tenth),
    reference: span(tenth, 2 * tenth),
    later: chunked(span(2 * tenth, table.rows)),
  })
}

const NUMERIC = new Set([0, 2, 4, 10, 11, 12])

/** UCI Adult: taught on one half of the training file, the other half is the reference; chunks of the test file by shift. */
export function adultTasks(folder: string): Task[] {
  const texts = ['train', 'test'].map((part) => readIfThere(path.join(folder, `uci-adult/adult-${part}.csv`)))
  if (texts.includes(null)) return []
  const rows = texts.map((text) =>
    text!
      .split('\n')
      .map((line) => line.split(',').map((cell) => cell.trim()))
      .filter((row) => row.length === 15),
  )
  const all = rows.flat()
  const codes = Array.from(
    { length: 14 },
    (_, f) => new Map([...new Set(all.map((row) => row[f]!))].sort().map((word, code) => [word, code])),
  )
  const features = codes.map((code, f) => Float64Array.from(all, (row) => (NUMERIC.has(f) ? Number(row[f]) : code.get(row[f]!)!)))
  const labels = Float64Array.from(all, (row) => Number(row[14]!.startsWith('>')))
  const train = rows[0]!.length
  const random = createRandom(1)
  const shuffledTest = span(train, all.length)
    .map((row) => [random.next(), row] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, row]) => row)
  const given = { taught: span(0, train).filter((row) => row % 2 === 0), reference: span(0, train).filter((row) => row % 2 === 1) }
  const by = (feature: number) => shuffledTest.toSorted((a, b) => features[feature]![a]! - features[feature]![b]!)
  const fewer = shuffledTest.filter((row) => labels[row] === 1 || random.next() < 0.3)
  // Older people's labels are drawn anew by coin: what their inputs mean changed.
  const turned = labels.map((label, row) => (row >= train && features[0]![row]! > 40 ? Number(random.bernoulli(0.5)) : label))
  return [
    learnt('Adult: as it came', true, features, labels, { ...given, later: chunked(shuffledTest) }),
    learnt('Adult: chunks by age', true, features, labels, { ...given, later: chunked(by(0)) }),
    learnt('Adult: chunks by hours', true, features, labels, { ...given, later: chunked(by(12)) }),
    learnt('Adult: positives 24 → 51 %', false, features, labels, { ...given, later: chunked(fewer) }),
    learnt('Adult: labels over 40 by coin', false, features, turned, { ...given, later: chunked(shuffledTest) }),
  ]
}

/** Bike sharing: hourly rentals, taught on even days of 2011, odd days of 2011 are the reference, 2012 comes later. */
export function bikeTask(folder: string): Task | null {
  const text = readIfThere(path.join(folder, 'uci-bike-sharing/hour.csv'))
  if (text === null) return null
  const rows = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))
  const used = [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
  const features = used.map((f) => Float64Array.from(rows, (row) => Number(row[f])))
  const labels = Float64Array.from(rows, (row) => Number(row[16]))
  const day = (row: number) => Number(rows[row]![1]!.slice(8))
  const first = span(0, rows.length).filter((row) => rows[row]![3] === '0')
  const later = span(0, rows.length).filter((row) => rows[row]![3] === '1')
  const [taught, reference] = [0, 1].map((odd) => first.filter((row) => day(row) % 2 === odd)) as [number[], number[]]
  const model = boostTrees(pickRows(features, taught), pickRows([labels], taught)[0]!, {
    loss: 'squared',
    trees: 150,
    depth: 5,
    random: createRandom(1),
  })
  const judged = (chosen: number[]): JudgedRows => {
    const own = pickRows(features, chosen)
    return { features: own, labels: pickRows([labels], chosen)[0]!, scores: predictRows(model, own) }
  }
  const held = reference.filter((_, i) => i % 4 === 3)
  const known = reference.filter((_, i) => i % 4 !== 3)
  const chunks = [...chunked(held, 500), ...chunked(later, 500)]
  return { name: 'bike sharing', conceptHolds: false, reference: judged(known), chunks: chunks.map(judged) }
}

/** A regression whose noise grows with one feature, which then moves. */
export function plantedRegression(seed: number, chunks: number): Task {
  const draw = (random: Random, count: number, from: number): JudgedRows => {
    const x = Float64Array.from({ length: count }, () => from + (1 - from) * random.next())
    const z = x.map(() => random.normal())
    const scores = x.map((own, i) => 10 + 3 * own + z[i]!)
    return { features: [x, z], scores, labels: scores.map((score, i) => score + (0.2 + x[i]!) * random.normal()) }
  }
  const chance = createRandom(seed)
  return {
    name: 'planted: noise grows with x, x moved',
    conceptHolds: true,
    reference: draw(chance, 4_000, 0),
    chunks: Array.from({ length: chunks }, (_, i) => draw(chance, 500, (0.8 * i) / chunks)),
  }
}

type Parts = { readonly taught: number[]; readonly reference: number[]; readonly later: readonly number[][] }

function learnt(name: string, conceptHolds: boolean, features: Columns, labels: Float64Array, { taught, reference, later }: Parts): Task {
  const own = pickRows(features, taught)
  const model = boostTrees(own, pickRows([labels], taught)[0]!, { loss: 'logistic', trees: 60, depth: 4, random: createRandom(1) })
  const judged = (rows: number[]): JudgedRows => {
    const chosen = pickRows(features, rows)
    return { features: chosen, labels: pickRows([labels], rows)[0]!, scores: predictRows(model, chosen) }
  }
  return { name, conceptHolds, reference: judged(reference), chunks: later.map(judged) }
}

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Chunks of one size; what is left over is left out, since the peer wants equal chunks. */
function chunked(rows: readonly number[], size = CHUNK): number[][] {
  return Array.from({ length: Math.floor(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
}

function readIfThere(file: string): string | null {
  if (fs.existsSync(file)) return fs.readFileSync(file, 'utf8')
  console.error(`left out: there is no ${path.basename(file)} under ${path.dirname(file)}`)
  return null
}
