const SEQUENCE_DIGITS = 16

/** The id of a spool segment: its node’s name, a dash, and a number of fixed width that only grows. */
export function segmentIdFrom(node: string, sequence: number): string {
  return `${node}-${String(sequence).padStart(SEQUENCE_DIGITS, '0')}`
}

/** Where a segment stands among those of its node: of two numbers of one node, the later one is the greater text. */
export function segmentPosition(id: string): { readonly node: string; readonly number: string } {
  const dash = id.lastIndexOf('-')
  return { node: id.slice(0, dash), number: id.slice(dash + 1) }
}
