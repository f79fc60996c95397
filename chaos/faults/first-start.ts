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
import { type Counts, countsOf, folderCalls, nextStep, under } from '../strace.ts'
import { signInOwner } from './scenarios.ts'

/** As in a container every server has the same process number then, and meets what an earlier one of that number left. Needs root. */
const alone = process.getuid?.() === 0 ? ['unshare', '--pid', '--fork', '--kill-child'] : []

/**
 * The very first start, killed at its Nth call of each name: the next start must make of it what an undisturbed one makes. The calls that write pages are struck each `every`-th, all others each.
 * strace counts for each thread by itself, so the thread that migrates hides the one that commits; that one is struck in a folder that is migrated already.
 */
export async function runFirstStart(outcome: Outcome, { every, plant }: { every: number; plant: string | null }): Promise<void> {
  const counts = await countCalls(plant)
  const migrated = await migratedFolder(plant, counts.get('pwrite64') ?? 0)
  try {
    let struck = 0
    for (const [call, count] of counts)
      for (const from of [null, migrated])
        struck += await strikeAll(outcome, { call, count, every: call === 'pwrite64' ? every : 1, plant, from })
    const calls = [...counts].map(([call, count]) => `${call} ${count}`).join(', ')
    outcome.notes.push(`first start: calls that write ${calls}; killed at ${struck} places`)
  } finally {
    rmSync(migrated, { recursive: true, force: true })
  }
}

type Strike = { call: string; count: number; every: number; plant: string | null; from: string | null }

async function strikeAll(outcome: Outcome, { call, count, every, plant, from }: Strike): Promise<number> {
  let struck = 0
  for (let step = 1; step <= count; step = nextStep(step, count, every)) {
    const disk = plainFolder()
    try {
      if (from !== null) cpSync(from, disk.folder, { recursive: true })
      const options = { folder: disk.folder, plant }
      const isThrough = await dies({ ...options, under: [...alone, ...under({ calls: call, effect: 'signal=KILL', when: step })] })
      const problems = await whole(outcome, { ...options, under: [...alone, ...under({ calls: call })] })
      outcome.problems.push(...problems.map((problem) => `first start, killed at ${call} number ${step}: ${problem}`))
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

async function countCalls(plant: string | null): Promise<Counts> {
  const { folder, mount, close } = plainFolder()
  const trace = join(mount, 'trace')
  const server = spawnServer({ folder, plant, under: [...alone, ...under({ calls: folderCalls }, trace)] })
  try {
    await untilReady(server, performance.now())
    await server.kill()
    return countsOf(readFileSync(trace, 'utf8'))
  } finally {
    await server.kill()
    close()
  }
}

/** A data folder whose tables are made and empty: killed at the last page that the main thread writes. */
async function migratedFolder(plant: string | null, last: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), folderName))
  rmSync(folder, { recursive: true, force: true })
  await dies({ folder, plant, under: under({ calls: 'pwrite64', effect: 'signal=KILL', when: last }) })
  return folder
}
