import { z } from 'zod'
import { checklistDocument } from '../checklist/shape.ts'
import { type Entity, entity } from '../kernel/entity.ts'

/** The whole document at its floor and at every hundredth version. Its id is `<document>:<version>`. */
export const Milestone = entity('document_milestone', {
  table: 'document_milestones',
  id: 'text',
  fields: { documentId: z.uuid(), content: checklistDocument },
  belongsTo: { documentId: 'document' },
  indexes: { byDocument: ['documentId'] },
})
export type MilestoneRow = Entity<typeof Milestone>

export const conflict = z.object({
  path: z.string(),
  conflictType: z.literal('concurrent_edit'),
  resolution: z.enum(['override', 'dropped']),
})

/** One operation on a document, as it was committed: it made `editVersion` of the version before. Its id is `<document>:<version>`. */
export const Edit = entity('document_edit', {
  table: 'document_edits',
  id: 'text',
  fields: {
    documentId: z.uuid(),
    editVersion: z.int(),
    /** A client's UUID, or `<src>:<seq>` of a socket: it has one effect in its document, for ever. */
    operationId: z.string(),
    /** SHA-256 of what was asked for, so that a repeat is told from another operation under the same id. */
    digest: z.string(),
    userId: z.string().nullable(),
    userName: z.string(),
    /** json1 (ot-json1); null where everything it did was dropped. */
    op: z.array(z.unknown()).nullable(),
    conflicts: z.array(conflict),
  },
  unique: { operation: ['documentId', 'operationId'] },
  belongsTo: { documentId: 'document' },
  indexes: { byDocument: ['documentId'] },
  names: { userName: 'userId' },
})
export type EditRow = Entity<typeof Edit>
