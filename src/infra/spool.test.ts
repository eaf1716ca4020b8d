import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Clock } from './clock.ts'
import { silentLog } from './log.ts'
import { createSpool, type Spool, type SpoolFs, type SpoolOptions } from './spool.ts'

const folders: string[] = []
const spools: Spool[] = []
afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close().catch(() => undefined)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'setpoint-spool-'))
  folders.push(folder)
  return folder
}

/** A clock that stands still and runs what was asked of it when told to. */
function stillClock() {
  const due: (() => void)[] = []
  const clock: Clock = {
    now: () => 1_000,
    after(_delayMs, run) {
      due.push(run)
      return () => void due.splice(due.indexOf(run), 1)
    },
  }
  return { clock, due }
}

function open(folder: string, over: Partial<SpoolOptions> = {}): Spool {
  const spool = createSpool({
    folder,
    node: 'a',
    log: silentLog,
    clock: stillClock().clock,
    maxSegmentBytes: 10_000,
    maxTotalBytes: 100_000,
    fsyncEveryMs: 100,
    ...over,
  })
  spools.push(spool)
  return spool
}

const text = (frames: readonly Uint8Array[]) => frames.map((frame) => Buffer.from(frame).toString())
const put = (spool: Spool, ...words: string[]) => {
  for (const word of words) spool.append(Buffer.from(word))
}
async function everything(spool: Spool): Promise<string[]> {
  const all: string[] = []
  for (const id of spool.sealed()) all.push(...text((await spool.read(id)).frames))
  return all
}

test('frames come back in order, segment by segment, and are gone when released', async () => {
  const spool = open(newFolder())
  put(spool, 'one', '', 'three')
  const first = spool.rotate()!
  put(spool, 'four')
  const second = spool.rotate()!
  expect(spool.sealed()).toEqual([first, second])
  expect(text((await spool.read(first)).frames)).toEqual(['one', '', 'three'])
  expect(spool.rotate()).toBeUndefined()
  spool.release(first)
  expect(spool.sealed()).toEqual([second])
  expect(await everything(spool)).toEqual(['four'])
  expect(() => spool.release(first)).toThrow(/no sealed segment/)
})

test('what was flushed is in the file; what was only appended is not', () => {
  const folder = newFolder()
  const spool = open(folder)
  put(spool, 'x'.repeat(100))
  expect(readdirSync(folder)).toEqual([])
  spool.flush()
  expect(statSync(join(folder, readdirSync(folder)[0]!)).size).toBe(108)
})

test('a full segment is sealed by itself', async () => {
  const spool = open(newFolder(), { maxSegmentBytes: 300 })
  for (let i = 0; i < 10; i++) {
    put(spool, `${i}`.repeat(90))
    spool.flush()
  }
  expect(spool.sealed()).toHaveLength(2)
  expect(spool.sealed()).not.toContain(spool.current())
  spool.rotate()
  expect(spool.current()).toBeUndefined()
  expect(await everything(spool)).toHaveLength(10)
})

test('ids go up across restarts, also when the folder was emptied and the clock stands still', async () => {
  const folder = newFolder()
  const seen: string[] = []
  for (let i = 0; i < 3; i++) {
    const spool = open(folder)
    put(spool, 'x')
    seen.push(spool.rotate()!)
    await spool.close()
  }
  expect([...seen].sort()).toEqual(seen)
  expect(new Set(seen).size).toBe(3)
  const { clock } = stillClock()
  rmSync(folder, { recursive: true })
  const later = open(folder, { clock: { ...clock, now: () => 1_100 } })
  put(later, 'x')
  expect(later.rotate()! > seen.at(-1)!).toBe(true)
})

test('a crash leaves sealed segments; a torn end is cut and counted', async () => {
  const folder = newFolder()
  const spool = open(folder)
  put(spool, 'whole', 'cut off')
  spool.flush()
  const file = join(folder, readdirSync(folder)[0]!)
  truncateSync(file, statSync(file).size - 3)
  const again = open(folder)
  const [id] = again.sealed()
  expect(await again.read(id!)).toMatchObject({ tornBytes: 12 })
  expect(await everything(again)).toEqual(['whole'])
  put(again, 'new')
  again.rotate()
  expect(await everything(again)).toEqual(['whole', 'new'])
})

test('bytes that are not what was written end the segment', async () => {
  const folder = newFolder()
  const spool = open(folder)
  put(spool, 'good', 'spoilt')
  const id = spool.rotate()!
  const file = join(folder, `${id}.segment`)
  const bytes = fs.readFileSync(file)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(file, bytes)
  expect(text((await spool.read(id)).frames)).toEqual(['good'])
  appendFileSync(file, 'rubbish')
  expect((await spool.read(id)).tornBytes).toBe(14 + 7)
})

test('the limit on all segments refuses, by name, until something is released', async () => {
  const spool = open(newFolder(), { maxTotalBytes: 250 })
  put(spool, 'x'.repeat(92), 'x'.repeat(92))
  expect(() => put(spool, 'x'.repeat(92))).toThrow(expect.objectContaining({ code: 'storage_full' }))
  const id = spool.rotate()!
  expect(() => put(spool, 'x'.repeat(92))).toThrow(/limit of 250 bytes/)
  expect(spool.stats()).toMatchObject({ bytes: 200, refused: 2 })
  spool.release(id)
  put(spool, 'x'.repeat(92))
  expect(() => put(open(newFolder()), 'x'.repeat(10_000))).toThrow(expect.objectContaining({ code: 'too_large' }))
})

/** A disk with `left` bytes of room, which writes as much as fits, as a real one does. */
function smallDisk(left: number): { disk: SpoolFs; room(bytes: number): void } {
  let room = left
  const disk = {
    ...fs,
    writeSync(descriptor: number, bytes: Uint8Array, at: number, length: number, position: number) {
      if (room === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      const fits = Math.min(room, length)
      room -= fits
      return fs.writeSync(descriptor, bytes, at, fits, position)
    },
    ftruncateSync(descriptor: number, length: number) {
      room += fs.fstatSync(descriptor).size - length
      fs.ftruncateSync(descriptor, length)
    },
  } as unknown as SpoolFs
  return {
    disk,
    room: (bytes) => {
      room = bytes
    },
  }
}

test('a full disk refuses the flush, keeps what was acknowledged and nothing torn, and goes on when there is room', async () => {
  const { disk, room } = smallDisk(150)
  const spool = open(newFolder(), { fs: disk })
  put(spool, 'kept')
  spool.flush()
  put(spool, 'x'.repeat(200), 'lost')
  expect(() => spool.flush()).toThrow(expect.objectContaining({ code: 'storage_full' }))
  put(spool, 'fits')
  spool.flush()
  room(1_000)
  put(spool, 'later')
  const id = spool.rotate()!
  expect(await spool.read(id)).toMatchObject({ tornBytes: 0 })
  expect(await everything(spool)).toEqual(['kept', 'fits', 'later'])
})

test('when a failed write cannot be taken back, what follows goes to a new segment', async () => {
  const { disk, room } = smallDisk(50)
  const stubborn = {
    ...disk,
    ftruncateSync: () => {
      throw new Error('stuck')
    },
  } as unknown as SpoolFs
  const spool = open(newFolder(), { fs: stubborn })
  put(spool, 'kept')
  spool.flush()
  put(spool, 'x'.repeat(200))
  expect(() => spool.flush()).toThrow()
  room(1_000)
  put(spool, 'later')
  spool.rotate()
  expect(spool.sealed()).toHaveLength(2)
  expect(await everything(spool)).toEqual(['kept', 'later'])
})

test('written bytes reach the disk after fsyncEveryMs, and on demand at once', async () => {
  const { clock, due } = stillClock()
  let synced = 0
  const watched = {
    ...fs,
    fsync: (descriptor: number, done: (error: null) => void) =>
      fs.fsync(descriptor, () => {
        synced++
        done(null)
      }),
  } as unknown as SpoolFs
  const spool = open(newFolder(), { clock, fs: watched })
  put(spool, 'x')
  spool.flush()
  expect(due).toHaveLength(1)
  due.splice(0)[0]!()
  await expect.poll(() => synced).toBe(2)
  put(spool, 'y')
  spool.flush()
  await spool.sync()
  expect(synced).toBe(3)
  put(spool, 'z')
  spool.rotate()
  await spool.sync()
  expect(synced).toBe(4)
})

test('everything flushed survives kill -9', async () => {
  const folder = newFolder()
  const program = `
    import { createSpool } from ${JSON.stringify(new URL('./spool.ts', import.meta.url).href)}
    const quiet = () => {}
    const spool = createSpool({ folder: ${JSON.stringify(folder)}, node: 'a', log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      clock: { now: () => 1, after: () => () => {} }, maxSegmentBytes: 5000, maxTotalBytes: 1e9, fsyncEveryMs: 1 })
    for (let i = 0; ; i++) {
      spool.append(Buffer.from('record ' + i))
      if (i % 10 === 9) { spool.flush(); process.send(i) ; await new Promise(setImmediate) }
    }`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  let acknowledged = -1
  child.on('message', (last) => {
    acknowledged = Number(last)
    if (acknowledged > 2_000) child.kill('SIGKILL')
  })
  await once(child, 'exit')
  const frames = await everything(open(folder))
  expect(acknowledged).toBeGreaterThan(2_000)
  expect(frames.length).toBeGreaterThan(acknowledged)
  expect(frames).toEqual(frames.map((_, i) => `record ${i}`))
})
