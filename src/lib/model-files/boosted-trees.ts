import { MalformedFile, readOrProblem } from './byte-reader.ts'
import { readUniversalBinaryJson } from './universal-binary-json.ts'

/** What a file of boosted trees says of itself. `classes` is 1 where there is one score a row. */
export type TreesFacts = {
  readonly version: string
  readonly objective: string
  readonly features: string[]
  readonly classes: number
  readonly trees: number
}
type Outcome = TreesFacts | { readonly problem: string }

const MOST_FEATURES = 100_000
const SHOWN = 200

/** Reads the head of LightGBM’s text format: the lines before the first tree. */
export function readLightgbm(start: Uint8Array): Outcome {
  return readOrProblem(() => {
    const text = new TextDecoder().decode(start)
    if (!/^tree\r?\n/.test(text)) throw new MalformedFile('the file does not begin as a LightGBM model does')
    const end = text.search(/\r?\n\r?\n/)
    if (end < 0) throw new MalformedFile('the head of the model has no end within the bytes at hand')
    const fields = new Map(
      text
        .slice(0, end)
        .split(/\r?\n/)
        .map((line): [string, string] => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]),
    )
    const features = namesFrom(fields.get('feature_names')?.split(' ').filter(Boolean))
    const classes = Number(fields.get('num_class') ?? Number.NaN)
    if (!Number.isInteger(classes) || classes < 1) throw new MalformedFile('the model does not say how many classes it has')
    return {
      version: (fields.get('version') ?? '').slice(0, SHOWN),
      objective: (fields.get('objective') ?? '').split(' ')[0]!.slice(0, SHOWN),
      features,
      classes,
      trees: fields.get('tree_sizes')?.split(' ').filter(Boolean).length ?? 0,
    }
  })
}

/** Reads a whole XGBoost model, as JSON or as Universal Binary JSON. */
export function readXgboost(bytes: Uint8Array): Outcome {
  return readOrProblem(() => factsFromXgboost(isBinary(bytes) ? readUniversalBinaryJson(bytes) : parseJson(bytes)))
}

/** In binary a type marker follows the brace, in JSON a space or a quote. */
function isBinary(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b && /[iUIlL$#]/.test(String.fromCharCode(bytes[1] ?? 0))
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new MalformedFile('the file is no JSON')
  }
}

function factsFromXgboost(document: unknown): TreesFacts {
  const learner = field(document, 'learner')
  const parameters = field(learner, 'learner_model_param')
  const objective = field(field(learner, 'objective'), 'name')
  if (parameters === undefined || typeof objective !== 'string') throw new MalformedFile('the file holds no XGBoost model')
  // A dart booster keeps its trees one level further in.
  const booster = field(learner, 'gradient_booster')
  const model = field(booster, 'model') ?? field(field(booster, 'gbtree'), 'model')
  const version = field(document, 'version')
  return {
    version: Array.isArray(version) ? version.slice(0, 3).map(Number).join('.') : '',
    objective: objective.slice(0, SHOWN),
    features: namesFrom(field(learner, 'feature_names') ?? []),
    classes: Math.max(1, Number(field(parameters, 'num_class')) || 0),
    trees: Number(field(field(model, 'gbtree_model_param'), 'num_trees')) || 0,
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

function namesFrom(given: unknown): string[] {
  if (!Array.isArray(given) || given.some((name) => typeof name !== 'string'))
    throw new MalformedFile('the model does not name its features')
  if (given.length > MOST_FEATURES) throw new MalformedFile(`the model names ${given.length} features; at most ${MOST_FEATURES} are read`)
  return given.map((name: string) => name.slice(0, SHOWN))
}
