// Writes docs/reference/cli.md from the help of every command, so that the page says what the program says. src/cli/usage.test.ts compares.
import { writeFileSync } from 'node:fs'
import { cliReference } from '../src/cli/reference.ts'

writeFileSync(new URL('../docs/reference/cli.md', import.meta.url), cliReference())
