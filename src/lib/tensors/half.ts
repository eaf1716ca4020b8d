const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** The 16 bits of an IEEE 754 binary16 as a number; exact. */
export function numberFromFp16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** A number as the 16 bits of the nearest IEEE 754 binary16, ties to even; beyond its range, infinity. */
export function fp16FromNumber(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  // 65,520 lies half-way between the largest number and the next there would be.
  if (size >= 65_520) return sign | 0x7c00
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24)
  const exponent = Math.floor(Math.log2(size))
  // Math.log2 may be off by one beside a power of two.
  const real = size < 2 ** exponent ? exponent - 1 : size >= 2 ** (exponent + 1) ? exponent + 1 : exponent
  // A fraction that rounds up to 1,024 carries into the exponent, as it should.
  return sign | (((real + 15) << 10) + roundToEven((size / 2 ** real - 1) * 1024))
}

function roundToEven(value: number): number {
  const whole = Math.floor(value)
  const rest = value - whole
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole
}

/** The 16 bits of a bfloat16 as a number; exact. */
export function numberFromBf16(half: number): number {
  bits[0] = half << 16
  return float[0]!
}

/** A number as the 16 bits of the nearest bfloat16, ties to even, by way of 32-bit float. */
export function bf16FromNumber(value: number): number {
  float[0] = value
  if (Number.isNaN(value)) return 0x7fc0
  const all = bits[0]!
  return (all + 0x7fff + ((all >>> 16) & 1)) >>> 16
}
