import { type Command, Option } from 'commander'
import type { ColumnKind } from '../../lib/drift/profile/table.ts'
import { defaultSettings } from '../../lib/drift/report/compare.ts'
import type { EmbeddingChoice } from '../../lib/drift/report/compare-profiles.ts'
import type { ColumnReport, ReportSettings } from '../../lib/drift/report/report.ts'
import type { TestName } from '../../lib/drift/two-sample/result.ts'
import { countTestNames, numericTestNames } from '../../lib/drift/two-sample/run-tests.ts'
import { usageError } from '../failures.ts'

/** What both commands are told about the columns. */
export type GivenColumns = {
  columns?: string
  ignore?: string
  text?: string
  category?: string
  names?: string
  sampleRows?: string
}

export type GivenCheck = GivenColumns & {
  alpha: string
  tolerance: string
  control: 'holm' | 'benjamini-hochberg'
  numericTest: TestName
  categoryTest: TestName
  leastRows: string
  threshold: string
  label?: string
  score?: string
  prediction?: string
  embedding?: string[]
  segment?: string
  joint?: boolean
  requireData?: boolean
  html?: string
  saveProfile?: string
  json?: boolean
}

const GROUP = 'Columns:'

export function addColumnOptions(command: Command): Command {
  const option = (flag: string, description: string) => command.addOption(command.createOption(flag, description).helpGroup(GROUP))
  option('--columns <names>', 'look at these columns only, as a,b,c')
  option('--ignore <names>', 'leave these columns out')
  option('--text <names>', 'columns of prose; those with three words or more are known by themselves')
  option('--category <names>', 'columns whose numbers are names, such as postcodes')
  option('--names <names>', 'names of the columns of a CSV file without a header line')
  option('--sample-rows <count>', 'whole rows kept for what counts cannot tell; 0 keeps no value of any row (2000, with --segment 10000)')
  return command
}

export function addCheckOptions(command: Command): Command {
  command
    .option('--alpha <share>', 'probability that a comparison without drift names any column', String(defaultSettings.alpha))
    .option(
      '--tolerance <share>',
      'share of rows that must have moved; less is no drift, however certain',
      String(defaultSettings.tolerance),
    )
    .addOption(new Option('--control <method>', 'how p-values are adjusted').choices(['holm', 'benjamini-hochberg']).default('holm'))
    .addOption(testOption('--numeric-test <name>', 'what decides for numbers', [...countTestNames, ...numericTestNames]))
    .addOption(testOption('--category-test <name>', 'what decides for categories', countTestNames))
    .option('--least-rows <count>', 'fewer rows on a side are insufficient data', String(defaultSettings.leastRows))
    .option('--threshold <psi>', 'PSI above which a feature of the simple form drifted', '0.2')
    .option('--label <column>', 'the truth, which may come late: missing labels are no drift')
    .option('--score <column>', 'the model’s score')
    .option('--prediction <column>', 'the model’s prediction')
    .addOption(
      new Option('--embedding <name=prefix*>', 'columns that are one vector together; may be given again').argParser(
        (typed: string, before: readonly string[] | undefined) => [...(before ?? []), typed],
      ),
    )
    .option('--segment <column>', 'hold each value of this column against the same of the baseline')
    .option('--joint', 'look at all columns together, however many')
    .option('--no-joint', 'do not look at all columns together')
    .option('--require-data', 'exit with 2 when there is too little data to tell')
    .option('--html <file>', 'write the report as one page')
    .option('--save-profile <file>', 'write the profile of the current rows, over the bins of the baseline')
  return addColumnOptions(command)
}

function testOption(flag: string, description: string, names: readonly TestName[]): Option {
  return new Option(flag, description).choices([...names]).default('total_variation')
}

export function settingsFrom(given: GivenCheck): Partial<ReportSettings> {
  return {
    alpha: shareFrom('--alpha', given.alpha),
    tolerance: atLeastZero('--tolerance', given.tolerance),
    control: given.control === 'holm' ? 'holm' : 'benjamini_hochberg',
    leastRows: wholeFrom('--least-rows', given.leastRows),
    numericTest: given.numericTest,
    categoryTest: given.categoryTest,
  }
}

export function rolesFrom({ label, score, prediction }: GivenCheck): Record<string, ColumnReport['role']> {
  return {
    ...(label === undefined ? {} : { [label]: 'label' as const }),
    ...(score === undefined ? {} : { [score]: 'score' as const }),
    ...(prediction === undefined ? {} : { [prediction]: 'prediction' as const }),
  }
}

/** `name=prefix*`: the columns that begin with the prefix are one vector. */
export function embeddingsFrom(given: readonly string[] = []): EmbeddingChoice[] {
  return given.map((typed) => {
    const match = /^([^=]+)=(.+)\*$/.exec(typed)
    if (!match) throw usageError(`--embedding: ${JSON.stringify(typed)} is not of the form name=prefix*`)
    return { name: match[1]!, matches: (column) => column.startsWith(match[2]!) }
  })
}

/** Kinds that a person gives. */
export function kindsFrom({ text, category }: GivenColumns): Map<string, ColumnKind> {
  const texts = listFrom(text).map((name) => [name, 'text'] as const)
  return new Map([...texts, ...listFrom(category).map((name) => [name, 'category'] as const)])
}

export function listFrom(typed: string | undefined): string[] {
  return typed === undefined ? [] : typed.split(',').map((name) => name.trim())
}

function shareFrom(flag: string, typed: string): number {
  const value = Number(typed)
  if (value > 0 && value < 1) return value
  throw usageError(`${flag}: ${JSON.stringify(typed)} is no share between 0 and 1`)
}

export function atLeastZero(flag: string, typed: string): number {
  const value = Number(typed)
  if (typed.trim() !== '' && value >= 0 && Number.isFinite(value)) return value
  throw usageError(`${flag}: ${JSON.stringify(typed)} is no number from 0 on`)
}

export function wholeFrom(flag: string, typed: string): number {
  const value = Number(typed)
  if (typed.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value
  throw usageError(`${flag}: ${JSON.stringify(typed)} is no whole number from 0 on`)
}
