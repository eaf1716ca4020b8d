/**
 * Regular expressions that strangers may write: matching takes time in proportion to the text, whatever the expression,
 * because all its readings are followed side by side (Thompson 1968; Pike’s virtual machine as in Cox, “Regular Expression
 * Matching: the Virtual Machine Approach”, 2009). Understood: literals, `.`, classes, `\d \w \s \b` and their opposites,
 * `^ $`, groups, `|`, `* + ? {m,n}`, and `(?i)` in front. Not: back references and looking around.
 */
export type LinearRegex = { test(text: string): boolean }

type Matches = (character: string) => boolean
type Step =
  | { readonly kind: 'character'; readonly matches: Matches }
  | { readonly kind: 'fork'; readonly first: number; readonly second: number }
  | { readonly kind: 'assert'; readonly holds: (before: string | undefined, after: string | undefined) => boolean }
  | { readonly kind: 'match' }

type Node =
  | { readonly kind: 'character'; readonly matches: Matches }
  | { readonly kind: 'assert'; readonly holds: Extract<Step, { kind: 'assert' }>['holds'] }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly least: number; readonly most: number }

const LONGEST_PATTERN = 1_000
const MOST_STEPS = 2_000
const DEEPEST_GROUP = 50

/** Throws `SyntaxError` for what is not understood, or is too large. */
export function compileLinearRegex(pattern: string): LinearRegex {
  if (pattern.length > LONGEST_PATTERN)
    throw new SyntaxError(`the expression has ${pattern.length} characters; at most ${LONGEST_PATTERN} are read`)
  const heedsCase = !pattern.startsWith('(?i)')
  const source = heedsCase ? pattern : pattern.slice('(?i)'.length)
  const program: Program = { steps: [], visits: 0 }
  write(readWhole(source, heedsCase), program)
  program.steps.push({ kind: 'match' })
  return { test: (text) => run(program.steps, text) }
}

function run(steps: readonly Step[], text: string): boolean {
  const characters = [...text]
  let current = new Set<number>()
  for (let at = 0; at <= characters.length; at++) {
    const [before, after] = [characters[at - 1], characters[at]]
    // A match may begin anywhere.
    if (follow(steps, current, 0, before, after)) return true
    if (after === undefined) return false
    const next = new Set<number>()
    for (const i of current) {
      const step = steps[i]!
      if (step.kind === 'character' && step.matches(after) && follow(steps, next, i + 1, after, characters[at + 1])) return true
    }
    current = next
  }
  return false
}

/** Adds to `reached` what can be read next from step `from` on; answers whether that is the end of a match. */
function follow(
  steps: readonly Step[],
  reached: Set<number>,
  from: number,
  before: string | undefined,
  after: string | undefined,
): boolean {
  const open = [from]
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (reached.has(i)) continue
    reached.add(i)
    const step = steps[i]!
    if (step.kind === 'match') return true
    if (step.kind === 'fork') open.push(step.first, step.second)
    else if (step.kind === 'assert' && step.holds(before, after)) open.push(i + 1)
  }
  return false
}

/** An expression as steps; `visits` bounds the work of writing it, also where what is repeated is empty. */
type Program = { readonly steps: Step[]; visits: number }

function write(node: Node, program: Program): void {
  program.visits += 1
  if (program.visits > MOST_STEPS) throw new SyntaxError(`the expression is too large: it has more than ${MOST_STEPS} steps`)
  switch (node.kind) {
    case 'character':
    case 'assert':
      program.steps.push(node)
      return
    case 'all':
      for (const part of node.parts) write(part, program)
      return
    case 'any':
      writeAny(node.parts, program)
      return
    case 'repeat':
      for (let i = 0; i < node.least; i++) write(node.part, program)
      if (node.most === Number.POSITIVE_INFINITY) writeLoop(node.part, program)
      else for (let i = node.least; i < node.most; i++) writeAny([node.part, { kind: 'all', parts: [] }], program)
  }
}

/** `a|b`: a fork to each, and a way from the end of each to the end of all. */
function writeAny(parts: readonly Node[], program: Program): void {
  const { steps } = program
  const [first, ...rest] = parts
  if (rest.length === 0) {
    write(first!, program)
    return
  }
  const fork = steps.push({ kind: 'match' }) - 1
  write(first!, program)
  const leap = steps.push({ kind: 'match' }) - 1
  steps[fork] = { kind: 'fork', first: fork + 1, second: steps.length }
  writeAny(rest, program)
  steps[leap] = { kind: 'fork', first: steps.length, second: steps.length }
}

function writeLoop(part: Node, program: Program): void {
  const { steps } = program
  const fork = steps.push({ kind: 'match' }) - 1
  write(part, program)
  steps.push({ kind: 'fork', first: fork, second: fork })
  steps[fork] = { kind: 'fork', first: fork + 1, second: steps.length }
}

const digit: Matches = (c) => c >= '0' && c <= '9'
const word: Matches = (c) => /^[\p{L}\p{N}_]$/u.test(c)
const space: Matches = (c) => /^\s$/u.test(c)
const classes: Readonly<Record<string, Matches>> = {
  d: digit,
  D: (c) => !digit(c),
  w: word,
  W: (c) => !word(c),
  s: space,
  S: (c) => !space(c),
}
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v' }
const isWord = (c: string | undefined) => c !== undefined && word(c)
const asserts: Readonly<Record<string, (before: string | undefined, after: string | undefined) => boolean>> = {
  '^': (before) => before === undefined,
  $: (_before, after) => after === undefined,
  b: (before, after) => isWord(before) !== isWord(after),
  B: (before, after) => isWord(before) === isWord(after),
}

/** An expression that is read from left to right. */
type Reading = { readonly characters: readonly string[]; readonly heedsCase: boolean; at: number; depth: number }

function readWhole(source: string, heedsCase: boolean): Node {
  const reading: Reading = { characters: [...source], heedsCase, at: 0, depth: 0 }
  const found = readAny(reading)
  if (reading.at < reading.characters.length) throw new SyntaxError('a group is closed that was never opened')
  return found
}

const peek = (reading: Reading) => reading.characters[reading.at]

function take(reading: Reading): string {
  const found = reading.characters[reading.at++]
  if (found === undefined) throw new SyntaxError(`the expression ${reading.characters.join('')} ends too early`)
  return found
}

function readAny(reading: Reading): Node {
  const parts = [readAll(reading)]
  while (peek(reading) === '|') {
    reading.at++
    parts.push(readAll(reading))
  }
  return { kind: 'any', parts }
}

function readAll(reading: Reading): Node {
  const parts: Node[] = []
  while (peek(reading) !== undefined && peek(reading) !== '|' && peek(reading) !== ')') parts.push(readRepeated(reading))
  return { kind: 'all', parts }
}

function readRepeated(reading: Reading): Node {
  let part = readOne(reading)
  for (let bounds = readBounds(reading); bounds; bounds = readBounds(reading)) {
    // Whether it takes as little as it can does not change whether there is a match.
    if (peek(reading) === '?') reading.at++
    part = { kind: 'repeat', part, ...bounds }
  }
  return part
}

function readBounds(reading: Reading): { least: number; most: number } | undefined {
  const sign = peek(reading)
  const many = Number.POSITIVE_INFINITY
  const known = { '*': [0, many], '+': [1, many], '?': [0, 1] } as const
  if (sign === '*' || sign === '+' || sign === '?') {
    reading.at++
    return { least: known[sign][0], most: known[sign][1] }
  }
  const ahead = reading.characters.slice(reading.at, reading.at + 12).join('')
  const found = sign === '{' ? /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(ahead) : null
  if (!found) return undefined
  reading.at += found[0].length
  const least = Number(found[1])
  const most = found[2] === undefined ? least : found[3] === '' ? many : Number(found[3])
  if (most < least) throw new SyntaxError(`${found[0]} asks for more at least than at most`)
  return { least, most }
}

function readOne(reading: Reading): Node {
  const c = take(reading)
  if (c === '(') return readGroup(reading)
  if (c === '[') return { kind: 'character', matches: readSet(reading) }
  if (c === '.') return { kind: 'character', matches: (other) => other !== '\n' }
  if (c === '^' || c === '$') return { kind: 'assert', holds: asserts[c]! }
  if (c === '\\') return readEscaped(reading)
  if (c === '*' || c === '+' || c === '?') throw new SyntaxError(`there is nothing before ${c} to repeat`)
  return { kind: 'character', matches: same(c, reading) }
}

function readGroup(reading: Reading): Node {
  if (++reading.depth > DEEPEST_GROUP) throw new SyntaxError(`groups are nested deeper than ${DEEPEST_GROUP} levels`)
  if (peek(reading) === '?') {
    reading.at++
    if (take(reading) !== ':') throw new SyntaxError('only groups ( ) and (?: ) are understood: no looking around, no names')
  }
  const inner = readAny(reading)
  if (take(reading) !== ')') throw new SyntaxError('a group is not closed')
  reading.depth--
  return inner
}

function readEscaped(reading: Reading): Node {
  const c = take(reading)
  if (classes[c]) return { kind: 'character', matches: classes[c] }
  if (c === 'b' || c === 'B') return { kind: 'assert', holds: asserts[c]! }
  if (/^[A-Za-z0-9]$/.test(c) && !escapes[c]) throw new SyntaxError(`\\${c} is not understood`)
  return { kind: 'character', matches: same(escapes[c] ?? c, reading) }
}

/** What is between brackets; the opening one has been read. */
function readSet(reading: Reading): Matches {
  const negated = peek(reading) === '^'
  if (negated) reading.at++
  const tests: Matches[] = []
  for (let isFirst = true; isFirst || peek(reading) !== ']'; isFirst = false) tests.push(readMember(reading))
  reading.at++
  return (c) => tests.some((test) => test(c)) !== negated
}

function readMember(reading: Reading): Matches {
  const c = take(reading)
  const escapedOne = c === '\\' ? take(reading) : undefined
  if (escapedOne !== undefined && classes[escapedOne]) return classes[escapedOne]
  const low = escapedOne === undefined ? c : (escapes[escapedOne] ?? escapedOne)
  const after = reading.characters[reading.at + 1]
  if (peek(reading) !== '-' || after === ']' || after === undefined) return same(low, reading)
  reading.at++
  const end = take(reading)
  const high = end === '\\' ? take(reading) : end
  if (high < low) throw new SyntaxError(`the range ${low}-${high} is empty`)
  return (other) => (other >= low && other <= high) || (!reading.heedsCase && inRange(other, low, high))
}

function same(c: string, { heedsCase }: Reading): Matches {
  if (heedsCase) return (other) => other === c
  const folded = c.toLowerCase()
  return (other) => other.toLowerCase() === folded
}

function inRange(c: string, low: string, high: string): boolean {
  return [c.toLowerCase(), c.toUpperCase()].some((one) => one >= low && one <= high)
}
