import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isAbsent } from './files.ts'

/** Ends the names of files and never stands in a key: `a` and `a/b` can both be objects. */
export const mark = '+'

export const pathOf = (root: string, tenant: string, key: string): string => join(root, tenant, `${key}${mark}`)

type Walk = { prefix: string; after: string | null }

/** The keys under a tenant's folder that begin with the prefix and come after a key, in the order of their characters. */
export async function* keysIn(folder: string, walk: Walk, path = ''): AsyncGenerator<string> {
  for (const entry of await entriesOf(join(folder, path))) {
    const key = path + entry
    if (key.endsWith('/')) {
      if (mayHold(key, walk)) yield* keysIn(folder, walk, key)
    } else if (key.startsWith(walk.prefix) && (walk.after === null || key > walk.after)) yield key
  }
}

/** Folders with a `/` behind, so that they stand where their keys do. */
async function entriesOf(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .flatMap((entry) => (entry.isDirectory() ? [`${entry.name}/`] : entry.name.endsWith(mark) ? [entry.name.slice(0, -mark.length)] : []))
      .sort((a, b) => (a < b ? -1 : 1))
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

const mayHold = (folder: string, { prefix, after }: Walk): boolean =>
  (folder.startsWith(prefix) || prefix.startsWith(folder)) && (after === null || folder > after || after.startsWith(folder))
