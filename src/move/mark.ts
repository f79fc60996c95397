import { z } from 'zod'

const mark = z.object({
  version: z.literal(1),
  /** Whose copy the target is: the hash of the source's first entry. */
  source: z.string(),
  /** log: streams are copied and no row yet · rows: rows of `entity` behind `cursor`, and of the entities after it, are missing · follow: all rows are there. */
  phase: z.enum(['log', 'rows', 'follow']),
  entity: z.string().nullable(),
  cursor: z.string().nullable(),
})

/** Where a move stands, kept in the target with the load. */
export type Mark = z.output<typeof mark>

export const writeMark = (where: Omit<Mark, 'version'>): string => JSON.stringify({ version: 1, ...where })

/** The mark, or null for one that is not a move's of this version. */
export function readMark(text: string): Mark | null {
  try {
    return mark.parse(JSON.parse(text))
  } catch {
    return null
  }
}
