export type Role = 'champion' | 'challenger'

/** One answered prediction, as serving hands it over. */
export type PredictionRecord = {
  readonly project: string
  readonly deployment: string
  readonly model: string
  readonly version: number
  readonly role: Role
  readonly recordId: string
  readonly atMs: number
  /** Who asked, and from where: what an attack is told apart by. Empty when unknown. */
  readonly actor: string
  readonly source: string
  readonly features: Float32Array
  readonly score: number
  readonly prediction: number
  /** The version that scored the same row beside this one (shadow or pair), 0 for none. */
  readonly otherVersion: number
  /** Its score, NaN for none. */
  readonly otherScore: number
  readonly latencyUs: number
}

export type LabelRecord = {
  readonly recordId: string
  readonly label: number
  readonly source: string
  readonly observedAtMs: number
  readonly receivedAtMs: number
}

/** What the predictions of one batch have in common. */
export type PredictionGroup = Pick<PredictionRecord, 'project' | 'deployment' | 'model' | 'version' | 'role'>

/** The predictions of one group in one segment, column by column, in the order they were made. */
export type PredictionBatch = PredictionGroup & {
  readonly rows: number
  readonly recordIds: readonly string[]
  readonly actors: readonly string[]
  readonly sources: readonly string[]
  readonly atMs: Float64Array
  readonly scores: Float64Array
  readonly predictions: Float64Array
  readonly otherVersions: Uint32Array
  readonly otherScores: Float64Array
  readonly latencyUs: Uint32Array
  /** The features of all rows end to end; row `i` is `features.subarray(ends[i - 1] ?? 0, ends[i])`. */
  readonly features: Float32Array
  readonly ends: Uint32Array
}

export type SegmentLabel = LabelRecord & { readonly project: string; readonly deployment: string }

/** One piece of the ordered stream of predictions and labels. The same id always stands for the same content. */
export type Segment = {
  readonly id: string
  /** When its first record was flushed, ms since the epoch. */
  readonly startedMs: number
  readonly predictions: readonly PredictionBatch[]
  readonly labels: readonly SegmentLabel[]
}

/** Something that wants to see every segment once. After a crash it may see one again and must know it by its id. */
export type SegmentConsumer = {
  readonly name: string
  consume(segment: Segment): Promise<void>
}
