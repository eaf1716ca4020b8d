import http from 'node:http'
import { createClient } from '../../../src/contract/client.ts'
import { labels as labelsContract } from '../../../src/contract/labels.ts'
import { confusionOf, f1Of as f1OfConfusion } from '../../../src/lib/stats/classification.ts'
import { createLatencyHistogram, type LatencyHistogram, recordLatency } from '../../../src/lib/stats/latency-histogram.ts'
import { featureNames, type Page, type Phase, type World } from '../world.ts'

/** One answered request: what was true, and what the model said. */
export type Answer = { readonly truth: 0 | 1; readonly prediction: 0 | 1 }
export type TrafficOptions = {
  readonly url: string
  readonly token: string
  readonly deployment: string
  readonly world: World
  /** Rows a second. */
  readonly ratePerSecond: number
  /** Rows sent together; 1 when absent. */
  readonly rowsPerRequest?: number
  /** Requests are named `<prefix>-<n>`. */
  readonly prefix: string
  readonly labelDelayMs: number
  /** Share of requests that ever get a label. */
  readonly labelled: number
}
export type Traffic = {
  phase: Phase
  readonly sent: number
  readonly answered: number
  readonly failed: number
  readonly unrecorded: number
  readonly labelsAcknowledged: number
  readonly latency: LatencyHistogram
  /** The newest answers, oldest first. */
  recent(count: number): readonly Answer[]
  /** Stops sending and waits for every answer and every label that is due. */
  stop(): Promise<void>
}

const TICK_MS = 2
const LABELS_EVERY_MS = 100
const KEPT_ANSWERS = 4_000

/**
 * Sends pages of the world at a steady rate, whether or not the server keeps up: each latency counts from the moment the
 * request was due, so a stall is felt by all requests it delayed. Labels follow late, in batches.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  const { hostname, port } = new URL(options.url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 128 })
  const client = createClient({ url: options.url, token: options.token })
  const answers: Answer[] = []
  const due: { atMs: number; recordId: string; label: number; source: string }[] = []
  const state = {
    phase: 'calm' as Phase,
    sent: 0,
    answered: 0,
    failed: 0,
    unrecorded: 0,
    labelsAcknowledged: 0,
    latency: createLatencyHistogram(),
  }
  const startedMs = performance.now()
  const together = options.rowsPerRequest ?? 1
  let stopping = false
  let labelling: Promise<void> = Promise.resolve()
  const timers = [setInterval(send, TICK_MS), setInterval(sendLabels, LABELS_EVERY_MS)]

  function send() {
    if (stopping) return
    const elapsedMs = performance.now() - startedMs
    const target = Math.floor((elapsedMs / 1_000) * options.ratePerSecond)
    while (state.sent + together <= target) {
      const dueMs = startedMs + (state.sent / options.ratePerSecond) * 1_000
      const pages = Array.from({ length: together }, () => options.world.sample(state.phase))
      request(pages, state.sent, dueMs)
      state.sent += together
    }
  }

  function request(pages: readonly Page[], from: number, dueMs: number) {
    const ids = pages.map((_, i) => `${options.prefix}-${from + i}`)
    const rows = pages.map((page) => page.features.join(',')).join(',')
    const parameters = `{"actor":"${pages[0]!.actor}","source":"${pages[0]!.network}","ids":["${ids.join('","')}"]}`
    const body = `{"parameters":${parameters},"inputs":[{"name":"features","datatype":"FP32","shape":[${pages.length},${featureNames.length}],"data":[${rows}]}]}`
    const headers = {
      authorization: `Bearer ${options.token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const call = http.request(
      { hostname, port, agent, method: 'POST', path: `/v2/models/${options.deployment}/infer`, headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => answer(pages, ids, dueMs, response, text))
      },
    )
    call.on('error', () => {
      state.failed += pages.length
    })
    call.end(body)
  }

  function answer(pages: readonly Page[], ids: readonly string[], dueMs: number, response: http.IncomingMessage, text: string) {
    recordLatency(state.latency, (performance.now() - dueMs) * 1_000)
    if (response.statusCode !== 200) {
      state.failed += pages.length
      return
    }
    if (response.headers['setpoint-recorded'] === 'false') state.unrecorded += pages.length
    const scores = /"name":"score"[^[]*\[[^\]]*\],"data":\[([^\]]+)\]/.exec(text)![1]!.split(',')
    for (const [i, page] of pages.entries()) {
      state.answered += 1
      answers.push({ truth: page.truth, prediction: Number(scores[i]) >= 0.5 ? 1 : 0 })
      // A cheap, even choice of which rows get a label.
      if ((state.answered * options.labelled) % 1 < options.labelled)
        due.push({ atMs: performance.now() + options.labelDelayMs, recordId: ids[i]!, label: page.label, source: page.labelSource })
    }
    if (answers.length > KEPT_ANSWERS * 2) answers.splice(0, KEPT_ANSWERS)
  }

  function sendLabels() {
    const nowMs = performance.now()
    const ready = stopping ? due.length : due.findIndex((label) => label.atMs > nowMs)
    const batch = due.splice(0, ready < 0 ? due.length : ready)
    if (batch.length === 0) return
    labelling = labelling.then(async () => {
      for (let from = 0; from < batch.length; from += 5_000) {
        const part = batch.slice(from, from + 5_000).map(({ recordId, label, source }) => ({ recordId, label, source }))
        state.labelsAcknowledged += (
          await client.call(labelsContract.recordLabels, { deployment: options.deployment, labels: part })
        ).accepted
      }
    })
  }

  return Object.assign(state, {
    recent: (count: number) => answers.slice(-count),
    async stop() {
      stopping = true
      clearInterval(timers[0])
      while (state.answered + state.failed < state.sent) await new Promise((resolve) => setTimeout(resolve, 20))
      clearInterval(timers[1])
      sendLabels()
      await labelling
      agent.destroy()
    },
  })
}

/** F1 of answers against the truth; null without a positive. */
export function f1Of(answers: readonly Answer[]): number | null {
  const truths = answers.map(({ truth }) => truth)
  const predictions = answers.map(({ prediction }) => prediction)
  return f1OfConfusion(confusionOf(truths, predictions))
}
