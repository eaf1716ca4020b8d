/** The bin of a value between ascending inner edges: bin 0 is (−∞, edges[0]], bin i is (edges[i−1], edges[i]], the last one is open above. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= edges[middle]!) high = middle
    else low = middle + 1
  }
  return low
}
