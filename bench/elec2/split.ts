import { createRandom } from '../../src/lib/random.ts'

const HELD_BACK = 1 / 3

/** Which rows a version learns from and which it keeps as its reference, chosen by chance, the same ones each time. */
export function splitRows(count: number): { readonly taught: readonly number[]; readonly heldBack: readonly number[] } {
  const random = createRandom(1)
  const taught: number[] = []
  const heldBack: number[] = []
  for (let row = 0; row < count; row++) (random.next() < HELD_BACK ? heldBack : taught).push(row)
  return { taught, heldBack }
}
