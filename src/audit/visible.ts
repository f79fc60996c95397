import { scopeOf } from '../access/permissions.ts'
import { type Reach, reachOf } from '../access/scope.ts'
import { Contact } from '../contact/entity.ts'
import type { Context } from '../kernel/context.ts'
import type { LogChange, LoggedEntry } from '../storage/port.ts'
import { User } from '../user/entity.ts'

/** Of an entry what the actor may see: everything for those who may read the audit log, else the changes of users and contacts within reach; null when nothing is left. */
export async function visibleEntry(context: Context, logged: LoggedEntry): Promise<LoggedEntry | null> {
  const { actor, origin } = context
  if (actor.role !== null && scopeOf(actor.role, 'audit:read', origin.surface) !== null) return logged
  const reach = await reachOf(context)
  const changes: LogChange[] = []
  for (const change of logged.entry.changes) if (await isVisible(context, reach, change)) changes.push(change)
  if (changes.length === 0) return null
  const { entity } = logged.entry
  const isShown = entity !== null && changes.some(({ type, id }) => type === entity.type && id === entity.id)
  const { detail: _, ...entry } = logged.entry
  return { ...logged, entry: { ...entry, changes, entity: isShown ? entity : null } }
}

async function isVisible({ store }: Context, reach: Reach, { type, id }: LogChange): Promise<boolean> {
  if (reach.everyone) return true
  if (type === User.name) return reach.ids.has(id)
  if (type !== Contact.name) return false
  const contact = await store.get(Contact, id)
  return contact?.ownerId != null && reach.ids.has(contact.ownerId)
}
