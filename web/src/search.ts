/** The filter for names that have the words in them, in any case; undefined when nothing is searched for. */
export function nameFilter(words: string): string | undefined {
  const wanted = words.trim()
  if (wanted === '') return undefined
  // A text stands between whichever quotes it does not have; of both kinds at once only one can be asked for.
  return wanted.includes("'") ? `name ILIKE "%${wanted.replaceAll('"', '_')}%"` : `name ILIKE '%${wanted}%'`
}
