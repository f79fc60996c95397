// Installs the dependencies named in package-lock.json. Plain JavaScript: it runs on the system's Node 20, before the pinned one is there.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const lock = `${root}.installing`
const dev = process.argv.includes('--dev')

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const current = () =>
  existsSync(`${root}node_modules/node/bin/node`) &&
  read(`${root}package-lock.json`) === read(`${root}node_modules/.holdfast-lock.json`) &&
  (!dev || existsSync(`${root}node_modules/vitest/package.json`))

function fail(text) {
  console.error(`holdfast: ${text}`)
  process.exit(1)
}

/** True while the process that made the lock is alive: a killed install must not block the next one. */
function held() {
  const pid = Number(read(`${lock}/pid`))
  if (!pid) return existsSync(lock)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Two commands started at once must not both run npm ci, which begins by deleting node_modules. */
async function acquire() {
  for (let waitedMs = 0; ; waitedMs += 200) {
    try {
      mkdirSync(lock)
      writeFileSync(`${lock}/pid`, String(process.pid))
      return
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write to ${root} (${error.code}): run "npm ci" there as its owner`)
    }
    if (!held()) rmSync(lock, { recursive: true, force: true })
    else if (waitedMs > 600_000) fail(`another install has held ${lock} for ten minutes: remove that folder if none is running`)
    else await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

await acquire()
process.on('exit', () => rmSync(lock, { recursive: true, force: true }))
if (current()) process.exit(0)

console.error('holdfast: installing dependencies (npm ci)')
// Errors only: npm would warn that the system's Node is too old for packages that run on the pinned one.
const args = ['ci', '--loglevel=error', ...(dev ? ['--include=dev'] : [])]
const { status, error } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2] })
if (error) fail(`npm did not start (${error.message}): install npm 10 or newer`)
if (status !== 0) fail('npm ci failed: see its words above')
try {
  accessSync(`${root}node_modules/node/bin/node`, constants.X_OK)
} catch {
  fail('npm left out the pinned Node: allow install scripts for the package "node" and run "npm ci"')
}
