import type { ObjectCopies } from '../kernel/backups.ts'
import { AppError } from '../kernel/errors.ts'
import { packBytes, unpackBytes } from './format.ts'
import type { Trusted } from './keys.ts'
import { objectCopiesPrefix, objectCopyName } from './names.ts'
import type { Target } from './target.ts'

type Parts = { targets: readonly Target[]; recipients: readonly string[]; openingOf(target: Target): Promise<Trusted> }

/** A target that has the copy reads nothing, and then nothing may stay open. */
async function* whenRead(open: () => Promise<AsyncIterable<Uint8Array>>): AsyncIterable<Uint8Array> {
  yield* await open()
}

/** Copies of objects in every target, each a file of its own under the object's key, which never holds other bytes. Encrypted like everything in a target, and not compressed: photos are already. */
export const objectCopies = ({ targets, recipients, openingOf }: Parts): ObjectCopies => ({
  async put(tenantId, key, open) {
    const name = objectCopyName(tenantId, key)
    let failed: unknown = null
    for (const target of targets)
      try {
        await target.open()
        await target.put(name, packBytes(whenRead(open), recipients))
      } catch (error) {
        failed = error
      }
    if (failed !== null) throw failed
  },
  async read(tenantId, key) {
    const name = objectCopyName(tenantId, key)
    let failed: unknown = null
    for (const target of targets)
      try {
        const { identities } = await openingOf(target)
        const body = await target.read(name)
        // to the end, so that a damaged copy gives way to another target's
        if (body !== null) return await unpackBytes(body, identities, name)
      } catch (error) {
        failed = error
      }
    if (failed !== null && !(failed instanceof AppError && failed.kind === 'unprocessable')) throw failed
    return null
  },
  async remove(tenantId, stem) {
    for (const target of targets) {
      const names: string[] = []
      for await (const { name } of target.list(`${objectCopiesPrefix}${tenantId}/${stem}`)) names.push(name)
      for (const name of names) await target.remove(name)
    }
  },
})
