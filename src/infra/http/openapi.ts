import { z } from 'zod'
import type { Contract, Endpoint } from '../../contract/endpoint.ts'
import { errorCodes } from '../../contract/errors.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document of a set of contracts; everything in it is derived from them. */
export function openapiFrom(operations: Readonly<Record<string, Contract>>, version: string): Json {
  const paths: Record<string, Json> = {}
  for (const [module, contract] of Object.entries(operations)) {
    for (const [name, endpoint] of Object.entries(contract)) {
      const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
      paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationFrom(`${module}.${name}`, module, endpoint) }
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Setpoint', version, description: 'The control loop for machine learning in production.' },
    security: [{ key: [] }],
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'an API key, sp_…' } },
      schemas: { Error: errorSchema },
    },
    tags: Object.keys(operations).map((name) => ({ name })),
    paths,
  }
}

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'details', 'requestId'],
      properties: {
        code: { enum: Object.keys(errorCodes) },
        message: { type: 'string' },
        details: { type: 'object' },
        requestId: { type: 'string' },
      },
    },
  },
}

function operationFrom(operationId: string, tag: string, endpoint: Endpoint): Json {
  const schema = z.toJSONSchema(endpoint.input, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  const inPath = new Set([...endpoint.path.matchAll(/:(\w+)/g)].map((match) => match[1]!))
  const inQuery = endpoint.method === 'GET' || endpoint.accepts === 'bytes'
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => !(endpoint.accepts === 'bytes' && name === 'body'))
  const parameters = fields
    .filter(([name]) => inPath.has(name) || inQuery)
    .map(([name, own]) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: inPath.has(name) || (schema.required ?? []).includes(name),
      schema: own,
      ...(own.description ? { description: own.description } : {}),
    }))
  const body = fields.filter(([name]) => !inPath.has(name) && !inQuery)
  return {
    operationId,
    tags: [tag],
    summary: endpoint.summary,
    ...(endpoint.scope === 'public' ? { security: [] } : {}),
    'x-scope': endpoint.scope,
    parameters,
    ...(endpoint.accepts === 'bytes'
      ? { requestBody: { required: true, content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } } }
      : {}),
    ...(body.length > 0
      ? {
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  properties: Object.fromEntries(body),
                  required: (schema.required ?? []).filter((name) => !inPath.has(name)),
                  additionalProperties: false,
                },
              },
            },
          },
        }
      : {}),
    responses: {
      200: { description: 'done', content: replyContent(endpoint) },
      default: { description: 'an error', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
    },
  }
}

function replyContent(endpoint: Endpoint): Json {
  if (endpoint.returns === 'bytes') return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }
  const type = endpoint.returns === 'events' ? 'text/event-stream' : 'application/json'
  return { [type]: { schema: z.toJSONSchema(endpoint.output, { io: 'output', unrepresentable: 'any' }) } }
}
