import { expect, test } from 'vitest'
import { rowsFromRequest } from './tensors.ts'

const input = (given: object = {}) => ({ name: 'x', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6], ...given })
const body = (given: object = {}, rest: object = {}) => ({ inputs: [input(given)], ...rest })
const refusal = (request: unknown, features = 3): string => {
  try {
    rowsFromRequest(request, features)
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid' })
    return (error as Error).message
  }
  throw new Error('the request was taken')
}

test.each(['FP32', 'FP64', 'INT8', 'INT16', 'INT32', 'UINT8', 'UINT16', 'UINT32', 'BOOL'])('datatype %s is taken', (datatype) => {
  expect([...rowsFromRequest(body({ datatype }), 3).values]).toEqual([1, 2, 3, 4, 5, 6])
})

test.each(['FP16', 'BF16', 'INT64', 'UINT64', 'BYTES', 'fp32', ''])('datatype %s is refused by name', (datatype) => {
  expect(refusal(body({ datatype }))).toContain(`input x: datatype ${datatype} is not taken`)
})

test.each<[string, object, number, (number | null)[]]>([
  ['flat', {}, 2, [1, 2, 3, 4, 5, 6]],
  [
    'nested by row',
    {
      data: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
    2,
    [1, 2, 3, 4, 5, 6],
  ],
  ['nested unevenly', { data: [[1, 2], [3, [4, 5]], 6] }, 2, [1, 2, 3, 4, 5, 6]],
  ['one row without a row dimension', { shape: [3], data: [7, 8, 9] }, 1, [7, 8, 9]],
  ['three dimensions', { shape: [2, 1, 3] }, 2, [1, 2, 3, 4, 5, 6]],
  ['a missing value', { shape: [1, 3], data: [1, null, 3] }, 1, [1, Number.NaN, 3]],
  ['truth values', { shape: [1, 3], datatype: 'BOOL', data: [true, false, true] }, 1, [1, 0, 1]],
])('%s', (_name, given, count, values) => {
  const rows = rowsFromRequest(body(given), 3)
  expect([rows.count, [...rows.values]]).toEqual([count, values])
})

test.each<[string, unknown, string]>([
  ['no object', [], 'the body must be a JSON object'],
  ['null', null, 'the body must be a JSON object'],
  ['no inputs', {}, 'inputs: a list of at least one tensor'],
  ['empty inputs', { inputs: [] }, 'inputs: a list of at least one tensor'],
  ['two inputs', { inputs: [input(), input()] }, 'the model takes one input tensor; the request has 2'],
  ['an input that is a number', { inputs: [3] }, 'inputs.0: an object is needed'],
  ['no name', body({ name: undefined }), 'inputs.0.name: a text is needed'],
  ['no datatype', body({ datatype: 1 }), 'inputs.0.datatype: a text is needed'],
  ['no shape', body({ shape: undefined }), 'inputs.0.shape: a list of 1 to 8 whole numbers'],
  ['an empty shape', body({ shape: [] }), 'inputs.0.shape: a list of 1 to 8 whole numbers'],
  ['nine dimensions', body({ shape: [1, 1, 1, 1, 1, 1, 1, 2, 3] }), 'inputs.0.shape: a list of 1 to 8 whole numbers'],
  ['a negative length', body({ shape: [-2, 3] }), 'inputs.0.shape: a list of 1 to 8 whole numbers'],
  ['half a row', body({ shape: [1.5, 3] }), 'inputs.0.shape: a list of 1 to 8 whole numbers'],
  ['no data', body({ data: undefined }), 'inputs.0.data: a list is needed'],
  ['other features', body({ shape: [3, 2] }), 'the last dimension is 2; the model takes 3 features'],
  ['no rows', body({ shape: [0, 3], data: [] }), 'shape [0, 3] has no rows'],
  ['rows beyond counting', body({ shape: [2 ** 30, 2 ** 30, 3] }), 'has no rows'],
  ['a value too few', body({ data: [1, 2, 3, 4, 5] }), 'needs 6 values; 5 were sent'],
  ['a value too many', body({ data: [1, 2, 3, 4, 5, 6, 7] }), 'needs 6 values; 7 were sent'],
  ['a huge shape with little data', body({ shape: [1_000_000_000, 3] }), 'needs 3000000000 values; at most 18'],
  ['a text among the values', body({ data: [1, 2, 3, 'four', 5, 6] }), 'value 3 is "four"; a number or null is needed'],
  ['an object among the values', body({ data: [{}], shape: [1, 3] }), 'value 0 is {}; a number or null is needed'],
  ['an id of 129 characters', body({}, { id: 'x'.repeat(129) }), 'id: a text of at most 128 characters'],
  ['parameters as a list', body({}, { parameters: [] }), 'parameters: an object is needed'],
  ['an actor of 129 characters', body({}, { parameters: { actor: 'x'.repeat(129) } }), 'parameters.actor must be a text'],
  ['a source that is a number', body({}, { parameters: { source: 1 } }), 'parameters.source must be a text'],
  ['one id for two rows', body({}, { parameters: { ids: ['a'] } }), 'parameters.ids must be a list of 2 texts'],
  ['an empty id', body({}, { parameters: { ids: ['a', ''] } }), 'parameters.ids must be a list of 2 texts'],
])('%s is refused with what is wrong', (_name, request, message) => {
  expect(refusal(request)).toContain(message)
})

test('id, actor, source and ids come through at their greatest length; unknown fields are ignored', () => {
  const long = 'x'.repeat(128)
  const request = body({ colour: 'red' }, { id: long, parameters: { actor: long, source: long, ids: [long, 'b'], other: 1 }, outputs: [] })
  expect(rowsFromRequest(request, 3)).toMatchObject({ id: long, actor: long, source: long, ids: [long, 'b'] })
  expect(rowsFromRequest(body(), 3)).toMatchObject({ id: undefined, actor: '', source: '', ids: undefined })
})
