import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { constants, getPriority, setPriority } from 'node:os'
import { type Engine, openEngine } from './engine.ts'
import { createFace } from './face-http.ts'
import type { ColumnsLimits } from './limits.ts'

/** What the parent sends: where to open the store, then that it is to close. */
export type FaceOrder =
  | { readonly open: { readonly folder: string; readonly secret: string; readonly limits: ColumnsLimits } }
  | { readonly close: true }
/** What the child answers: the port it serves, or why it cannot. */
export type FaceReport = { readonly port: number } | { readonly refused: 'platform' | 'broken'; readonly message: string }

/** Reports can wait, requests cannot: serving comes first when the two want the same core. */
const PRIORITY = constants.priority.PRIORITY_BELOW_NORMAL

/** How long a query may go on after the store was told to close. */
const CLOSE_GRACE_MS = 500

/** Ends this process at once. `process.exit` would wait for ever for a running query; what was acknowledged is on disk. */
function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${textOf(thrown.cause)}`
}

function refusalFrom(thrown: unknown): FaceReport {
  const isPlatform = /CHDB_PLATFORM|CHDB_ABI|MODULE_NOT_FOUND/.test((thrown as { code?: string }).code ?? '')
  return { refused: isPlatform ? 'platform' : 'broken', message: textOf(thrown) }
}

async function open(order: { folder: string; secret: string; limits: ColumnsLimits }): Promise<{ engine: Engine; server: Server }> {
  const engine = await openEngine(order.folder, order.limits)
  const server = createFace(engine, order.secret, order.limits)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return { engine, server }
}

function report(message: FaceReport, sent: () => void = () => undefined): void {
  process.send!(message, sent)
}

function serve(): void {
  let opened: { engine: Engine; server: Server } | undefined
  process.on('disconnect', die)
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  process.on('message', async (order: FaceOrder) => {
    if ('close' in order) {
      opened?.server.close()
      // A query whose client is gone is killed, so that closing does not wait for a long report; writes are waited for.
      setTimeout(() => opened?.server.closeAllConnections(), CLOSE_GRACE_MS)
      await opened?.engine.close()
      return die()
    }
    try {
      // Before the engine starts its threads, which inherit it. Only root may go back to a higher priority.
      if (getPriority() < PRIORITY) setPriority(PRIORITY)
      opened = await open(order.open)
      report({ port: (opened.server.address() as AddressInfo).port })
    } catch (thrown) {
      report(refusalFrom(thrown), die)
    }
  })
}

serve()
