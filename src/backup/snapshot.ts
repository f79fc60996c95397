import { createHash } from 'node:crypto'
import type { AnyEntity } from '../kernel/entity.ts'
import type { Page } from '../kernel/page.ts'
import type { View } from '../storage/port.ts'
import { packLines } from './format.ts'
import { type Manifest, putManifest, type UnsignedManifest } from './manifest.ts'
import { snapshotFileName } from './names.ts'
import { rowLines } from './row-line.ts'
import type { BackupSigner } from './signature.ts'
import type { Target } from './target.ts'

export const headsPart = 'log-heads'
export const sequencesPart = 'sequences'

export type SnapshotParts = {
  id: string
  /** RFC 3339. */
  createdAt: string
  instance: string
  holdfast: string
  engine: string
  entities: readonly AnyEntity[]
  recipients: readonly string[]
  signer: BackupSigner
  /** Called with the rows written so far. */
  progress?: (rows: number) => void
}

const pageSize = 1_000

/** Writes everything that the view shows into a target, file by file, the manifest last. Memory does not grow with the number of rows. */
export async function writeSnapshot(view: View, target: Target, parts: SnapshotParts): Promise<Manifest> {
  const { id, entities, recipients } = parts
  const files: Manifest['files'] = []
  const counts: Record<string, number> = {}
  const tenants: Record<string, Record<string, number>> = {}
  const heads: Manifest['heads'] = []
  let rows = 0

  async function write(part: string, lines: AsyncIterable<readonly string[]>): Promise<void> {
    const hash = createHash('sha256')
    const { body, written } = packLines(hashed(lines, hash), recipients)
    const name = snapshotFileName(id, part)
    await target.put(name, body)
    const { sha256, bytes, lines: count } = written()
    files.push({ name, part, sha256, bytes, lines: count, digest: hash.digest('hex') })
  }

  async function* linesOf(type: AnyEntity): AsyncGenerator<string[]> {
    const line = rowLines(type)
    counts[type.name] = 0
    for await (const page of pages((cursor) => view.rows(type, { cursor, limit: pageSize }))) {
      counts[type.name] = (counts[type.name] ?? 0) + page.length
      for (const { tenantId } of page) countOf(tenants, tenantId, type.name)
      rows += page.length
      parts.progress?.(rows)
      yield page.map(line)
    }
  }

  async function* headLines(): AsyncGenerator<string[]> {
    for await (const page of pages((cursor) => view.heads({ cursor, limit: 200 }))) {
      for (const { tenantId, stream, sequence, hash, time } of page) heads.push({ tenantId, stream, sequence, hash, time })
      yield page.map((head) => JSON.stringify(head))
    }
  }

  async function* sequenceLines(): AsyncGenerator<string[]> {
    for await (const page of pages((cursor) => view.sequences({ cursor, limit: pageSize })))
      yield page.map((value) => JSON.stringify(value))
  }

  for (const type of entities) await write(type.name, linesOf(type))
  await write(sequencesPart, sequenceLines())
  await write(headsPart, headLines())
  const { createdAt, instance, holdfast, engine, signer } = parts
  const about = { format: 'holdfast-snapshot', version: 1, id, instance, createdAt, holdfast, engine } as const
  const content: UnsignedManifest = { ...about, files, entities: counts, tenants, heads }
  return putManifest(target, content, signer, recipients)
}

function countOf(tenants: Record<string, Record<string, number>>, tenantId: string, entity: string): void {
  const ours = tenants[tenantId] ?? {}
  ours[entity] = (ours[entity] ?? 0) + 1
  tenants[tenantId] = ours
}

async function* pages<T>(read: (cursor: string | null) => Promise<Page<T>>): AsyncGenerator<readonly T[]> {
  for (let cursor: string | null = null; ; ) {
    const page: Page<T> = await read(cursor)
    yield page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

/** Every item of a list that comes in pages. */
export async function* everything<T>(read: (cursor: string | null) => Promise<Page<T>>): AsyncGenerator<T> {
  for await (const page of pages(read)) yield* page
}

async function* hashed(lines: AsyncIterable<readonly string[]>, hash: ReturnType<typeof createHash>): AsyncGenerator<readonly string[]> {
  for await (const some of lines) {
    if (some.length > 0) hash.update(`${some.join('\n')}\n`)
    yield some
  }
}
