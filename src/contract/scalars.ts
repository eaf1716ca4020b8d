import { z } from 'zod'

/** The name of anything a person names: safe in a path, a URL, a file and a shell. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
    'use 1 to 64 lower-case letters, digits, dots, dashes and underscores, and start and end with a letter or digit',
  )
export const Id = z.string().min(1).max(128)
/** Milliseconds since the Unix epoch, UTC. */
export const Instant = z.int().nonnegative()
export const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 digest is 64 lower-case hex digits')
/** Why somebody did something; kept in the ledger for ever. */
export const Reason = z.string().trim().min(3, 'say why in at least 3 characters').max(2_000)
export const Limit = z.coerce.number().int().min(1).max(1_000).default(50)
export const VersionNumber = z.coerce.number().int().min(1)
export const Fraction = z.number().min(0).max(1)
export const Labels = z.record(z.string().max(64), z.string().max(256))
