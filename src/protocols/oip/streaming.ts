import type { ServerResponse } from 'node:http'
import { AppError } from '../../contract/errors.ts'
import { drained } from '../../infra/http/bind.ts'
import { asInvalid, type InferCall } from './call.ts'
import type { Answer } from './inference.ts'

/** Rows of one stream that are under way at once; the rest wait, so that a stream leaves room for others. */
const MOST_UNDER_WAY = 32

type Outcome = { readonly answer: Answer } | { readonly error: unknown }

/** The answers to calls, in their order, each as soon as it and those before it are there. Ends after the first that failed. */
export async function* answersInOrder(calls: Iterable<InferCall>, infer: (call: InferCall) => Promise<Answer>): AsyncIterable<Outcome> {
  const underWay: Promise<Outcome>[] = []
  const start = (call: InferCall): Promise<Outcome> =>
    infer(call).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    )
  for (const call of calls) {
    underWay.push(start(call))
    if (underWay.length < MOST_UNDER_WAY) continue
    const outcome = await underWay.shift()!
    yield outcome
    if ('error' in outcome) return
  }
  for (const pending of underWay) {
    const outcome = await pending
    yield outcome
    if ('error' in outcome) return
  }
}

/**
 * Sends answers as server-sent events, one each. A failure before the first is thrown; a later one is the last event, in the
 * protocol’s own form. Stops when the client has gone.
 */
export async function sendAnswers(
  response: ServerResponse,
  outcomes: AsyncIterable<Outcome>,
  textOf: (answer: Answer) => string,
): Promise<void> {
  for await (const outcome of outcomes) {
    if (response.destroyed) return
    const text = eventText(outcome, textOf, response.headersSent)
    if (!response.headersSent) {
      if ('answer' in outcome && !outcome.answer.recorded) response.setHeader('setpoint-recorded', 'false')
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    }
    if (!response.write(`data: ${text}\n\n`)) await drained(response)
  }
  response.end()
}

function eventText(outcome: Outcome, textOf: (answer: Answer) => string, isLater: boolean): string {
  try {
    if ('error' in outcome) throw outcome.error
    return asInvalid(() => textOf(outcome.answer))
  } catch (error) {
    if (isLater && error instanceof AppError) return JSON.stringify({ error: error.message })
    throw error
  }
}
