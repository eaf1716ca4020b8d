/** Half of what an event may carry, in a script whose letters take three bytes each. */
const MOST_CHARACTERS = 40_000

type Told = { readonly tags?: Readonly<Record<string, string | null>>; readonly tagsSet: string[]; readonly tagsRemoved: string[] }

/**
 * What an event says of tags: which were set and which removed, and their values unless they are too long for an event; then
 * whoever listens reads what they are now.
 */
export function toldTags(tags: Readonly<Record<string, string | null>> = {}): Told {
  const entries = Object.entries(tags)
  const keys = (removed: boolean) => entries.filter(([, value]) => (value === null) === removed).map(([key]) => key)
  const told = { tagsSet: keys(false), tagsRemoved: keys(true) }
  return JSON.stringify(tags).length <= MOST_CHARACTERS ? { tags, ...told } : told
}
