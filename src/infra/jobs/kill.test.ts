import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { createIds } from '../ids.ts'
import { silentLog } from '../log.ts'
import { createSql } from '../sql/index.ts'
import { createJobs } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'setpoint-kill-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = join(folder, 'meta.db')
const migrations = join(folder, 'migrations')
const worker = fileURLToPath(new URL('./kill-worker.ts', import.meta.url))
const JOBS = 60

/** Runs the worker until it has said `dots` times that a job is done, then kills it; true when it had finished by itself. */
async function workUntilKilled(dots: number): Promise<boolean> {
  const child = spawn(process.execPath, [worker, file, migrations], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
    if (said.length >= dots) child.kill('SIGKILL')
  })
  const [code] = await once(child, 'exit')
  return code === 0
}

test('whatever moment the process is killed at, each job counts once', async () => {
  cpSync(new URL('../../../migrations/sql', import.meta.url), migrations, { recursive: true })
  writeFileSync(join(migrations, '9999-test-effects.sql'), 'CREATE TABLE effects (job TEXT NOT NULL);')
  const open = () => createSql({ file, migrations, log: silentLog })
  const sql = await open()
  const jobs = createJobs({ sql, clock: systemClock, ids: createIds(systemClock), random: Math.random, log: silentLog, concurrency: 1 })
  const made: string[] = []
  for (let i = 0; i < JOBS; i++) made.push((await jobs.enqueue(sql, { kind: 'add', project: '', payload: i })).id)
  await sql.close()

  let kills = 0
  for (const dots of [1, 2, 5, 9, 3, 7]) if (!(await workUntilKilled(dots))) kills++
  expect(kills).toBe(6)
  expect(await workUntilKilled(Infinity)).toBe(true)

  const after = await open()
  const effects = await after.db.withTables<{ effects: { job: string } }>().selectFrom('effects').select('job').orderBy('job').execute()
  const states = await after.db
    .withTables<{ jobs: { state: string; failures: number } }>()
    .selectFrom('jobs')
    .select(['state', 'failures'])
    .distinct()
    .execute()
  await after.close()
  expect(effects.map(({ job }) => job)).toEqual(made)
  expect(states).toEqual([{ state: 'done', failures: 0 }])
})
