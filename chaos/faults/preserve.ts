import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../command.ts'
import type { Plan } from '../cycles.ts'
import { type Disk, type ImageDisk, imageDisk, plainFolder, powerProblem } from '../disks.ts'
import { freeze } from '../freeze.ts'
import { type Random, sleep } from '../random.ts'
import { countStart, type Outcome } from '../report.ts'
import { type Client, connectTo } from '../requests.ts'
import { type Server, type ServerOptions, spawnCommand, startServer } from '../server-process.ts'
import { signInOwner } from './scenarios.ts'

type Size = Pick<Plan, 'cycles' | 'random' | 'plant'>

const mebibytes = 64
const officerPassword = 'nine herons over the weir'
/** contracts/satshine.md promises two seconds from the change to the file; as much again is for a machine that does other things too. */
const dueMs = 4_000

type Hired = { employeeId: string; atMs: number }

/**
 * Employees are hired while the power goes, or the server is killed; then the data folder is deleted, and `bin/holdfast preserve --action=restore`, killed on its way too, must bring back from the file
 * beside it everybody who was due there, with their password. The file is whole at every moment.
 */
export async function runPreserve(outcome: Outcome, { cycles, random, plant }: Size): Promise<void> {
  const problem = powerProblem()
  if (problem !== null) outcome.notes.push(`preserve: without power cuts (${problem})`)
  const image: ImageDisk | null = problem === null ? imageDisk(mebibytes) : null
  const disk: Disk = image ?? plainFolder()
  const data = plainFolder()
  const file = join(disk.mount, 'users.json')
  const options: ServerOptions = {
    folder: data.folder,
    environment: { HOLDFAST_PERSISTENT_FILE: file, HOLDFAST_BACKUP: 'off', HOLDFAST_HASH_MEMORY_KIB: '19456' },
    plant,
  }
  let known = new Map<string, Hired>()
  let last = 0
  const take = (one: Hired): void => {
    outcome.acknowledged += 1
    known.set(one.employeeId, one)
  }
  try {
    for (; outcome.cycles < cycles && outcome.problems.length === 0; ) {
      const server = await startServer(options)
      countStart(outcome, server.readyMs)
      try {
        await ask(server, known, outcome)
        const client = connectTo(server.base)
        const credential = await signInOwner(client)
        const hiring = hire(client, credential, { from: last, take })
        await sleep(random.between(200, 6_000))
        if (image !== null && random.chance(0.5)) {
          await freeze(server.pid)
          image.cutPower()
          await server.kill()
          image.boot()
        } else await server.kill()
        const struckMs = Date.now()
        last = await hiring
        client.close()
        outcome.cycles += 1
        known = new Map([...known].filter(([, { atMs }]) => atMs <= struckMs - dueMs))
      } finally {
        await server.kill()
      }
      rmSync(data.folder, { recursive: true, force: true })
      await bringBack(outcome, { options, file, random, isDue: known.size > 0 })
    }
    const server = await startServer(options)
    await ask(server, known, outcome)
    await server.kill()
  } catch (error) {
    outcome.problems.push(`preserve: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  } finally {
    data.close()
    disk.close()
  }
}

type Hiring = { from: number; take(one: Hired): void }

/** One after another, until the server is gone. Resolves to the last number that was used. */
async function hire(client: Client, credential: Awaited<ReturnType<typeof signInOwner>>, { from, take }: Hiring): Promise<number> {
  for (let number = from + 1; ; number += 1) {
    const employeeId = `MGJ${String(number).padStart(5, '0')}`
    const body = {
      employee_id: employeeId,
      first_name: 'Asha',
      last_name: `Mehta ${number}`,
      designation: 'MT',
      dccb: 'SURAT',
      contact_number: `98765${String(number).padStart(5, '0')}`,
      email: `officer${number}@example.org`,
      reporting_manager: 'NOBODY YET',
      password: officerPassword,
    }
    const reply = await client.send('POST', '/auth/register/', { credential, body })
    if (reply === null) return number
    if (reply.status !== 201) throw new Error(`${employeeId} was answered ${reply.status} ${JSON.stringify(reply.body)}`)
    take({ employeeId, atMs: Date.now() })
  }
}

type Return = { options: ServerOptions; file: string; random: Random; isDue: boolean }

async function bringBack(outcome: Outcome, { options, file, random, isDue }: Return): Promise<void> {
  const problem = (text: string) => outcome.problems.push(`cycle ${outcome.cycles}: ${text}`)
  if (!existsSync(file)) {
    if (isDue) problem(`LOST: ${file} is not there`)
    return
  }
  try {
    if (!Array.isArray(JSON.parse(readFileSync(file, 'utf8')))) problem('the file holds no list')
  } catch (error) {
    problem(`the file is not whole: ${String(error)}`)
  }
  const args = ['preserve', '--action=restore', '--file', file]
  if (random.chance(0.5)) {
    const restoring = spawnCommand(options, ...args)
    await sleep(random.between(0, 1_500))
    await restoring.kill()
  }
  const { code, words } = await runCommand(options, ...args, '--json')
  if (code !== 0 && (isDue || code !== 3)) problem(`preserve ended with ${code}: ${words.slice(-1_000)}`)
}

/** Everybody who was due in the file is there; the newest of them signs in with the password they had. */
async function ask({ base }: Server, known: ReadonlyMap<string, Hired>, outcome: Outcome): Promise<void> {
  const client = connectTo(base)
  try {
    const credential = await signInOwner(client)
    const there = new Set<string>()
    for (let [page, pages] = [1, 1]; page <= pages; page += 1) {
      const reply = await client.send('GET', `/auth/admin/employees/?page=${page}`, { credential })
      if (reply?.status !== 200) throw new Error(`the list of employees was answered ${reply?.status}`)
      pages = Number(reply.body.pages)
      for (const { employee_id } of reply.body.employees as { employee_id: string }[]) there.add(employee_id)
    }
    for (const id of known.keys())
      if (!there.has(id)) outcome.problems.push(`cycle ${outcome.cycles}: LOST: ${id} was hired in time and is not there`)
    const newest = [...known.keys()].at(-1)
    if (newest === undefined) return
    const signed = await client.send('POST', '/auth/login/', { body: { employee_id: newest, password: officerPassword } })
    if (signed?.status !== 200) outcome.problems.push(`cycle ${outcome.cycles}: ${newest} signs in with ${signed?.status}`)
  } finally {
    client.close()
  }
}
