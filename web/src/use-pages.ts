import { useCallback, useEffect, useRef, useState } from 'react'
import { AppError, messageFrom } from '../../src/contract/errors.ts'

type Item = { readonly id: string }
type Page<T> = { readonly items: readonly T[]; readonly next: string | null }

export type Pages<T> = {
  /** Everything read so far; what the last good question found, while another is asked or was refused. */
  readonly items: readonly T[] | undefined
  readonly error: AppError | undefined
  readonly busy: boolean
  /** Reads the next page; undefined when there is none. */
  readonly more: (() => void) | undefined
}

type State<T> = { readonly items?: readonly T[]; readonly next: string | null; readonly error?: AppError; readonly busy: boolean }

/**
 * Reads a long list page by page, anew when `key` changes. The first page is read again every `pollMs` while the page is
 * seen; what of it is new or changed takes its place, further pages stay.
 */
export function usePages<T extends Item>(key: string, load: (page: string | undefined) => Promise<Page<T>>, pollMs: number): Pages<T> {
  const [state, setState] = useState<State<T>>({ next: null, busy: true })
  const latest = useRef(load)
  latest.current = load
  const asked = useRef(key)

  useEffect(() => {
    asked.current = key
    let timer: ReturnType<typeof setTimeout> | undefined
    let fresh = true
    async function run() {
      if (!document.hidden) {
        const first = fresh
        fresh = false
        await read(latest.current, (change) => asked.current === key && setState((before) => change(before, first)))
      }
      if (asked.current === key) timer = setTimeout(run, pollMs)
    }
    setState((before) => ({ ...before, busy: true }))
    void run()
    return () => {
      asked.current = ''
      clearTimeout(timer)
    }
  }, [key, pollMs])

  const { next } = state
  const readMore = useCallback(() => {
    if (next === null) return
    setState((before) => ({ ...before, busy: true }))
    const add = (items: readonly T[], { items: found, next }: Page<T>) => ({
      items: withoutDoubles([...items, ...found]),
      next,
      busy: false,
    })
    latest.current(next).then(
      (page) => asked.current === key && setState((before) => add(before.items ?? [], page)),
      (thrown) => asked.current === key && setState((before) => ({ ...before, busy: false, error: errorFrom(thrown) })),
    )
  }, [key, next])

  return { items: state.items, error: state.error, busy: state.busy, more: next === null ? undefined : readMore }
}

type Change<T> = (before: State<T>, first: boolean) => State<T>

async function read<T extends Item>(load: (page: undefined) => Promise<Page<T>>, put: (change: Change<T>) => void): Promise<void> {
  try {
    const { items, next } = await load(undefined)
    put((before, first) => {
      const further = first || next === null ? [] : itemsAfter(before.items ?? [], items.at(-1))
      return { items: withoutDoubles([...items, ...further]), next: further.length > 0 ? before.next : next, busy: false }
    })
  } catch (thrown) {
    put((before) => ({ ...before, busy: false, error: errorFrom(thrown) }))
  }
}

/** What stood behind an item of a list; nothing when the item is not in it. */
function itemsAfter<T extends Item>(items: readonly T[], last: T | undefined): readonly T[] {
  const at = items.findIndex((item) => item.id === last?.id)
  return at < 0 ? [] : items.slice(at + 1)
}

function withoutDoubles<T extends Item>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()]
}

function errorFrom(thrown: unknown): AppError {
  return thrown instanceof AppError ? thrown : new AppError('internal', messageFrom(thrown), {}, thrown)
}
