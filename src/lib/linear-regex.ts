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
  const steps: Step[] = []
  write(createReader(source, heedsCase).whole(), steps)
  steps.push({ kind: 'match' })
  return { test: (text) => run(steps, text) }
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

function write(node: Node, steps: Step[]): void {
  if (steps.length > MOST_STEPS) throw new SyntaxError(`the expression is too large: it has more than ${MOST_STEPS} steps`)
  switch (node.kind) {
    case 'character':
    case 'assert':
      steps.push(node)
      return
    case 'all':
      for (const part of node.parts) write(part, steps)
      return
    case 'any':
      writeAny(node.parts, steps)
      return
    case 'repeat':
      for (let i = 0; i < node.least; i++) write(node.part, steps)
      if (node.most === Number.POSITIVE_INFINITY) writeLoop(node.part, steps)
      else for (let i = node.least; i < node.most; i++) writeAny([node.part, { kind: 'all', parts: [] }], steps)
  }
}

/** `a|b`: a fork to each, and a way from the end of each to the end of all. */
function writeAny(parts: readonly Node[], steps: Step[]): void {
  const [first, ...rest] = parts
  if (rest.length === 0) {
    write(first!, steps)
    return
  }
  const fork = steps.push({ kind: 'match' }) - 1
  write(first!, steps)
  const leap = steps.push({ kind: 'match' }) - 1
  steps[fork] = { kind: 'fork', first: fork + 1, second: steps.length }
  writeAny(rest, steps)
  steps[leap] = { kind: 'fork', first: steps.length, second: steps.length }
}

function writeLoop(part: Node, steps: Step[]): void {
  const fork = steps.push({ kind: 'match' }) - 1
  write(part, steps)
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

/** Reads an expression from left to right. */
function createReader(source: string, heedsCase: boolean) {
  const characters = [...source]
  let at = 0
  let depth = 0
  const peek = () => characters[at]
  const take = (): string => {
    const found = characters[at++]
    if (found === undefined) throw new SyntaxError(`the expression ${source} ends too early`)
    return found
  }
  const fold = (c: string) => (heedsCase ? c : c.toLowerCase())
  const literal = (c: string): Node => ({ kind: 'character', matches: (other) => fold(other) === fold(c) })

  function any(): Node {
    const parts = [all()]
    while (peek() === '|') {
      at++
      parts.push(all())
    }
    return { kind: 'any', parts }
  }

  function all(): Node {
    const parts: Node[] = []
    while (peek() !== undefined && peek() !== '|' && peek() !== ')') parts.push(repeated(one()))
    return { kind: 'all', parts }
  }

  function repeated(part: Node): Node {
    const bounds = boundsHere()
    if (!bounds) return part
    // Whether it takes as little as it can does not change whether there is a match.
    if (peek() === '?') at++
    return repeated({ kind: 'repeat', part, ...bounds })
  }

  function boundsHere(): { least: number; most: number } | undefined {
    const sign = peek()
    const many = Number.POSITIVE_INFINITY
    const known = { '*': [0, many], '+': [1, many], '?': [0, 1] } as const
    if (sign === '*' || sign === '+' || sign === '?') {
      at++
      return { least: known[sign][0], most: known[sign][1] }
    }
    const found = sign === '{' ? /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(characters.slice(at, at + 12).join('')) : null
    if (!found) return undefined
    at += found[0].length
    const least = Number(found[1])
    const most = found[2] === undefined ? least : found[3] === '' ? many : Number(found[3])
    if (most < least) throw new SyntaxError(`${found[0]} asks for more at least than at most`)
    return { least, most }
  }

  function one(): Node {
    const c = take()
    if (c === '(') return group()
    if (c === '[') return { kind: 'character', matches: set() }
    if (c === '.') return { kind: 'character', matches: (other) => other !== '\n' }
    if (c === '^' || c === '$') return { kind: 'assert', holds: asserts[c]! }
    if (c === '\\') return escaped(take())
    if (c === '*' || c === '+' || c === '?') throw new SyntaxError(`there is nothing before ${c} to repeat`)
    return literal(c)
  }

  function group(): Node {
    if (++depth > DEEPEST_GROUP) throw new SyntaxError(`groups are nested deeper than ${DEEPEST_GROUP} levels`)
    if (peek() === '?') {
      at++
      if (take() !== ':') throw new SyntaxError('only groups ( ) and (?: ) are understood: no looking around, no names')
    }
    const inner = any()
    if (take() !== ')') throw new SyntaxError('a group is not closed')
    depth--
    return inner
  }

  function escaped(c: string): Node {
    if (classes[c]) return { kind: 'character', matches: classes[c] }
    if (c === 'b' || c === 'B') return { kind: 'assert', holds: asserts[c]! }
    if (escapes[c]) return literal(escapes[c])
    if (/^[A-Za-z0-9]$/.test(c)) throw new SyntaxError(`\\${c} is not understood`)
    return literal(c)
  }

  /** What is between brackets; the opening one has been read. */
  function set(): Matches {
    const negated = peek() === '^'
    if (negated) at++
    const tests: Matches[] = []
    for (let isFirst = true; isFirst || peek() !== ']'; isFirst = false) tests.push(member(take()))
    at++
    return (c) => tests.some((test) => test(c)) !== negated
  }

  function member(c: string): Matches {
    const escapedOne = c === '\\' ? take() : undefined
    if (escapedOne !== undefined && classes[escapedOne]) return classes[escapedOne]
    const low = escapedOne === undefined ? c : (escapes[escapedOne] ?? escapedOne)
    if (peek() !== '-' || characters[at + 1] === ']' || characters[at + 1] === undefined) return (other) => fold(other) === fold(low)
    at++
    const end = take()
    const high = end === '\\' ? take() : end
    if (high < low) throw new SyntaxError(`the range ${low}-${high} is empty`)
    return (other) => (other >= low && other <= high) || (!heedsCase && inRange(other, low, high))
  }

  return {
    whole(): Node {
      const found = any()
      if (at < characters.length) throw new SyntaxError('a group is closed that was never opened')
      return found
    },
  }
}

function inRange(c: string, low: string, high: string): boolean {
  return [c.toLowerCase(), c.toUpperCase()].some((one) => one >= low && one <= high)
}
