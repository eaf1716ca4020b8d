import path from 'node:path'
import type { Command } from 'commander'
import { messageFrom } from '../../contract/errors.ts'
import { mergeProfiles } from '../../lib/drift/profile/merge-profiles.ts'
import type { TableProfile } from '../../lib/drift/profile/table-profile.ts'
import { usageError } from '../failures.ts'
import { createProgress } from '../output/progress.ts'
import { printTable } from '../output/reply.ts'
import { printable } from '../output/text.ts'
import type { Shell } from '../shell.ts'
import { addColumnOptions, type GivenColumns, kindsFrom, listFrom, wholeFrom } from './choices.ts'
import { openInput } from './inputs.ts'
import { writeProfile } from './profile-file.ts'
import { profileAgainst, profileRows } from './profile-rows.ts'

type Given = GivenColumns & { out: string; merge?: boolean; bins?: string }

const SAMPLE_ROWS = '2000'

/** `setpoint drift profile`: a table counted once, so that later ones can be held against it without its rows. */
export function addProfileCommand(drift: Command, shell: Shell): void {
  const command = addColumnOptions(drift.command('profile <data...>'))
    .description('Count a table into a profile that later ones are held against; without a server')
    .requiredOption('--out <file>', 'where the profile is written, as JSON')
    .option('--bins <profile>', 'count over the bins of this profile, so that the two can be merged')
    .option('--merge', 'the files are profiles over the same bins; write that of all their rows')
    .addHelpText('after', HELP)
    .action(async (files: string[]) => {
      const given = command.opts<Given>()
      const profile = given.merge ? await merged(files, shell) : await profiled(files, given, shell)
      const out = path.resolve(shell.folder, given.out)
      try {
        writeProfile(out, profile)
      } catch (error) {
        throw usageError(`${given.out} cannot be written: ${messageFrom(error)}`, error)
      }
      await printTable(tableOf(profile), shell)
      await shell.terminal.out(`\n${profile.rows} rows, ${profile.sample.priorities.length} of them kept whole: ${given.out}\n`)
    })
}

const HELP = `
The file is read twice: a sample of rows tells what each column is and where its bins are cut, then all rows are counted. Memory
does not grow with the rows. With --sample-rows 0 the profile holds no row; what needs whole rows (Kolmogorov–Smirnov and its
kin, prose, embeddings, segments, all columns together) is then left out of checks.

Examples:
  $ setpoint drift profile train.parquet --out baseline.json
  $ setpoint drift profile monday.csv --bins baseline.json --out monday.json
  $ setpoint drift profile monday.json tuesday.json --merge --out days.json`

async function profiled(files: readonly string[], given: Given, shell: Shell): Promise<TableProfile> {
  if (files.length > 1) throw usageError('one file of rows makes one profile; --merge is for several profiles')
  const options = given.names === undefined ? {} : { names: listFrom(given.names) }
  const input = await openInput(files[0]!, shell.folder, 'current', options)
  if (input.kind === 'histograms') throw usageError(`${files[0]} holds histograms; "setpoint drift check" takes it as it is`)
  if (input.kind === 'profile') return input.profile
  const progress = createProgress(shell)
  const plan = {
    sampleRows: wholeFrom('--sample-rows', given.sampleRows ?? SAMPLE_ROWS),
    ...(given.columns === undefined ? {} : { columns: listFrom(given.columns) }),
    ignore: listFrom(given.ignore),
    kinds: kindsFrom(given),
    moved: (share: number, text: string) => progress.update(share, text),
  }
  try {
    if (given.bins === undefined) return await profileRows(input.source, plan)
    return await profileAgainst(input.source, await profileIn(given.bins, shell), plan)
  } finally {
    progress.end()
  }
}

async function profileIn(file: string, shell: Shell): Promise<TableProfile> {
  const input = await openInput(file, shell.folder, 'current', {})
  if (input.kind !== 'profile') throw usageError(`${file} is no profile`)
  return input.profile
}

async function merged(files: readonly string[], shell: Shell): Promise<TableProfile> {
  const profiles: TableProfile[] = []
  for (const file of files) profiles.push(await profileIn(file, shell))
  try {
    return profiles.reduce(mergeProfiles)
  } catch (error) {
    if (error instanceof RangeError) throw usageError(messageFrom(error), error)
    throw error
  }
}

function tableOf({ columns, rows }: TableProfile) {
  return {
    headings: ['column', 'kind', 'missing', 'distinct', 'least', 'greatest'],
    rightAligned: [false, false, true, true, true, true],
    rows: columns.map((column) => [
      printable(column.name),
      column.kind,
      `${Number(((100 * column.missing) / Math.max(1, rows)).toPrecision(3))} %`,
      column.kind === 'category' ? `${column.values.length}${column.other > 0 ? '+' : ''}` : '',
      column.kind === 'numeric' ? String(column.min ?? '–') : '',
      column.kind === 'numeric' ? String(column.max ?? '–') : '',
    ]),
  }
}
