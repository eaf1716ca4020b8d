/** The last `most` ids, oldest forgotten first. */
export function createRecentIds(most: number) {
  let ids = new Set<string>()
  return {
    has: (id: string): boolean => ids.has(id),
    isFull: (): boolean => ids.size >= most,
    add(id: string): void {
      ids.add(id)
      if (ids.size > most) ids.delete(ids.keys().next().value!)
    },
    /** Ids that came before those known so far, oldest first; empty ones are no ids. */
    addOlder(older: readonly string[]): void {
      const room = most - ids.size
      const named = older.filter((id) => id !== '')
      ids = new Set([...named.slice(Math.max(0, named.length - room)), ...ids])
    },
  }
}
