import { AppError } from '../../../contract/errors.ts'
import type { StreamSinkSpec } from '../../../contract/streams.ts'
import type { Rule } from '../../govern/documents/index.ts'

const placeOf = (place: StreamSinkSpec) =>
  `${place.kind}/${'urlFrom' in place ? (place.urlFrom ?? '') : ''}/${'topic' in place ? place.topic : place.subject}`

/** Refuses, before it is accepted, a stream that would read its own output or could not compute what it declares. */
export const checkStream: Rule<'Stream'> = ({ metadata: { name }, spec }, others) => {
  const refuse = (path: string, problem: string): never => {
    throw new AppError('invalid', `Stream ${name}: spec.${path}: ${problem}`)
  }
  if (!others.has('Deployment', spec.deployment)) refuse('deployment', `there is no Deployment ${spec.deployment}; declare it too`)
  const [source, sink, letters] = [spec.source, spec.sink, spec.deadLetters].map(placeOf) as [string, string, string]
  if (sink === source) refuse('sink', 'it is the source; the stream would score its own output')
  if (letters === source) refuse('deadLetters', 'it is the source; a dead letter would come back for ever')
  if (letters === sink) refuse('deadLetters', 'it is the sink; keep what failed apart from what was scored')
  const derived = [
    ...spec.windows.map((one) => one.name),
    ...spec.enrich.flatMap((one) => (one.kind === 'last' ? [one.name] : Object.keys(one.features))),
  ]
  const twice = derived.find((feature, i) => derived.indexOf(feature) !== i)
  if (twice !== undefined) refuse('windows', `two windows or lookups give the feature ${twice}`)
  const both = derived.find((feature) => feature in spec.event.features)
  if (both !== undefined) refuse('event.features', `${both} comes from a window or a lookup already`)
  for (const [i, one] of spec.windows.entries()) {
    if (one.aggregate !== 'count' && one.of === undefined) refuse(`windows.${i}.of`, `${one.aggregate} needs the number to aggregate`)
    if (one.kind === 'tumbling' && one.panes !== undefined) refuse(`windows.${i}.panes`, 'a tumbling window is one pane')
  }
}
