// Makes node_modules agree with package-lock.json and chooses the Node that runs Holdfast. Plain JavaScript without dependencies:
// it runs on the system's Node 20, before the pinned one is there. Called by tools/run when its quick comparison fails.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = `${root}node_modules`
const stamp = `${modules}/.holdfast`
const lock = `${root}.installing`
const dev = process.argv.includes('--dev')
const pinned = `${modules}/node-${process.platform}-${process.arch}/bin/node`

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const readJson = (path) => JSON.parse(read(path) || '{}')

function fail(text) {
  console.error(`holdfast: ${text}`)
  process.exit(1)
}

function npm(...args) {
  // Errors only: npm would warn that the system's Node is too old for packages that run on the pinned one.
  const { status, error } = spawnSync('npm', [...args, '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (error) fail(`npm did not start (${error.message}): install npm 10 or newer`)
  if (status !== 0) fail(`npm ${args[0]} failed: see its words above`)
}

/** True when npm's own record of what it installed says the same as package-lock.json, whoever called npm. */
function installed() {
  const wanted = readJson(`${root}package-lock.json`).packages ?? {}
  const found = readJson(`${modules}/.package-lock.json`).packages ?? {}
  const mayMiss = ({ optional, devOptional, peer, dev: forDev }) => optional || devOptional || peer || (forDev && !dev)
  return (
    Object.entries(wanted).every(([path, entry]) => path === '' || (found[path] ? same(found[path], entry) : mayMiss(entry))) &&
    Object.keys(found).every((path) => path in wanted)
  )
}
const same = (a, b) => a.version === b.version && a.integrity === b.integrity

/** The pinned Node, or the system's when it is new enough and the pinned one has no build for this machine (macOS, musl). */
function chooseNode() {
  if (existsSync(pinned) && spawnSync(pinned, ['--version']).status === 0) return pinned
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return realpathSync(process.execPath)
  return fail(`no Node that runs TypeScript: run "npm ci" again with the network up, or install Node 24 (this is ${process.version})`)
}

/** True while the process that made the lock is alive: a killed install must not block the next one. */
function held() {
  const pid = Number(read(`${lock}/pid`))
  if (!pid) return existsSync(lock)
  try {
    return process.kill(pid, 0)
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
      if (error.code !== 'EEXIST') fail(`cannot write to ${root} (${error.code}): run this once as its owner`)
    }
    if (!held()) rmSync(lock, { recursive: true, force: true })
    else if (waitedMs > 600_000) fail(`another install has held ${lock} for ten minutes: remove that folder if none is running`)
    else await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

await acquire()
process.on('exit', () => rmSync(lock, { recursive: true, force: true }))

if (!installed()) {
  console.error('holdfast: installing dependencies (npm ci)')
  npm('ci', ...(dev ? ['--include=dev'] : []))
}
// .npmrc keeps every package's install script from running; the few that package.json allows by name run here.
const allowed = Object.entries(readJson(`${root}package.json`).allowScripts ?? {}).filter(([, yes]) => yes)
if (allowed.length > 0) npm('rebuild', '--ignore-scripts=false', ...allowed.map(([name]) => name))

const node = chooseNode()
rmSync(stamp, { recursive: true, force: true })
mkdirSync(stamp)
symlinkSync(node.replace(`${modules}/`, '../'), `${stamp}/node`)
copyFileSync(`${root}package-lock.json`, `${stamp}/package-lock.json`) // last: its presence says that all of this is done
