import path from 'node:path'
import { AppError } from '../../contract/errors.ts'
import type { StreamSinkSpec, StreamSourceSpec } from '../../contract/streams.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { createEmbeddedLogs, openEmbeddedSink, openEmbeddedSource } from './embedded.ts'
import type { OpenSource, StreamSink, StreamSource } from './port.ts'

type Options = {
  /** Where the embedded subjects lie. */
  readonly folder: string
  /** Most bytes of one embedded subject. */
  readonly limitBytes: number
  /** Names the partition of embedded subjects: each process has its own. */
  readonly node: string
  /** Whether the embedded subjects are in the hands of another process, which started this one. */
  readonly guest?: boolean
  readonly busUrl?: string
  readonly clock: Clock
  readonly log: Log
  readonly readSecret: (name: string) => string | undefined
}
/** For whom something is opened: the embedded log keeps what this reader has still to see. */
type Owner = { readonly project: string; readonly reader: string }

export type StreamConnections = ReturnType<typeof createStreamConnections>

/** Opens sources and sinks of every kind behind one port. Throws `invalid` or `unavailable` naming the setting or the broker. */
export function createStreamConnections(options: Options) {
  const { clock, node, readSecret } = options
  const logs = createEmbeddedLogs({ ...options, folder: path.join(options.folder, 'streams') })

  function natsUrl(urlFrom: string | undefined): string {
    if (urlFrom !== undefined) return addressFrom(urlFrom)
    if (options.busUrl) return options.busUrl
    throw new AppError('invalid', 'a NATS source or sink names an environment variable in urlFrom, or the server has the setting busUrl')
  }
  function addressFrom(variable: string): string {
    const url = readSecret(variable)
    if (!url) throw new AppError('unavailable', `the environment variable ${variable} is not set where the server runs`)
    return url
  }

  return {
    logs,
    node,
    async openSource(spec: StreamSourceSpec, { project, reader }: Owner, how: OpenSource): Promise<StreamSource> {
      switch (spec.kind) {
        case 'embedded':
          return await openEmbeddedSource(await logs.open(project, spec.subject), { ...how, partition: node, reader, clock })
        case 'nats':
          return await (await import('./nats.ts')).openNatsSource({ url: natsUrl(spec.urlFrom), subject: spec.subject }, clock, how)
        case 'kafka':
          return await (await import('./kafka.ts')).openKafkaSource({ url: addressFrom(spec.urlFrom), topic: spec.topic }, clock, how)
      }
    },
    async openSink(spec: StreamSinkSpec, project: string): Promise<StreamSink> {
      switch (spec.kind) {
        case 'embedded':
          return openEmbeddedSink(await logs.open(project, spec.subject))
        case 'nats':
          return await (await import('./nats.ts')).openNatsSink({ url: natsUrl(spec.urlFrom), subject: spec.subject }, clock)
        case 'kafka':
          return await (await import('./kafka.ts')).openKafkaSink({ url: addressFrom(spec.urlFrom), topic: spec.topic })
      }
    },
    close: logs.close,
  }
}
