import { expect, test } from 'vitest'
import { bool, double, duration, enumeration, type Fields, int64, list, map, message, readMessage, string, timestamp } from './fields.ts'

const read = (fields: Fields, source: Record<string, unknown>) => {
  const result = readMessage(fields, source)
  return 'read' in result ? result.read : result.fault
}

test('reads values as protocol buffers in JSON are read', () => {
  expect(read({ n: int64() }, { n: '12' })).toEqual({ n: 12 })
  expect(read({ n: int64() }, { n: 12 })).toEqual({ n: 12 })
  expect(read({ x: double() }, { x: 'NaN' })).toEqual({ x: Number.NaN })
  expect(read({ x: double() }, { x: '-Infinity' })).toEqual({ x: Number.NEGATIVE_INFINITY })
  expect(read({ b: bool() }, { b: 'True' })).toEqual({ b: true })
  expect(read({ at: timestamp() }, { at: '2025-04-15T08:49:18.699Z' })).toEqual({ at: 1_744_706_958_699 })
  expect(read({ took: duration() }, { took: '1.5s' })).toEqual({ took: 1_500 })
  expect(read({ status: enumeration(['RUNNING', 'FINISHED'])() }, { status: 2 })).toEqual({ status: 'FINISHED' })
  expect(read({ run_id: string() }, { runId: 'a', other: 1 })).toEqual({ run_id: 'a' })
  expect(read({ tags: list(message({ key: string() })), sizes: map(int64()) }, { tags: [{ key: 'a' }], sizes: { b: '2' } })).toEqual({
    tags: [{ key: 'a' }],
    sizes: { b: 2 },
  })
  expect(read({ name: string() }, { name: null })).toEqual({})
})

test('names what is missing or wrong, and where', () => {
  const hint = 'See the API docs for more information about request parameters.'
  expect(read({ name: string({ required: true }) }, {})).toBe(`Missing value for required parameter 'name'. ${hint}`)
  expect(read({ name: string() }, { name: 123 })).toBe(
    `Invalid value 123 for parameter 'name' supplied:  Hint: Value was of type 'int'. ${hint}`,
  )
  expect(readMessage({ place: string() }, { place: 9 }, '{"place": 9.0}')).toMatchObject({
    fault: expect.stringContaining(`Invalid value 9.0 for parameter 'place' supplied:  Hint: Value was of type 'float'`),
  })
  expect(read({ step: int64() }, { step: 'foo' })).toContain(`Invalid value "foo" for parameter 'step' supplied`)
  const metrics = list(message({ key: string({ required: true }), timestamp: int64({ required: true }) }))
  expect(read({ metrics }, { metrics: [{ key: 'a' }] })).toContain(`Missing value for required parameter 'metrics[0].timestamp'.`)
  expect(read({ metrics }, { metrics: 'foo' })).toContain(`Invalid value "foo" for parameter 'metrics' supplied`)
  expect(read({ run_id: string() }, { run_id: 'a', runId: 'b' })).toContain(`both 'run_id' and 'runId'`)
})
