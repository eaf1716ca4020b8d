/** Scripts that put no spaces between words: each of their characters counts as a word. */
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]]+/gv

/** The words of a text in lower case: runs of letters, marks and digits; of Chinese, Japanese and Thai single characters. */
export function wordsOf(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().match(WORDS) ?? []
}

/**
 * How often each run of `size` characters occurs in a text, in lower case, white space of any length as one space, with a space
 * before and after. A text without anything but white space has none.
 */
export function characterNgrams(text: string, size: number): Map<string, number> {
  const counts = new Map<string, number>()
  const clean = text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
  if (clean === '') return counts
  const characters = Array.from(` ${clean} `)
  for (let i = 0; i + size <= characters.length; i++) {
    const gram = characters.slice(i, i + size).join('')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}
