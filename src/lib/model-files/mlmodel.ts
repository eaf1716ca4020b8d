import { Lexer, parse } from 'yaml'
import { MalformedFile, readOrProblem } from './byte-reader.ts'
import { readSignature, type Signature } from './signature.ts'

/** What the MLmodel file of a folder says about the model in it. */
export type MlmodelFacts = {
  /** Every flavour with the settings of it that are plain values: its own version, the file of the model, the loader. */
  readonly flavors: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>
  readonly signature: Signature | null
  readonly inputExample: { readonly path: string; readonly type: string } | null
  readonly runId: string | null
  readonly modelId: string | null
  readonly modelUuid: string | null
  readonly mlflowVersion: string | null
  readonly createdAt: string | null
}

/** More is no description of a model. */
export const MOST_MLMODEL_BYTES = 4 << 20
const MOST_ALIASES = 10
/** Quoted texts count as one. Beyond this, reading takes seconds: it grows faster than the file. */
const MOST_TOKENS = 20_000
const MOST_FLAVORS = 50
const SHOWN = 300

/** Reads an MLmodel file. A file that is no YAML, or asks for more than its own size in memory, is a problem. */
export function readMlmodel(bytes: Uint8Array): MlmodelFacts | { readonly problem: string } {
  return readOrProblem(() => {
    if (bytes.length > MOST_MLMODEL_BYTES)
      throw new MalformedFile(`the file has ${bytes.length} bytes; at most ${MOST_MLMODEL_BYTES} are read`)
    const file = parseYaml(new TextDecoder().decode(bytes))
    const { flavors, signature, saved_input_example_info: example } = file
    if (!isMapping(flavors)) throw new MalformedFile('the file names no flavors')
    return {
      flavors: Object.fromEntries(Object.entries(flavors).slice(0, MOST_FLAVORS).map(readFlavor)),
      signature: readSignature(signature),
      inputExample: readExample(example),
      runId: textFrom(file.run_id),
      modelId: textFrom(file.model_id),
      modelUuid: textFrom(file.model_uuid),
      mlflowVersion: textFrom(file.mlflow_version),
      createdAt: textFrom(file.utc_time_created),
    }
  })
}

function parseYaml(text: string): Record<string, unknown> {
  let tokens = 0
  for (const _ of new Lexer().lex(text))
    if (++tokens > MOST_TOKENS) throw new MalformedFile(`the file has more than ${MOST_TOKENS} parts, which no description of a model has`)
  let parsed: unknown
  try {
    parsed = parse(text, { maxAliasCount: MOST_ALIASES, logLevel: 'error' })
  } catch {
    throw new MalformedFile('the file is no YAML')
  }
  if (!isMapping(parsed)) throw new MalformedFile('the file is no mapping of names to values')
  return parsed
}

function readFlavor([name, given]: [string, unknown]): [string, Record<string, string | number | boolean>] {
  const plain = Object.entries(isMapping(given) ? given : {}).flatMap(([key, value]): [string, string | number | boolean][] => {
    if (typeof value === 'string') return [[key.slice(0, SHOWN), value.slice(0, SHOWN)]]
    return typeof value === 'number' || typeof value === 'boolean' ? [[key.slice(0, SHOWN), value]] : []
  })
  return [name.slice(0, SHOWN), Object.fromEntries(plain)]
}

function readExample(given: unknown): MlmodelFacts['inputExample'] {
  if (!isMapping(given)) return null
  const path = textFrom(given.artifact_path)
  return path === null ? null : { path, type: textFrom(given.type) ?? '' }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textFrom(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, SHOWN) : null
}
