import { z } from 'zod'
import { bytesOf, replaceFile, type Step } from './durable-file.ts'

const listed = z.object({
  name: z.string(),
  /** Of the file's bytes. */
  sha256: z.string(),
  /** Of what it says, without the time and the seal: tells whether there is anything new. */
  content: z.string(),
  records: z.int(),
  admins: z.int(),
  fieldOfficers: z.int(),
  createdAt: z.string(),
})
const schema = z.object({
  version: z.literal(1),
  generations: z.array(listed),
  tombstones: z.array(z.object({ employee_id: z.string(), deleted_at: z.string() })),
})

export type Listed = z.output<typeof listed>
/** The list of generations beside a backup file, and who was deleted on purpose. */
export type Manifest = z.output<typeof schema>

export const manifestPath = (path: string): string => `${path}.manifest.json`

/** The list, null where there is none, or the bytes of one that cannot be read. */
export async function readManifest(path: string): Promise<{ manifest: Manifest | null } | { broken: Buffer }> {
  const bytes = await bytesOf(manifestPath(path))
  if (bytes === null) return { manifest: null }
  try {
    return { manifest: schema.parse(JSON.parse(bytes.toString('utf8'))) }
  } catch {
    return { broken: bytes }
  }
}

export const writeManifest = (path: string, manifest: Manifest, step?: Step): Promise<void> =>
  replaceFile(manifestPath(path), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), step === undefined ? {} : { step })
