import path from 'node:path'
import { createBlobs } from './blobs/blobs.ts'
import { type Bus, createBus } from './bus/index.ts'
import { createCalculations } from './calculations.ts'
import { type Clock, systemClock } from './clock.ts'
import { createColumns } from './columns/columns.ts'
import type { Config } from './config.ts'
import { childEnvironment, readSecret } from './config.ts'
import { publicFetch } from './http/public-fetch.ts'
import { createIds } from './ids.ts'
import { createJobs } from './jobs/index.ts'
import type { Log } from './log.ts'
import { holdPlace, nodeOf, oldestOfWorkersMs, placeOf, spoolFolderOf } from './places.ts'
import { createSpool } from './spool.ts'
import { createSql } from './sql/index.ts'
import { createStreamConnections } from './streams/connections.ts'

const root = path.resolve(import.meta.dirname, '../..')
const SEGMENT_BYTES = 16 * 1024 * 1024
const FSYNC_EVERY_MS = 1_000
const JOBS_AT_ONCE = 8

/** What tests replace: everything that is not decided by the configuration alone. */
export type Outside = {
  readonly log: Log
  readonly clock?: Clock
  readonly random?: () => number
  readonly fetch?: typeof fetch
  /** Replies are parsed by their schema: on in tests and in development. */
  readonly checkReplies?: boolean
  /** Keeps metadata in memory. */
  readonly inMemory?: boolean
}

function s3Credentials({ s3AccessKeyId, s3SecretAccessKey }: Config) {
  return s3AccessKeyId && s3SecretAccessKey ? { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey } : undefined
}

export type Infra = Awaited<ReturnType<typeof openInfra>>

/**
 * Opens the outside world that the configuration names: four stores, the bus, the job queue, the spool. What was opened
 * is closed again when a later part cannot be. Throws `unavailable` naming the store that does not answer.
 */
export async function openInfra(config: Config, outside: Outside) {
  const { log, clock = systemClock, random = Math.random } = outside
  const ids = createIds(clock)
  const place = placeOf(config)
  const opened: { close(): Promise<void> }[] = []
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part)
    return part
  }
  const close = async () => {
    for (const part of opened.reverse()) await part.close()
  }
  try {
    const sql = keep(
      await createSql({
        url: config.sqlUrl,
        file: outside.inMemory ? undefined : path.join(config.data, 'setpoint.db'),
        sharing: place.sharing,
        migrations: path.join(root, 'migrations/sql'),
        log,
        clock,
        random,
      }),
    )
    const columns = keep(
      await createColumns({
        url: config.columnsUrl,
        folder: path.join(config.data, 'columns'),
        guest: place.sharing === 'guest',
        migrations: path.join(root, 'migrations/columns'),
        log,
        clock,
        limits: { memoryBytes: config.columnsMemoryBytes },
      }),
    )
    const blobs = await createBlobs({
      url: config.blobsUrl,
      folder: path.join(config.data, 'blobs'),
      credentials: s3Credentials(config),
      log,
      clock,
    })
    const openSpool = (folder: string, node: string) =>
      createSpool({
        folder,
        node,
        log,
        clock,
        maxSegmentBytes: SEGMENT_BYTES,
        maxTotalBytes: config.spoolLimitBytes,
        fsyncEveryMs: FSYNC_EVERY_MS,
      })
    if (config.worker > 0) keep(holdPlace(config.data, config.worker))
    const spool = keep(openSpool(place.spool, place.node))
    const jobs = createJobs({ sql, clock, ids, random, log, concurrency: JOBS_AT_ONCE })
    const bus: Bus = createBus({ sql, clock, ids, log, jobs, url: config.busUrl })
    const streams = keep(
      createStreamConnections({
        guest: place.sharing === 'guest',
        folder: config.data,
        limitBytes: config.streamLimitBytes,
        node: config.node,
        busUrl: config.busUrl,
        clock,
        log,
        readSecret,
      }),
    )
    let url = ''
    return {
      config,
      log,
      clock,
      random,
      ids,
      sql,
      columns,
      blobs,
      place,
      spool,
      /** The spool of a worker that has ended. */
      openSpoolOf: (worker: number) => openSpool(spoolFolderOf(config.data, worker), nodeOf(config.node, worker)),
      /** Since when records of workers wait to be moved; undefined where there are none, or no workers. */
      workersWaitSinceMs: () => (place.sharing === 'owner' ? oldestOfWorkersMs(config.data) : undefined),
      jobs,
      bus,
      streams,
      calculations: keep(createCalculations()),
      fetch: outside.fetch ?? fetch,
      fetchPublic: outside.fetch ?? (config.privateWebhooks ? fetch : publicFetch),
      checkReplies: outside.checkReplies ?? false,
      consoleFolder: path.join(root, 'dist/web'),
      readSecret: (name: string) => readSecret(name),
      childEnvironment: () => childEnvironment(),
      /** The address this server was given when it began to listen. */
      serverUrl: () => url,
      setServerUrl(given: string) {
        url = given
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
