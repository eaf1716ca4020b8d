import { createContext, useContext } from 'react'
import { access, type Session } from '../../src/contract/access.ts'
import { activity } from '../../src/contract/activity.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { createLive, type Live } from './live.ts'

/** What every page needs: the client, the events, and the way to another page. */
export type Console = {
  readonly client: Client
  readonly live: Live
  readonly session: Session | undefined
  /** What stands before every path of this page: `/p/<project>` where it was opened inside a project, else nothing. */
  readonly base: string
  readonly path: string
  /** How the page is shown, as the query of its address. */
  readonly query: URLSearchParams
  readonly navigate: (path: string) => void
  /** Shows the same page another way; the way back leads out of the page still. */
  readonly adjust: (query: URLSearchParams) => void
}

const ConsoleContext = createContext<Console | undefined>(undefined)
export const ConsoleProvider = ConsoleContext.Provider

export function useConsole(): Console {
  const found = useContext(ConsoleContext)
  if (!found) throw new Error('a part of the console is drawn outside of it')
  return found
}

/**
 * The client and the events of this page’s own server, in the project that `base` enters. `onSignedOut` is called whenever a
 * request finds no session.
 */
export function connect(base: string, onSignedOut: () => void): { client: Client; live: Live } {
  async function send(url: string, init: RequestInit): Promise<Response> {
    const response = await fetch(url, init)
    const signingIn = url === base + access.signIn.path && init.method === access.signIn.method
    if (response.status === 401 && !signingIn) onSignedOut()
    return response
  }
  const live = createLive({
    follow(signal, onOpen) {
      const announced = createClient({
        url: base,
        async send(url, init) {
          const response = await send(url, init)
          if (response.ok) onOpen()
          return response
        },
      })
      return announced.follow(activity.watchEvents, {}, signal)
    },
    pause: (milliseconds, signal) => pause(milliseconds, signal),
    now: () => Date.now(),
    random: () => Math.random(),
  })
  return { client: createClient({ url: base, send }), live }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
