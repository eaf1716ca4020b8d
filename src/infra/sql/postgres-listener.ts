import { Client } from 'pg'
import { messageFrom } from '../../contract/errors.ts'
import type { OpenStore } from './store.ts'

const CONNECT_TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 10_000

export type Listener = { start(): void; stop(): Promise<void> }

/** A connection of its own that hears the notices on `channel`, and comes back when it breaks. Payloads are `<sender> <channel>`. */
export function createPostgresListener(
  url: string,
  {
    channel,
    own,
    clock,
    random,
    log,
    heard,
    missed,
  }: Pick<OpenStore, 'clock' | 'random' | 'log' | 'heard' | 'missed'> & { channel: string; own: string },
): Listener {
  let client: Client | undefined
  let isStarted = false
  let isStopped = false
  let cancelRetry = () => {}

  async function open(attempt: number): Promise<void> {
    const opening = new Client({
      connectionString: url,
      application_name: 'setpoint-listen',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    })
    client = opening
    let isOver = false
    const again = (why: string) => {
      if (isOver || isStopped) return
      isOver = true
      log.warn('sql.listener_lost', { error: why })
      opening.end().catch((error) => log.debug('sql.listener_end_failed', { error: messageFrom(error) }))
      const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt) * (0.5 + random() / 2)
      cancelRetry = clock.after(delayMs, () => void open(attempt + 1))
    }
    opening.on('error', (error) => again(error.message))
    opening.on('end', () => again('the connection was closed'))
    opening.on('notification', ({ payload = '' }) => {
      const [sender, subject = ''] = payload.split(' ')
      if (sender !== own) heard(subject)
    })
    try {
      await opening.connect()
      await opening.query(`LISTEN ${channel}`)
      attempt = 0
      missed()
    } catch (thrown) {
      again(messageFrom(thrown))
    }
  }

  return {
    start() {
      if (isStarted) return
      isStarted = true
      void open(0)
    },
    async stop() {
      isStopped = true
      cancelRetry()
      await client?.end().catch((error) => log.debug('sql.listener_end_failed', { error: messageFrom(error) }))
    },
  }
}
