import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql as raw } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../log.ts'
import { createSql } from './index.ts'
import { statementsOf } from './migrations.ts'

describe('statementsOf', () => {
  test.each([
    ['', []],
    ['-- only words;\n', []],
    ['CREATE TABLE a (b TEXT);', ['CREATE TABLE a (b TEXT)']],
    [
      'CREATE TABLE a (\n  -- what; it is\n  b TEXT\n);\nCREATE INDEX c ON a (b);  \n',
      ['CREATE TABLE a (\n  b TEXT\n)', 'CREATE INDEX c ON a (b)'],
    ],
    ["INSERT INTO a VALUES ('x; y');\r\nSELECT 1", ["INSERT INTO a VALUES ('x; y')", 'SELECT 1']],
  ])('%j', (text, expected) => expect(statementsOf(text)).toEqual(expected))
})

describe('migrations', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'setpoint-migrations-'))
    write('0001-a-start.sql', 'CREATE TABLE a (id TEXT NOT NULL PRIMARY KEY);')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const open = () => createSql({ file: join(folder, 'meta.db'), migrations: folder, log: silentLog })

  async function tables(): Promise<string[]> {
    const sql = await open()
    const { rows } = await raw<{ name: string }>`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`.execute(sql.db)
    await sql.close()
    return rows.map((row) => row.name)
  }

  test('each file is applied once, and new ones on the next start', async () => {
    expect(await tables()).toEqual(['a', 'setpoint_migrations'])
    write('0002-b-start.sql', 'CREATE TABLE b (id TEXT);')
    expect(await tables()).toEqual(['a', 'b', 'setpoint_migrations'])
  })

  test('a file changed after it was applied is refused by name; other line ends are no change', async () => {
    await tables()
    write('0001-a-start.sql', 'CREATE TABLE a (id TEXT NOT NULL PRIMARY KEY);\n')
    await expect(open()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('0001-a-start.sql') })
  })

  test('a database of a newer Setpoint is refused', async () => {
    write('0002-b-start.sql', 'CREATE TABLE b (id TEXT);')
    await tables()
    rmSync(join(folder, '0002-b-start.sql'))
    await expect(open()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('0002-b-start.sql') })
  })

  test('a file that fails is named and leaves nothing behind', async () => {
    write('0002-b-start.sql', 'CREATE TABLE b (id TEXT);\nCREATE TABLE b (id TEXT);')
    await expect(open()).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('0002-b-start.sql') })
    rmSync(join(folder, '0002-b-start.sql'))
    expect(await tables()).toEqual(['a', 'setpoint_migrations'])
  })

  test('a misnamed file and a missing folder are refused', async () => {
    write('b.sql', 'CREATE TABLE b (id TEXT);')
    await expect(open()).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('b.sql') })
    await expect(createSql({ migrations: join(folder, 'gone'), log: silentLog })).rejects.toMatchObject({ code: 'invalid' })
  })
})
