import { AppError } from '../../contract/errors.ts'
import { createWire, readFields, textOf } from '../../lib/protobuf/wire-reader.ts'
import { varintField } from '../../lib/protobuf/wire-writer.ts'
import type { GrpcMethod } from './method.ts'

const SERVING = 1
const NOT_SERVING = 2
const MOST_FIELDS = 16

/** The health service of gRPC, `grpc.health.v1`, for the server as a whole and for each of `services`. */
export function healthMethods(services: readonly string[], isReady: () => boolean): GrpcMethod[] {
  return [
    {
      path: '/grpc.health.v1.Health/Check',
      scope: 'public',
      unary(message) {
        const service = serviceFrom(message)
        if (service !== '' && !services.includes(service)) throw new AppError('not_found', `there is no service ${service}`)
        return varintField(1, isReady() ? SERVING : NOT_SERVING)
      },
    },
  ]
}

function serviceFrom(message: Uint8Array): string {
  const wire = createWire(message, MOST_FIELDS)
  let service = ''
  readFields(wire, 0, message.length, (field) => {
    if (field.number === 1) service = textOf(wire, field)
  })
  return service
}
