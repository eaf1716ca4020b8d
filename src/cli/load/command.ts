import type { Command } from 'commander'
import { artifacts } from '../../contract/artifacts.ts'
import { type Client, type Connection, createClient } from '../../contract/client.ts'
import { deployments } from '../../contract/deployments.ts'
import { AppError } from '../../contract/errors.ts'
import { gates } from '../../contract/gates.ts'
import type { LoadReport } from '../../contract/load-report.ts'
import { createRateSearch } from '../../lib/load/rate-search.ts'
import { addConnectionOptions, addJsonOption, connectionOf } from '../connection/options.ts'
import { exitCodes } from '../failures.ts'
import type { Finish } from '../operations/command.ts'
import { createProgress } from '../output/progress.ts'
import { jsonText } from '../output/reply.ts'
import { featuresOf } from '../replay/inference.ts'
import type { Shell } from '../shell.ts'
import { runLoad } from './engine.ts'
import { type Choices, choicesFrom, type Given } from './plan.ts'
import { reportOf, reportText, type Subject } from './report.ts'
import { bodyFromFile, bodyFromWords, generatedBodies, requestsFor, targetOf } from './requests.ts'
import { errorRateOf } from './tally.ts'

/** Where a search for the highest rate begins when no rate is given. */
const FIRST_RATE = 100

/** `setpoint load`: many requests to one deployment, timed from when each was due. */
export function addLoadCommand(program: Command, shell: Shell, finish: Finish): void {
  const command = addConnectionOptions(addJsonOption(program.command('load')))
    .description('Load a deployment and measure latency, errors and the rate it holds; exits 0 pass, 1 fail, 2 bad arguments')
    .argument('<deployment>', 'deployment that is asked')
    .option('--rate <requests>', 'requests a second, sent on time whatever the replies do; absent: as many as the connections carry')
    .option('--duration <time>', 'length of the measured part, as 10, 500ms or 2m', '10')
    .option('--warmup <time>', 'before the measured part, not counted', '2')
    .option('--timeout <time>', 'a request without a reply for so long counts as failed', '10')
    .option('--connections <count>', 'keep-alive connections, each with one request at a time', '64')
    .option('--rows <count>', 'rows in each request', '1')
    .option('--body <file>', 'a file of JSON that is sent as it is')
    .option('--row <name=value...>', 'the row that is sent; absent: generated for the model’s features')
    .option('--protocol <name>', 'v1 (by feature name), oip or oip-binary', 'oip')
    .option('--max-p99-ms <ms>', 'fail when the 99th percentile is above')
    .option('--max-error-rate <share>', 'fail when more requests fail, 0 to 1', '0.01')
    .option('--step', 'find the highest rate that is held under --max-p99-ms, from --rate (100) on')
    .option('--save', 'keep the report as a file and as evidence for gates')
    .addHelpText('after', HELP)
    .action(async (deployment: string) => {
      const given = command.opts<Given>()
      const choices = choicesFrom(given)
      const connection = connectionOf(command, shell)
      const client = createClient(connection)
      const subject = await subjectOf(client, connection, deployment)
      const requests = await requestsOf(given, choices, connection, deployment, shell)
      const report = choices.step
        ? await searchRate(subject, choices, requests, connection, shell)
        : await measure(subject, choices, choices.rate, requests, connection, shell)
      await shell.terminal.out(given.json ? jsonText(report) : reportText(report))
      if (given.save) await save(client, report, shell)
      if (report.verdict === 'fail') finish(exitCodes.no.code)
    })
}

const HELP = `
With --rate, latency counts from the time at which a request was due, not from when it could be sent: a server that stalls
is charged for every request that had to wait. Replies 429 and 503 count as shed, apart from errors. A rate counts as held
when 99 % of it is answered.

Examples:
  $ setpoint load phishing --rate 500 --duration 30 --max-p99-ms 50
  $ setpoint load phishing --connections 16 --rows 64 --json
  $ setpoint load phishing --step --max-p99-ms 50 --save`

/** The deployment’s champion, whose load this is. */
async function subjectOf(client: Client, connection: Connection, deployment: string): Promise<Subject> {
  const found = await client.call(deployments.getDeployment, { deployment })
  if (!found.ready || found.route.championVersion === null)
    throw new AppError('unavailable', `deployment ${deployment} cannot serve: ${found.problem ?? 'it is still being loaded'}`)
  return { endpoint: connection.url, deployment, model: found.spec.model, version: found.route.championVersion }
}

async function requestsOf(given: Given, choices: Choices, connection: Connection, deployment: string, shell: Shell): Promise<Buffer[]> {
  const { protocol, rows } = choices
  if (given.body !== undefined) return requestsFor(connection, deployment, protocol, [bodyFromFile(given.body, shell.folder)])
  const features = await featuresOf(connection, deployment)
  const bodies = given.row ? [bodyFromWords(protocol, features, given.row, rows)] : generatedBodies(protocol, features, rows)
  return requestsFor(connection, deployment, protocol, bodies)
}

async function measure(
  subject: Subject,
  choices: Choices,
  rate: number | undefined,
  requests: readonly Buffer[],
  connection: Connection,
  shell: Shell,
): Promise<LoadReport> {
  const stop = shell.interrupted()
  const progress = createProgress(shell)
  const startedAt = shell.now()
  const { connections, warmupMs, durationMs, timeoutMs } = choices
  const plan = { target: targetOf(connection.url), requests, rate, connections, warmupMs, durationMs, timeoutMs }
  const result = await runLoad(plan, {
    nowMs: () => performance.now(),
    stop,
    onProgress(tally, elapsedMs) {
      const failed = errorRateOf(tally) * 100
      const p99 = tally.latencies.summary().p99?.toFixed(1) ?? '–'
      progress.update(
        elapsedMs / (warmupMs + durationMs),
        `${rate === undefined ? '' : `${rate}/s  `}${tally.ok} ok  ${tally.shed} shed  ${failed.toFixed(2)} % failed  p99 ${p99} ms`,
      )
    },
  })
  progress.end()
  return reportOf(subject, choices, { rate, result, startedAt: Math.round(startedAt), interrupted: stop.aborted })
}

/** Tries rate after rate and gives the report of the highest that was held, or of the lowest tried when none was. */
async function searchRate(
  subject: Subject,
  choices: Choices,
  requests: readonly Buffer[],
  connection: Connection,
  shell: Shell,
): Promise<LoadReport> {
  const search = createRateSearch(choices.rate ?? FIRST_RATE)
  const reports: LoadReport[] = []
  for (let rate = search.next(); rate !== undefined; rate = search.next()) {
    const report = await measure(subject, choices, rate, requests, connection, shell)
    reports.push(report)
    if (report.interrupted) break
    search.tell(report.verdict === 'pass')
    shell.terminal.note(`${rate.toFixed(1)} requests a second: ${report.verdict === 'pass' ? 'held' : report.reasons.join('; ')}\n`)
  }
  const steps = reports.map(({ rate, achieved, latencyMs, verdict }) => ({
    rate: rate!,
    achieved,
    p99Ms: latencyMs.p99,
    held: verdict === 'pass',
  }))
  const best = reports.find(({ rate, verdict }) => rate === search.best && verdict === 'pass') ?? reports.at(-1)!
  return { ...best, steps }
}

/** Keeps the report as a file, and as evidence that a gate can ask for. */
async function save(client: Client, report: LoadReport, shell: Shell): Promise<void> {
  const file = `load/${report.deployment}/${new Date(report.startedAt).toISOString().replace(/[:.]/g, '-')}.json`
  const { digest } = await client.call(artifacts.uploadFile, { path: file, body: jsonText(report) as never })
  const evidence = await client.call(gates.recordEvidence, { report, artifact: digest! })
  shell.terminal.note(`saved as ${file} and as evidence ${evidence.id} of ${report.model}, version ${report.version}\n`)
}
