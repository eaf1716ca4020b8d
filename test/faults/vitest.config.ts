import { defineConfig } from 'vitest/config'

/** The suites that kill, starve and cut off a real server: `npm run test:faults`. They take minutes. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/faults/*.test.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
})
