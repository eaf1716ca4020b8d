import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { openColumn } from './column-cursor.ts'
import { areAllOne, readRunLengths } from './run-lengths.ts'
import { uncompressSnappy } from './snappy.ts'
import { parquetOfRowGroup, plainNumbers, plainTexts } from './write-row-group.ts'

const random = createRandom('parquet')
const ROWS = 5_000

function readAll(file: ArrayBuffer, name: string, wanted: 'numbers' | 'keys'): unknown[] {
  const metadata = parquetMetadata(file)
  const readAt = (offset: number, length: number) => new Uint8Array(file.slice(offset, offset + length))
  return metadata.row_groups.flatMap((group) => {
    const column = openColumn(readAt, metadata, group, name, wanted)
    const found: unknown[] = []
    for (let row = 0; row < Number(group.num_rows); ) {
      const { values, firstRow, endRow } = column.pageOf(row)
      for (; row < endRow; row++) {
        const at = row - firstRow
        if ('numbers' in values) found.push(values.numbers[at])
        else if ('integers' in values) found.push(values.present?.[at] === 0 ? null : values.integers[at])
        else found.push(values.others[at] ?? null)
      }
    }
    return found
  })
}

const few = [1.5, -2, 3e9, 0]
const columns: [string, ColumnSource][] = [
  ['float', { name: 'x', type: 'FLOAT', data: Float32Array.from({ length: ROWS }, () => random.next()) }],
  ['double', { name: 'x', type: 'DOUBLE', data: Float64Array.from({ length: ROWS }, () => random.next()) }],
  ['double with a dictionary', { name: 'x', type: 'DOUBLE', data: Array.from({ length: ROWS }, () => few[random.int(4)]!) as never }],
  [
    'double with missing values',
    { name: 'x', type: 'DOUBLE', nullable: true, data: Array.from({ length: ROWS }, (_, i) => (i % 7 === 0 ? null : i / 3)) as never },
  ],
  ['int32', { name: 'x', type: 'INT32', data: Int32Array.from({ length: ROWS }, () => random.int(1e9) - 5e8) }],
  ['int64', { name: 'x', type: 'INT64', data: BigInt64Array.from({ length: ROWS }, () => BigInt(random.int(1e9)) - 500_000_000n) }],
  [
    'int64 by differences',
    { name: 'x', type: 'INT64', encoding: 'DELTA_BINARY_PACKED', data: BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i * 3)) },
  ],
  [
    'float by byte streams',
    { name: 'x', type: 'FLOAT', encoding: 'BYTE_STREAM_SPLIT', data: Float32Array.from({ length: ROWS }, () => random.next()) },
  ],
  ['boolean', { name: 'x', type: 'BOOLEAN', data: Array.from({ length: ROWS }, (_, i) => i % 3 === 0) as never }],
  ['text', { name: 'x', type: 'STRING', data: Array.from({ length: ROWS }, (_, i) => `k${i % 1_000}é`) as never }],
]

test.each(columns)('a column of %s is read as the general reader reads it', async (_name, column) => {
  for (const codec of ['UNCOMPRESSED', 'SNAPPY'] as const) {
    const file = parquetWriteBuffer({ columnData: [column], codec, pageSize: 4_096, rowGroupSize: 2_000 })
    const expected = (await parquetReadObjects({ file })).map(({ x }) => x)
    const asNumber = (value: unknown) =>
      value === null || value === undefined ? Number.NaN : typeof value === 'bigint' ? Number(value) : value
    const read = readAll(file, 'x', 'numbers').map(asNumber)
    expect(read).toEqual(expected.map(asNumber))
  }
})

test('keys of 64 bits stay exact, and missing ones are told', () => {
  const keys = Array.from({ length: 1_000 }, (_, i) => (i % 10 === 3 ? null : 2n ** 62n + BigInt(i % 50)))
  const file = parquetWriteBuffer({ columnData: [{ name: 'x', type: 'INT64', nullable: true, data: keys as never }], rowGroupSize: 300 })
  expect(readAll(file, 'x', 'keys')).toEqual(keys)
})

test('a row group written here is read by the general reader', async () => {
  const bytes = parquetOfRowGroup(3, [
    { name: 'id', type: 'INT64', values: plainNumbers(BigInt64Array.of(1n, 2n ** 60n, -3n)) },
    { name: 'name', type: 'BYTE_ARRAY', meaning: 'UTF8', values: plainTexts(['a', '', 'ü€']) },
    { name: 'run', type: 'BYTE_ARRAY', meaning: 'UTF8', same: plainTexts(['r']) },
    { name: 'at', type: 'INT64', meaning: 'TIMESTAMP_MILLIS', same: plainNumbers(BigInt64Array.of(86_400_000n)) },
  ])
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  const at = new Date(86_400_000)
  expect(await parquetReadObjects({ file })).toEqual([
    { id: 1n, name: 'a', run: 'r', at },
    { id: 2n ** 60n, name: '', run: 'r', at },
    { id: -3n, name: 'ü€', run: 'r', at },
  ])
})

test('run lengths and packed groups of every width are read back', () => {
  for (const width of [1, 3, 8, 16, 20, 24, 25, 31, 32]) {
    const values = Array.from({ length: 16 }, () => Math.floor(random.next() * 2 ** width))
    const bits = values.map((value) => value.toString(2).padStart(width, '0').split('').reverse().join('')).join('')
    const packed = bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte.split('').reverse().join(''), 2))
    const run = [20, ...Array.from({ length: Math.ceil(width / 8) }, (_, i) => (i === 0 ? 1 : 0))]
    const read = readRunLengths({ bytes: Uint8Array.from([5, ...packed, ...run]), at: 0 }, width, 26)
    expect(Array.from(read, (value) => value >>> 0)).toEqual([...values, ...new Array(10).fill(1)])
  }
  expect(areAllOne({ bytes: Uint8Array.of(20, 1), at: 0 }, 10)).toBe(true)
  expect(areAllOne({ bytes: Uint8Array.of(3, 0b11111101), at: 0 }, 8)).toBe(false)
  expect(() => readRunLengths({ bytes: Uint8Array.of(200), at: 0 }, 8, 4)).toThrow(RangeError)
})

test('a Snappy block that lies about its sizes is refused', () => {
  expect([...uncompressSnappy(Uint8Array.of(5, 0b0, 97, 0b1, 1), 5)]).toEqual([97, 97, 97, 97, 97])
  for (const bytes of [
    [5, 0b10000, 97],
    [5, 0, 97, 1, 2],
    [4, 0, 97],
    [5, 0, 97, 1, 0],
  ])
    expect(() => uncompressSnappy(Uint8Array.from(bytes), 5)).toThrow(RangeError)
})
