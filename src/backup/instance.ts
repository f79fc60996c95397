import { toTime } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { platformTenant } from '../storage/port.ts'
import { openingOf, putFormerKeys } from './keys.ts'
import { instanceName } from './names.ts'
import { isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'
import type { ShipParts } from './target-shipper.ts'

/** What stands in `instance.json`: which instance writes into this target, and who can read it. `instance` is the hash of the first entry of the platform's stream, which no two instances share and which a move or a restore keeps. */
export type Instance = { format: 'holdfast-backup'; version: 1; instance: string; createdAt: string; recipients: readonly string[] }

/** Makes an empty target ours, and refuses one that is another instance's. One that was begun under a former master key gets what the current one needs to read it. Errors: `target_foreign`, and those of the target. */
export async function identify(target: Target, parts: ShipParts): Promise<void> {
  const { storage, keys, clock } = parts
  const { signer } = keys.current
  const [first] = await storage.tenant(platformTenant).log(null, 0, 1)
  if (first === undefined) throw new Error('A storage without a first entry has nothing to ship')
  const ours: Instance = {
    format: 'holdfast-backup',
    version: 1,
    instance: first.hash,
    createdAt: toTime(clock.realMs()),
    recipients: keys.recipients,
  }
  const found = await readInstance(target)
  if (found === null) {
    await target.put(instanceName, Buffer.from(`${JSON.stringify(signer.sign(ours), null, 2)}\n`))
    return identify(target, parts) // another process may have been quicker
  }
  if (found.instance !== ours.instance) throw foreign(target)
  if (isSignedBy([signer.publicKey], found)) return
  await putFormerKeys(target, keys)
  if (!isSignedBy((await openingOf(target, keys)).publicKeys, found)) throw foreign(target)
}

/** The target's `instance.json`, or null for a target that nobody wrote into. Whose signature it carries is for the reader to check. Errors: `backup_damaged`. */
export async function readInstance(target: Target): Promise<Signed<Instance> | null> {
  const body = await target.read(instanceName)
  if (body === null) return null
  try {
    const found = JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString()) as Signed<Instance>
    if (found.format === 'holdfast-backup' && found.version === 1 && typeof found.instance === 'string') return found
  } catch (error) {
    if (error instanceof AppError) throw error
  }
  throw new AppError('unprocessable', 'backup_damaged', `The file ${instanceName} of ${target.url} is damaged. Take another target.`)
}

const foreign = (target: Target): AppError =>
  new AppError(
    'conflict',
    'target_foreign',
    `${target.url} holds the backups of another instance, or of this one under another master key. Nothing is written into it. Name an empty place with HOLDFAST_BACKUP.`,
  )
