import { createHash } from 'node:crypto'
import type { AnyEntity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Head, SequenceValue, StoredRow, Transfer } from '../storage/port.ts'
import { unpackLines } from './format.ts'
import type { Manifest } from './manifest.ts'
import { headsPart, sequencesPart } from './snapshot.ts'
import type { Target } from './target.ts'

type Source = { target: Target; manifest: Manifest; identities: readonly string[] }

/** The lines of one file of a snapshot, checked against the manifest while they are read: whoever reads to the end has read exactly what was written. Errors: `backup_damaged`, `backup_wrong_key`, `backup_incomplete`. */
export async function* linesOf({ target, manifest, identities }: Source, part: string): AsyncGenerator<string> {
  const file = manifest.files.find((candidate) => candidate.part === part)
  if (file === undefined) return // an entity that the version which wrote it did not have
  const body = await target.read(file.name)
  if (body === null) throw incomplete(file.name)
  const packed = createHash('sha256')
  const plain = createHash('sha256')
  let lines = 0
  for await (const line of unpackLines(hashed(body, packed), identities, file.name)) {
    plain.update(line).update('\n')
    lines += 1
    yield line
  }
  if (packed.digest('hex') !== file.sha256 || plain.digest('hex') !== file.digest || lines !== file.lines) throw altered(file.name)
}

async function* hashed(body: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk)
    yield chunk
  }
}

/** The rows of one entity, of all tenants or one. Fields that this version does not know are left out, those that the writing one did not know are null. */
export async function* rowsOf(source: Source, type: AnyEntity, tenantId: string | null = null): AsyncGenerator<StoredRow> {
  const missing = Object.fromEntries(type.columns.map(({ field }) => [field, null]))
  for await (const line of linesOf(source, type.name)) {
    const stored = JSON.parse(line) as StoredRow
    if (tenantId !== null && stored.tenantId !== tenantId) continue
    const known = Object.fromEntries(type.columns.map(({ field }) => [field, stored.row[field] ?? null]))
    yield { tenantId: stored.tenantId, row: { ...missing, ...known, id: stored.row.id } }
  }
}

export async function* headsOf(source: Source): AsyncGenerator<{ tenantId: string } & Head> {
  for await (const line of linesOf(source, headsPart)) yield JSON.parse(line) as { tenantId: string } & Head
}

export async function* sequencesOf(source: Source): AsyncGenerator<SequenceValue> {
  for await (const line of linesOf(source, sequencesPart)) yield JSON.parse(line) as SequenceValue
}

const batchSize = 1_000

/** Loads a snapshot's rows and sequences into a storage that is being loaded. `tenantId` leaves the others out. Resolves to the number of rows. */
export async function loadSnapshot(
  source: Source,
  transfer: Transfer,
  {
    entities,
    tenantId = null,
    progress = () => {},
  }: { entities: readonly AnyEntity[]; tenantId?: string | null; progress?: (rows: number) => void },
): Promise<number> {
  let loaded = 0
  for (const type of entities) {
    for await (const rows of batches(rowsOf(source, type, tenantId))) {
      await transfer.load({ type, rows })
      loaded += rows.length
      progress(loaded)
    }
  }
  for await (const values of batches(sequencesOf(source))) {
    const sequences = tenantId === null ? values : values.filter((value) => value.tenantId === tenantId)
    if (sequences.length > 0) await transfer.load({ sequences })
  }
  return loaded
}

/** Items in arrays of a size that one load takes. */
export async function* batches<T>(items: AsyncIterable<T>, size = batchSize): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

const incomplete = (name: string): AppError =>
  new AppError('unprocessable', 'backup_incomplete', `The backup file ${name} is missing. Take another snapshot, or another target.`)

const altered = (name: string): AppError =>
  new AppError(
    'unprocessable',
    'backup_damaged',
    `The backup file ${name} is not the one that its manifest names. Take another snapshot, or another target.`,
  )
