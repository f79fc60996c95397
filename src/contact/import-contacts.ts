import { z } from 'zod'
import { planScore, planScores, planWithoutContact } from '../assignment/remove.ts'
import { type Change, create, insert, patched, remove, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { type Entity, fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { metaOf } from '../kernel/meta.ts'
import { operation } from '../kernel/operation.ts'
import { type Page, queryBoolean } from '../kernel/page.ts'
import { Conflict } from '../storage/port.ts'
import { Contact, type ContactRow } from './entity.ts'
import { ContactImport, ContactImportChange, type ContactImportRow } from './import-entity.ts'
import { type Fields, type ReadRow, readContacts } from './import-file.ts'
import { newContact } from './native.ts'

const chunkSize = 200
const mostErrors = 100
const attempts = 20

const report = z.object({
  importId: z.string(),
  created: z.int(),
  updated: z.int(),
  skipped: z.int(),
  failed: z.int(),
  ignoredColumns: z.array(z.string()),
  errors: z.array(z.object({ row: z.int(), field: z.string(), message: z.string() })),
  isDryRun: z.boolean(),
})

type Counts = Pick<ContactImportRow, 'created' | 'updated' | 'skipped' | 'failed'>
type Good = { row: number; fields: Fields }

/** Reads a file of contacts in (contracts/salesbrain.md section 8). Good rows are stored though others fail; cut off, the same file with duplicates skipped goes on. Errors: `import_unreadable`. */
export const importContacts = operation({
  name: 'contact.import',
  summary: 'Import contacts from a CSV file',
  needs: 'contact:import',
  input: z.strictObject({
    file: z.instanceof(Buffer),
    type: z.string().default('text/csv'),
    onDuplicate: z.enum(['skip', 'update']).default('skip'),
    dryRun: queryBoolean.default(false),
  }),
  output: report,
  async run(context, { file, type, onDuplicate, dryRun }) {
    if (!/^text\/csv *(?:;|$)/i.test(type)) throw new AppError('media_type', 'unsupported_media_type', 'Send the file as text/csv.')
    const importId = await context.once('import', async () => context.newId())
    const told = { ignored: [] as string[] }
    // all of it is read before anything is stored, so that a file that breaks off leaves nothing
    const rows: ReadRow[] = []
    for await (const row of readContacts(file, told)) rows.push(row)
    const bad = rows.filter((row) => 'message' in row)
    const good = rows.filter((row): row is Good => 'fields' in row)
    const counts: Counts = { created: 0, updated: 0, skipped: 0, failed: bad.length }
    const seen = new Set<string>()
    let state: ContactImportRow | null = await context.store.get(ContactImport, importId)
    for (let start = 0; start < good.length; start += chunkSize) {
      const chunk = good.slice(start, start + chunkSize)
      state = await storeChunk(context, { importId, chunk, onDuplicate, dryRun, seen, counts, state })
    }
    const errors = bad.slice(0, mostErrors).map(({ row, field, message }) => ({ row, field, message }))
    const output = { importId, ...counts, ignoredColumns: told.ignored, errors, isDryRun: dryRun }
    if (dryRun) return { output }
    const last = importChange(context, importId, state, counts)
    return { output, changes: [last.change], entity: { type: ContactImport.name, id: importId }, detail: { ...counts } }
  },
})

type Chunk = {
  importId: string
  chunk: readonly Good[]
  onDuplicate: 'skip' | 'update'
  dryRun: boolean
  /** Addresses of the file that were stored, or would be. */
  seen: Set<string>
  counts: Counts
  state: ContactImportRow | null
}

async function storeChunk(context: Context, work: Chunk): Promise<ContactImportRow | null> {
  for (let attempt = 1; ; attempt += 1) {
    const seen = new Set(work.seen)
    const counts = { ...work.counts }
    const changes = await planChunk(context, { ...work, seen, counts })
    const next = importChange(context, work.importId, work.state, counts)
    try {
      if (!work.dryRun && changes.length > 0)
        await context.store.commit(
          [...changes, next.change],
          metaOf(context, importContacts.name, { entity: { type: ContactImport.name, id: work.importId } }),
        )
    } catch (error) {
      if (!(error instanceof Conflict) || attempt >= attempts) throw error
      continue
    }
    for (const email of seen) work.seen.add(email)
    Object.assign(work.counts, counts)
    return work.dryRun || changes.length === 0 ? work.state : next.row
  }
}

async function planChunk(context: Context, { importId, chunk, onDuplicate, dryRun, seen, counts }: Chunk): Promise<Change[]> {
  const { store, now } = context
  const emails = chunk.flatMap(({ fields }) => (fields.email == null ? [] : [fold(fields.email)]))
  const known = await byEmail(context, emails)
  const first = dryRun ? 1 : await store.next(Contact.name, chunk.length)
  const changes = new Map<string, Change[]>()
  /** Fields of rows that were there, as lines of this chunk changed them. */
  const altered = new Map<string, Fields>()
  const scores = new Map<string, number>()
  const fresh = new Map<string, ContactRow>()
  for (const [at, { fields }] of chunk.entries()) {
    const email = fields.email == null ? null : fold(fields.email)
    const before = email === null ? undefined : (known.get(email) ?? fresh.get(email))
    if (email !== null && (before !== undefined || seen.has(email))) {
      if (onDuplicate === 'skip' || before === undefined) {
        counts.skipped += 1
        continue
      }
      counts.updated += 1
      if (fresh.has(email)) {
        // an earlier line of this very file made it
        const again = { ...before, ...fields, version: 1, updatedAt: now } as ContactRow
        fresh.set(email, Contact.derive(again))
        changes.set(before.id, [insert(Contact, Contact.derive(again))])
        continue
      }
      const all = { ...altered.get(before.id), ...fields }
      altered.set(before.id, all)
      const after = patched(Contact, before, all as Partial<ContactRow>, now)
      scores.set(before.id, Math.round(after.leadScore * 100) - Math.round(before.leadScore * 100))
      changes.set(before.id, [update(Contact, before, after), await kept(context, { importId, before, after, fields: all })])
      continue
    }
    counts.created += 1
    const row = newContact(context, { ...fields, importId } as Partial<ContactRow>, first + at)
    if (email !== null) {
      seen.add(email)
      fresh.set(email, row)
    }
    changes.set(row.id, [insert(Contact, row)])
  }
  return [...[...changes.values()].flat(), ...(await planScores(context, scores))]
}

/** What the row was before this import. */
async function kept(
  context: Context,
  { importId, before, after, fields }: { importId: string; before: ContactRow; after: ContactRow; fields: Fields },
): Promise<Change> {
  const { store, now } = context
  const id = `${before.id} ${importId}`
  const old = Object.fromEntries(Object.keys(fields).map((field) => [field, before[field as keyof ContactRow]]))
  const row = await store.get(ContactImportChange, id)
  if (row !== null) {
    const next = patched(ContactImportChange, row, { left: after.version, before: { ...old, ...row.before } }, now)
    return update(ContactImportChange, row, next)
  }
  return insert(
    ContactImportChange,
    create(ContactImportChange, id, { importId, contactId: before.id, left: after.version, before: old }, now),
  )
}

async function byEmail({ store }: Context, emails: readonly string[]): Promise<Map<string, ContactRow>> {
  const found = new Map<string, ContactRow>()
  if (emails.length === 0) return found
  for (let cursor: string | null = null; ; ) {
    const page: Page<ContactRow> = await store.list(Contact, {
      index: 'byEmail',
      where: { emailFold: [...new Set(emails)] },
      cursor,
      limit: 200,
    })
    for (const row of page.items) if (row.emailFold !== null && !found.has(row.emailFold)) found.set(row.emailFold, row)
    if (page.nextCursor === null) return found
    cursor = page.nextCursor
  }
}

function importChange(
  { now, actor }: Context,
  id: string,
  before: ContactImportRow | null,
  counts: Counts,
): { row: ContactImportRow; change: Change } {
  if (before === null) {
    const row = create(ContactImport, id, { ...counts, byId: actor.id, undoneAt: null }, now)
    return { row, change: insert(ContactImport, row) }
  }
  const row = patched(ContactImport, before, counts, now)
  return { row, change: update(ContactImport, before, row) }
}

/** Takes a whole import back: contacts that it made and nobody has changed since go, those that it changed are as before. Errors: `import_not_found`, `already_undone`. */
export const undoImport = operation({
  name: 'contact.undo-import',
  summary: 'Take an import of contacts back',
  needs: 'contact:import',
  input: z.strictObject({ importId: z.string() }),
  output: z.object({ removed: z.int(), restored: z.int(), kept: z.int() }),
  async run(context, { importId }) {
    const { store, now } = context
    const state = isUuid(importId) ? await store.get(ContactImport, importId) : null
    if (state === null) throw new AppError('not_found', 'import_not_found', 'There is no such import.')
    if (state.undoneAt !== null) throw new AppError('conflict', 'already_undone', 'This import was already undone.')
    const done = await context.once('undo', async () => ({ removed: 0, restored: 0, kept: 0 }))
    // a lost race runs this again, and what is kept is met again
    done.kept = 0
    const meta = () => metaOf(context, undoImport.name, { entity: { type: ContactImport.name, id: importId } })
    for (let cursor: string | null = null; ; ) {
      const page: Page<ContactRow> = await store.list(Contact, { index: 'byImport', where: { importId }, cursor, limit: 100 })
      for (const row of page.items) {
        if (row.updatedAt !== row.createdAt && row.leadStatus !== null) {
          done.kept += 1
          continue
        }
        await store.commit([...(await planWithoutContact(context, row.id)), remove(Contact, row)], meta())
        done.removed += 1
      }
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    for (let cursor: string | null = null; ; ) {
      const page: Page<Entity<typeof ContactImportChange>> = await store.list(ContactImportChange, {
        index: 'byImport',
        where: { importId },
        cursor,
        limit: 100,
      })
      for (const change of page.items) {
        const row = await store.get(Contact, change.contactId)
        if (row === null || row.version !== change.left) {
          done.kept += 1
          continue
        }
        const after = patched(Contact, row, change.before as Partial<ContactRow>, now)
        const score = Math.round(after.leadScore * 100) - Math.round(row.leadScore * 100)
        await store.commit(
          [update(Contact, row, after), remove(ContactImportChange, change), ...(await planScore(context, row.id, score))],
          meta(),
        )
        done.restored += 1
      }
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    return {
      output: { ...done },
      changes: [update(ContactImport, state, patched(ContactImport, state, { undoneAt: now }, now))],
      entity: { type: ContactImport.name, id: importId },
    }
  },
})

/** Cells that a spreadsheet would take for a formula get a mark in front. */
const cell = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : String(value)
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const exported = ['number', 'email', 'firstName', 'lastName', 'company', 'phone', 'leadScore', 'status', 'ownerId', 'createdAt'] as const
const header = exported.map((field) => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)).join(',')

/** All contacts of a tenant as CSV, which `contact.import` reads again. */
export const exportContacts = operation({
  name: 'contact.export',
  summary: 'Export contacts as CSV',
  needs: 'contact:import',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ text: z.string() }),
  async run({ store }) {
    const lines = [header]
    for (let cursor: string | null = null; ; ) {
      const page: Page<ContactRow> = await store.list(Contact, { cursor, limit: 200 })
      for (const row of page.items) lines.push(exported.map((field) => cell(row[field])).join(','))
      if (page.nextCursor === null) return { output: { text: `${lines.join('\r\n')}\r\n` } }
      cursor = page.nextCursor
    }
  },
})
