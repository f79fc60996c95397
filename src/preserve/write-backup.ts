import { basename, dirname, join } from 'node:path'
import { AppError } from '../kernel/errors.ts'
import {
  type Destination,
  digestOf,
  type Generation,
  generationPaths,
  olderNames,
  readGeneration,
  type Survey,
  stampOf,
} from './destination.ts'
import { bytesOf, linkFile, removeFile, removeLeftovers, replaceFile, type Step, syncFolder } from './durable-file.ts'
import { type Counts, contentOf, type Tombstone } from './form.ts'
import { type Listed, type Manifest, writeManifest } from './manifest.ts'

/** So many generations stay, the newest included. */
export const generationsKept = 10

export type Backup = { text: string; counts: Counts; tombstones: readonly Tombstone[] }

export type WriteOptions = {
  /** Real time. */
  nowMs: number
  /** A forced backup takes no older one away. */
  prunes: boolean
  step?: Step
}

/** What tells whether a backup says anything new: of a plain list its bytes, of a full document all but the time. */
const contentDigest = ({ form }: Destination, text: string): string =>
  form === 'full' ? contentOf(JSON.parse(text) as object) : digestOf(Buffer.from(text))

/**
 * Writes a new generation, unless it would say what the newest valid one says. At every instant there is a whole file under the path, and every file of ours under it is listed: the list names the new one
 * before the rename. The one that was there stays as a generation of its own, unless it was no valid source (it was copied aside then). Only when the new one was read back as it should be, older ones go.
 */
export async function writeBackup(
  destination: Destination,
  found: Survey,
  backup: Backup,
  options: WriteOptions,
): Promise<{ written: boolean; sha256: string }> {
  const { path } = destination
  const { nowMs, prunes, step } = options
  const content = contentDigest(destination, backup.text)
  const { newest, manifest } = found
  const good = newest?.problem === null ? newest : null
  const before = manifest?.generations.find((one) => one.sha256 === newest?.sha256)
  await removeLeftovers(path)
  if (good?.content.format === destination.form && (before?.content ?? plainContent(destination, good.bytes)) === content) {
    const { sha256, createdAt } = good
    if (manifest === null || !sameTombstones(manifest.tombstones, backup.tombstones)) {
      const generations = listNow(manifest, entryOf(destination, backup, { sha256, content, createdAt }))
      await writeManifest(path, { version: 1, generations, tombstones: [...backup.tombstones] }, step)
    }
    return { written: false, sha256 }
  }
  const bytes = Buffer.from(destination.seal === null ? backup.text : destination.seal(backup.text))
  const sha256 = digestOf(bytes)
  const createdAt = new Date(nowMs).toISOString()
  const entry = entryOf(destination, backup, { sha256, content, createdAt })
  const oldName = good === null ? null : await nameFor(destination, good)
  const there = new Set(await olderNames(destination))
  const kept: Listed[] = (manifest?.generations ?? []).filter((one) => there.has(one.name) && one.name !== oldName)
  if (good !== null && oldName !== null)
    kept.unshift({ ...(before ?? unlisted(good, destination)), name: oldName, createdAt: good.createdAt })
  const next: Manifest = { version: 1, generations: [entry, ...kept], tombstones: [...backup.tombstones] }
  await replaceFile(path, bytes, {
    ...(step === undefined ? {} : { step }),
    async before() {
      await writeManifest(path, next, step)
      if (oldName === null) return
      step?.('link the old one')
      await linkFile(path, join(dirname(path), oldName))
      await syncFolder(dirname(path))
    },
  })
  const check = await readGeneration(destination, path, { manifest: next, force: false })
  if (check === null || check.problem !== null || check.sha256 !== sha256)
    throw new AppError(
      'internal',
      'write_differs',
      `${path} cannot be read back as it was written: check the disk. Older backups are all there.`,
    )
  if (prunes) await prune(destination, next, step)
  return { written: true, sha256 }
}

function entryOf({ path }: Destination, { counts }: Backup, rest: Pick<Listed, 'sha256' | 'content' | 'createdAt'>): Listed {
  return { name: basename(path), ...rest, records: counts.users, admins: counts.admins, fieldOfficers: counts.fieldOfficers }
}

const listNow = (manifest: Manifest | null, entry: Listed): Listed[] => [
  entry,
  ...(manifest?.generations ?? []).filter((one) => one.name !== entry.name),
]

/** A file that no list names, because it was there before us. */
function unlisted(newest: Generation, destination: Destination): Listed {
  const records = newest.content?.records.length ?? 0
  const admins =
    newest.content?.records.filter((one) =>
      /^(admin|super_admin|hr|manager|delivery_head)$/.test(String((one as { role?: unknown } | null)?.role)),
    ).length ?? 0
  return {
    name: basename(newest.path),
    sha256: newest.sha256,
    content: plainContent(destination, newest.bytes),
    records,
    admins,
    fieldOfficers: records - admins,
    createdAt: newest.createdAt,
  }
}

function plainContent(destination: Destination, bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return contentDigest(destination, destination.open === null ? text : destination.open(text))
}

const sameTombstones = (one: readonly Tombstone[], other: readonly Tombstone[]): boolean => JSON.stringify(one) === JSON.stringify(other)

/** The name that a generation gets when a newer one takes its place: its time, or a millisecond later where another file has that name. A run that was killed may have given it already. */
async function nameFor(destination: Destination, { createdAt, bytes }: Generation): Promise<string> {
  const { path } = destination
  for (let ms = Date.parse(createdAt); ; ms += 1) {
    const name = `${basename(path)}.${stampOf(ms)}`
    const there = await bytesOf(join(dirname(path), name))
    if (there === null || there.equals(bytes)) return name
  }
}

async function prune(destination: Destination, manifest: Manifest, step?: Step): Promise<void> {
  const { path } = destination
  const paths = await generationPaths(destination)
  const gone = paths.slice(generationsKept)
  if (gone.length === 0) return
  for (const old of gone) {
    step?.(`remove ${basename(old)}`)
    await removeFile(old)
  }
  await syncFolder(dirname(path))
  const names = new Set(gone.map((old) => basename(old)))
  await writeManifest(path, { ...manifest, generations: manifest.generations.filter(({ name }) => !names.has(name)) }, step)
}
