/** How predictions can be served. */
export const servingModes = ['batch', 'online', 'hybrid', 'streaming', 'llm'] as const
type ServingMode = (typeof servingModes)[number]

/** What an application needs of its predictions. What is absent is no constraint. */
export type ServingNeed = {
  /** Somebody waits for the answer, and for no longer than this. */
  readonly latencyMs?: number
  /** A prediction may be this old. */
  readonly freshnessMs?: number
  readonly requestsPerSecond?: number
  /** Known when the request comes, computed beforehand, or both. */
  readonly features: 'fresh' | 'aggregated' | 'mixed'
  /** Predictions for many rows are wanted on a schedule, too. */
  readonly scheduled: boolean
  readonly eventDriven: boolean
  readonly regulated: boolean
  readonly multiRegion: boolean
  readonly llm: boolean
  readonly consumerGroup?: string
  readonly deadLetters?: string
  readonly delivery?: string
  readonly residency?: string
  readonly regionalRollback?: string
}

/** Each line names the rule of the catalogue that it follows. */
type Ruled = { readonly rule: string; readonly text: string }
/** What the mode makes necessary. `given` is null where a mandatory part is still missing. */
type Requirement = { readonly rule: string; readonly item: string; readonly mandatory: boolean; readonly given: string | null }

export type ServingAdvice = {
  readonly mode: ServingMode
  readonly reasons: readonly Ruled[]
  readonly risks: readonly Ruled[]
  readonly rejected: readonly { readonly mode: ServingMode; readonly why: string }[]
  readonly required: readonly Requirement[]
  /** What was not said and would have led to another mode. */
  readonly questions: readonly string[]
}

/** An answer needed sooner than this is computed while somebody waits (P1-03, TREE-03). */
export const ONLINE_BELOW_MS = 500
/** A prediction that must be younger than this cannot come from a schedule. */
export const SHORTEST_BATCH_MS = 900_000

/** The mode that fits a need, with the rules that led there. The same need gives the same advice. */
export function adviseServing(need: ServingNeed): ServingAdvice {
  const { mode, reasons } = chooseMode(need)
  return {
    mode,
    reasons,
    risks: risksOf(mode, need),
    rejected: servingModes.filter((other) => other !== mode).map((other) => ({ mode: other, why: whyNot(other, mode, need) })),
    required: requirementsOf(mode, need),
    questions: questionsOf(need, mode),
  }
}

function chooseMode(need: ServingNeed): { mode: ServingMode; reasons: Ruled[] } {
  const { latencyMs, freshnessMs, features, scheduled, eventDriven, llm } = need
  const one = (mode: ServingMode, rule: string, text: string) => ({ mode, reasons: [{ rule, text }] })
  if (llm) return one('llm', 'P1-11', 'a language model is served behind an OpenAI-compatible endpoint built for throughput')
  if (eventDriven)
    return one('streaming', 'P1-05', 'the domain is driven by events: a broker brings them, and each is enriched, scored and published')
  const isFast = latencyMs !== undefined && latencyMs < ONLINE_BELOW_MS
  const mustBeFresh = freshnessMs !== undefined && freshnessMs < SHORTEST_BATCH_MS
  if (features === 'mixed' && (isFast || mustBeFresh))
    return one('hybrid', 'P1-04', 'aggregates computed beforehand are combined with signals that are known only at the request')
  if (scheduled && isFast)
    return one('hybrid', 'TREE-03', `predictions are wanted on a schedule and in less than ${ONLINE_BELOW_MS} ms on request`)
  if (isFast) return one('online', 'P1-03', `the answer is needed within ${latencyMs} ms, which is less than ${ONLINE_BELOW_MS} ms`)
  if (mustBeFresh)
    return one('online', 'P1-02', `a prediction may be ${freshnessMs} ms old; a schedule of ${SHORTEST_BATCH_MS} ms or more would be stale`)
  if (features === 'fresh' && latencyMs !== undefined)
    return one('online', 'P1-02', 'the features are known only when the request comes, so nothing can be computed beforehand')
  const wait = latencyMs === undefined ? 'nobody waits for the answer' : `${latencyMs} ms leave time to look up what a schedule computed`
  return one('batch', 'P1-02', `latency is not a constraint: ${wait}`)
}

function risksOf(mode: ServingMode, { requestsPerSecond, regulated, multiRegion }: ServingNeed): Ruled[] {
  const risks: Record<ServingMode, Ruled[]> = {
    batch: [{ rule: 'P1-02', text: 'predictions grow stale between runs; what changed since the last one is not seen' }],
    online: [{ rule: 'P1-03', text: 'what the features come from must answer within the same time' }],
    hybrid: [{ rule: 'P1-04', text: 'the two halves of the features can drift apart in time; each needs its own age limit' }],
    streaming: [{ rule: 'P1-06', text: 'an event can come twice, late or out of order' }],
    llm: [{ rule: 'P1-11', text: 'cost follows the length of text, and the text itself can attack: limits and guards come first' }],
  }
  const more: Ruled[] = []
  if (requestsPerSecond !== undefined && mode === 'online')
    more.push({ rule: 'P1-03', text: `one server must not be all that carries ${requestsPerSecond} requests a second` })
  if (regulated || multiRegion) more.push({ rule: 'P1-12', text: 'what is right in one region may be forbidden in another' })
  return [...risks[mode], ...more]
}

function whyNot(other: ServingMode, chosen: ServingMode, { latencyMs, freshnessMs, features }: ServingNeed): string {
  if (other === 'llm') return 'the model is no language model'
  if (chosen === 'llm') return 'a language model writes its answer word by word, and is asked by another protocol'
  if (other === 'streaming') return 'nothing is driven by events'
  if (chosen === 'streaming')
    return `events come by themselves; ${other === 'batch' ? 'a schedule' : 'a request'} would only be in their way`
  if (other === 'hybrid')
    return features === 'mixed' ? 'nothing must be both fresh and fast' : `the features are ${features} only; there is nothing to combine`
  if (other === 'batch') {
    if (latencyMs !== undefined && latencyMs < ONLINE_BELOW_MS) return `an answer is needed within ${latencyMs} ms`
    return freshnessMs === undefined
      ? 'the features are known only at the request'
      : `predictions older than ${freshnessMs} ms are of no use`
  }
  if (chosen === 'hybrid') return 'part of the features takes too long to compute while somebody waits'
  return 'nobody waits: a server that runs all day would cost more and answer nothing sooner'
}

function requirementsOf(mode: ServingMode, need: ServingNeed): Requirement[] {
  const must = (rule: string, item: string, given: string | undefined): Requirement => ({
    rule,
    item,
    mandatory: true,
    given: given ?? null,
  })
  const should = (rule: string, item: string): Requirement => ({ rule, item, mandatory: false, given: null })
  const own: Record<ServingMode, Requirement[]> = {
    batch: [should('P1-02', 'a schedule, a way to fill in what was missed, and an age at which a prediction is no longer used')],
    online: [
      should('P1-03', 'JSON over HTTP or gRPC behind a load balancer, with as many copies as the load needs'),
      ...loadRequirement(need),
    ],
    hybrid: [
      should('P1-04', 'a scheduled computation of the aggregates, with the age at which they are no longer used'),
      should('P1-03', 'online scoring that joins them with the request'),
      ...loadRequirement(need),
    ],
    streaming: [
      must('P1-06', 'consumer group', need.consumerGroup),
      must('P1-06', 'dead-letter queue', need.deadLetters),
      must('P1-06', 'delivery semantics', need.delivery),
      should('TREE-06', 'a queue that slows its senders down when it is full, and refuses events of another schema'),
    ],
    llm: [
      should('P1-11', 'an OpenAI-compatible endpoint; a Deployment of this server serves tabular models only'),
      should('TREE-05', 'a budget of tokens, cached answers, and checks of what goes in and comes out'),
    ],
  }
  const strict = [
    must('P1-12', 'residency: where data and predictions may lie', need.residency),
    must('P1-12', 'a rollback of its own for each region', need.regionalRollback),
    must('P1-12', 'tenant isolation', 'projects: no request of one reads another’s data'),
    must('P1-12', 'audit evidence', 'the ledger: every change with actor and reason, verified by "setpoint ledger verify"'),
  ]
  return [...own[mode], ...(need.regulated || need.multiRegion ? strict : [])]
}

function loadRequirement({ requestsPerSecond, latencyMs }: ServingNeed): Requirement[] {
  if (requestsPerSecond === undefined) return []
  const within = latencyMs === undefined ? '' : ` within ${latencyMs} ms`
  return [{ rule: 'P5-13', item: `a load test that holds ${requestsPerSecond} requests a second${within}`, mandatory: false, given: null }]
}

/** Asks for what was left out, where an answer could lead to another mode (TREE-07). */
function questionsOf(need: ServingNeed, mode: ServingMode): string[] {
  const changes = (answer: Partial<ServingNeed>) => chooseMode({ ...need, ...answer }).mode !== mode
  const questions: string[] = []
  if (need.latencyMs === undefined && changes({ latencyMs: ONLINE_BELOW_MS - 1 }))
    questions.push('latencyMs: does anybody wait for the answer, and for how long?')
  if (need.freshnessMs === undefined && changes({ freshnessMs: SHORTEST_BATCH_MS - 1 }))
    questions.push('freshnessMs: how old may a prediction be?')
  return questions
}
