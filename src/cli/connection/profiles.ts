import fs from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { messageFrom } from '../../contract/errors.ts'
import { Name } from '../../contract/scalars.ts'
import { usageError } from '../failures.ts'

const Profile = z.strictObject({ url: z.url({ protocol: /^https?$/ }), token: z.string().optional(), project: Name.optional() })
export type Profile = z.infer<typeof Profile>

const ProfileBook = z.strictObject({ current: z.string().optional(), profiles: z.record(Name, Profile).default({}) })
export type ProfileBook = z.infer<typeof ProfileBook>

/** The servers a person has named; none when the file is not there. Throws a usage error naming the file and the field. */
export function readProfiles(file: string): ProfileBook {
  if (!fs.existsSync(file)) return { profiles: {} }
  let content: unknown
  try {
    content = parse(fs.readFileSync(file, 'utf8'))
  } catch (error) {
    throw usageError(`${file} cannot be read: ${messageFrom(error)}; mend or remove it`, error)
  }
  const book = ProfileBook.safeParse(content ?? {})
  if (book.success) return book.data
  const [issue] = book.error.issues
  throw usageError(`${file}: ${issue!.path.join('.')}: ${issue!.message}; mend or remove it`)
}

/** Replaces the file in one step, readable by its owner only: it holds tokens. */
export function writeProfiles(file: string, book: ProfileBook): void {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  fs.rmSync(`${file}.new`, { force: true })
  fs.writeFileSync(`${file}.new`, stringify(book), { mode: 0o600 })
  fs.renameSync(`${file}.new`, file)
}

export function checkProfile(given: { url: string; token?: string; project?: string }): Profile {
  const profile = Profile.safeParse({ ...given, url: given.url.replace(/\/+$/, '') })
  if (profile.success) return profile.data
  const [issue] = profile.error.issues
  throw usageError(`--${issue!.path.join('.')}: ${issue!.message}`)
}
