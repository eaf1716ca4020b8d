import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lengths, type Outcome, type Scenario } from './streams.ts'

/** A family of peers, its script in peers/, and how many streams it is given: the slow ones get fewer. */
export const families = {
  river: { script: 'river_detectors.py', streams: 300 },
  alibi: { script: 'alibi_detectors.py', streams: 10 },
  evidently: { script: 'evidently_windows.py', streams: 20 },
  nannyml: { script: 'nannyml_windows.py', streams: 30 },
} as const
export type Family = keyof typeof families
export type Pythons = Readonly<Partial<Record<Family, string>>>

type Told = Omit<Outcome, 'delays'> & { readonly delays: readonly (number | null)[] }

/** Runs a script of peers/ with a Python; undefined, and a word why, when the Python or the library is not there. */
export function runPeer(script: string, python: string, values: Float64Array, args: readonly string[]): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'drift-bench-'))
  try {
    const file = join(folder, 'streams')
    writeFileSync(file, values)
    return execFileSync(python, ['-W', 'ignore', join(import.meta.dirname, 'peers', script), file, ...args], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (cause) {
    console.error(`left out, ${script}: ${String(cause).trim().split('\n').at(-1) ?? cause}`)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * As `runPeer`, but what a script said of these very streams is kept in the folder and read from there the next time: peers do
 * not change when a detector of ours does, and take most of the time.
 */
function keptRun(
  folder: string | undefined,
  script: string,
  python: string,
  values: Float64Array,
  args: readonly string[],
): string | undefined {
  if (folder === undefined) return runPeer(script, python, values, args)
  const hash = createHash('sha256')
  for (const name of ['streams.py', script]) hash.update(readFileSync(join(import.meta.dirname, 'peers', name)))
  const key = hash
    .update(args.join(' '))
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex')
  const file = join(folder, `${script}-${key.slice(0, 16)}.json`)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const text = runPeer(script, python, values, args)
  if (text !== undefined) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, text)
  }
  return text
}

/** The peers' outcomes on the same streams, or the first of them; `keep` names a folder for `keptRun`. */
export function peerOutcomes(
  pythons: Pythons,
  { sample }: Pick<Scenario, 'sample'>,
  values: Float64Array,
  scale: number,
  keep?: string,
): Outcome[] {
  const size = lengths.reference + lengths.stable + lengths.changed
  const sizes = [lengths.reference, lengths.stable, lengths.changed].map(String)
  return (Object.keys(families) as Family[]).flatMap((family) => {
    const python = pythons[family]
    if (!python) return []
    const streams = Math.max(2, Math.round(families[family].streams * scale))
    const text = keptRun(keep, families[family].script, python, values.subarray(0, streams * size), [...sizes, sample])
    const told = text === undefined ? [] : (JSON.parse(text.slice(text.indexOf('[{'))) as Told[])
    return told.map((peer) => ({ ...peer, delays: peer.delays.map((delay) => delay ?? Number.POSITIVE_INFINITY) }))
  })
}
