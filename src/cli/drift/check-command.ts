import fs from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { messageFrom } from '../../contract/errors.ts'
import type { TableProfile } from '../../lib/drift/profile/table-profile.ts'
import { withColumns } from '../../lib/drift/profile/with-columns.ts'
import { needsNewBaseline } from '../../lib/drift/report/compare.ts'
import { type ComparisonPlan, compareProfiles } from '../../lib/drift/report/compare-profiles.ts'
import { compareHistograms } from '../../lib/drift/report/histograms.ts'
import { reportPage } from '../../lib/drift/report/html/page.ts'
import type { DriftReport } from '../../lib/drift/report/report.ts'
import { addJsonOption } from '../connection/options.ts'
import { exitCodes, usageError } from '../failures.ts'
import type { Finish } from '../operations/command.ts'
import { createProgress } from '../output/progress.ts'
import { jsonText, printTable } from '../output/reply.ts'
import { printable } from '../output/text.ts'
import type { Shell } from '../shell.ts'
import {
  addCheckOptions,
  atLeastZero,
  embeddingsFrom,
  type GivenCheck,
  kindsFrom,
  listFrom,
  rolesFrom,
  settingsFrom,
  wholeFrom,
} from './choices.ts'
import { type Input, openInput } from './inputs.ts'
import { writeProfile } from './profile-file.ts'
import { type ProfilePlan, profileAgainst, profileRows } from './profile-rows.ts'
import { columnTable, histogramTable, restText } from './report-text.ts'

const SAMPLE_ROWS = 2_000
/** Each segment has only its part of the sampled rows. */
const SEGMENT_SAMPLE_ROWS = 10_000

/** `setpoint drift check`: one table, profile or report held against another, without a server. */
export function addCheckCommand(drift: Command, shell: Shell, finish: Finish): void {
  const command = addJsonOption(addCheckOptions(drift.command('check <baseline> <current>')))
    .description('Hold a table or profile against a baseline, without a server; exits 0 ok, 1 drift, 2 error')
    .addHelpText('after', HELP)
    .action(async (baseline: string, current: string) => {
      const given = command.opts<GivenCheck>()
      const names = given.names === undefined ? undefined : listFrom(given.names)
      const options = names === undefined ? {} : { names }
      const settings = settingsFrom(given)
      const [before, after] = [
        await openInput(baseline, shell.folder, 'reference', options),
        await openInput(current, shell.folder, 'current', options),
      ]
      if (before.kind === 'histograms' || after.kind === 'histograms')
        finish(await checkHistograms(before, after, given, settings.alpha!, shell))
      else finish(await checkTables(before, after, given, shell))
    })
}

const HELP = `
Each side is a CSV, Parquet or JSON-lines file of rows, a profile of "setpoint drift profile", a profile of whylogs (.bin), a
report or snapshot of Evidently (.json), or the simple form: a JSON object of feature → probabilities or counts by bin.

A column drifted when the share of its rows that moved is at least --tolerance and its p-value, adjusted for all columns, at
most --alpha. PSI is shown and decides only for the simple form, by --threshold. Exit codes: 0 no drift found, or too little
data to tell (2 with --require-data); 1 drift, or embeddings of another model, which need a new baseline; 2 a file is absent,
unreadable or not comparable.

Examples:
  $ setpoint drift check train.parquet today.csv --label churned --html drift.html
  $ setpoint drift check baseline.json today.csv --segment country --json
  $ setpoint drift check tickets.jsonl new.jsonl --text body --embedding meaning=vector.*`

async function checkHistograms(before: Input, after: Input, given: GivenCheck, alpha: number, shell: Shell): Promise<number> {
  if (before.kind !== 'histograms' || after.kind !== 'histograms')
    throw usageError(
      `${before.name} and ${after.name} cannot be compared: only one of them is of the simple form (feature → probabilities)`,
    )
  if (given.html !== undefined || given.saveProfile !== undefined)
    throw usageError('--html and --save-profile need rows or profiles, not the simple form')
  const report = compareHistograms(before.histograms, after.histograms, {
    names: { baseline: before.name, current: after.name },
    threshold: atLeastZero('--threshold', given.threshold),
    alpha,
  })
  if (given.json) await shell.terminal.out(jsonText(report))
  else {
    await printTable(histogramTable(report), shell)
    await shell.terminal.out(`\n${report.verdict.replace('_', ' ')}: ${report.reason}\n`)
  }
  return report.verdict === 'stable' ? exitCodes.ok.code : report.verdict === 'drift' ? exitCodes.no.code : exitCodes.usage.code
}

async function checkTables(
  before: Exclude<Input, { kind: 'histograms' }>,
  after: Exclude<Input, { kind: 'histograms' }>,
  given: GivenCheck,
  shell: Shell,
): Promise<number> {
  checkColumns(before, given)
  const { reference, current } = await profilesOf(before, after, given, shell)
  for (const input of [before, after])
    if (input.kind === 'profile')
      for (const problem of input.problems) shell.terminal.note(`not as exact as rows: ${input.name}: ${problem}\n`)
  const report = compared(reference, current, { before, after }, given, shell)
  if (given.saveProfile !== undefined) written(given.saveProfile, shell, (file) => writeProfile(file, current))
  if (given.html !== undefined) written(given.html, shell, (file) => fs.writeFileSync(file, reportPage(report)))
  if (given.json) await shell.terminal.out(jsonText(report))
  else {
    await printTable(columnTable(report), shell)
    await shell.terminal.out(restText(report))
  }
  for (const { name, reason } of uncompared(report)) shell.terminal.note(`not compared: ${printable(`${name}: ${reason}`)}\n`)
  return exitCodeOf(report, given.requireData ?? false, shell)
}

/** Throws a usage error for a column that a person named and the baseline does not have: a slip must not pass for a check. */
function checkColumns(before: Exclude<Input, { kind: 'histograms' }>, { columns, text, category }: GivenCheck): void {
  const known = before.kind === 'rows' ? before.source.columns : before.profile.columns.map(({ name }) => name)
  const odd = [columns, text, category].flatMap(listFrom).find((name) => !known.includes(name))
  if (odd !== undefined) throw usageError(`the baseline has no column ${odd}; it has ${known.join(', ')}`)
}

type Named = { readonly before: Input; readonly after: Input }

function compared(reference: TableProfile, current: TableProfile, { before, after }: Named, given: GivenCheck, shell: Shell): DriftReport {
  const plan: ComparisonPlan = {
    names: { reference: before.name, current: after.name },
    settings: settingsFrom(given),
    roles: rolesFrom(given),
    embeddings: embeddingsFrom(given.embedding),
    segment: given.segment,
    joint: given.joint,
    createdAt: shell.now(),
  }
  checkNamed(reference, plan)
  try {
    return compareProfiles(reference, current, plan)
  } catch (error) {
    // What the library refuses is what was asked for: a test that does not fit, segments of profiles without rows.
    if (error instanceof RangeError) throw usageError(messageFrom(error), error)
    throw error
  }
}

/** Throws a usage error for a column that a person named and the baseline does not have. */
function checkNamed({ columns }: TableProfile, { roles, embeddings, segment }: ComparisonPlan): void {
  const names = columns.map(({ name }) => name)
  const named = [...Object.keys(roles), ...(segment === undefined ? [] : [segment])]
  const odd = named.find((name) => !names.includes(name))
  if (odd !== undefined) throw usageError(`the baseline has no column ${odd}; it has ${names.join(', ')}`)
  const empty = embeddings.find(({ matches }) => !names.some(matches))
  if (empty) throw usageError(`no column of the baseline belongs to the embedding ${empty.name}; they are ${names.join(', ')}`)
}

async function profilesOf(
  before: Exclude<Input, { kind: 'histograms' }>,
  after: Exclude<Input, { kind: 'histograms' }>,
  given: GivenCheck,
  shell: Shell,
): Promise<{ reference: TableProfile; current: TableProfile }> {
  const progress = createProgress(shell)
  const plan: ProfilePlan = {
    sampleRows:
      given.sampleRows === undefined
        ? given.segment === undefined
          ? SAMPLE_ROWS
          : SEGMENT_SAMPLE_ROWS
        : wholeFrom('--sample-rows', given.sampleRows),
    ...(given.columns === undefined ? {} : { columns: listFrom(given.columns) }),
    ignore: listFrom(given.ignore),
    kinds: kindsFrom(given),
    moved: (share, text) => progress.update(share, text),
  }
  // What another tool’s file names but does not hold is not judged: it is not gone.
  const unread = [before, after].flatMap((input) => (input.kind === 'profile' ? input.unread : []))
  const isWanted = (name: string) =>
    !unread.includes(name) && (plan.columns === undefined || plan.columns.includes(name)) && !plan.ignore.includes(name)
  try {
    const counted = before.kind === 'rows' ? await profileRows(before.source, plan) : before.profile
    const reference = columnsLeft(counted, isWanted)
    const current =
      after.kind === 'rows'
        ? await profileAgainst(after.source, reference, { ...plan, ignore: [...plan.ignore, ...unread] })
        : columnsLeft(after.profile, isWanted)
    return { reference, current }
  } finally {
    progress.end()
  }
}

/** Writes a file that was asked for, and says so. */
function written(named: string, shell: Shell, write: (file: string) => void): void {
  try {
    write(path.resolve(shell.folder, named))
  } catch (error) {
    throw usageError(`${named} cannot be written: ${messageFrom(error)}`, error)
  }
  shell.terminal.note(`written: ${named}\n`)
}

/** Columns on both sides that could not be held against each other although there are rows enough, such as two histograms over other bins. */
function uncompared({ columns, reference, current, settings }: DriftReport) {
  if (Math.min(reference.rows, current.rows) < settings.leastRows) return []
  const isOld = ({ findings }: DriftReport['columns'][number]) => !findings.some(({ kind }) => kind === 'new_column')
  return columns.filter(
    (column) =>
      ['numeric', 'category', 'text', 'embedding'].includes(column.kind) && column.verdict === 'insufficient_data' && isOld(column),
  )
}

function exitCodeOf(report: DriftReport, requireData: boolean, shell: Shell): number {
  if (report.verdict === 'drift' || report.columns.some(needsNewBaseline)) return exitCodes.no.code
  if (report.verdict === 'stable') return exitCodes.ok.code
  const fewer = Math.min(report.reference.rows, report.current.rows)
  if (fewer >= report.settings.leastRows && report.columns.every(({ effect }) => effect === null)) {
    shell.terminal.note('error: nothing could be compared\n')
    return exitCodes.usage.code
  }
  return requireData ? exitCodes.usage.code : exitCodes.ok.code
}

/** The profile with the columns that are wanted. Throws a usage error when none is left. */
function columnsLeft(profile: TableProfile, isWanted: (name: string) => boolean): TableProfile {
  const kept = withColumns(profile, isWanted)
  if (kept.columns.length === 0) throw usageError('no column is left to compare; see --columns and --ignore')
  return kept
}
