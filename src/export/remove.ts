import { type Change, remove } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { everyRow } from '../kernel/every-row.ts'
import { Export, ExportLink } from './entity.ts'
import { expiryJob, keptMs } from './kept.ts'

/** What takes away every document that was made of a checklist: rows and links in the commit that removes the checklist, the bytes right after it. */
export async function removeExportsOf(
  { store, runtime, realMs }: Pick<Context, 'store' | 'runtime' | 'realMs'>,
  entityId: string,
): Promise<Change[]> {
  const changes: Change[] = []
  for (const row of await everyRow(store, Export, { index: 'byEntity', where: { entityId } })) {
    const links = await everyRow(store, ExportLink, { index: 'byExport', where: { exportId: row.id } })
    changes.push(remove(Export, row), ...links.map((link) => remove(ExportLink, link)), expiryJob(runtime, row.id, realMs - keptMs))
  }
  return changes
}
