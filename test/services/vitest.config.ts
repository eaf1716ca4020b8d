import { defineConfig } from 'vitest/config'

/**
 * The suites that need a server, Python or a browser, and the stories once more on PostgreSQL: `npm run test:services`.
 * Each starts what it needs itself and says plainly what it skipped.
 */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: [
      'src/infra/{sql,jobs,bus}/*.test.ts',
      'src/modules/{models/runs,watch/traces}/*.test.ts',
      'src/modules/models/*/*.test.ts',
      'test/stories/*.test.ts',
      'test/services/*.test.ts',
    ],
    globalSetup: ['test/services/setup.ts'],
    pool: 'threads',
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
})
