import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkIntegrity } from '../checker.ts'
import { folderName } from '../cleanup.ts'
import { runCommand } from '../command.ts'
import { plainFolder } from '../disks.ts'
import { countStart, type Outcome } from '../report.ts'
import { connectTo } from '../requests.ts'
import { type ServerOptions, spawnServer, startServer, untilReady } from '../server-process.ts'
import { folderCalls, mostOfOneThread, under } from '../strace.ts'
import { signInOwner } from './scenarios.ts'

const mostSteps = 1_000

/** As in a container every server has the same process number then, and meets what an earlier one of that number left. Needs root. */
const alone = process.getuid?.() === 0 ? ['unshare', '--pid', '--fork', '--kill-child'] : []

/**
 * The very first start, killed at its Nth call: the next start must make of it what an undisturbed one makes. Calls that change the folder are all struck, those that write pages each `every`-th.
 * strace counts for each thread by itself, so the thread that migrates hides the one that commits; that one is struck in a folder that is migrated already.
 */
export async function runFirstStart(outcome: Outcome, { every, plant }: { every: number; plant: string | null }): Promise<void> {
  const folderSteps = await strikeAll(outcome, { calls: folderCalls, every: 1, plant, from: null })
  const pageSteps = await strikeAll(outcome, { calls: 'pwrite64', every, plant, from: null })
  const migrated = await migratedFolder(plant)
  try {
    const commitSteps = await strikeAll(outcome, { calls: 'pwrite64,fsync,fdatasync', every, plant, from: migrated })
    outcome.notes.push(
      `first start: struck at ${folderSteps} calls that change the folder, ${pageSteps} that write pages, ${commitSteps} that commit`,
    )
  } finally {
    rmSync(migrated, { recursive: true, force: true })
  }
}

type Strike = { calls: string; every: number; plant: string | null; from: string | null }

async function strikeAll(outcome: Outcome, { calls, every, plant, from }: Strike): Promise<number> {
  let struck = 0
  for (let step = 1; step < mostSteps; step += every) {
    const disk = plainFolder()
    try {
      if (from !== null) cpSync(from, disk.folder, { recursive: true })
      const isThrough = await dies({
        folder: disk.folder,
        plant,
        under: [...alone, ...under({ calls, effect: 'signal=KILL', when: step })],
      })
      const problems = await whole(outcome, { folder: disk.folder, plant, under: [...alone, ...under({ calls: 'none' })] })
      outcome.problems.push(...problems.map((problem) => `first start, killed at ${calls.split(',')[0]} … number ${step}: ${problem}`))
      outcome.cycles += 1
      if (isThrough) return struck
      struck += 1
    } finally {
      disk.close()
    }
  }
  return struck
}

/** Starts it and waits for its death. True when it got ready instead. */
async function dies(options: ServerOptions): Promise<boolean> {
  const server = spawnServer(options)
  try {
    await untilReady(server, performance.now())
    return true
  } catch {
    return false
  } finally {
    await server.kill()
  }
}

/** One tenant, one owner who can sign in, one key for each purpose, and a log that says so. */
async function whole(outcome: Outcome, options: ServerOptions): Promise<string[]> {
  const server = await startServer(options).catch((error: unknown) => String(error))
  if (typeof server === 'string') return [`the next start: ${server}`]
  countStart(outcome, server.readyMs)
  const client = connectTo(server.base)
  try {
    const owner = await signInOwner(client)
    const users = await client.send('GET', '/v1/users', { credential: owner })
    const counts = {
      users: (users?.body.items as unknown[] | undefined)?.length,
      tenants: await countOf(options, 'tenants'),
      keys: await countOf(options, 'keys'),
    }
    const isRight = counts.users === 1 && counts.tenants === 1 && counts.keys === 2
    return [...(isRight ? [] : [`it has ${JSON.stringify(counts)}`]), ...(await checkIntegrity(client, owner))]
  } catch (error) {
    return [String(error)]
  } finally {
    client.close()
    await server.kill()
  }
}

async function countOf(options: ServerOptions, what: string): Promise<number | string> {
  const { document, words } = await runCommand(options, what, 'list', '--json')
  return (document as { items?: unknown[] } | null)?.items?.length ?? words
}

/** A data folder whose tables are made and empty: killed at the last page that the main thread writes. */
async function migratedFolder(plant: string | null): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), folderName))
  const trace = join(place, 'trace')
  const counted = spawnServer({ folder: join(place, 'counted'), plant, under: ['strace', '-f', '-o', trace, '-e', 'trace=pwrite64'] })
  await untilReady(counted, performance.now())
  await counted.kill()
  const last = mostOfOneThread(readFileSync(trace, 'utf8'))
  rmSync(place, { recursive: true, force: true })
  await dies({ folder: place, plant, under: under({ calls: 'pwrite64', effect: 'signal=KILL', when: last }) })
  return place
}
