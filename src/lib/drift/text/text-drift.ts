import { createRandom } from '../../random.ts'
import { andersonDarlingTest } from '../two-sample/anderson-darling.ts'
import { countCategories } from '../two-sample/count-pairs.ts'
import { chiSquaredTest } from '../two-sample/count-tests.ts'
import { fisherExactTest } from '../two-sample/fisher-exact.ts'
import { mannWhitneyTest } from '../two-sample/mann-whitney.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { isInsufficient, type TestOutcome } from '../two-sample/result.ts'
import { sampleIndices } from '../two-sample/samples.ts'
import { languageOf } from './language.ts'
import { characterNgramTest, type NgramOptions } from './ngram-test.ts'
import { wordsOf } from './tokens.ts'

/** Words of the reference that count as known: those in the most texts. */
const MOST_KNOWN_WORDS = 20_000
/** A word is tried as new when it is in so many texts of both samples together. */
const LEAST_TEXTS_OF_WORD = 5
const MOST_NEW_WORDS = 20

export type TextOptions = NgramOptions & {
  /** The error rate of the list of new words, over all words tried. 0.01 if not given. */
  readonly alpha?: number
}

type NewWord = {
  readonly word: string
  /** Shares of the texts that have it. */
  readonly referenceShare: number
  readonly currentShare: number
  readonly adjustedP: number
}

export type TextComparison = {
  /** Ready for `decide`: characters, words, unknown words, languages, character runs. */
  readonly measures: readonly { readonly name: string; readonly outcome: TestOutcome }[]
  /** Texts by language, `unknown` among them, the commonest first. */
  readonly languages: readonly { readonly language: string; readonly referenceShare: number; readonly currentShare: number }[]
  /** Words that more texts have than before, the one of greatest rise first; at most 20. */
  readonly newWords: readonly NewWord[]
}

/**
 * Compares two sets of texts: their lengths in characters and in words, the share of each text's words that the reference does not
 * know, their languages, and their character runs. What is known is learnt from a seeded half of the reference, and the other
 * half is what current texts are held against: a reference knows all of its own words.
 */
export function compareTexts(reference: readonly string[], current: readonly string[], options: TextOptions = {}): TextComparison {
  const [before, after] = [reference.map(wordsOf), current.map(wordsOf)]
  const languages = countCategories(reference.map(languageOf), current.map(languageOf))
  const lengths = (texts: readonly string[]) => Float64Array.from(texts, (text) => Array.from(text).length)
  const counts = (texts: readonly (readonly string[])[]) => Float64Array.from(texts, (words) => words.length)
  return {
    measures: [
      { name: 'length in characters', outcome: andersonDarlingTest(lengths(reference), lengths(current)) },
      { name: 'length in words', outcome: andersonDarlingTest(counts(before), counts(after)) },
      { name: 'unknown words', outcome: unknownWordsTest(before, after, options.seed ?? 1) },
      { name: 'language', outcome: chiSquaredTest(languages.reference, languages.current) },
      { name: 'character runs', outcome: characterNgramTest(reference, current, options) },
    ],
    languages: languages.categories
      .map((language, i) => ({
        language,
        referenceShare: languages.reference[i]! / Math.max(1, reference.length),
        currentShare: languages.current[i]! / Math.max(1, current.length),
      }))
      .sort((a, b) => b.referenceShare + b.currentShare - a.referenceShare - a.currentShare),
    newWords: newWordsOf(before, after, options.alpha ?? 0.01),
  }
}

/** Mann–Whitney on the share of unknown words per text; texts without words are left out. */
function unknownWordsTest(before: readonly (readonly string[])[], after: readonly (readonly string[])[], seed: number): TestOutcome {
  const learnt = sampleIndices(before.length, before.length >> 1, createRandom(seed))
  const used = new Set(learnt)
  const inTexts = textsWith(Array.from(learnt, (i) => before[i]!))
  const ranked = [...inTexts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MOST_KNOWN_WORDS)
  const known = new Set(ranked.map(([word]) => word))
  const sharesOf = (texts: readonly (readonly string[])[]) =>
    Float64Array.from(
      texts.filter((words) => words.length > 0),
      (words) => words.filter((word) => !known.has(word)).length / words.length,
    )
  const held = sharesOf(before.filter((_, i) => !used.has(i)))
  const fresh = sharesOf(after)
  const outcome = mannWhitneyTest(held, fresh)
  if (isInsufficient(outcome)) return { test: 'out_of_vocabulary', insufficient: outcome.insufficient }
  const mean = (shares: Float64Array) => Number(((100 * shares.reduce((sum, share) => sum + share, 0)) / shares.length).toPrecision(3))
  const note = `${mean(fresh)} % of a text's words are unknown to ${known.size} words of half the reference, ${mean(held)} % in its other half`
  return { ...outcome, test: 'out_of_vocabulary', note }
}

/** Fisher's exact test per word, adjusted by Holm for all words that are in enough texts of both samples together. */
function newWordsOf(before: readonly (readonly string[])[], after: readonly (readonly string[])[], alpha: number): NewWord[] {
  if (before.length === 0 || after.length === 0) return []
  const [first, second] = [textsWith(before), textsWith(after)]
  const tried = [...new Set([...first.keys(), ...second.keys()])].flatMap((word) => {
    const [old, now] = [first.get(word) ?? 0, second.get(word) ?? 0]
    if (old + now < LEAST_TEXTS_OF_WORD) return []
    const outcome = fisherExactTest([before.length - old, old], [after.length - now, now])
    if (isInsufficient(outcome)) return []
    return [
      { word, rise: outcome.effect.value, referenceShare: old / before.length, currentShare: now / after.length, p: outcome.pValue ?? 1 },
    ]
  })
  const adjusted = holmAdjusted(tried.map(({ p }) => p))
  return tried
    .map((one, i) => ({ ...one, adjustedP: adjusted[i]! }))
    .filter(({ rise, adjustedP }) => rise > 0 && adjustedP <= alpha)
    .sort((a, b) => b.rise - a.rise || (a.word < b.word ? -1 : 1))
    .slice(0, MOST_NEW_WORDS)
    .map(({ word, referenceShare, currentShare, adjustedP }) => ({ word, referenceShare, currentShare, adjustedP }))
}

/** In how many texts each word occurs. */
function textsWith(texts: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const words of texts) for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
