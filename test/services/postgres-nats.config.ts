import { defineConfig } from 'vitest/config'

/** The suites that need PostgreSQL or NATS: `vitest run --config test/services/postgres-nats.config.ts`. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['src/**/*.test.ts', 'test/services/postgres*.test.ts', 'test/services/nats*.test.ts'],
    globalSetup: ['test/services/postgres-nats.setup.ts'],
    pool: 'threads',
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
