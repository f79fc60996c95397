import { z } from 'zod'
import { reachOf } from '../access/scope.ts'
import { planGive } from '../assignment/contact-plan.ts'
import { ContactAssignment } from '../assignment/entity.ts'
import { openLedger, readAll } from '../assignment/ledger.ts'
import { planScore, planWithoutContact } from '../assignment/remove.ts'
import { type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation } from '../kernel/operation.ts'
import { decodeCursor, encodeCursor, type Page, pageInput, pageOf } from '../kernel/page.ts'
import type { Filter, Query } from '../storage/port.ts'
import { stale } from '../user/operations.ts'
import { blankContact, Contact, type ContactRow, searchBreak } from './entity.ts'
import { contactFields, hasName } from './native-input.ts'
import { contactStatuses } from './rules.ts'

/** What our own interface shows of a contact. */
export const contactView = Contact.public.pick({
  id: true,
  number: true,
  email: true,
  firstName: true,
  lastName: true,
  company: true,
  phone: true,
  leadScore: true,
  status: true,
  ownerId: true,
  importId: true,
  createdAt: true,
  updatedAt: true,
  version: true,
})

const { leadScore, status, ...texts } = contactFields
const given = {
  ...Object.fromEntries(Object.entries(texts).map(([field, schema]) => [field, schema.optional()])),
  leadScore: leadScore.optional(),
  status: status.optional(),
} as { [K in keyof typeof texts]: z.ZodOptional<(typeof texts)[K]> } & {
  leadScore: z.ZodOptional<typeof leadScore>
  status: z.ZodOptional<typeof status>
}

const nameless = () => {
  const message = 'one of email, firstName, lastName and company is needed'
  return new AppError('unprocessable', 'validation_failed', message, { errors: [{ field: 'email', message }] })
}

/** A contact's row from checked fields; it is no lead. Its number must be the tenant's next. */
export const newContact = (
  { newId, now, actor }: Pick<Context, 'newId' | 'now' | 'actor'>,
  fields: Partial<ContactRow>,
  number: number,
): ContactRow =>
  create(
    Contact,
    newId(),
    { ...blankContact, ...fields, number, createdById: actor.kind === 'user' ? actor.id : null, createdByName: actor.name },
    now,
  )

/** Makes a contact. Who works with few makes it their own. Errors: `validation_failed`. */
export const createContact = operation({
  name: 'contact.create',
  summary: 'Create a contact',
  needs: 'contact:create',
  input: z.strictObject(given),
  output: contactView,
  async run(context, fields) {
    if (!hasName(fields)) throw nameless()
    const { store, scope, actor, now } = context
    const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    const row = newContact(context, set, await store.next(Contact.name))
    const about = { entity: { type: Contact.name, id: row.id } }
    if (scope === 'tenant' || actor.kind !== 'user' || actor.id === null) return { output: row, changes: [insert(Contact, row)], ...about }
    const ledger = openLedger(context)
    await ledger.read([actor.id])
    await ledger.readClock()
    const assigned = planGive(context, ledger, {
      contact: row,
      userId: actor.id,
      row: null,
      former: null,
      isPrimary: true,
      mode: 'manual',
      batchId: null,
      reason: { rule: 'manual' },
    }).filter(({ entity }) => entity !== Contact)
    const owned = { ...row, ownerId: actor.id, assignedAt: now }
    return { output: owned, changes: [insert(Contact, Contact.derive(owned)), ...assigned, ...ledger.changes()], ...about }
  },
})

const wanted = {
  ownerId: z.string().max(64).optional(),
  importId: z.string().max(64).optional(),
  status: z.enum(contactStatuses).optional(),
  email: z.string().max(254).optional(),
  q: z.string().max(200).optional(),
  tag: z.string().min(1).max(50).optional(),
}
type Wanted = z.output<z.ZodObject<typeof wanted>>

const listName = 'contact.list'

/** The contacts that one may see, in the order of creation: all, or those assigned to oneself and those below. */
export const listContacts = operation({
  name: listName,
  summary: 'List contacts',
  needs: 'contact:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, ...wanted }),
  output: pageOf(contactView),
  async run(context, { limit = 50, cursor = null, ...asked }) {
    const { store } = context
    const reach = await reachOf(context)
    if (reach.everyone) return { output: await store.list(Contact, { ...selectionOf(asked), filter: filtersOf(asked), cursor, limit }) }
    const [after = ''] = cursor === null ? [] : decodeCursor(listName, cursor, 1)
    const ids = [...(await assignedTo(context, reach.ids))].filter((id) => id > String(after)).sort()
    const found: ContactRow[] = []
    for (let start = 0; start < ids.length && found.length <= limit; start += 500)
      for (const row of await readAll<ContactRow>(
        store,
        ids.slice(start, start + 500).map((id) => ({ type: Contact, id })),
      ))
        if (row !== null && fits(row, asked)) found.push(row)
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { output: { items, nextCursor: found.length > limit && last !== undefined ? encodeCursor(listName, [last.id]) : null } }
  },
})

function selectionOf({ email, importId }: Wanted): Query {
  if (email !== undefined) return { index: 'byEmail', where: { emailFold: fold(email) } }
  return importId === undefined ? {} : { index: 'byImport', where: { importId } }
}

/** As tags.ts keeps it: between breaks, lower-case. */
const marked = (tag: string): string => searchBreak + tag.trim().toLowerCase() + searchBreak

function filtersOf({ ownerId, importId, status, q, tag }: Wanted): Filter[] {
  const filters: Filter[] = []
  if (ownerId !== undefined) filters.push({ field: 'ownerId', op: 'eq', value: ownerId === 'none' ? null : ownerId })
  if (importId !== undefined) filters.push({ field: 'importId', op: 'eq', value: importId })
  if (status !== undefined) filters.push({ field: 'status', op: 'eq', value: status })
  if (q !== undefined && q.trim() !== '') filters.push({ field: 'searchText', op: 'contains', value: fold(q.trim()) })
  if (tag !== undefined) filters.push({ field: 'tags', op: 'contains', value: marked(tag) })
  return filters
}

const fits = (row: ContactRow, { ownerId, importId, status, email, q, tag }: Wanted): boolean =>
  (ownerId === undefined || row.ownerId === (ownerId === 'none' ? null : ownerId)) &&
  (importId === undefined || row.importId === importId) &&
  (status === undefined || row.status === status) &&
  (email === undefined || row.emailFold === fold(email)) &&
  (q === undefined || row.searchText.includes(fold(q.trim()))) &&
  (tag === undefined || row.tags?.includes(marked(tag)) === true)

/** Contacts actively assigned to any of these people, and leads that are theirs. */
async function assignedTo({ store }: Context, ids: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>()
  for (let cursor: string | null = null; ; ) {
    const page: Page<{ contactId: string }> = await store.list(ContactAssignment, {
      index: 'byUser',
      where: { userId: [...ids], status: 'active' },
      cursor,
      limit: 200,
    })
    for (const { contactId } of page.items) found.add(contactId)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  for (const ownerId of ids)
    for (let cursor: string | null = null; ; ) {
      const page: Page<ContactRow> = await store.list(Contact, { index: 'byOwner', where: { ownerId }, cursor, limit: 200 })
      for (const { id } of page.items) found.add(id)
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
  return found
}

/** Errors: `not_found`, alike for absent, foreign and out of reach. */
export async function reachable(context: Context, id: string): Promise<ContactRow> {
  const { store } = context
  const row = isUuid(id) ? await store.get(Contact, id) : null
  if (row === null) throw notFound()
  const reach = await reachOf(context)
  if (reach.everyone || (row.ownerId !== null && reach.ids.has(row.ownerId))) return row
  const { items } = await store.list(ContactAssignment, { index: 'byContact', where: { contactId: id, status: 'active' }, limit: 200 })
  if (!items.some(({ userId }) => reach.ids.has(userId))) throw notFound()
  return row
}

/** All of these, in order. Errors: `not_found` when one is not there or out of reach. */
export async function reachables(context: Context, ids: readonly string[]): Promise<ContactRow[]> {
  const rows = await readAll<ContactRow>(
    context.store,
    ids.map((id) => ({ type: Contact, id })),
  )
  const reach = await reachOf(context)
  const mine = reach.everyone ? null : await assignedTo(context, reach.ids)
  return rows.map((row) => {
    if (row === null || (mine !== null && !mine.has(row.id))) throw notFound()
    return row
  })
}

export const getContact = operation({
  name: 'contact.get',
  summary: 'Read a contact',
  needs: 'contact:read',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: contactView,
  run: async (context, { id }) => ({ output: await reachable(context, id) }),
})

/** Changes a contact that one may see. Errors: `not_found`, `validation_failed`, `version_conflict`. */
export const updateContact = operation({
  name: 'contact.update',
  summary: 'Change a contact',
  needs: 'contact:update',
  input: z.strictObject({ id: z.string(), version: z.int().min(1), ...given }),
  output: contactView,
  async run(context, { id, version, ...patch }) {
    const before = await reachable(context, id)
    if (before.version !== version) throw stale()
    const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<ContactRow>
    const row = patched(Contact, before, set, context.now)
    if (!hasName(row)) throw nameless()
    const score = Math.round(row.leadScore * 100) - Math.round(before.leadScore * 100)
    const changes: Change[] = [update(Contact, before, row), ...(await planScore(context, id, score))]
    return { output: row, changes, entity: { type: Contact.name, id } }
  },
})

/** Removes a contact; everybody's assignment to it ends in the same commit. Errors: `not_found`. */
export const removeContact = operation({
  name: 'contact.remove',
  summary: 'Remove a contact',
  needs: 'contact:remove',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run(context, { id }) {
    const row = await reachable(context, id)
    const ends = await planWithoutContact(context, id)
    return { output: null, changes: [...ends, remove(Contact, row)], entity: { type: Contact.name, id } }
  },
})
