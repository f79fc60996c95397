import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// types are stripped once per file and version, not at every start: that halves the time of a command. The folder belongs to whoever installed; where it cannot be written, nothing is kept
enableCompileCache(fileURLToPath(new URL('../../node_modules/.holdfast/compiled', import.meta.url)))

// a reader that went away, as in `holdfast users list | head`, is no failure; and no server ends because nobody reads its words
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.stderr.on('error', () => {})

// loaded only now, so that it comes from the cache
const { run } = await import('./run.ts')
const exitCode = await run(process.argv.slice(2))
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
