/**
 * Which percent of [0, 100) a request falls into, fixed by `salt` and `id`: 32-bit FNV-1a with a final avalanche (Murmur3’s
 * fmix32), so that the same request always meets the same version and two rollouts split independently.
 */
export function percentOf(salt: string, id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < salt.length; i++) hash = Math.imul(hash ^ salt.charCodeAt(i), 0x01000193)
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 42_949_672.96
}
