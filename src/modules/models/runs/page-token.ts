import { invalid } from './limits.ts'

/** Where the next page begins: how many to pass over, within which part of the ordering, of which question. */
export type PagePlace = { readonly offset: number; readonly part: number; readonly question?: string }

export function pageToken(place: PagePlace): string {
  return Buffer.from(JSON.stringify(place)).toString('base64')
}

/** Reads what `pageToken` wrote; the beginning without a token. Throws `invalid` for anything else. */
export function placeFrom(token: string | undefined): PagePlace {
  if (!token) return { offset: 0, part: 0 }
  try {
    const place = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as Partial<PagePlace> | null
    const { offset, part = 0, question } = place ?? {}
    if (isCount(offset) && isCount(part)) return { offset, part, ...(typeof question === 'string' ? { question } : {}) }
  } catch {
    // Whatever is wrong with it, what helps is the same.
  }
  throw invalid('Invalid page token; send the next_page_token of the page before, unchanged')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
