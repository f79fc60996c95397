import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })

/**
 * The tombstone of a person whose data was erased on request. Its id is the user's: whatever brings rows of that person back later, a restore or a rebuild from older backups, empties them again by it. It holds
 * nothing of the person.
 */
export const Erasure = entity('erasure', {
  table: 'erasures',
  fields: {
    requestedById: z.uuid().nullable(),
    /** Why, in the words of who did it: a request's number, never a name. */
    reference: z.string().nullable(),
    /** `pending` until the log has forgotten too. */
    state: z.enum(['pending', 'done']),
    /** How many rows of each entity were removed or emptied. */
    rows: z.record(z.string(), z.int()),
    /** How many entries of the log were emptied. */
    entries: z.int(),
    completedAt: time.nullable(),
  },
  permanent: true,
  belongsTo: { id: 'user' },
  directory: { byState: { fields: ['state'] } },
})

export type ErasureRow = Entity<typeof Erasure>
