// Builds the console when console/dist is missing or was built from other sources. Plain JavaScript without dependencies, run by tools/run before `serve`.
// A server without its console is still a server: whatever goes wrong here is said aloud, and the start goes on.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const console_ = `${root}console`
const dist = `${console_}/dist`
const stamp = `${dist}/.sources`
const lock = `${console_}/.building`

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')

function filesBelow(folder) {
  if (!existsSync(`${root}${folder}`)) return []
  if (statSync(`${root}${folder}`).isFile()) return [folder]
  return readdirSync(`${root}${folder}`, { withFileTypes: true })
    .filter(({ name }) => !/^(node_modules|dist.*|\.building|.*\.test\.tsx?)$/.test(name))
    .flatMap(({ name }) => filesBelow(`${folder}/${name}`))
}

const sources = ['console/src', 'console/index.html', 'console/vite.config.ts', 'console/package-lock.json', 'client/src']
  .flatMap(filesBelow)
  .sort()

function digest() {
  const hash = createHash('sha256')
  for (const path of sources)
    hash
      .update(`${path}\n`)
      .update(readFileSync(`${root}${path}`))
      .update('\n')
  return hash.digest('hex')
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: console_,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, NODE_ENV: 'production', NODE_COMPILE_CACHE: '' },
    timeout: 300_000,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${args.join(' ')} failed: see its words above`)
}

function held() {
  const pid = Number(read(`${lock}/pid`))
  if (!pid) return Date.now() - statSync(lock, { throwIfNoEntry: false })?.mtimeMs < 5000
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Two servers started at once build once. */
async function acquire() {
  for (let waitedMs = 0; waitedMs < 300_000; waitedMs += 200) {
    try {
      mkdirSync(lock)
      writeFileSync(`${lock}/pid`, String(process.pid))
      process.on('exit', () => rmSync(lock, { recursive: true, force: true }))
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!held()) rmSync(lock, { recursive: true, force: true })
    else await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`another build has held ${lock} for five minutes`)
}

async function build(wanted) {
  await acquire()
  if (read(stamp) === wanted) return
  console.error('holdfast: building the console, once')
  const installed = `${console_}/node_modules/.holdfast-lock`
  const lockFile = read(`${console_}/package-lock.json`)
  if (read(installed) !== lockFile) {
    run('npm', ['ci', '--include=dev', '--loglevel=error'])
    writeFileSync(installed, lockFile)
  }
  const fresh = `${console_}/dist-${process.pid}`
  try {
    run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'warn'])
    writeFileSync(`${fresh}/.sources`, wanted)
    rmSync(dist, { recursive: true, force: true })
    renameSync(fresh, dist)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

if (sources.includes('console/index.html')) {
  const wanted = digest()
  try {
    if (read(stamp) !== wanted) await build(wanted)
  } catch (error) {
    console.error(
      `!! holdfast: the console was not built (${error.message}). The server starts all the same${existsSync(dist) ? ', with the console as it was' : ' without it'}.`,
    )
    if (process.argv.includes('--strict')) process.exitCode = 1
  }
}
