import { z } from 'zod'
import { planWithoutUser } from '../assignment/own.ts'
import { Contact, type ContactRow } from '../contact/entity.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import { type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import type { AnyEntity, BaseRow } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { forgetCopyJob } from '../media/copies.ts'
import { Media, type MediaRow } from '../media/entity.ts'
import { bytesOf, countBytes } from '../media/quota.ts'
import { User } from '../user/entity.ts'
import { Erasure, type ErasureRow } from './entity.ts'
import { finishErasure } from './finish.ts'
import { rowsOf } from './log.ts'
import { emptied, erasedName, namesOf } from './person.ts'

const certificate = z.object({
  userId: z.uuid(),
  requestedAt: z.string(),
  requestedById: z.string().nullable(),
  reference: z.string().nullable(),
  state: z.enum(['pending', 'done']),
  rows: z.record(z.string(), z.int()),
  entries: z.int(),
  completedAt: z.string().nullable(),
  /** SHA-256 of the canonical JSON of the fields above, and a signature of the log's key over it in the form of a head (docs/audit.md). */
  proof: z.object({ hash: z.string(), head: z.record(z.string(), z.unknown()) }).nullable(),
})

function certificateOf({ services, store }: Context, row: ErasureRow): z.output<typeof certificate> {
  const { id, requestedById, reference, state, rows, entries, completedAt, createdAt } = row
  const said = { userId: id, requestedAt: createdAt, requestedById, reference, state, rows, entries, completedAt }
  if (state === 'pending' || completedAt === null) return { ...said, proof: null }
  const hash = sha256(canonical(said as unknown as Json))
  const head = services.keys.signHead({ stream: store.tenantId, sequence: entries, hash, time: completedAt })
  return { ...said, proof: { hash, head: { ...head, leaves: [...head.leaves] } } }
}

/**
 * Erases a person: their rows are removed or emptied in one commit with a tombstone, and then every entry of the log that tells of them. The chain goes on verifying; later restores stay without them. It
 * cannot be undone. Errors: `not_found`, `user_active`, `already_erased`.
 */
export const eraseUser = operation({
  name: 'user.erase',
  summary: 'Erase a person for ever',
  needs: 'user:erase',
  input: z.strictObject({
    id: z.string(),
    /** The username once more, so that nobody is erased by a slip. */
    username: z.string().max(200),
    reference: z.string().trim().max(200).nullish(),
  }),
  output: certificate,
  conflicts: { 'erasure.exists': ['already_erased', 'This person was erased already.'] },
  async run(context, { id, username, reference }) {
    const { store, services, now, actor, runtime } = context
    const user = isUuid(id) ? await store.get(User, id) : null
    if (user === null) throw notFound()
    if ((await store.get(Erasure, id)) !== null) throw new AppError('conflict', 'already_erased', 'This person was erased already.')
    if (user.username !== username) {
      const message = 'is not the username of this person'
      throw new AppError('unprocessable', 'validation_failed', `username: ${message}`, { errors: [{ field: 'username', message }] })
    }
    if (user.isActive) throw new AppError('conflict', 'user_active', 'Deactivate this person first: erasing cannot be undone.')
    const { own, named } = await rowsOf(store, services.entities, id)
    const changes: Change[] = []
    const rows: Record<string, number> = {}
    let bytes = 0
    for (const { type, row } of await present(context, own)) {
      // the bytes of the person's own files, and their copies in the backups, go by a job that is tried until they are gone
      if (type === Media) changes.push(forgetCopyJob(runtime, row as MediaRow, { atOnce: true }))
      rows[type.name] = (rows[type.name] ?? 0) + 1
      const left = emptied(type, id, row as never)
      if (type === Media && left === null) bytes += bytesOf(row as MediaRow)
      changes.push(left === null ? remove(type, row as never) : update(type, row as never, patched(type, row as never, left as never, now)))
    }
    changes.push(...(await countBytes(context, -bytes)))
    // what was assigned ends, and contacts are nobody's: one row may be named once in a commit
    const ends = await planWithoutUser(context, id)
    const freed = new Map(ends.contacts.map((one) => [one.before.id, one]))
    changes.push(...ends.changes)
    for (const { type, row } of await present(context, named)) {
      const fields: Partial<ContactRow> = Object.fromEntries(namesOf(type, row as never, id).map((field) => [field, erasedName(id)]))
      if (type === Contact && Object.keys(fields).length > 0) {
        Object.assign(fields, freed.get(row.id)?.patch)
        freed.delete(row.id)
      }
      if (Object.keys(fields).length > 0) changes.push(update(type, row as never, patched(type, row as never, fields as never, now)))
    }
    for (const { before, patch } of freed.values()) changes.push(update(Contact, before, patched(Contact, before, patch, now)))
    const tombstone = create(
      Erasure,
      id,
      {
        requestedById: actor.kind === 'user' ? actor.id : null,
        reference: reference || null,
        state: 'pending',
        rows,
        entries: 0,
        completedAt: null,
      },
      now,
    )
    return {
      output: certificateOf(context, tombstone),
      changes: [...changes, insert(Erasure, tombstone)],
      entity: { type: User.name, id },
      detail: { rows },
      after: () =>
        void finishErasure(runtime, store.tenantId, id).catch((error: unknown) =>
          services.log.error(
            { err: error, tenantId: store.tenantId, userId: id },
            'an erasure is not finished: it goes on at the next start',
          ),
        ),
    }
  },
})

/** The rows of those that are still there. */
async function present(
  { store }: Context,
  found: readonly { type: AnyEntity; id: string }[],
): Promise<{ type: AnyEntity; row: BaseRow }[]> {
  const rows: { type: AnyEntity; row: BaseRow }[] = []
  for (let start = 0; start < found.length; start += 500) {
    const some = found.slice(start, start + 500)
    for (const [at, row] of ((await store.read(some)) as (BaseRow | null)[]).entries())
      if (row !== null) rows.push({ type: (some[at] as { type: AnyEntity }).type, row })
  }
  return rows
}

/** The certificate of an erasure, signed once it is done. Errors: `not_found`. */
export const getErasure = operation({
  name: 'user.erasure',
  summary: 'Read the certificate of an erasure',
  needs: 'user:erase',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: certificate,
  async run(context, { id }) {
    const row = isUuid(id) ? await context.store.get(Erasure, id) : null
    if (row === null) throw notFound()
    return { output: certificateOf(context, row) }
  },
})
