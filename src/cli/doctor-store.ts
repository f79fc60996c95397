import { isSignedHead } from '../audit/chain.ts'
import { AppError } from '../kernel/errors.ts'
import type { Holdfast } from '../main.ts'
import { SigningKeyRow } from '../session/entity.ts'
import { type Head, platformTenant } from '../storage/port.ts'
import { backupChecks } from './doctor-backups.ts'
import type { Check } from './doctor-folder.ts'
import type { TaskCall } from './tasks.ts'

/** A head may be a little ahead of this clock: several machines never agree to the second. */
const aheadMs = 5 * 60_000

/** What only an open store can tell. It runs in the process that holds the data folder. */
export async function storeChecks({ holdfast }: TaskCall): Promise<Check[]> {
  return [
    lockCheck(),
    await settingsCheck(holdfast),
    await engineCheck(holdfast),
    await sealCheck(holdfast),
    ...(await headChecks(holdfast)),
    ...(await backupChecks(holdfast)),
  ]
}

const lockCheck = (): Check => ({
  name: 'lock',
  ok: true,
  detail: `Process ${process.pid} holds the data folder; no other can.`,
  advice: null,
})

async function settingsCheck({ runtime }: Holdfast): Promise<Check> {
  const { name, version, settings } = await runtime.storage.describe()
  const listed = Object.entries(settings).map(([key, value]) => `${key} = ${value}`)
  return { name: 'engine-settings', ok: true, detail: `${name} ${version}: ${listed.join(', ')}.`, advice: null }
}

async function engineCheck({ runtime }: Holdfast): Promise<Check> {
  const problems = await runtime.storage.check()
  if (problems.length === 0) return { name: 'engine-check', ok: true, detail: 'The database is sound.', advice: null }
  const advice = 'Keep a copy of the data folder as it is, then restore from a backup.'
  return { name: 'engine-check', ok: false, detail: problems.slice(0, 5).join(' '), advice }
}

/** The master key is the right one when it opens what is stored. */
async function sealCheck({ runtime }: Holdfast): Promise<Check> {
  const name = 'sealed-values'
  const { items } = await runtime.storage.platform().list(SigningKeyRow, { limit: 200 })
  try {
    for (const { id, privateKey } of items)
      runtime.services.sealer.open(privateKey, { tenant: platformTenant, entity: SigningKeyRow.name, id, field: 'privateKey' })
    return { name, ok: true, detail: `The master key opens all ${items.length} signing keys.`, advice: null }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { name, ok: false, detail: error.message, advice: 'Give the server the master key that this data was made with.' }
  }
}

async function headChecks({ runtime }: Holdfast): Promise<Check[]> {
  const keys = runtime.services.keys.logKeys()
  const unsigned: Head[] = []
  let streams = 0
  let newest = ''
  for (let cursor: string | null = null; ; ) {
    const page: { items: (Head & { tenantId: string })[]; nextCursor: string | null } = await runtime.storage
      .platform()
      .heads({ cursor, limit: 200 })
    for (const { tenantId: _, ...head } of page.items) {
      streams += 1
      if (head.time > newest) newest = head.time
      if (!isSignedHead(head, keys)) unsigned.push(head)
    }
    if (page.nextCursor === null) break
    cursor = page.nextCursor
    await new Promise((resolve) => setImmediate(resolve))
  }
  const heads: Check =
    unsigned.length === 0
      ? { name: 'log-heads', ok: true, detail: `The heads of ${streams} streams are signed by our keys.`, advice: null }
      : {
          name: 'log-heads',
          ok: false,
          detail: `${unsigned.length} of ${streams} heads are not signed by our keys, the first of stream ${unsigned[0]?.stream}.`,
          advice: 'Run bin/holdfast audit verify: it names every place that was changed.',
        }
  const isAhead = newest !== '' && Date.parse(newest) > runtime.clock.realMs() + aheadMs
  const clock: Check = isAhead
    ? {
        name: 'log-clock',
        ok: false,
        detail: `The newest log entry is of ${newest}, which is in the future.`,
        advice: 'The clock of this machine was set back: set it right.',
      }
    : { name: 'log-clock', ok: true, detail: `The newest log entry is of ${newest || 'no time yet'}.`, advice: null }
  return [heads, clock]
}
