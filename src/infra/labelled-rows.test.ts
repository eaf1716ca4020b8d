import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createDiskBlobs } from './blobs/disk-blobs.ts'
import { readReference } from './labelled-rows.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-reference-'))
const blobs = await createDiskBlobs(folder)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

async function* pieces(text: string, size: number) {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}
async function read(text: string, features: readonly string[], pieceBytes = 1_000) {
  const { digest } = await blobs.put(pieces(text, pieceBytes))
  return await readReference(blobs, digest, features)
}

test('features come in the order of the version, not of the file; other columns are left out', async () => {
  const { values, labels, rows } = await read('b,label,extra,a\n2,1,9,1\n4,0,9,3\n', ['a', 'b'])
  expect([[...values], [...labels], rows]).toEqual([[1, 2, 3, 4], [1, 0], 2])
})

test('a missing value is NaN, and a cut through any byte changes nothing', async () => {
  const text = 'größe,label\n,1\n2.5,0\n'
  for (const size of [1, 3, 7]) {
    const { values, labels } = await read(text, ['größe'], size)
    expect([[...values], [...labels]]).toEqual([
      [Number.NaN, 2.5],
      [1, 0],
    ])
  }
})

test('a header alone gives no rows', async () => {
  expect(await read('a,label\n', ['a'])).toMatchObject({ rows: 0 })
})

test.each([
  ['a feature that is not there', 'a,label\n1,0\n', 'no column b'],
  ['no label', 'a,b\n1,0\n', 'no column label'],
  ['a text among the numbers', 'a,b,label\n1,two,0\n', 'cannot be read'],
  ['a line cut short', 'a,b,label\n1,2\n', 'cannot be read'],
  ['nothing at all', '', 'cannot be read'],
])('%s is refused', async (_name, text, message) => {
  await expect(read(text, ['a', 'b'])).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining(message) })
})

test('rows that were never uploaded are named as such', async () => {
  await expect(readReference(blobs, '0'.repeat(64), ['a'])).rejects.toMatchObject({ code: 'not_found' })
})
