import { wordsOf } from './tokens.ts'

/** Frequent small words by language; many are shared, so that no one of them decides. */
const SMALL_WORDS = {
  en: 'the of and to in is that it was for on are with as be this by from have not but they his her you which or an were will',
  de: 'der die das und ist nicht ein eine zu mit auf für den dem des sich von auch es wird im sie haben sind wir ich war als bei',
  fr: 'le la les des et est un une pas que qui dans pour sur avec ce il elle sont au du par plus nous vous être cette mais ou',
  es: 'el los las y es un una que en por con para no se su del al lo como más pero este fue son hay muy esta sin cuando',
  it: 'il lo gli e è un una che di non per con del della sono si nel alla dei anche più ma questo come ha le al da era',
  pt: 'o os as e é um uma que não em por com para se do da dos na no mais mas como foi ao são ele isso muito também',
  nl: 'de het een en van is dat niet op te zijn met voor er ook aan die maar bij naar wordt ik we hij heeft uit om deze werd',
  pl: 'i w nie na się jest to z że do jak po ale co tak od za czy przez był tym jego dla są przy może już tylko oraz',
  sv: 'och att det är en ett som på för med inte av den till har jag vi om från men så var han kan ska ur vid efter eller',
  tr: 've bir bu da de için ile çok daha ne var değil gibi ama olarak olan en sonra kadar mı o ben her şey ise biz yok göre',
} as const

/** Scripts that name a language well enough by themselves. */
const SCRIPTS: readonly (readonly [language: string, letters: RegExp])[] = [
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['zh', /\p{Script=Han}/gu],
  ['uk', /[іїєґ]/giu],
  ['ru', /\p{Script=Cyrillic}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['ar', /\p{Script=Arabic}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['hi', /\p{Script=Devanagari}/gu],
  ['th', /\p{Script=Thai}/gu],
]

const lists = Object.entries(SMALL_WORDS).map(([language, words]) => [language, new Set(words.split(' '))] as const)

/**
 * The language of a text as an ISO 639-1 code, or `unknown`. Ten languages of Latin script are told apart by their small words; ten
 * others by their script, of which each stands for its commonest language alone (Cyrillic is Russian, or Ukrainian by its own
 * letters; Arabic script is Arabic). Of Latin script it needs two small words, a tenth of all words, and a lead over the second
 * best: short texts, lists of names, and other languages are `unknown`.
 */
export function languageOf(text: string): string {
  const letters = text.match(/\p{L}/gu)?.length ?? 0
  if (letters === 0) return 'unknown'
  for (const [language, pattern] of SCRIPTS) {
    const share = (text.match(pattern)?.length ?? 0) / letters
    // Japanese mixes in Chinese characters, Ukrainian is mostly letters that Russian has too.
    const least = language === 'ja' ? 0.1 : language === 'uk' ? 0.02 : 0.5
    if (share >= least) return language
  }
  const words = wordsOf(text)
  const scores = lists.map(([language, small]) => ({ language, hits: words.filter((word) => small.has(word)).length }))
  scores.sort((a, b) => b.hits - a.hits)
  const [best, second] = scores as [(typeof scores)[number], (typeof scores)[number]]
  return best.hits >= 2 && best.hits >= words.length / 10 && best.hits > second.hits ? best.language : 'unknown'
}
