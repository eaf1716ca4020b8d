import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { type Cause, causes, diagnoseCause } from './diagnose-cause.ts'
import { worldOf } from './fixtures/worlds.ts'

/** Attacks and data faults take turns by seed: of four kinds and of five, so that every kind is planted. */
const WORLDS: Partial<Record<Cause, number>> = { data_fault: 5, attack: 8 }
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
  for (let seed = 0; seed < 4; seed++) {
    const { input, by } = worldOf('attack', seed)
    const { facts } = diagnoseCause(input)
    expect(new Set(facts.attacks.map((attack) => attack.by))).toEqual(new Set([by]))
  }
})

test('values out of range in the rows of an attacker are its doing, no fault of the data; a fault that has other signs still is', () => {
  const { input } = worldOf('attack', 3)
  const spoiled = (spoil: (value: number, actor: string) => number) => {
    const columns = input.current.columns.map((column, f) =>
      f === 4 ? Array.from(column, (value, row) => spoil(value, input.current.actors![row]!)) : column,
    )
    return diagnoseCause({ ...input, current: { ...input.current, columns } })
  }
  const strange = spoiled((value, actor) => (actor === 'intruder' ? 40 : value))
  expect(strange.facts.faults).toMatchObject([{ kind: 'out_of_range' }])
  expect(strange.cause).toBe('attack')
  expect(spoiled(() => 0.25).cause).toBe('data_fault')
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
