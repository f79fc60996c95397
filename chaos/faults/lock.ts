import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { plainFolder } from '../disks.ts'
import { countStart, type Outcome } from '../report.ts'
import { type Client, connectTo } from '../requests.ts'
import {
  type Server,
  type ServerOptions,
  type ServerProcess,
  StartFailed,
  spawnServer,
  startServer,
  untilReady,
} from '../server-process.ts'
import { signInOwner } from './scenarios.ts'

const longestRefusalMs = 5_000
const inUse = 7

/** Two servers on one folder: the second refuses, and the first never notices. */
export async function runLock(outcome: Outcome, { cycles, plant }: { cycles: number; plant: string | null }): Promise<void> {
  for (let cycle = 0; cycle < cycles; cycle++) {
    const disk = plainFolder()
    try {
      const problems = [...(await second(outcome, disk, plant)), ...(await together(outcome, { folder: disk.folder, plant }))]
      outcome.problems.push(...problems.map((problem) => `cycle ${cycle + 1}: ${problem}`))
    } finally {
      disk.close()
    }
  }
}

/** A second server while the first is at work, by the same path and by another one that leads to the same folder. */
async function second(outcome: Outcome, { folder, mount }: { folder: string; mount: string }, plant: string | null): Promise<string[]> {
  const problems: string[] = []
  const first = await startServer({ folder, plant })
  countStart(outcome, first.readyMs)
  const client = connectTo(first.base)
  try {
    const owner = await signInOwner(client)
    const other = join(mount, 'by-another-name')
    symlinkSync(folder, other)
    for (const path of [folder, other]) {
      outcome.cycles += 1
      problems.push(...(await refusal(outcome, { folder: path, plant })))
      const reply = await client.send('POST', '/v1/users', { credential: owner, body: { username: `user-${outcome.cycles}` } })
      if (reply?.status === 201) outcome.acknowledged += 1
      else problems.push(`the first server then answered ${reply?.status}`)
    }
  } finally {
    client.close()
    await first.kill()
  }
  // the lock goes with its holder, however that ended
  const next = await startServer({ folder, plant })
  countStart(outcome, next.readyMs)
  problems.push(...(await countUsers(connectTo(next.base), 3)))
  await next.kill()
  return problems
}

async function refusal(outcome: Outcome, options: ServerOptions): Promise<string[]> {
  const startedMs = performance.now()
  const server = spawnServer(options)
  try {
    const ready = await untilReady(server, startedMs)
    return [`a second server got ready at ${ready.base}`]
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error
    const ms = performance.now() - startedMs
    if (ms > longestRefusalMs) {
      outcome.lateStarts += 1
      outcome.notes.push(`a second server took ${Math.round(ms)} ms to refuse`)
    }
    const isAdvised = /in use/.test(server.output()) && /HOLDFAST_DATA/.test(server.output())
    return [
      ...(error.exit?.code === inUse ? [] : [`the second server ended with ${error.exit?.signal ?? error.exit?.code}, not with ${inUse}`]),
      ...(isAdvised ? [] : [`the second server gave no advice: ${server.output()}`]),
    ]
  } finally {
    await server.kill()
  }
}

/** Three started at the same moment: exactly one is there afterwards. */
async function together(outcome: Outcome, options: ServerOptions): Promise<string[]> {
  const startedMs = performance.now()
  const all = [1, 2, 3].map(() => spawnServer(options))
  outcome.cycles += 1
  try {
    const ready = (await Promise.all(all.map((server) => readyOrNull(server, startedMs)))).filter((server) => server !== null)
    return ready.length === 1 ? [] : [`of three servers started together ${ready.length} got ready`]
  } finally {
    await Promise.all(all.map((server) => server.kill()))
  }
}

async function readyOrNull(server: ServerProcess, startedMs: number): Promise<Server | null> {
  try {
    return await untilReady(server, startedMs)
  } catch (error) {
    if (error instanceof StartFailed) return null
    throw error
  }
}

async function countUsers(client: Client, expected: number): Promise<string[]> {
  const reply = await client.send('GET', '/v1/users?limit=200', { credential: await signInOwner(client) })
  client.close()
  const found = ((reply?.body.items ?? []) as unknown[]).length
  return found === expected ? [] : [`LOST: ${expected} users were acknowledged, and ${found} are there`]
}
