import { randomBytes } from 'node:crypto'
import { copyFileSync, cpSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderName } from './cleanup.ts'
import { openLedger } from './ledger.ts'
import { perform, record, type Trial } from './load.ts'
import { loginOf, loginPassword, ownerWriter, signIn, type Writer } from './operations.ts'
import type { Random } from './random.ts'
import type { Outcome } from './report.ts'
import type { Client } from './requests.ts'
import { apply, bearer, emptyWorld, freshest } from './world.ts'

/** The writers of a trial, and the numbers that they share. */
export type Cast = { writers: Writer[]; number(): number }

export function castOf(count: number, random: Random): Cast {
  let last = 0
  const number = () => ++last
  return { number, writers: Array.from({ length: count }, (_, n) => ({ n, random, number })) }
}

/** A ledger beside the temporary files, never on a disk that is under test. */
export function newTrial(): Trial {
  const file = join(tmpdir(), `${folderName}${randomBytes(4).toString('hex')}.ndjson`)
  return { world: emptyWorld(), ledger: openLedger(file), apiKey: '' }
}

/** A trial from its ledger's beginning to its end. What goes wrong in it is a problem, and a loss leaves its evidence, unless losses are what is hunted for. */
export async function inTrial(
  outcome: Outcome,
  { folder, isHunt }: { folder: string; isHunt: boolean },
  work: (trial: Trial) => Promise<void>,
): Promise<void> {
  const trial = newTrial()
  const before = outcome.problems.length
  try {
    await work(trial)
  } catch (error) {
    outcome.problems.push(`${error instanceof Error ? error.message : error}`)
  }
  outcome.acknowledged += trial.world.acknowledged
  if (outcome.problems.length > before && !isHunt)
    outcome.notes.push(`ledger and data folder are kept: ${await keepEvidence(trial, folder, outcome.problems.slice(before))}`)
  await trial.ledger.close()
}

/** What is needed to look into a loss: the problems, the ledger, and the data folder as it is. Returns where they lie. */
async function keepEvidence({ ledger }: Trial, folder: string, problems: readonly string[]): Promise<string> {
  await ledger.sync()
  const place = mkdtempSync(join(tmpdir(), 'holdfast-loss-'))
  writeFileSync(join(place, 'problems.txt'), `${problems.join('\n')}\n`)
  copyFileSync(ledger.file, join(place, 'ledger.ndjson'))
  if (existsSync(folder)) cpSync(folder, join(place, 'data'), { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return place
}

/** Signs the owner in, makes the key for machines and a login for each writer, and signs them in. */
export async function populate(client: Client, trial: Trial, { writers, number }: Cast): Promise<void> {
  const signed = await perform(client, trial, signIn({ n: ownerWriter, number }))
  if (signed.result !== 'ok') throw new Error(`The owner's sign-in was answered ${signed.status} ${JSON.stringify(signed.reply)}`)
  const me = {
    n: number(),
    writer: ownerWriter,
    kind: 'create',
    method: 'POST',
    path: '/v1/users',
    body: null,
    version: null,
    key: null,
  } as const
  apply(trial.world, { ...signed, ...me, about: {}, result: 'after', reply: (signed.reply?.user ?? {}) as Record<string, unknown> })
  const sentMs = Date.now()
  const made = await client.send('POST', '/v1/api-keys', {
    credential: bearer(freshest(trial.world, ownerWriter)),
    body: { name: 'chaos', role: 'admin' },
  })
  const place = { ...me, n: number(), kind: 'other', path: '/v1/api-keys', about: {}, expected: [201] } as const
  if (record(trial, place, { reply: made, sentMs }).result !== 'ok') throw new Error(`The API key was answered ${made?.status}`)
  trial.apiKey = String(made?.body.key)
  await Promise.all(writers.map((writer) => enrol(client, trial, writer)))
}

async function enrol(client: Client, trial: Trial, { n, number }: Writer): Promise<void> {
  const body = { username: loginOf(n), role: 'admin', password: loginPassword }
  const operation = { n: number(), writer: ownerWriter, kind: 'create', method: 'POST', path: '/v1/users', body } as const
  const made = await perform(client, trial, { ...operation, version: null, key: null, about: {}, expected: [201] })
  const signed = await perform(client, trial, signIn({ n, number }))
  if (made.result !== 'ok' || signed.result !== 'ok') throw new Error(`Writer ${n} cannot sign in: ${made.status}, ${signed.status}`)
}
