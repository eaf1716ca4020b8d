/** What a streaming detector says after a sample; `drift` is said once, and then it has begun afresh. */
export type Signal = 'stable' | 'warning' | 'drift'

/** A detector’s whole memory as plain data: to JSON and back it is the same detector, to the last bit of its decisions. */
export type StreamState = { readonly kind: string; readonly [field: string]: unknown }

/**
 * Watches one number after another (a labelled error as 0 or 1, a loss, a score) for a change of its distribution. A sample
 * costs O(1), amortised, and no memory that grows with the stream.
 */
export type StreamingDetector = {
  readonly kind: string
  /** Throws RangeError for a value the detector cannot take, such as 0.5 where it counts errors. */
  update(value: number): Signal
  /** Samples since the start or the last drift. */
  readonly samples: number
  state(): StreamState
  /**
   * Takes in what another detector of the same kind and options saw since its last drift, as if its samples had come after
   * this one’s. It says nothing: what the samples together mean is said at the next update. Each kind says how exact it is.
   * Throws RangeError for a state of another kind or other options.
   */
  merge(other: StreamState): void
  reset(): void
}

/** How one kind of detector works on a memory of plain data, without infinities and NaN, so that JSON keeps it. */
export type StreamRule<M extends object> = {
  readonly kind: string
  /** All options, defaults filled in: a state fits only a detector with the same. */
  readonly options: object
  fresh(): M
  /** Throws RangeError for a value that cannot be taken. */
  check(value: number): void
  /** Takes in one value. After `drift` the memory is replaced by a fresh one. */
  step(memory: M, value: number): Signal
  /** `samples` is how many the later memory holds. */
  merge(memory: M, later: M, samples: number): void
}

/** A detector that follows a rule, from the start or from a state it had. Throws RangeError for a state that does not fit. */
export function createFromRule<M extends object>(rule: StreamRule<M>, state?: StreamState): StreamingDetector {
  const options = JSON.stringify(rule.options)
  const read = (stored: StreamState): { samples: number; memory: M } => {
    if (stored.kind !== rule.kind) throw new RangeError(`a state of ${stored.kind} does not fit a detector of kind ${rule.kind}; reset it`)
    const { samples, memory } = stored
    if (JSON.stringify(stored.options) !== options || !Number.isSafeInteger(samples) || typeof memory !== 'object' || memory === null)
      throw new RangeError(`the stored state of ${rule.kind} belongs to other options than ${options}; reset it`)
    return { samples: samples as number, memory: structuredClone(memory) as M }
  }
  let { samples, memory } = state ? read(state) : { samples: 0, memory: rule.fresh() }
  const reset = () => {
    samples = 0
    memory = rule.fresh()
  }
  return {
    kind: rule.kind,
    get samples() {
      return samples
    },
    update(value) {
      rule.check(value)
      samples++
      const signal = rule.step(memory, value)
      if (signal === 'drift') reset()
      return signal
    },
    state: () => ({ kind: rule.kind, options: rule.options, samples, memory: structuredClone(memory) }),
    merge(other) {
      const later = read(other)
      if (later.samples === 0) return
      if (samples === 0) memory = later.memory
      else rule.merge(memory, later.memory, later.samples)
      samples += later.samples
    },
    reset,
  }
}

/** Throws RangeError unless the value is a finite number. */
export function checkNumber(value: number): void {
  if (!Number.isFinite(value)) throw new RangeError(`a sample must be a finite number, not ${value}`)
}

/** Throws RangeError unless the value is 1 for an error or 0 for none. */
export function checkError(value: number): void {
  if (value !== 0 && value !== 1) throw new RangeError(`a sample must be 1 for an error or 0 for none, not ${value}`)
}

/** Throws RangeError unless the option lies in the open interval. */
export function checkBetween(name: string, value: number, low: number, high: number): void {
  if (!(value > low && value < high)) throw new RangeError(`${name} lies between ${low} and ${high}, not ${value}`)
}

/** Throws RangeError unless the option is an integer of at least `least`. */
export function checkCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${name} must be an integer of at least ${least}, not ${value}`)
}
