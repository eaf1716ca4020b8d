const FIRST_SLOTS = 1 << 16
/** Slots are doubled when more than this share is taken. */
const FULL = 0.5

/**
 * A set of keys in flat memory, for many millions of them. Integers of 64 bits are kept as they are; of texts a hash of
 * 128 bits is kept, so that two of a billion different texts are taken for one with a chance below 10⁻²⁰.
 */
export type KeySet = {
  /** Adds an integer as its low and high half; true when it was not there yet. */
  addInteger(low: number, high: number): boolean
  addText(text: string): boolean
  readonly size: number
}

export function createKeySet(): KeySet {
  const integers = createWordSet(2)
  const texts = createWordSet(4)
  const words = new Int32Array(4)
  return {
    addInteger(low, high) {
      words[0] = low
      words[1] = high
      return integers.add(words)
    },
    addText(text) {
      hashText(text, words)
      return texts.add(words)
    },
    get size() {
      return integers.size() + texts.size()
    },
  }
}

/** Open addressing with linear probing; a slot of zeros is free, and the key of zeros is kept apart. */
function createWordSet(width: 2 | 4) {
  let slots = FIRST_SLOTS
  let table = new Int32Array(slots * width)
  let taken = 0
  let hasZeros = false

  function isFree(place: number): boolean {
    for (let word = 0; word < width; word++) if (table[place + word] !== 0) return false
    return true
  }

  function place(words: Int32Array, from: number): { at: number; isNew: boolean } {
    let slot = mix(words, from) & (slots - 1)
    for (;;) {
      const at = slot * width
      if (isFree(at)) return { at, isNew: true }
      let same = true
      for (let word = 0; word < width; word++) same &&= table[at + word] === words[from + word]
      if (same) return { at, isNew: false }
      slot = (slot + 1) & (slots - 1)
    }
  }

  function mix(words: Int32Array, from: number): number {
    let hash = 0
    for (let word = 0; word < width; word++) hash = finish(hash ^ Math.imul(words[from + word]!, 0x9e3779b1))
    return hash
  }

  function put(words: Int32Array, from: number): boolean {
    const { at, isNew } = place(words, from)
    if (isNew) for (let word = 0; word < width; word++) table[at + word] = words[from + word]!
    return isNew
  }

  function grow() {
    const before = table
    slots *= 2
    table = new Int32Array(slots * width)
    for (let at = 0; at < before.length; at += width) {
      let any = 0
      for (let word = 0; word < width; word++) any |= before[at + word]!
      if (any !== 0) put(before, at)
    }
  }

  return {
    size: () => taken + (hasZeros ? 1 : 0),
    add(words: Int32Array): boolean {
      let any = 0
      for (let word = 0; word < width; word++) any |= words[word]!
      if (any === 0) {
        const isNew = !hasZeros
        hasZeros = true
        return isNew
      }
      const isNew = put(words, 0)
      if (isNew && ++taken > slots * FULL) grow()
      return isNew
    },
  }
}

/** MurmurHash3’s 32-bit finalizer (A. Appleby, public domain). */
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** Four lanes with odd multipliers of their own, each taking every character, crossed and finished at the end. */
function hashText(text: string, into: Int32Array): void {
  let [a, b, c, d] = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i) + 1
    a = Math.imul(a ^ unit, 0x9e3779b1)
    a ^= a >>> 15
    b = Math.imul(b + unit, 0x85ebca77)
    b ^= b >>> 13
    c = Math.imul(c ^ (unit + (i << 16)), 0xc2b2ae3d)
    c ^= c >>> 16
    d = Math.imul(d + unit, 0x27d4eb2f) ^ (d >>> 14)
  }
  into[0] = finish(a ^ text.length)
  into[1] = finish((b + into[0]!) | 0)
  into[2] = finish((c + into[1]!) | 0)
  into[3] = finish((d + into[2]!) | 0)
}
