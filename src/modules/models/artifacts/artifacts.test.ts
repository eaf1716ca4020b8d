import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { sql as raw } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import { type Blobs, createBlobs } from '../../../infra/blobs/blobs.ts'
import { createIds } from '../../../infra/ids.ts'
import { silentLog } from '../../../infra/log.ts'
import { eachSql } from '../../../infra/sql/for-tests.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { recordedFile } from '../../../lib/model-files/fixtures/recorded.ts'
import { type Artifacts, createArtifacts, createCollector, createUploads, type Uploads } from './index.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-artifacts-'))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

async function* bytesOf(...pieces: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece)
}
const callerIn = (project: string): Caller => ({ id: 'tester', project, scopes: new Set(['admin']), requestId: 'r' })
async function gathered<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

eachSql((name, open) => {
  const clock = createManualClock()
  let sql: Sql
  let blobs: Blobs
  let artifacts: Artifacts
  let uploads: Uploads
  const put = (at: string, content = at, project = 'p') => artifacts.put(project, at, bytesOf(content))
  const read = async (at: string, project = 'p') => await text(await (await artifacts.open(project, at)).read())
  const paths = async (at: string, project = 'p') => (await artifacts.list(project, at)).map((entry) => entry.path)

  beforeAll(async () => {
    sql = await open()
    blobs = await createBlobs({ folder: path.join(folder, name), log: silentLog, clock })
    artifacts = createArtifacts({ sql, blobs, clock, uploadLimitBytes: 1_000 })
    uploads = createUploads({ sql, blobs, clock, ids: createIds(clock), artifacts, uploadLimitBytes: 1_000 })
  })

  describe('files', () => {
    test('come back whole and in part, under one spelling of their path', async () => {
      const stored = await put('./a//b/one.txt', 'hello world')
      expect(stored).toMatchObject({ path: 'a/b/one.txt', sizeBytes: 11 })
      expect(await read('a/b/one.txt')).toBe('hello world')
      const pieces: string[] = []
      const take = async (piece: Uint8Array) => void pieces.push(Buffer.from(piece).toString())
      await (await artifacts.open('p', 'a/b/./one.txt')).send(take, { first: 6, last: 10 })
      expect(pieces.join('')).toBe('world')
      await put('a/b/one.txt', 'replaced')
      expect(await read('a/b/one.txt')).toBe('replaced')
    })

    test('are listed by folder, folders first made by what is put into them', async () => {
      await put('list/z.txt', '1')
      await put('list/dir/deep/x.txt', '22')
      await put('list-not/y.txt', '333')
      expect(await artifacts.list('p', 'list')).toMatchObject([
        { path: 'list/dir', isFolder: true, digest: null },
        { path: 'list/z.txt', isFolder: false, sizeBytes: 1 },
      ])
      expect(await paths('list/dir/deep/x.txt')).toEqual([])
      expect(await paths('nowhere')).toEqual([])
      expect(await paths('')).toContain('list')
      expect((await gathered(artifacts.walk('p', 'list'))).map((file) => file.path).sort()).toEqual(['list/dir/deep/x.txt', 'list/z.txt'])
      expect(await artifacts.measureFolder({ folder: 'list' }, callerIn('p'))).toEqual({ files: 2, sizeBytes: 3 })
      const first = await artifacts.listFiles({ folder: 'list', limit: 1 }, callerIn('p'))
      const second = await artifacts.listFiles({ folder: 'list', limit: 9, after: first[0]!.path }, callerIn('p'))
      expect([...first, ...second].map((entry) => entry.path).sort()).toEqual(['list/dir', 'list/z.txt'])
    })

    test('are removed alone, or with their folder and all in it and nothing beside it', async () => {
      for (const at of ['gone/a', 'gone/b/c', 'gone/b/d/e', 'gone-not/f']) await put(at)
      expect(await artifacts.remove('p', 'gone/a')).toBe(1)
      expect(await artifacts.remove('p', 'gone')).toBe(2)
      expect(await artifacts.remove('p', 'gone')).toBe(0)
      expect(await artifacts.stat('p', 'gone/b/d')).toBeUndefined()
      expect(await read('gone-not/f')).toBe('gone-not/f')
      await put('gone/b/again')
      expect(await paths('gone')).toEqual(['gone/b'])
    })

    test('a file and a folder cannot meet, whichever comes first', async () => {
      await put('meet/file')
      await expect(put('meet/file/below')).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringMatching(/meet\/file is a file already/),
      })
      await expect(put('meet')).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/meet is a folder already/) })
      expect(await artifacts.stat('p', 'meet/file/below')).toBeUndefined()
    })

    test('a folder removed while files are put into it forgets none of those that stay', async () => {
      const rounds = Array.from({ length: 20 }, (_, i) => i)
      await Promise.all(rounds.flatMap((i) => [put(`race/${i % 3}/${i}`), i % 5 === 0 ? artifacts.remove('p', 'race') : undefined]))
      const seen = (await gathered(artifacts.walk('p', 'race'))).map((file) => file.path)
      const there = await Promise.all(
        rounds.map(async (i) => ((await artifacts.stat('p', `race/${i % 3}/${i}`)) ? [`race/${i % 3}/${i}`] : [])),
      )
      expect(seen.sort()).toEqual(there.flat().sort())
    })

    test('what is not there, is a folder, is too large or breaks off is refused and leaves nothing', async () => {
      await expect(read('never')).rejects.toMatchObject({ code: 'not_found', message: expect.stringMatching(/No such artifact: 'never'/) })
      await expect(read('list')).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(/directory, not a file/) })
      await expect(put('large', 'x'.repeat(1_001))).rejects.toMatchObject({ code: 'too_large' })
      async function* broken() {
        yield Buffer.from('half')
        throw new Error('the line broke')
      }
      await expect(artifacts.put('p', 'broken', broken())).rejects.toThrow('the line broke')
      for (const at of ['large', 'broken']) expect(await artifacts.stat('p', at)).toBeUndefined()
      for (const at of ['../up', 'a/../../b', '%2e%2e/a', '/etc/passwd', 'C:/x', 'a\\b', 'a\0', ''])
        await expect(put(at, 'x')).rejects.toMatchObject({ code: 'invalid' })
    })

    test('belong to their project alone', async () => {
      await put('mine.txt', 'mine', 'one')
      await put('mine.txt', 'other', 'two')
      expect([await read('mine.txt', 'one'), await read('mine.txt', 'two')]).toEqual(['mine', 'other'])
      expect(await artifacts.remove('two', '')).toBe(1)
      expect([await paths('', 'one'), await paths('', 'two')]).toEqual([['mine.txt'], []])
    })

    test('that are damaged are named when a folder is verified', async () => {
      const { digest } = await put('checked/bad', 'to be damaged')
      await put('checked/good', 'stays')
      fs.writeFileSync(path.join(folder, name, digest.slice(0, 2), digest.slice(2)), 'to be DAMAGED')
      const checked = await artifacts.verifyFolder({ folder: 'checked' }, callerIn('p'))
      expect(checked).toMatchObject({ files: 2, damaged: [{ path: 'checked/bad', problem: expect.stringContaining('corrupt') }] })
    })
  })

  describe('models', () => {
    const store = async (at: string, bytes: Uint8Array) => {
      const { digest, sizeBytes } = await blobs.put(once(bytes))
      await artifacts.link('p', at, { digest, sizeBytes })
    }
    async function* once(bytes: Uint8Array) {
      yield bytes
    }

    test('are described by what their folder holds, without loading any of it', async () => {
      await put(
        'm/1/MLmodel',
        'flavors: {sklearn: {pickled_model: model.pkl}}\nrun_id: r1\nsignature: {inputs: \'[{"type":"double","name":"a"}]\'}',
      )
      await store('m/1/model.pkl', recordedFile('protocol-4.pkl'))
      for (const name of ['model.safetensors', 'model.gguf', 'model.lgb', 'xgboost.ubj', 'xgboost.json'] as const)
        await store(`m/1/weights/${name}`, recordedFile(name))
      await store('m/1/weights/cut.safetensors', recordedFile('model.safetensors').subarray(0, 100))
      await store('m/1/bomb.zip', Buffer.from('PK\x03\x04'))
      expect(await artifacts.inspect('p', 'm/1')).toMatchObject({
        format: 'safetensors',
        flavors: { sklearn: { pickled_model: 'model.pkl' } },
        signature: { inputs: [{ name: 'a', type: 'double' }] },
        weights: { tensors: 5, parameters: 74 },
        trees: { objective: 'binary' },
        unsafe: [{ path: 'model.pkl' }],
        problems: [{ path: 'weights/cut.safetensors' }],
        runId: 'r1',
        files: 9,
      })
      expect(await artifacts.inspect('p', 'm/1/weights/xgboost.ubj')).toMatchObject({ format: 'xgboost', files: 1, trees: { classes: 3 } })
      await expect(artifacts.inspect('p', 'm/2')).rejects.toMatchObject({ code: 'not_found' })
      await expect(artifacts.inspect('two', 'm/1')).rejects.toMatchObject({ code: 'not_found' })
    })

    test('whose header would fill memory are recognised and not read', async () => {
      const claimed = Buffer.alloc(9 << 20)
      claimed.writeBigUInt64LE(BigInt(claimed.length - 8))
      await store('m/large.safetensors', claimed)
      expect(await artifacts.inspect('p', 'm/large.safetensors')).toMatchObject({
        format: 'safetensors',
        weights: null,
        problems: [{ problem: expect.stringContaining('too long') }],
      })
    })
  })

  describe('uploads in parts', () => {
    const send = (upload: { id: string; secret: string }, number: number, content: string) =>
      uploads.takePart(upload.id, upload.secret, number, bytesOf(content))

    test('are put together in the order of their numbers', async () => {
      const upload = await uploads.begin('p', 'parts/file', 3)
      const [third, first] = await Promise.all([send(upload, 3, 'three'), send(upload, 1, 'one ')])
      await send(upload, 2, 'wrong')
      const second = await send(upload, 2, 'two ')
      const parts = [third, first, second].map((digest, i) => ({ number: [3, 1, 2][i]!, digest }))
      expect(await artifacts.stat('p', 'parts/file')).toBeUndefined()
      await uploads.complete('p', upload.id, 'parts/file', parts)
      expect(await read('parts/file')).toBe('one two three')
      await expect(send(upload, 1, 'late')).rejects.toMatchObject({ code: 'forbidden' })
      await expect(uploads.complete('p', upload.id, 'parts/file', parts)).rejects.toMatchObject({ code: 'not_found' })
    })

    test('are refused with parts never taken, another path, secret or project, too many parts, too much in all', async () => {
      const upload = await uploads.begin('p', 'parts/refused', 2)
      const digest = await send(upload, 1, 'x'.repeat(600))
      const other = await send(upload, 2, 'y'.repeat(300))
      await expect(send(upload, 2, 'y'.repeat(401))).rejects.toMatchObject({ code: 'too_large' })
      await send(upload, 2, 'y'.repeat(400))
      const both = await Promise.allSettled([send(upload, 3, 'z'), send(upload, 1, 'x'.repeat(601))])
      expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected'])
      const complete = (parts: { number: number; digest: string }[], at = 'parts/refused', project = 'p') =>
        uploads.complete(project, upload.id, at, parts)
      await expect(complete([{ number: 1, digest: other }])).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/never taken/),
      })
      await expect(
        complete([
          { number: 1, digest },
          { number: 1, digest },
        ]),
      ).rejects.toMatchObject({ code: 'invalid' })
      await expect(complete([])).rejects.toMatchObject({ code: 'invalid' })
      await expect(complete([{ number: 1, digest }], 'elsewhere')).rejects.toMatchObject({ code: 'invalid' })
      await expect(complete([{ number: 1, digest }], 'parts/refused', 'two')).rejects.toMatchObject({ code: 'not_found' })
      await expect(complete([{ number: 2, digest: other }])).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/never taken/),
      })
      await expect(send({ ...upload, secret: 'guess' }, 1, 'x')).rejects.toMatchObject({ code: 'forbidden' })
      for (const number of [0, -1, 1.5, 10_001, Number.NaN])
        await expect(send(upload, number, 'x')).rejects.toMatchObject({ code: 'invalid' })
      await expect(uploads.begin('p', 'parts/refused', 10_001)).rejects.toMatchObject({ code: 'invalid' })
      await expect(uploads.begin('p', '../parts', 1)).rejects.toMatchObject({ code: 'invalid' })
      await uploads.abort('two', upload.id)
      await send(upload, 1, 'still open')
      await uploads.abort('p', upload.id)
      await expect(send(upload, 1, 'x')).rejects.toMatchObject({ code: 'forbidden' })
    })
  })

  describe('collection', () => {
    const DAY = 24 * 3_600_000
    const collect = (dryRun = false) =>
      createCollector({ sql, blobs, clock, log: silentLog, tables: [{ table: 'documents_of_test', key: ['a', 'b'] }] }).collectGarbage(
        { graceHours: 24, dryRun },
        callerIn('default'),
      )
    const stored = async (content: string) => (await blobs.put(bytesOf(content))).digest
    const isThere = async (digest: string) => (await gathered(blobs.list())).some((blob) => blob.digest === digest)

    test('removes what nothing names, and nothing else', async () => {
      await raw`create table documents_of_test (a text not null, b bigint not null, body text, primary key (a, b))`.execute(sql.db)
      const inFile = await put('kept/file', 'in a file')
      const replaced = await put('kept/replaced', 'before')
      await put('kept/replaced', 'after')
      const upload = await uploads.begin('p', 'kept/upload', 1)
      const part = await uploads.takePart(upload.id, upload.secret, 1, bytesOf('a part'))
      const named = await stored('named in a document')
      for (let i = 0; i < 1_100; i++) await raw`insert into documents_of_test values (${`a${i % 7}`}, ${i}, null)`.execute(sql.db)
      await raw`insert into documents_of_test values ('z', 1, ${JSON.stringify({ deep: [{ digest: named }] })})`.execute(sql.db)
      const orphan = await stored('named by nothing')
      const asked = await stored('asked for')
      clock.advance(2 * DAY)
      await blobs.has(asked)
      const young = await stored('just stored')

      const dry = await collect(true)
      expect(dry).toMatchObject({ dryRun: true, removed: 0, abandonedUploads: 1 })
      expect(await isThere(orphan)).toBe(true)
      // The upload is older than the grace time: it is given up, and its part with it.
      const done = await collect()
      expect(done.removed).toBeGreaterThanOrEqual(3)
      const left = await Promise.all([orphan, replaced.digest, part, inFile.digest, named, asked, young].map(isThere))
      expect(left).toEqual([false, false, false, true, true, true, true])
      expect(await collect()).toMatchObject({ unused: 0, removed: 0 })
    })

    test('keeps what a frozen folder holds as long as something names the tree, and not longer', async () => {
      for (const at of ['frozen/a', 'frozen/b/c']) await put(at)
      const tree = await artifacts.freeze('p', 'frozen')
      const other = await put('frozen/b/c', 'another content')
      expect(await artifacts.freeze('p', 'frozen')).not.toBe(tree)
      await artifacts.remove('p', 'frozen')
      const frozen = await artifacts.filesOfTree('p', tree)
      expect(frozen.map((file) => file.path)).toEqual(['a', 'b/c'])
      expect([await artifacts.filesOfTree('two', tree), await artifacts.filesOfTree('p', 'ab'.repeat(32))]).toEqual([[], []])
      await raw`insert into documents_of_test values ('tree', 1, ${JSON.stringify({ artifact: tree })})`.execute(sql.db)
      clock.advance(2 * DAY)
      await collect()
      const left = await Promise.all([...frozen.map((file) => file.digest), other.digest].map(isThere))
      expect(left).toEqual([true, true, false])
      await raw`delete from documents_of_test where a = 'tree'`.execute(sql.db)
      await collect()
      expect(await artifacts.filesOfTree('p', tree)).toEqual([])
      expect(await isThere(frozen[0]!.digest)).toBe(false)
      await expect(artifacts.freeze('p', 'frozen')).rejects.toMatchObject({ code: 'not_found' })
    })

    test('is for the default project only', async () => {
      const collector = createCollector({ sql, blobs, clock, log: silentLog, tables: [] })
      await expect(collector.collectGarbage({ graceHours: 24, dryRun: true }, callerIn('p'))).rejects.toMatchObject({ code: 'forbidden' })
    })

    test('what is held stays, and what is gone cannot be linked or held', async () => {
      const digest = await stored('held')
      clock.advance(2 * DAY)
      await artifacts.hold([digest])
      expect(await collect()).toMatchObject({ removed: expect.any(Number) })
      await artifacts.link('p', 'linked', { digest, sizeBytes: 4 })
      expect(await read('linked')).toBe('held')
      await expect(artifacts.hold(['ab'.repeat(32)])).rejects.toMatchObject({ code: 'not_found' })
      await expect(artifacts.link('p', 'x', { digest: 'ab'.repeat(32), sizeBytes: 1 })).rejects.toMatchObject({ code: 'not_found' })
    })
  })
})
