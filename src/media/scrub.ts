import { z } from 'zod'
import { everyRow } from '../kernel/every-row.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import type { ListedObject } from '../objects/port.ts'
import { Media } from './entity.ts'
import { healFile } from './heal.ts'
import { keysOf } from './purge.ts'
import { countedBytes, recounted } from './quota.ts'
import { objectsOf } from './view.ts'

const prefixes = ['submissions/', 'profiles/', 'teams/', 'users/']
/** Younger ones may be on their way: an upload that is not confirmed, a copy whose commit comes. */
const youngMs = 25 * 60 * 60 * 1_000
const shownMost = 1_000

const finding = z.object({
  key: z.string(),
  mediaId: z.string().nullable(),
  problem: z.enum(['object_without_row', 'row_without_object', 'object_differs']),
})

/** Compares the files that are stored with the rows that tell of them, both ways. With `repair` objects that no row knows, and that are older than a day, are removed, and a row without its bytes gets them back from the backups; what none has is told as missing. The count of the tenant's bytes is set right too. */
export const scrubMedia = operation({
  name: 'media.scrub',
  summary: 'Compare stored files with their rows',
  needs: 'backup:create',
  input: z.strictObject({ repair: z.boolean().default(false) }),
  output: z.object({ rows: z.int(), objects: z.int(), removed: z.int(), healed: z.int(), findings: z.array(finding) }),
  async run(context, { repair }) {
    const objects = await objectsOf(context)
    const stored = new Map<string, ListedObject>()
    for (const prefix of prefixes)
      for (let cursor: string | null = null; ; ) {
        const page: Page<ListedObject> = await objects.list(prefix, { cursor })
        for (const item of page.items) stored.set(item.key, item)
        if (page.nextCursor === null) break
        cursor = page.nextCursor
      }
    // after the objects: a row that came meanwhile is no object's absence. And after the counter, which no upload may have moved when it is set right
    const counter = await countedBytes(context)
    const rows = await everyRow(context.store, Media)
    const known = new Map(rows.flatMap((row) => keysOf(row).map((key) => [key, row] as const)))
    const findings: z.output<typeof finding>[] = []
    const healed = new Set<string>()
    for (const [key, row] of known) {
      if (row.uploadStatus !== 'completed' || Date.parse(row.updatedAt) > context.realMs - youngMs) continue
      const found = stored.get(key)
      if (found === undefined) {
        if (repair && (await healFile(context.runtime, objects, row))) healed.add(row.id)
        else findings.push({ key, mediaId: row.id, problem: 'row_without_object' })
      } else if (key === row.objectKey && found.size !== row.fileSize) findings.push({ key, mediaId: row.id, problem: 'object_differs' })
    }
    let removed = 0
    for (const { key, storedAt } of stored.values()) {
      const row = known.get(key)
      const isKnown = row !== undefined && row.uploadStatus !== 'failed'
      if (isKnown || Date.parse(storedAt) > context.realMs - youngMs) continue
      findings.push({ key, mediaId: row?.id ?? null, problem: 'object_without_row' })
      if (!repair) continue
      await objects.remove(key)
      removed += 1
    }
    const output = { rows: rows.length, objects: stored.size, removed, healed: healed.size, findings: findings.slice(0, shownMost) }
    return {
      output,
      changes: repair ? recounted(counter, rows, context.now) : [],
      logged: true,
      detail: { rows: rows.length, objects: stored.size, removed, healed: healed.size, found: findings.length },
    }
  },
})
