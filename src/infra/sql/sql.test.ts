import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql as raw } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { createLog, silentLog } from '../log.ts'
import { eachSql } from './for-tests.ts'
import { createSql, type Db } from './index.ts'

type Own = { pots: { id: string; plant: string; litres: number; planted_at: number } }

const folder = mkdtempSync(join(tmpdir(), 'setpoint-sql-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const POTS = `-- Pots; each has one plant.
CREATE TABLE pots (
  id TEXT NOT NULL PRIMARY KEY,
  plant TEXT NOT NULL DEFAULT 'a TEXT; in quotes',
  litres DOUBLE PRECISION NOT NULL,
  planted_at BIGINT NOT NULL
);
CREATE TABLE shoots (pot TEXT NOT NULL REFERENCES pots (id));
`

function folderOf(name: string, files: Record<string, string>): string {
  const path = join(folder, name)
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

const migrations = folderOf('migrations', { '0001-pots-start.sql': POTS })

function createPots({ db }: Db) {
  const own = db.withTables<Own>()
  return {
    add: (id: string, plant = 'fern') => own.insertInto('pots').values({ id, plant, litres: 1.5, planted_at: 1_700_000_000_000 }).execute(),
    ids: async () => (await own.selectFrom('pots').select('id').orderBy('id').execute()).map((row) => row.id),
    like: async (pattern: string) => (await own.selectFrom('pots').select('id').where('id', 'like', pattern).execute()).length,
    first: () => own.selectFrom('pots').selectAll().executeTakeFirst(),
    totals: () =>
      own
        .selectFrom('pots')
        .select(({ fn }) => [fn.countAll<number>().as('pots'), fn.sum<number>('planted_at').as('sum')])
        .executeTakeFirst(),
    rename: (id: string, plant: string) => own.updateTable('pots').set({ plant }).where('id', '=', id).executeTakeFirst(),
  }
}

eachSql(
  (name, open) => {
    test('a row comes back as it was stored, numbers as numbers', async () => {
      const sql = await open()
      const pots = createPots(sql)
      await pots.add('p1')
      expect(await pots.first()).toEqual({ id: 'p1', plant: 'fern', litres: 1.5, planted_at: 1_700_000_000_000 })
      expect(await pots.totals()).toEqual({ pots: 1, sum: 1_700_000_000_000 })
      expect((await pots.rename('p1', 'moss')).numUpdatedRows).toBe(1n)
      expect((await pots.rename('p2', 'moss')).numUpdatedRows).toBe(0n)
    })

    test('text sorts by bytes and LIKE heeds case', async () => {
      const pots = createPots(await open())
      for (const id of ['b', 'a_b', 'a.b', 'B', 'a-b', 'é']) await pots.add(id)
      expect(await pots.ids()).toEqual(['B', 'a-b', 'a.b', 'a_b', 'b', 'é'])
      expect(await pots.like('b%')).toBe(1)
    })

    test('a transaction is stored as a whole or not at all', async () => {
      const sql = await open()
      const failed = sql.transaction(async (tx) => {
        await createPots(tx).add('p1')
        throw new RangeError('no')
      })
      await expect(failed).rejects.toThrow(new RangeError('no'))
      expect(await createPots(sql).ids()).toEqual([])
      const seen = await sql.transaction(async (tx) => {
        await createPots(tx).add('p2')
        return createPots(tx).ids()
      })
      expect(seen).toEqual(['p2'])
      expect(await createPots(sql).ids()).toEqual(['p2'])
    })

    test('hooks run after the commit, in order, and never after a rollback', async () => {
      const sql = await open()
      const seen: string[] = []
      await sql.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('one'))
        tx.afterCommit(() => {
          throw new Error('logged, not thrown')
        })
        tx.afterCommit(() => seen.push('two'))
        await createPots(tx).add('p1')
        seen.push('body')
      })
      const failed = sql.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('never'))
        await createPots(tx).add('p1')
      })
      await expect(failed).rejects.toMatchObject({ code: 'conflict' })
      expect(seen).toEqual(['body', 'one', 'two'])
    })

    test('a second row with the same key is a conflict; a missing parent too; both keep their cause', async () => {
      const sql = await open()
      await createPots(sql).add('p1')
      const twice = await createPots(sql)
        .add('p1')
        .catch((thrown: unknown) => thrown)
      expect(twice).toMatchObject({ code: 'conflict', cause: expect.any(Error) })
      await expect(raw`INSERT INTO shoots VALUES ('p9')`.execute(sql.db)).rejects.toMatchObject({ code: 'conflict' })
    })

    test('a statement that failed dooms its transaction, even when its error is caught inside', async () => {
      const sql = await open()
      await createPots(sql).add('p1')
      const doomed = sql.transaction(async (tx) => {
        await createPots(tx).add('p2')
        await createPots(tx)
          .add('p1')
          .catch(() => {})
      })
      await expect(doomed).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('nothing was stored') })
      expect(await createPots(sql).ids()).toEqual(['p1'])
    })

    test('a statement after the end of its transaction is refused', async () => {
      const sql = await open()
      let late: Db | undefined
      await sql.transaction(async (tx) => {
        late = tx
      })
      await expect(createPots(late!).add('p1')).rejects.toThrow('committed')
      expect(await createPots(sql).ids()).toEqual([])
    })

    test('many transactions at once neither lose nor mix their rows', async () => {
      const sql = await open()
      await Promise.all(Array.from({ length: 40 }, (_, i) => sql.transaction((tx) => createPots(tx).add(`p${i}`))))
      expect(await createPots(sql).ids()).toHaveLength(40)
    })

    test('a statement outside the transaction, from inside it, is refused at once', async () => {
      const sql = await open()
      const inner = sql.transaction(async () => createPots(sql).ids())
      await expect(inner).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('use the db of the transaction') })
      const nested = sql.transaction(async () => sql.transaction(async () => 1))
      await expect(nested).rejects.toMatchObject({ code: 'internal' })
      expect(await createPots(sql).ids()).toEqual([])
    })

    test('a work flow started inside a transaction may use the store once that has ended', async () => {
      const sql = await open()
      let later: Promise<string[]> | undefined
      const committed = Promise.withResolvers<void>()
      await sql.transaction(async (tx) => {
        later = committed.promise.then(() => createPots(sql).ids())
        await createPots(tx).add('p1')
      })
      committed.resolve()
      expect(await later).toEqual(['p1'])
    })

    // Over a network a notice is a hint that may come twice; see test/services/postgres.test.ts.
    test.runIf(name === 'sqlite')(
      'a notice is heard once what caused it is committed, and not after a rollback or the end of listening',
      async () => {
        const sql = await open()
        const seen: string[] = []
        const stop = sql.listen('pots', () => seen.push('heard'))
        await sql.transaction(async (tx) => {
          await sql.notify(tx, 'pots')
          await sql.notify(tx, 'plants')
          seen.push('body')
        })
        const failed = sql.transaction(async (tx) => {
          await sql.notify(tx, 'pots')
          throw new Error('no')
        })
        await expect(failed).rejects.toThrow('no')
        await sql.notify(sql, 'pots')
        stop()
        await sql.notify(sql, 'pots')
        expect(seen).toEqual(['body', 'heard', 'heard'])
      },
    )

    test('health says ok, and down after close', async () => {
      const sql = await open()
      expect((await sql.health()).status).toBe('ok')
      await sql.close()
      expect((await sql.health()).status).toBe('down')
      await expect(createPots(sql).ids()).rejects.toMatchObject({ code: 'unavailable' })
      await sql.close()
    })
  },
  { migrations },
)

describe('SQLite in a file', () => {
  test('what was committed is there after a reopen; what was not is not', async () => {
    const file = join(folder, 'data', 'deep', 'meta.db')
    const first = await createSql({ file, migrations, log: silentLog })
    await createPots(first).add('p1')
    await first.transaction(async (tx) => createPots(tx).add('p2'))
    await first
      .transaction(async (tx) => {
        await createPots(tx).add('p3')
        throw new Error('no')
      })
      .catch(() => {})
    await first.close()
    const second = await createSql({ file, migrations, log: silentLog })
    expect(await createPots(second).ids()).toEqual(['p1', 'p2'])
    const mode = await raw<Record<string, unknown>>`PRAGMA synchronous`.execute(second.db)
    expect(mode.rows).toEqual([{ synchronous: 2 }])
    await second.close()
  })

  test('errors cross the thread with their code', async () => {
    const sql = await createSql({ file: join(folder, 'errors.db'), migrations, log: silentLog })
    await createPots(sql).add('p1')
    await expect(createPots(sql).add('p1')).rejects.toMatchObject({
      code: 'conflict',
      details: { constraint: 'unique', subject: 'pots.id' },
    })
    await expect(raw`SELECT * FROM nothing`.execute(sql.db)).rejects.toMatchObject({ code: 'internal' })
    await expect(raw`SELECT ${{ run: () => 1 }}`.execute(sql.db)).rejects.toMatchObject({ code: 'internal' })
    await sql.close()
  })

  test('a full disk is storage_full and loses nothing that was stored', async () => {
    const sql = await createSql({ file: join(folder, 'full.db'), migrations, log: silentLog })
    await createPots(sql).add('p1')
    await raw`PRAGMA max_page_count = 10`.execute(sql.db)
    const filling = sql.transaction(async (tx) => {
      for (let i = 0; ; i++) await createPots(tx).add(`q${i}`, 'x'.repeat(2_000))
    })
    await expect(filling).rejects.toMatchObject({ code: 'storage_full', message: expect.stringContaining('full.db') })
    expect(await createPots(sql).ids()).toEqual(['p1'])
    await sql.close()
  })

  test('a file that is no database, and a folder that cannot be made, are named', async () => {
    const file = join(folder, 'noise.db')
    writeFileSync(file, 'not a database '.repeat(500))
    await expect(createSql({ file, migrations, log: silentLog })).rejects.toMatchObject({ message: expect.stringContaining(file) })
    await expect(createSql({ file: join(file, 'x', 'meta.db'), migrations, log: silentLog })).rejects.toMatchObject({ code: 'unavailable' })
  })
})

test('a transaction held too long is rolled back, and the store goes on', async () => {
  let fire = () => {}
  const clock: Clock = {
    now: () => 0,
    after(_delayMs, run) {
      fire = run
      return () => {}
    },
  }
  const sql = await createSql({ migrations, log: silentLog, clock })
  const held = sql.transaction(async (tx) => {
    await createPots(tx).add('p1')
    fire()
    await createPots(tx).add('p2')
  })
  await expect(held).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('30000 ms') })
  expect(await createPots(sql).ids()).toEqual([])
  const late = sql.transaction(async () => fire())
  await expect(late).rejects.toMatchObject({ code: 'timeout' })
  await sql.close()
})

test('an error in a hook is logged', async () => {
  const lines: string[] = []
  const sql = await createSql({ migrations, log: createLog('error', (line) => lines.push(line)) })
  await sql.transaction(async (tx) =>
    tx.afterCommit(() => {
      throw new Error('hook broke')
    }),
  )
  expect(lines.join()).toContain('hook broke')
  await sql.close()
})
