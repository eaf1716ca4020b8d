import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres.ts'

/** Starts one PostgreSQL for all suites, and says so when it cannot. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  if ('skipped' in server) {
    process.stderr.write(`PostgreSQL suites are skipped: ${server.skipped}\n`)
    project.provide('postgres', server)
    return async () => {}
  }
  project.provide('postgres', { url: server.url })
  return server.remove
}
