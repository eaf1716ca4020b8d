import { z } from 'zod'

/** The name of anything a person names: safe in a path, a URL, a file and a shell. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
    'use 1 to 64 lower-case letters, digits, dots, dashes and underscores, and start and end with a letter or digit',
  )
/** The name of a registered model. Wider than `Name`: people bring the names they gave their models elsewhere. */
export const ModelName = z
  .string()
  .min(1, 'a model needs a name')
  .max(256)
  .refine((name) => !/[/:\p{Cc}]/u.test(name), { error: "Names cannot contain '/' or ':'" })
  .refine((name) => name.trim() !== '' && name !== '.' && name !== '..', { error: 'a name is more than dots or spaces' })
export const Id = z.string().min(1).max(128)
/** Milliseconds since the Unix epoch, UTC. */
export const Instant = z.int().nonnegative()
export const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 digest is 64 lower-case hex digits')
/** Why somebody did something; kept in the ledger for ever. */
export const Reason = z.string().trim().min(3, 'say why in at least 3 characters').max(2_000)
export const Limit = z.coerce.number().int().min(1).max(1_000).default(50)
export const VersionNumber = z.coerce.number().int().min(1)
export const Fraction = z.number().min(0).max(1)
/** Key and value as clients of other registries write them; a prompt’s text is one of them. */
export const Tags = z.record(z.string().min(1).max(250), z.string().max(100_000))
export const Labels = z.record(z.string().max(64), z.string().max(256))
