/**
 * Eigenvalues, greatest first, and their unit eigenvectors of a symmetric matrix given row by row: Jacobi's rotations in cyclic
 * order (Golub & Van Loan 2013, §8.5), to full precision. The sign of a vector makes its largest component positive. Throws
 * RangeError when the values do not fill a square.
 */
export function symmetricEigen(matrix: Float64Array, size: number): { readonly values: number[]; readonly vectors: Float64Array[] } {
  if (matrix.length !== size * size) throw new RangeError(`${matrix.length} values do not fill a square of ${size}`)
  const a = Float64Array.from(matrix)
  // Row k of `v` becomes the k-th eigenvector.
  const v = Float64Array.from(matrix, (_, i) => Number(i % (size + 1) === 0))
  const scale = Math.hypot(...Array.from({ length: size }, (_, i) => Math.hypot(...a.subarray(i * size, (i + 1) * size))))
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off = Math.max(off, Math.abs(a[p * size + q]!))
    if (off <= 1e-15 * scale) break
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q)
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((p, q) => a[q * size + q]! - a[p * size + p]!)
  return {
    values: order.map((i) => a[i * size + i]!),
    vectors: order.map((i) => {
      const vector = v.slice(i * size, (i + 1) * size)
      const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
      return largest < 0 ? vector.map((value) => -value) : vector
    }),
  }
}

function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const pq = a[p * size + q]!
  if (pq === 0) return
  const theta = (a[q * size + q]! - a[p * size + p]!) / (2 * pq)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1))
  const c = 1 / Math.hypot(t, 1)
  const s = t * c
  for (let k = 0; k < size; k++) {
    const [kp, kq] = [a[k * size + p]!, a[k * size + q]!]
    a[k * size + p] = c * kp - s * kq
    a[k * size + q] = s * kp + c * kq
  }
  for (let k = 0; k < size; k++) {
    const [pk, qk] = [a[p * size + k]!, a[q * size + k]!]
    a[p * size + k] = c * pk - s * qk
    a[q * size + k] = s * pk + c * qk
    const [vp, vq] = [v[p * size + k]!, v[q * size + k]!]
    v[p * size + k] = c * vp - s * vq
    v[q * size + k] = s * vp + c * vq
  }
}
