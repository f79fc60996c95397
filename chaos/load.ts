import type { Entry, Ledger, Operation, Result } from './ledger.ts'
import { isPerson, nextOperation, type Writer } from './operations.ts'
import type { Client, Credential, Reply } from './requests.ts'
import { apply, bearer, freshest, type World } from './world.ts'

/** One data folder's life: what was done to it, and how to speak to it. */
export type Trial = {
  world: World
  ledger: Ledger
  /** Of an administrator; every second writer uses it, so that half of all writes come from machines. */
  apiKey: string
}

/** Sends an operation and writes down what came of it. */
export async function perform(client: Client, trial: Trial, operation: Operation): Promise<Entry> {
  const { body, key, version, method, path } = operation
  const sentMs = Date.now()
  const reply = await client.send(method, path, { credential: credentialOf(trial, operation), key, body, version })
  return record(trial, operation, { reply, sentMs })
}

export function record(trial: Trial, operation: Operation, { reply, sentMs }: { reply: Reply | null; sentMs: number }): Entry {
  const { status = null, body = null, receipt = null, requestId = null, isReplay = false } = reply ?? {}
  const entry: Entry = { ...operation, result: resultOf(reply), status, reply: body, receipt, requestId, isReplay, sentMs }
  trial.ledger.append(entry)
  apply(trial.world, entry)
  return entry
}

/** 507 promises that nothing was changed; any other 5xx promises nothing. */
function resultOf(reply: Reply | null): Result {
  if (reply === null) return 'unknown'
  if (reply.status >= 500 && reply.status !== 507) return 'unknown'
  return reply.status < 300 ? 'ok' : 'fail'
}

/** The same actor for the same operation, whenever it is sent again: keys are bound to it. */
export function credentialOf({ world, apiKey }: Trial, { kind, about, writer }: Operation): Credential {
  if (kind === 'sign-in' || kind === 'refresh') return null
  if (kind === 'sign-out') return bearer(world.sessions.get(about.session ?? -1))
  return isPerson(writer) ? bearer(freshest(world, writer)) : { apiKey }
}

/** All writers at once until `signal`, or until each has lost its connection. */
export async function writeUntil(signal: AbortSignal, client: Client, trial: Trial, writers: readonly Writer[]): Promise<void> {
  await Promise.all(
    writers.map(async (writer) => {
      while (!signal.aborted) {
        const entry = await perform(client, trial, nextOperation(trial.world, writer))
        if (entry.result === 'unknown') return
      }
    }),
  )
}
