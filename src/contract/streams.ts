import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Digest, Instant, Limit, Name, Reason } from './scalars.ts'

/** Where a value lies in an event: `$.order.amount`, `order.items[0].price`. */
const JsonPath = z
  .string()
  .max(256)
  .regex(/^\$?(\.?[A-Za-z_][\w-]*|\[\d{1,6}\])(\.[A-Za-z_][\w-]*|\[\d{1,6}\])*$/, 'write a path such as $.order.amount or items[0].price')
const Group = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a group has 1 to 64 letters, digits, dashes and underscores')
const NatsSubject = z
  .string()
  .max(256)
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'a subject is words parted by dots, without wildcards')
  .refine((subject) => !/^setpoint(\.|$)/.test(subject), { error: 'subjects that begin with setpoint are the server’s own' })
const Topic = z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, 'a topic has letters, digits, dots, dashes and underscores')
/** The server’s own settings are out of reach. */
const UrlVariable = z
  .string()
  .regex(/^(?!SETPOINT_)[A-Z][A-Z0-9_]*_URL$/, 'name an environment variable such as ORDERS_URL, not one of the server’s own')

const places = {
  embedded: { kind: z.literal('embedded'), subject: Name },
  nats: {
    kind: z.literal('nats'),
    subject: NatsSubject,
    urlFrom: UrlVariable.optional().describe('environment variable with a nats:// address; absent = the bus of the server'),
  },
  kafka: { kind: z.literal('kafka'), topic: Topic, urlFrom: UrlVariable.describe('environment variable with a kafka:// address') },
}
const reader = {
  group: Group.describe('who reads: a group keeps its own place'),
  from: z.enum(['new', 'all']).default('new').describe('where a group begins that has no place yet'),
}
const StreamSource = z.discriminatedUnion('kind', [
  z.strictObject({ ...places.embedded, ...reader }),
  z.strictObject({ ...places.nats, ...reader }),
  z.strictObject({ ...places.kafka, ...reader }),
])
export type StreamSourceSpec = z.infer<typeof StreamSource>
const StreamSink = z.discriminatedUnion('kind', [
  z.strictObject(places.embedded),
  z.strictObject(places.nats),
  z.strictObject(places.kafka),
])
export type StreamSinkSpec = z.infer<typeof StreamSink>

const Feature = z.string().min(1).max(128)
const Lookup = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('table'),
    name: Name,
    digest: Digest.describe('an uploaded CSV with a header; the digest pins what is joined'),
    key: z.string().min(1).max(256).describe('column of the table'),
    on: JsonPath.describe('value of the event that is looked up'),
    features: z.record(Feature, z.string().min(1).max(256)).describe('feature → column; a key that is not there gives a missing value'),
  }),
  z.strictObject({
    kind: z.literal('last'),
    name: Feature.describe('the feature: the value of the event before it with the same key'),
    key: JsonPath,
    of: JsonPath.describe('the number that is remembered'),
    mostKeys: z.int().min(1).max(1_000_000).default(100_000).describe('beyond it the key that was quiet for longest is forgotten'),
  }),
])
const Window = z.strictObject({
  name: Feature.describe('the feature'),
  kind: z.enum(['tumbling', 'sliding']),
  sizeMs: z
    .int()
    .min(1)
    .max(30 * 86_400_000),
  panes: z.int().min(2).max(600).optional().describe('of a sliding window: it moves on by sizeMs ÷ panes; 60 when absent'),
  key: JsonPath.describe('events with the same value share a window'),
  aggregate: z.enum(['count', 'sum', 'mean', 'min', 'max']),
  of: JsonPath.optional().describe('the number that is aggregated; count may go without'),
  mostKeys: z.int().min(1).max(1_000_000).default(100_000).describe('beyond it the key that was quiet for longest is forgotten'),
})
export type StreamWindow = z.infer<typeof Window>

/** Events in, scores out: what is read, what becomes of it, where it goes. */
export const StreamSpec = z.strictObject({
  deployment: Name.describe('its champion scores; its rollouts, rules and limits hold as for any request'),
  source: StreamSource,
  sink: StreamSink,
  deadLetters: StreamSink.describe('where events go that cannot be scored, with the reason'),
  delivery: z.literal('at-least-once').describe('outputs may repeat after a crash, with the same id'),
  event: z.strictObject({
    id: JsonPath.describe('names the event; labels name it later'),
    time: JsonPath.optional().describe('milliseconds since 1970 or ISO 8601; absent = when the source took it'),
    features: z.record(Feature, JsonPath).default({}).describe('feature → path; a feature that is not named lies at its own name'),
    featuresAt: JsonPath.optional().describe('object in which features lie that are not named; absent = the event itself'),
    actor: JsonPath.optional(),
    source: JsonPath.optional(),
  }),
  enrich: z.array(Lookup).max(20).default([]),
  windows: z.array(Window).max(50).default([]),
  late: z
    .strictObject({
      allowedMs: z.int().nonnegative().max(86_400_000).default(60_000).describe('the watermark is the latest event time less this'),
      policy: z.enum(['drop', 'dead-letter', 'score']).default('score').describe('of events before the watermark; none joins a window'),
    })
    .default({ allowedMs: 60_000, policy: 'score' }),
  mostAheadMs: z
    .int()
    .positive()
    .max(365 * 86_400_000)
    .default(3_600_000)
    .describe('an event further in the future is a dead letter: it would make all others late'),
  batch: z
    .strictObject({
      most: z.int().min(1).max(4_096).default(512).describe('events scored together'),
      lingerMs: z.int().min(0).max(10_000).default(0).describe('how long the first may wait for others'),
    })
    .default({ most: 512, lingerMs: 0 }),
  maxInFlight: z.int().min(1).max(65_536).default(4_096).describe('events read and not yet safe in a checkpoint'),
  retries: z.int().min(0).max(10).default(2).describe('of an event whose model fails, before it is a dead letter'),
})
export type StreamSpec = z.infer<typeof StreamSpec>

const Counts = z.object({
  read: z.int().describe('events, once each'),
  published: z.int().describe('outputs, but those that the sink had already'),
  repeated: z.int().describe('outputs that the sink had already'),
  dead: z.int(),
  late: z.int(),
  dropped: z.int().describe('late ones, by policy'),
  evicted: z.int().describe('keys of windows and stores forgotten for want of room'),
  missed: z.int().describe('events that the source no longer had'),
})
export type StreamCounts = z.infer<typeof Counts>

const Stream = z.object({
  name: Name,
  deployment: Name,
  state: z
    .enum(['running', 'waiting', 'paused', 'standby', 'starting'])
    .describe('waiting: held up by its problem; standby: another process works it'),
  problem: z.string().nullable().describe('what holds it up now, or the last thing that went wrong'),
  pausedBy: z.string().nullable(),
  lag: z.int().nullable().describe('events in the source that are not read yet; null when it cannot be told'),
  inFlight: z.int(),
  perSecond: z.number().describe('events read, over the last ten seconds'),
  watermark: Instant.nullable().describe('the earliest of its partitions'),
  partitions: z.array(
    z.object({
      partition: z.string(),
      node: z.string().describe('process that works it'),
      position: z.int().describe('the last one that is safe in a checkpoint'),
      watermark: Instant.nullable(),
      checkpointAt: Instant,
    }),
  ),
  counts: Counts.describe('since the stream began, as of the last checkpoint'),
})
export type Stream = z.infer<typeof Stream>

const oneStream = { stream: Name }
const Replay = z.object({
  letters: z.array(
    z.object({
      id: z.string().nullable(),
      partition: z.string(),
      position: z.int(),
      reason: z.string(),
      at: Instant,
      event: z.string().describe('as it came; base64 where it is no text'),
    }),
  ),
  replayed: z.int().describe('events put back into the source'),
  unreadable: z.int().describe('dead letters that are not ours; they are passed over'),
  dryRun: z.boolean(),
})

export const streams = {
  listStreams: endpoint({
    method: 'GET',
    path: '/api/v1/streams',
    summary: 'List streams with their lag, rates and problems',
    scope: 'read',
    input: z.strictObject({}),
    output: z.array(Stream),
    examples: ['setpoint streams list-streams'],
  }),
  getStream: endpoint({
    method: 'GET',
    path: '/api/v1/streams/:stream',
    summary: 'Read one stream: how far it is and what holds it up',
    scope: 'read',
    input: z.strictObject(oneStream),
    output: Stream,
    examples: ['setpoint streams get-stream payments'],
  }),
  pauseStream: endpoint({
    method: 'POST',
    path: '/api/v1/streams/:stream/pause',
    summary: 'Stop reading; events stay in the source',
    scope: 'write',
    input: z.strictObject({ ...oneStream, reason: Reason }),
    output: Stream,
    examples: ['setpoint streams pause-stream payments --reason "the sink moves"'],
  }),
  resumeStream: endpoint({
    method: 'POST',
    path: '/api/v1/streams/:stream/resume',
    summary: 'Go on reading where the stream was paused',
    scope: 'write',
    input: z.strictObject({ ...oneStream, reason: Reason }),
    output: Stream,
  }),
  replayDeadLetters: endpoint({
    method: 'POST',
    path: '/api/v1/streams/:stream/dead-letters/replay',
    summary: 'Put dead letters back into the source, oldest first, each once; with dryRun only show them',
    scope: 'write',
    input: z.strictObject({
      ...oneStream,
      limit: z.int().min(1).max(1_000).default(100),
      dryRun: z.boolean().default(false),
      reason: Reason.default('asked for'),
    }),
    output: Replay,
    examples: ['setpoint streams replay-dead-letters payments --dry-run', 'setpoint streams replay-dead-letters payments --limit 1000'],
  }),
  publishEvents: endpoint({
    method: 'POST',
    path: '/api/v1/stream-subjects/:subject/events',
    summary: 'Put events into the embedded source of a stream; the answer means that they are on the disk',
    scope: 'predict',
    input: z.strictObject({
      subject: Name,
      events: z
        .array(
          z.strictObject({
            id: z.string().min(1).max(256).optional().describe('an event with an id that is there already is not put in again'),
            data: z.unknown().describe('the event: any JSON'),
          }),
        )
        .min(1)
        .max(1_000),
    }),
    output: z.object({
      last: z.int().describe('position of the newest event of the subject'),
      duplicates: z.int(),
    }),
    examples: [`setpoint streams publish-events payments-in --events '[{"id":"p1","data":{"id":"p1","amount":12.5}}]'`],
  }),
  readEvents: endpoint({
    method: 'GET',
    path: '/api/v1/stream-subjects/:subject/events',
    summary: 'Read events of an embedded subject, in order; waits for the next one where asked to',
    scope: 'read',
    input: z.strictObject({
      subject: Name,
      after: z.coerce.number().int().nonnegative().optional().describe('the last position seen; absent = the place of the group, or 0'),
      group: Group.optional(),
      limit: Limit,
      waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
    }),
    output: z.object({
      events: z.array(
        z.object({
          position: z.int(),
          id: z.string().nullable(),
          at: Instant,
          data: z.unknown().describe('the event; a text where it is no JSON'),
        }),
      ),
      first: z.int().describe('oldest position that is kept'),
      last: z.int(),
    }),
    examples: ['setpoint streams read-events payments-out --after 0 --limit 10'],
  }),
  acknowledgeEvents: endpoint({
    method: 'POST',
    path: '/api/v1/stream-subjects/:subject/groups/:group/position',
    summary: 'Keep how far a group has read an embedded subject; it goes on after that',
    scope: 'predict',
    input: z.strictObject({ subject: Name, group: Group, position: z.int().nonnegative() }),
    output: z.object({ position: z.int() }),
  }),
}
