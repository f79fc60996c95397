import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { z } from 'zod'

/** What became of one row. `conflict`: the row is valid, but another user of the tenant or of the file holds what it wants. */
export type RowOutcome = { row: number; line: number } & (
  | { outcome: 'created'; username: string; id: string | null }
  | { outcome: 'existing'; username: string; id: string }
  | { outcome: 'conflict' | 'invalid'; field: string; message: string }
)

/** Every row is in exactly one of created, existing, conflict and invalid. `refused` holds conflict and invalid, a row once, in the order of the file. */
export const importReport = z.object({
  dryRun: z.boolean(),
  rows: z.int(),
  created: z.int(),
  existing: z.int(),
  conflict: z.int(),
  invalid: z.int(),
  refused: z.array(z.object({ row: z.int(), line: z.int(), field: z.string(), message: z.string() })),
  /** Columns or keys that mean nothing here, and were not read. */
  ignored: z.array(z.string()),
  /** Where the outcome of every row was written, where that was asked for. */
  outcomeFile: z.string().nullable(),
})
export type ImportReport = z.output<typeof importReport>

/** `total` may be an estimate: the last call of `onProgress` tells the truth. */
type Options = {
  dryRun: boolean
  total: number
  outcomeFile: string | null
  onProgress: ((done: number, total: number) => void) | undefined
}

/** Counts outcomes, and writes each as a line of JSON to `outcomeFile`, which appears under its name only when all are in it. */
export function createReport({ dryRun, total, outcomeFile, onProgress }: Options) {
  const counts = { created: 0, existing: 0, conflict: 0, invalid: 0 }
  const refused: ImportReport['refused'] = []
  let unwritten: string[] = []
  let handle: FileHandle | null = null
  const draft = `${outcomeFile}.tmp`
  const settled = (): number => counts.created + counts.existing + refused.length

  async function write(): Promise<void> {
    if (outcomeFile === null) return
    handle ??= await begin(draft)
    const lines = unwritten
    unwritten = []
    if (lines.length > 0) await handle.appendFile(`${lines.join('\n')}\n`)
  }

  return {
    add(outcome: RowOutcome): void {
      counts[outcome.outcome] += 1
      if ('field' in outcome) {
        const { row, line, field, message } = outcome
        refused.push({ row, line, field, message })
      }
      if (outcomeFile !== null) unwritten.push(JSON.stringify(outcome))
    },
    /** Tells how far it is, and writes what there is to write. */
    async pass(): Promise<void> {
      const done = settled()
      onProgress?.(done, Math.max(done, total))
      await write()
    },
    async finish(ignored: Iterable<string>): Promise<ImportReport> {
      onProgress?.(settled(), settled())
      await write()
      if (handle !== null && outcomeFile !== null) {
        await handle.sync()
        await handle.close()
        handle = null
        await rename(draft, outcomeFile)
      }
      refused.sort((a, b) => a.row - b.row)
      return { dryRun, rows: settled(), ...counts, refused, ignored: [...ignored], outcomeFile }
    },
    /** After a failure: closes the draft, which stays for whoever wants to know how far it came. */
    async close(): Promise<void> {
      await handle?.close()
    },
  }
}

/** A new file for its owner alone, whatever stood under its name. */
async function begin(draft: string): Promise<FileHandle> {
  await rm(draft, { force: true })
  return open(draft, 'wx', 0o600)
}

export type Report = ReturnType<typeof createReport>
