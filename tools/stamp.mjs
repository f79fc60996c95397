// Runs after every npm install or npm ci: remembers which lock file node_modules was made from, for tools/run to compare.
import { copyFileSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
if (existsSync(`${root}node_modules`)) copyFileSync(`${root}package-lock.json`, `${root}node_modules/.holdfast-lock.json`)
