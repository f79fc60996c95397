import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command.ts'
import type { Plan } from '../cycles.ts'
import { plainFolder } from '../disks.ts'
import { type Random, sleep } from '../random.ts'
import { countStart, type Outcome } from '../report.ts'
import { type Client, type Credential, connectTo } from '../requests.ts'
import { type Server, type ServerOptions, startServer } from '../server-process.ts'
import { signInOwner } from './scenarios.ts'

type Size = Pick<Plan, 'cycles' | 'random' | 'plant'>

/** The promise is one second (RELIABILITY.md); as much again is for a machine that does other things too. */
const promisedMs = 1_000
const dueMs = 2 * promisedMs
const writers = 8

type Made = { username: string; sequence: number; atMs: number }

/**
 * With `HOLDFAST_BACKUP_MODE=async` the data folder is deleted under load and brought back from the backups: what was acknowledged a second before is there, and what is missing is the end of the log and
 * nothing within it.
 */
export async function runLostAsync(outcome: Outcome, { cycles, random, plant }: Size): Promise<void> {
  const data = plainFolder()
  const target = plainFolder()
  const options: ServerOptions = {
    folder: data.folder,
    environment: { HOLDFAST_BACKUP: `file:${join(target.folder, 'backups')}`, HOLDFAST_KEY: randomBytes(32).toString('base64') },
    plant,
  }
  let known: Made[] = []
  let longestMs = 0
  try {
    for (; outcome.cycles < cycles && outcome.problems.length === 0; outcome.cycles += 1) {
      const server = await startServer(options)
      countStart(outcome, server.readyMs)
      const made = await writeUntilGone(server, { random, cycle: outcome.cycles })
      outcome.acknowledged += made.acknowledged.length
      rmSync(data.folder, { recursive: true, force: true })
      const { code, words } = await runCommand(options, 'restore', '--yes', '--json')
      if (code !== 0) outcome.problems.push(`cycle ${outcome.cycles}: restore ended with ${code}: ${words.slice(-1_000)}`)
      known = [...known, ...made.acknowledged]
      const restored = await startServer(options)
      const there = await usernamesOf(restored)
      await restored.kill()
      const last = Math.max(0, ...known.filter(({ username }) => there.has(username)).map(({ sequence }) => sequence))
      const missing = known.filter(({ username }) => !there.has(username))
      for (const { username, sequence, atMs } of missing) {
        const agoMs = made.struckMs - atMs
        longestMs = Math.max(longestMs, agoMs)
        const what = `cycle ${outcome.cycles}: LOST: ${username} was acknowledged ${agoMs} ms before`
        if (agoMs > dueMs) outcome.problems.push(what)
        else if (sequence < last) outcome.problems.push(`${what}, as ${sequence}, and ${last} is there`)
      }
      known = known.filter(({ username }) => there.has(username))
    }
  } catch (error) {
    outcome.problems.push(`lost-async: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  } finally {
    outcome.notes.push(`lost-async: the oldest acknowledged write that was missing was ${longestMs} ms old (promised: ${promisedMs})`)
    data.close()
    target.close()
  }
}

type Written = { acknowledged: Made[]; struckMs: number }

/** Users are made by all writers until the server is killed. */
async function writeUntilGone(server: Server, { random, cycle }: { random: Random; cycle: number }): Promise<Written> {
  const client = connectTo(server.base)
  try {
    const owner = await signInOwner(client)
    const acknowledged: Made[] = []
    const all = Array.from({ length: writers }, (_, writer) => write(client, owner, { prefix: `c${cycle}w${writer}n`, acknowledged }))
    await sleep(random.between(1_500, 5_000))
    const struckMs = Date.now()
    await server.kill()
    await Promise.all(all)
    return { acknowledged, struckMs }
  } finally {
    client.close()
    await server.kill()
  }
}

type Writing = { prefix: string; acknowledged: Made[] }

async function write(client: Client, credential: Credential, { prefix, acknowledged }: Writing): Promise<void> {
  for (let n = 0; ; n += 1) {
    const username = `${prefix}${n}`
    const reply = await client.send('POST', '/v1/users', { credential, body: { username } })
    if (reply === null) return
    if (reply.status !== 201) throw new Error(`${username} was answered ${reply.status} ${JSON.stringify(reply.body)}`)
    acknowledged.push({ username, sequence: Number(reply.receipt?.split('/')[1]), atMs: Date.now() })
  }
}

async function usernamesOf({ base }: Server): Promise<Set<string>> {
  const client = connectTo(base)
  try {
    const credential = await signInOwner(client)
    const found = new Set<string>()
    for (let cursor = ''; ; ) {
      const reply = await client.send('GET', `/v1/users?limit=200${cursor}`, { credential })
      if (reply?.status !== 200) throw new Error(`the list of users was answered ${reply?.status}`)
      for (const { username } of reply.body.items as { username: string }[]) found.add(username)
      if (reply.body.nextCursor === null) return found
      cursor = `&cursor=${encodeURIComponent(String(reply.body.nextCursor))}`
    }
  } finally {
    client.close()
  }
}
