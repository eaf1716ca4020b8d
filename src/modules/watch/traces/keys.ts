/** Tags, metadata and attributes that have a meaning of their own to the clients of the MLflow protocol. */
export const tagKeys = {
  name: 'mlflow.traceName',
  spansLocation: 'mlflow.trace.spansLocation',
  artifactLocation: 'mlflow.artifactLocation',
  linkedPrompts: 'mlflow.linkedPrompts',
} as const

export const metadataKeys = {
  session: 'mlflow.trace.session',
  tokenUsage: 'mlflow.trace.tokenUsage',
  cost: 'mlflow.trace.cost',
  user: 'mlflow.trace.user',
  sizeStats: 'mlflow.trace.sizeStats',
  run: 'mlflow.sourceRun',
  /** Set once the client has told how the trace ended; spans that come later no longer change its times. */
  finalized: 'mlflow.trace.infoFinalized',
} as const

export const attributeKeys = {
  request: 'mlflow.traceRequestId',
  inputs: 'mlflow.spanInputs',
  outputs: 'mlflow.spanOutputs',
  type: 'mlflow.spanType',
  usage: 'mlflow.chat.tokenUsage',
  tools: 'mlflow.chat.tools',
  cost: 'mlflow.llm.cost',
  model: 'mlflow.llm.model',
  provider: 'mlflow.llm.provider',
  messageFormat: 'mlflow.message.format',
  session: 'session.id',
  conversation: 'gen_ai.conversation.id',
  user: 'user.id',
} as const

/** An attribute of the root span so named is a tag of the trace. */
export const TRACE_TAG_PREFIX = 'mlflow.traceTag.'
/** Where the spans are: with us, not in a file of the artifact store. */
export const SPANS_WITH_US = 'TRACKING_STORE'
