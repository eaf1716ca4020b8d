import { expect, test } from 'vitest'
import { attachment, rangeFrom } from './file-reply.ts'

test.each([
  [undefined, undefined],
  ['bytes=0-', { first: 0, last: 99 }],
  ['bytes=0-0', { first: 0, last: 0 }],
  ['bytes=10-19', { first: 10, last: 19 }],
  ['bytes=90-1000', { first: 90, last: 99 }],
  ['bytes=-10', { first: 90, last: 99 }],
  ['bytes=-1000', { first: 0, last: 99 }],
  ['bytes=-0', 'beyond'],
  ['bytes=100-', 'beyond'],
  ['bytes=100-200', 'beyond'],
  ['bytes=20-10', undefined],
  ['bytes=0-1,5-6', undefined],
  ['bytes=-', undefined],
  ['lines=0-1', undefined],
  ['bytes=0x10-20', undefined],
])('of 100 bytes, "%s" asks for %o', (header, range) => {
  expect(rangeFrom(header, 100)).toEqual(range)
})

test('nothing is left to ask for of an empty file', () => {
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) expect(rangeFrom(header, 0)).toBe('beyond')
})

test.each([
  ['model.pkl', 'attachment; filename=model.pkl'],
  ['dog+step+20.png', 'attachment; filename=dog+step+20.png'],
  ['two words.txt', `attachment; filename="two words.txt"; filename*=UTF-8''two%20words.txt`],
  ['a"b\\c', `attachment; filename="a\\"b\\\\c"; filename*=UTF-8''a%22b%5Cc`],
  ['über.txt', `attachment; filename="uber.txt"; filename*=UTF-8''%C3%BCber.txt`],
  ['模型', `attachment; filename="download"; filename*=UTF-8''%E6%A8%A1%E5%9E%8B`],
  ['a\r\nset-cookie: x', `attachment; filename="aset-cookie: x"; filename*=UTF-8''a%0D%0Aset-cookie%3A%20x`],
])('the attachment %s cannot leave its header', (filename, header) => {
  expect(attachment(filename)).toBe(header)
})
