import type { Clock } from '../../../infra/clock.ts'
import type { LoadedModel } from './model.ts'

type Request = {
  /** Equal for users that may share one model. */
  readonly key: string
  /** What is listed of it. */
  readonly digest: string
  readonly sizeBytes: number
  readonly open: () => Promise<LoadedModel>
}

type Held = {
  readonly request: Request
  users: number
  usedMs: number
  /** The model in memory; null while it is put aside. */
  resident: LoadedModel | null
  opening: Promise<LoadedModel> | null
  /** Runs under way; a model is put aside only between runs. */
  running: number
}

/**
 * Models by key, shared by their users. Together they hold at most `memoryBytes`, counted by the size of their files: when
 * another is opened, the one not asked for longest is put aside, and opened again by its next request. The model just opened
 * stays even when it alone is larger.
 */
export function createHeldModels({ clock, memoryBytes }: { readonly clock: Clock; readonly memoryBytes: number }) {
  const held = new Map<string, Held>()

  async function residentOf(entry: Held): Promise<LoadedModel> {
    if (entry.resident) return entry.resident
    entry.opening ??= entry.request
      .open()
      .then(async (model) => {
        entry.resident = model
        await makeRoom(entry)
        return model
      })
      .finally(() => {
        entry.opening = null
      })
    return await entry.opening
  }

  async function makeRoom(newest: Held): Promise<void> {
    const resident = [...held.values()].filter((entry) => entry.resident)
    let bytes = resident.reduce((sum, entry) => sum + entry.request.sizeBytes, 0)
    for (const entry of resident.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= memoryBytes) return
      if (entry === newest || entry.running > 0) continue
      bytes -= entry.request.sizeBytes
      const model = entry.resident!
      entry.resident = null
      await model.release()
    }
  }

  async function use<T>(entry: Held, run: (model: LoadedModel) => Promise<T>): Promise<T> {
    entry.usedMs = clock.now()
    entry.running += 1
    try {
      return await run(entry.resident ?? (await residentOf(entry)))
    } finally {
      entry.running -= 1
    }
  }

  return {
    /** The model, shared with whoever else loads by the same key. */
    async load(request: Request): Promise<LoadedModel> {
      const { key } = request
      const entry: Held = held.get(key) ?? { request, users: 0, usedMs: clock.now(), resident: null, opening: null, running: 0 }
      held.set(key, entry)
      entry.users += 1
      let isReleased = false
      const release = async () => {
        if (isReleased) return
        isReleased = true
        entry.users -= 1
        if (entry.users > 0 || held.get(key) !== entry) return
        held.delete(key)
        await entry.resident?.release()
      }
      try {
        const model = await residentOf(entry)
        return {
          ...model,
          score: model.tabular ? (values, rows) => use(entry, (resident) => resident.score(values, rows)) : model.score,
          infer: (tensors, options) => use(entry, (resident) => resident.infer(tensors, options)),
          health: model.health && (() => entry.resident?.health?.() ?? { problem: null }),
          release,
        }
      } catch (error) {
        await release()
        throw error
      }
    },
    list: () =>
      [...held.values()].map(({ request, users, resident }) => ({
        digest: request.digest,
        users,
        sizeBytes: request.sizeBytes,
        resident: resident !== null,
      })),
    async close() {
      const entries = [...held.values()]
      held.clear()
      for (const { resident } of entries) await resident?.release()
    },
  }
}
