/** Table functions a reading query may use: they make rows out of nothing and touch no file, socket or process. */
const harmlessTableFunctions: ReadonlySet<string> = new Set([
  'format',
  'generate_series',
  'generateseries',
  'null',
  'numbers',
  'numbers_mt',
  'one',
  'values',
  'view',
  'zeros',
  'zeros_mt',
])
/** Ordinary functions that read files, load code or hold a thread, and that `readonly = 1` lets through. */
const harmfulFunctions = ['addresstoline', 'catboostevaluate', 'file', 'showcertificate', 'sleep', 'sleepeachrow']

/** Says why a reading query is refused, or nothing when it may run. */
export type ReadingGuard = (sql: string) => string | undefined

/**
 * Builds the check every reading query passes before it reaches the engine. `readonly = 1` alone leaves holes in the
 * engine (measured): the function `file()`, `DESCRIBE file()`, `KILL QUERY`, `USE` and `INTO OUTFILE` all go through.
 * The check works on the raw text and errs on the side of refusing, so that no disagreement with the engine's own
 * lexer can be used: values belong in parameters, never in the text.
 * @param tableFunctions every table function the engine knows, from `system.table_functions`
 */
export function createReadingGuard(tableFunctions: readonly string[]): ReadingGuard {
  const refused = [...new Set([...tableFunctions.map((name) => name.toLowerCase()), ...harmfulFunctions])]
    .filter((name) => !harmlessTableFunctions.has(name))
    .map((name) => name.replaceAll(/\W/g, ''))
  // A name, then anything that is not a word, then a parenthesis or the start of a comment that could hide one.
  const call = new RegExp(String.raw`(?<!\w)(${refused.join('|')})(?!\w)[^\w(]*?(?:\(|/\*|--|//|#)`, 'i')
  return (sql) => {
    if (!/^[\s(]*(?:select|with)\b/i.test(sql)) return 'a reading query starts with SELECT or WITH'
    if (/outfile/i.test(sql)) return 'a reading query may not write a file'
    if (sql.includes('\\')) return 'a reading query holds no backslash; pass such a value as a parameter'
    if (sql.includes(';')) return 'a reading query is one statement without a semicolon'
    const name = call.exec(sql)?.[1]
    return name === undefined ? undefined : `a reading query may not call ${name}()`
  }
}
