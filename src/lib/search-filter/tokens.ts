export type Token =
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string; readonly value: string }
  | { readonly kind: 'number'; readonly text: string; readonly value: number }
  | { readonly kind: 'operator' | 'punctuation' | 'stray'; readonly text: string }

const patterns = [
  ['string', /'(?:''|\\'|[^'])*'/y],
  ['number', /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\p{L}_\d])/uy],
  // A name is made of parts joined by dots; a part is a word, or anything in back ticks or double quotes.
  ['name', /(?:[\p{L}_][\p{L}\p{N}_]*|`[^`]*`|"[^"]*")(?:\.(?:[\p{L}\p{N}_]+|`[^`]*`|"[^"]*"|'[^']*'))*/uy],
  ['operator', /[<>=!~]+/y],
  ['punctuation', /[(),;]/y],
] as const

/** The words of a search expression. What fits no rule becomes a `stray` token, so that the parser can name it. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const space = /\s*/y
    space.lastIndex = at
    at += space.exec(text)![0].length
    if (at >= text.length) break
    const token = tokenAt(text, at)
    tokens.push(token)
    at += token.text.length
  }
  return tokens
}

function tokenAt(text: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found === undefined) continue
    if (kind === 'string') return { kind, text: found, value: found.slice(1, -1) }
    if (kind === 'number') return { kind, text: found, value: Number(found) }
    return { kind, text: found }
  }
  return { kind: 'stray', text: /\S+/.exec(text.slice(at))![0] }
}

/** The value of a token that stands for text: what is between single or double quotes; `undefined` for anything else. */
export function quotedValue(token: Token): string | undefined {
  if (token.kind === 'string') return token.value
  return token.kind === 'name' && /^"[^"]*"$/.test(token.text) ? token.text.slice(1, -1) : undefined
}

/** A part of a name without its quotes or back ticks. */
export function withoutQuotes(part: string): string {
  const unquoted = /^(['"])(.*)\1$/s.exec(part)?.[2] ?? part
  return /^`(.*)`$/s.exec(unquoted)?.[1] ?? unquoted
}
