import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { type Cause, causes, diagnoseCause } from './diagnose-cause.ts'
import { worldOf } from './fixtures/worlds.ts'

/** Attacks and data faults take turns by seed: of three kinds and of five, so that every kind is planted. */
const WORLDS: Partial<Record<Cause, number>> = { data_fault: 5, attack: 6 }
const WORLDS_OF_OTHERS = 3

test.each(causes.filter((cause) => cause !== 'none'))('a planted %s is found in every world', (cause) => {
  const found = Array.from({ length: WORLDS[cause] ?? WORLDS_OF_OTHERS }, (_, seed) => diagnoseCause(worldOf(cause, seed).input).cause)
  expect(new Set(found)).toEqual(new Set([cause]))
})

test('worlds in which nothing changed give none', () => {
  const found = Array.from({ length: 6 }, (_, seed) => diagnoseCause(worldOf('none', seed).input).cause)
  expect(new Set(found)).toEqual(new Set(['none']))
})

test.each<Cause>(['covariate', 'prior'])('%s is found without current labels', (cause) => {
  const found = Array.from({ length: 3 }, (_, seed) => diagnoseCause(worldOf(cause, seed, { labelled: false }).input).cause)
  expect(new Set(found)).toEqual(new Set([cause]))
})

test('attackers are named, and nobody else', () => {
  for (let seed = 0; seed < 3; seed++) {
    const { input, by } = worldOf('attack', seed)
    const { facts } = diagnoseCause(input)
    expect(new Set(facts.attacks.map((attack) => attack.by))).toEqual(new Set([by]))
  }
})

test('confidence sums to one; every cause has its evidence in words', () => {
  const { evidence } = diagnoseCause(worldOf('concept', 1).input)
  expect(evidence.reduce((sum, { confidence }) => sum + confidence, 0)).toBeCloseTo(1, 12)
  expect(new Set(evidence.map(({ cause }) => cause))).toEqual(new Set(causes))
  for (const { text } of evidence) expect(text.join('')).not.toBe('')
})

test('without labels a change of meaning is not claimed, and that is said', () => {
  const { cause, evidence } = diagnoseCause(worldOf('concept', 1, { labelled: false }).input)
  expect(cause).toBe('none')
  expect(evidence.find((one) => one.cause === 'concept')!.text).toEqual(['too few labels: a change of meaning cannot be seen without them'])
})

test('the verdict does not depend on the unit of a feature, and repeats itself', () => {
  const { input } = worldOf('covariate', 2)
  const scaled = (rows: typeof input.reference) => ({
    ...rows,
    columns: rows.columns.map((column) => Array.from(column, (value) => 64 * value)),
  })
  const again = (given: typeof input) => diagnoseCause({ ...given, random: createRandom(9) })
  const [plain, other] = [again(input), again({ ...input, reference: scaled(input.reference), current: scaled(input.current) })]
  expect(other.cause).toBe(plain.cause)
  expect(other.facts.inputs).toEqual(plain.facts.inputs)
  expect(again(input)).toEqual(plain)
})

test('no rows and one row change nothing', () => {
  const { input } = worldOf('none', 1)
  const empty = { columns: input.names.map(() => []), scores: [] }
  const one = { columns: input.names.map(() => [0.1]), scores: [0.5] }
  expect(() => diagnoseCause({ ...input, current: empty })).toThrow('needs rows of both samples')
  expect(diagnoseCause({ ...input, current: one }).cause).toBe('none')
})
