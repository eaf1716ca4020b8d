import { defineConfig } from 'vitest/config'

/** The console in a real Chromium: `vitest run --config test/services/browser.config.ts`. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/services/browser.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
