import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { check } from '../checker.ts'
import { imageDisk, mountProblem, powerProblem, smallDisk } from '../disks.ts'
import { perform, type Trial, writeUntil } from '../load.ts'
import { signIn } from '../operations.ts'
import { type Random, sleep } from '../random.ts'
import { countStart, isCaught, type Outcome } from '../report.ts'
import { type Client, connectTo } from '../requests.ts'
import { startServer } from '../server-process.ts'
import { type Cast, castOf, inTrial, populate } from '../trial.ts'
import { bearer, freshest } from '../world.ts'

/** Well above the 64 MiB that the write-ahead log may grow to: on a fast machine it would fill a smaller disk by itself, and taking the ballast away would free nothing. */
const mebibytes = 192
const recoveryMs = 3_000

export type DiskPlan = { cycles: number; random: Random; plant: string | null; hunted: RegExp | null }

/** A disk that fills up under the writers: 507 and nothing kept, reads go on, and all is well again once there is space, without a restart. */
export async function runDisk(outcome: Outcome, plan: DiskPlan): Promise<void> {
  const problem = mountProblem()
  if (problem !== null) {
    outcome.leftOut.push(problem)
    return
  }
  for (let cycle = 1; cycle <= plan.cycles; cycle++) {
    // by turns in memory and on ext4, which finds out late that there is no room
    const disk = cycle % 2 === 0 && powerProblem() === null ? imageDisk(2 * mebibytes) : smallDisk(mebibytes)
    try {
      await inTrial(outcome, { folder: disk.folder, isHunt: plan.hunted !== null }, (trial) =>
        fillAndFree(outcome, { ...plan, ...disk, trial }),
      )
    } finally {
      disk.close()
    }
    if (isCaught(outcome, plan.hunted)) return
  }
}

type Run = DiskPlan & { folder: string; mount: string; trial: Trial }

async function fillAndFree(outcome: Outcome, { folder, mount, trial, random, plant }: Run): Promise<void> {
  const cast = castOf(16, random)
  let server = await startServer({ folder, plant })
  countStart(outcome, server.readyMs)
  const told = (problems: readonly string[]) => outcome.problems.push(...problems)
  try {
    const client = connectTo(server.base)
    await populate(client, trial, cast)
    await write(client, trial, cast, 500)
    fill(join(mount, 'ballast'))
    const full = await writeWhileFull(client, trial, cast)
    outcome.cycles += 1
    outcome.notes.push(`full: ${full.refused} writes were answered 507, ${full.kept} still found room`)
    told(full.problems)
    rmSync(join(mount, 'ballast'))
    told(await recovers(client, trial, cast))
    await write(client, trial, cast, 300)
    // first while it runs, so that a restart cannot mend it; then as always
    told((await check({ client, trial, random, number: cast.number, isLast: false })).problems)
    client.close()
    await server.kill()
    server = await startServer({ folder, plant })
    countStart(outcome, server.readyMs)
    const again = connectTo(server.base)
    told((await check({ client: again, trial, random, number: cast.number, isLast: true })).problems)
    again.close()
  } finally {
    await server.kill()
  }
}

async function write(client: Client, trial: Trial, { writers }: Cast, ms: number): Promise<void> {
  const stop = new AbortController()
  const writing = writeUntil(stop.signal, client, trial, writers)
  await sleep(ms)
  stop.abort()
  await writing
}

/** Takes all the room there is, to the last block. */
function fill(path: string): void {
  const descriptor = openSync(path, 'wx')
  for (let size = 1024 * 1024; size >= 512; ) {
    try {
      writeSync(descriptor, Buffer.alloc(size, 0xa5))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      size /= 2
    }
  }
  closeSync(descriptor)
}

/** Room that the write-ahead log had already is used up first; from then on everything that writes is refused, and everything that reads is not. */
async function writeWhileFull(client: Client, trial: Trial, cast: Cast): Promise<{ refused: number; kept: number; problems: string[] }> {
  const acknowledged = trial.world.acknowledged
  await write(client, trial, cast, 1_500)
  const kept = trial.world.acknowledged - acknowledged
  const unknown = trial.world.unknowns.length
  const problems = unknown === 0 ? [] : [`${unknown} writes to a full disk were answered with neither success nor 507`]
  let refused = 0
  for (const writer of cast.writers) {
    const entry = await perform(client, trial, signIn(writer))
    if (entry.status === 507) refused += 1
  }
  if (refused === 0) problems.push('no sign-in was answered 507 though the disk is full')
  const owner = bearer(freshest(trial.world, -1))
  for (const path of ['/v1/me', '/v1/users?limit=50', '/v1/organization']) {
    const reply = await client.send('GET', path, { credential: owner })
    if (reply?.status !== 200)
      problems.push(`reading ${path} from a full disk was answered ${reply?.status} ${JSON.stringify(reply?.body)}`)
  }
  return { refused, kept, problems }
}

async function recovers(client: Client, trial: Trial, { writers }: Cast): Promise<string[]> {
  const [writer] = writers
  if (writer === undefined) return []
  for (const startedMs = performance.now(); performance.now() - startedMs < recoveryMs; await sleep(100))
    if ((await perform(client, trial, signIn(writer))).result === 'ok') return []
  return [`${recoveryMs} ms after there was room again, writes were still refused`]
}
