import { createHash } from 'node:crypto'
import type { Proof } from '../kernel/backups.ts'
import type { AnyEntity } from '../kernel/entity.ts'
import type { Storage, StoredRow } from '../storage/port.ts'
import { covering, listSegments } from './coverage.ts'
import type { Manifest } from './manifest.ts'
import { headsOf, loadSnapshot, rowsOf, sequencesOf } from './read-snapshot.ts'
import { rowLines } from './row-line.ts'
import { readSegment } from './segment.ts'
import { everything, headsPart, sequencesPart } from './snapshot.ts'
import type { Target } from './target.ts'

export type ProveParts = {
  target: Target
  manifest: Manifest
  identities: readonly string[]
  entities: readonly AnyEntity[]
  /** An empty storage to restore into, opened; `prove` leaves it full, its maker removes it. */
  scratch: Storage
  progress?: (rows: number) => void
}

/**
 * Restores a snapshot into an empty storage and compares what came out with what the manifest says went in: rows and digests of each entity, sequences, and that the target's log reaches every stream's head with
 * the same hash. Whatever could keep it from being restored ends up in `problems`.
 */
export async function prove(parts: ProveParts): Promise<Proof> {
  const { target, manifest, identities, entities, scratch, progress } = parts
  const startMs = performance.now()
  const problems: Proof['problems'] = []
  const counts: Record<string, number> = {}
  const source = { target, manifest, identities }
  const attempt = async (part: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      problems.push({ part, detail: error instanceof Error ? error.message : String(error) })
    }
  }

  await attempt('rows', async () => {
    const transfer = scratch.transfer()
    await transfer.begin()
    await loadSnapshot(source, transfer, { entities, ...(progress === undefined ? {} : { progress }) })
    for (const type of entities) await attempt(type.name, () => compareRows(type))
    await transfer.finish()
    for (const detail of await scratch.check()) problems.push({ part: 'engine', detail })
  })
  await attempt(sequencesPart, () => drain(sequencesOf(source)))
  await attempt(headsPart, async () => {
    await drain(headsOf(source))
    await compareHeads()
  })

  async function compareRows(type: AnyEntity): Promise<void> {
    const file = manifest.files.find(({ part }) => part === type.name)
    const restored = everything((cursor) => scratch.transfer().rows(type, { cursor, limit: 1_000 }))
    const { rows, digest } = await digestOfRows(type, restored)
    counts[type.name] = rows
    const wanted = manifest.entities[type.name] ?? 0
    if (rows !== wanted) problems.push({ part: type.name, detail: `${rows} rows were restored, but ${wanted} were saved.` })
    // what an older version wrote lacks fields of this one: then what was read counts, with those null
    else if (file !== undefined && digest !== file.digest && digest !== (await digestOfRows(type, rowsOf(source, type))).digest)
      problems.push({ part: type.name, detail: 'The restored rows are not those that were saved.' })
  }

  async function compareHeads(): Promise<void> {
    const segments = await listSegments(target)
    for (const { stream, sequence, hash } of manifest.heads) {
      const { chosen, end } = covering(segments.get(stream) ?? [])
      const last = chosen.find((segment) => segment.first <= sequence && sequence <= segment.last)
      if (last === undefined) {
        problems.push({
          part: headsPart,
          detail: `The log of stream ${stream} ends at ${end} in this target, before the snapshot at ${sequence}.`,
        })
        continue
      }
      const body = await target.read(last.name)
      const entry =
        body === null
          ? undefined
          : (await readSegment(body, identities, last.name)).entries.find((each) => each.entry.sequence === sequence)
      if (entry?.hash !== hash)
        problems.push({
          part: headsPart,
          detail: `Entry ${sequence} of stream ${stream} in ${last.name} is not the one that the snapshot was made after.`,
        })
    }
  }

  return { ok: problems.length === 0, id: manifest.id, entities: counts, seconds: Math.round(performance.now() - startMs) / 1000, problems }
}

async function digestOfRows(type: AnyEntity, stored: AsyncIterable<StoredRow>): Promise<{ rows: number; digest: string }> {
  const line = rowLines(type)
  const hash = createHash('sha256')
  let rows = 0
  for await (const row of stored) {
    hash.update(line(row)).update('\n')
    rows += 1
  }
  return { rows, digest: hash.digest('hex') }
}

async function drain(lines: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of lines);
}
