import { AppError } from '../../contract/errors.ts'

/** How many results come before the page that a token names; 0 without a token. Throws `invalid` for one that is none of ours. */
export function skipFrom(token: string | undefined): number {
  if (!token) return 0
  const text = Buffer.from(token, 'base64').toString('utf8')
  const offset = /^\{"offset": ?(\d{1,15})\}$/.exec(text)?.[1]
  if (offset === undefined) throw new AppError('invalid', 'Invalid page token, could not base64-decode')
  return Number(offset)
}

/** The token of the page after this one, where this one is full. */
export function tokenAfter(skip: number, found: number, most: number): { next_page_token?: string } {
  if (found < most) return {}
  return { next_page_token: Buffer.from(JSON.stringify({ offset: skip + found })).toString('base64') }
}
