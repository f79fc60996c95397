import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{src,tools,bench,chaos,client,console}/**/*.test.{ts,tsx}'],
    // A process per file: native addons and worker threads are not safe to unload from a shared one.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: true,
    reporters: ['dot'],
  },
})
