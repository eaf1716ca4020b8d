import { defineConfig } from 'vitest/config'

/**
 * The suites of real clients against a real server: `npm run test:clients`. They make a virtual environment of Python in
 * the temporary folder once, and say plainly what they skipped when they cannot.
 */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/clients/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
