import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

/** A file of contacts that was read in, so that all of it can be taken back. */
export const ContactImport = entity('contact_import', {
  table: 'contact_imports',
  fields: {
    created: z.int(),
    updated: z.int(),
    skipped: z.int(),
    failed: z.int(),
    byId: z.string().nullable(),
    undoneAt: z.iso.datetime({ precision: 3 }).nullable(),
  },
})
export type ContactImportRow = Entity<typeof ContactImport>

/** What a contact was before an import changed it. Its id is the contact's and the import's. */
export const ContactImportChange = entity('contact_import_change', {
  table: 'contact_import_changes',
  id: 'text',
  fields: {
    importId: z.uuid(),
    contactId: z.uuid(),
    /** The version that the import left. */
    left: z.int(),
    before: z.record(z.string(), z.unknown()),
  },
  indexes: { byImport: ['importId'] },
})
