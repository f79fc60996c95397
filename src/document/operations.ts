import { z } from 'zod'

import { assertNotFrozen, readableChecklist } from '../checklist/access.ts'
import type { ChecklistRow, LiveDocumentRow } from '../checklist/entity.ts'
import { checksumOf, theDocument } from '../checklist/operations.ts'
import type { ChecklistDocument } from '../checklist/shape.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { tell } from '../metrics/series.ts'
import { entered, forbidden, where } from '../profile/place.ts'
import { compile, type DoorOp } from './compile.ts'
import { assertKept, assertReachable, caughtUp, edited } from './edit.ts'
import { conflict, Edit, type EditRow } from './entity.ts'
import { normal, type Op } from './json1.ts'
import { contentAt, editsBetween, made } from './state.ts'
import { changesOf } from './touched.ts'

const uuid = z.uuid('must be a UUID')
const id = z.string().max(200)
const whole = z.int().min(0)

/** Every field that some kind of operation has; what fits which kind `compile` says. */
export const doorOp = z.strictObject({
  type: z.enum(['update', 'insert', 'delete', 'move']),
  path: z.string().max(300),
  id: id.optional(),
  afterId: id.nullable().optional(),
  sectionId: id.optional(),
  pos: whole.optional(),
  len: whole.optional(),
  text: z.string().max(10_000).optional(),
  value: z.unknown().optional(),
  newValue: z.unknown().optional(),
  oldValue: z.unknown().optional(),
})
const change = z.object({ path: z.string(), value: z.unknown().optional(), removed: z.literal(true).optional() })
export const editResult = z.object({
  success: z.literal(true),
  operationId: z.string(),
  version: z.int(),
  op: z.unknown(),
  changes: z.array(change),
  conflicts: z.array(conflict),
  checksum: z.string(),
})
type EditResult = z.input<typeof editResult>

const reused = () =>
  new AppError('conflict', 'operation_id_reused', 'This operationId belongs to another operation on the document. Take a new one.')

/** A checklist whose document one may edit now. Errors: `checklist_not_found`, `forbidden`, `frozen`. */
export async function editable(context: Context, checklistId: string): Promise<{ row: ChecklistRow; document: LiveDocumentRow }> {
  const { row, access } = await readableChecklist(context, checklistId)
  if (!access.mayEdit) throw forbidden()
  assertNotFrozen(row)
  const document = await theDocument(context, row.id)
  return { row, document: document.topVersion === document.documentVersion ? document : await caughtUp(context, document) }
}

async function resultOf(context: Context, document: LiveDocumentRow, edit: EditRow): Promise<EditResult> {
  assertKept(document, edit.editVersion)
  return shown(edit, await contentAt(context, document, edit.editVersion))
}

export const shown = ({ operationId, editVersion, op, conflicts }: EditRow, content: ChecklistDocument): EditResult => ({
  success: true,
  operationId,
  version: editVersion,
  op,
  changes: changesOf(op, content),
  conflicts,
  checksum: checksumOf(content),
})

export const digestOf = (value: unknown): string => sha256(canonical(value as Json))

/** What an operation id did already, or null. Errors: `operation_id_reused`. */
async function doneBefore(
  { store, actor }: Context,
  documentId: string,
  { operationId, digest }: { operationId: string; digest: string },
): Promise<EditRow | null> {
  const edit = await store.find(Edit, 'operation', [documentId, operationId])
  if (edit !== null && (edit.digest !== digest || edit.userId !== actor.id)) throw reused()
  return edit
}

/**
 * Applies operations that name entries by id to a document, as one version or not at all (contracts/prework.md, section 8). Errors: `checklist_not_found`, `forbidden`, `frozen`, `invalid_operation`,
 * `version_mismatch`, `version_conflict` with what is missing, `resync_required`, `operation_id_reused`, `document_too_large`.
 */
export const applyEdit = operation({
  name: 'document.edit',
  summary: 'Edit a document',
  needs: 'checklist:edit',
  elsewhere: true,
  rereads: ['document_edit.operation'],
  input: z.object({
    ...where,
    checklistId: z.string(),
    operationId: uuid.optional(),
    baseVersion: z.int().min(1).optional(),
    ops: z.array(doorOp).min(1).max(100),
    strict: z.boolean().default(false),
  }),
  output: z.object({ result: editResult }),
  serial: async ({ store }, { checklistId }) => ({ key: `document ${store.tenantId} ${checklistId}`, width: 1 }),
  async run(caller, { organization, actors, checklistId, operationId, baseVersion, ops, strict }) {
    const context = await entered(caller, { organization, actors })
    const { row, access } = await readableChecklist(context, checklistId)
    if (!access.mayEdit) throw forbidden()
    const digest = digestOf({ ops, baseVersion: baseVersion ?? null, strict })
    const wanted = operationId ?? context.newId()
    const before = await doneBefore(context, row.id, { operationId: wanted, digest })
    if (before !== null) return { output: { result: await resultOf(context, await theDocument(context, row.id), before) } }
    const { document } = await editable(context, checklistId)
    const base = baseVersion ?? document.documentVersion
    assertReachable(document, base)
    if (strict && base < document.documentVersion) throw await behind(context, document, base)
    const content = await contentAt(context, document, base)
    const op = compile(content, ops as DoorOp[], ['checklist', row.id])
    const made = await edited(context, { row, document }, { operationId: wanted, digest, baseVersion: base, op })
    return { output: { result: shown(made.edit, made.content) }, ...written(context, made) }
  },
})

/** One json1 operation of a socket, at the newest version: `behind` where there is a newer one by now, and nothing was done. Errors: as above. */
export const submitEdit = operation({
  name: 'document.submit',
  summary: 'Submit an operation on a document over the socket',
  needs: 'checklist:edit',
  rereads: ['document_edit.operation'],
  input: z.object({
    checklistId: z.string(),
    operationId: z.string().max(200),
    baseVersion: z.int().min(1),
    op: z.array(z.unknown()).nullable(),
    /** What was sent, before it was transformed. */
    digest: z.string(),
  }),
  serial: async ({ store }, { checklistId }) => ({ key: `document ${store.tenantId} ${checklistId}`, width: 1 }),
  output: z.object({ version: z.int(), outcome: z.enum(['made', 'repeated', 'behind']) }),
  async run(context, { checklistId, operationId, baseVersion, op, digest }) {
    const { row, document } = await editable(context, checklistId)
    const before = await context.store.find(Edit, 'operation', [row.id, operationId])
    if (before !== null) {
      if (before.userId !== context.actor.id) throw reused()
      return { output: { version: before.editVersion, outcome: 'repeated' as const } }
    }
    if (document.documentVersion !== baseVersion) return { output: { version: document.documentVersion, outcome: 'behind' as const } }
    const made = await edited(context, { row, document }, { operationId, digest, baseVersion, op: normal(op) })
    return { output: { version: made.edit.editVersion, outcome: 'made' as const }, ...written(context, made) }
  },
})

export const written = (context: Context, { changes, document, content, edit, depth }: Awaited<ReturnType<typeof edited>>) => ({
  changes,
  store: context.store,
  entity: { type: 'checklist', id: document.id },
  after: () => {
    made(context, document, content, edit)
    const { tenantId } = context.store
    // durable, it goes to everybody who follows
    const { receivedMs } = context.origin
    if (receivedMs !== undefined) tell('holdfast_sync_propagation_seconds', tenantId, {}, (performance.now() - receivedMs) / 1_000)
    tell('holdfast_sync_transform_depth', tenantId, {}, depth)
    if (edit.conflicts.length > 0) tell('holdfast_sync_conflicts_total', tenantId, {}, { add: edit.conflicts.length })
  },
})

/** What a strict client lacks. */
async function behind(context: Context, document: LiveDocumentRow, base: number): Promise<AppError> {
  const operations = await entriesBetween(context, document, base, Math.min(document.documentVersion, base + 1_000))
  return new AppError('conflict', 'version_conflict', 'The document has changed since baseVersion.', {
    extra: { currentVersion: document.documentVersion, operations },
  })
}

const entry = z.object({
  version: z.int(),
  operationId: z.string().nullable(),
  userId: z.string().nullable(),
  userName: z.string().nullable(),
  timestamp: z.string(),
  op: z.unknown().optional(),
  create: z.unknown().optional(),
  changes: z.array(change),
})
export type Entry = z.input<typeof entry>

/** Entries above one version up to another. The floor's holds the whole document instead of an operation. */
export async function entriesBetween(context: Context, document: LiveDocumentRow, after: number, to: number): Promise<Entry[]> {
  const { floorVersion } = document
  const entries: Entry[] = []
  if (after < floorVersion) {
    const create = await contentAt(context, document, floorVersion)
    const blank = { operationId: null, userId: null, userName: null, changes: [] }
    entries.push({ ...blank, version: floorVersion, timestamp: document.createdAt, create })
  }
  for (const edit of await editsBetween(context, document, Math.max(after, floorVersion), to)) {
    const content = await contentAt(context, document, edit.editVersion)
    entries.push(entryOf(edit, content))
  }
  return entries
}

export const entryOf = ({ editVersion, operationId, userId, userName, createdAt, op }: EditRow, content: ChecklistDocument): Entry => ({
  version: editVersion,
  operationId,
  userId,
  userName,
  timestamp: createdAt,
  op,
  changes: changesOf(op as Op, content),
})

const ofDocument = { ...where, entityId: z.string(), entityType: z.string().default('checklist') }

/** The document that a read means. Errors: `checklist_not_found`. */
async function readDocument(caller: Context, { entityId, entityType, ...place }: z.output<z.ZodObject<typeof ofDocument>>) {
  if (entityType !== 'checklist') {
    const message = 'must be checklist'
    throw new AppError('unprocessable', 'validation_failed', `entityType: ${message}`, { errors: [{ field: 'entityType', message }] })
  }
  const context = await entered(caller, place)
  const { row } = await readableChecklist(context, entityId)
  return { context, row, document: await theDocument(context, row.id) }
}

/** What a document says now. Errors: `checklist_not_found`. */
export const getDocument = operation({
  name: 'document.get',
  summary: 'Read a document',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object(ofDocument),
  output: z.object({
    entityId: z.string(),
    entityType: z.string(),
    version: z.int(),
    data: z.unknown(),
    checksum: z.string(),
    operationCount: z.int(),
    lastModified: z.string(),
    modifiedBy: z.string().nullable(),
  }),
  async run(caller, given) {
    const { context, row, document } = await readDocument(caller, given)
    const { documentVersion: version, floorVersion } = document
    const data = await contentAt(context, document, version)
    const [newest] = version === floorVersion ? [] : await editsBetween(context, document, version - 1, version)
    return {
      output: {
        entityId: row.id,
        entityType: 'checklist',
        version,
        data,
        checksum: checksumOf(data),
        operationCount: version - 1,
        lastModified: document.updatedAt,
        modifiedBy: newest === undefined ? row.userId : newest.userId,
      },
    }
  },
})

/** The operations on a document, in order. Errors: `checklist_not_found`. */
export const listEdits = operation({
  name: 'document.operations',
  summary: 'List the operations on a document',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({
    ...ofDocument,
    sinceVersion: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
  }),
  output: z.object({ operations: z.array(entry), currentVersion: z.int(), hasMore: z.boolean() }),
  async run(caller, { sinceVersion, limit, ...given }) {
    const { context, document } = await readDocument(caller, given)
    const { documentVersion: currentVersion, floorVersion } = document
    const from = sinceVersion < floorVersion ? floorVersion - 1 : sinceVersion
    const to = Math.min(currentVersion, from + limit)
    return { output: { operations: await entriesBetween(context, document, from, to), currentVersion, hasMore: to < currentVersion } }
  },
})

/** A document as sockets read it, at a version or now. */
export const readVersion = operation({
  name: 'document.read',
  summary: 'Read a document over the socket',
  needs: 'checklist:read',
  readOnly: true,
  input: z.object({ checklistId: z.string(), version: z.int().min(1).nullable().default(null) }),
  output: z.object({ version: z.int(), floor: z.int(), content: z.unknown() }),
  async run(context, { checklistId, version }) {
    const { row } = await readableChecklist(context, checklistId)
    const found = await theDocument(context, row.id)
    const document = found.topVersion === found.documentVersion ? found : await caughtUp(context, found)
    const wanted = Math.min(version ?? document.documentVersion, document.documentVersion)
    assertKept(document, wanted)
    return { output: { version: wanted, floor: document.floorVersion, content: await contentAt(context, document, wanted) } }
  },
})
