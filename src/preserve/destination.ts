import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { bytesOf, keepCopy } from './durable-file.ts'
import { type Manifest, manifestPath, readManifest } from './manifest.ts'
import { type Content, contentIn } from './source.ts'

/** Where a tenant's backups lie: the newest under `path`, older ones beside it. */
export type Destination = {
  path: string
  form: 'legacy' | 'full'
  /** Native backups are sealed under the master key; a file that an operator named is plain. */
  seal: ((text: string) => string) | null
  /** Throws for what is not sealed for this tenant under a known key. */
  open: ((text: string) => string) | null
}

export const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** One backup file, newest first. `content` is null for one that is no valid source, and `problem` says why. */
export type Generation = {
  path: string
  bytes: Buffer
  sha256: string
  /** Real time, RFC 3339. */
  createdAt: string
} & ({ content: Content; problem: null } | { content: null; problem: string })

/** `20261126T101530.250Z`: a time that may stand in a file's name. */
export const stampOf = (ms: number): string => new Date(ms).toISOString().replace(/[-:]/g, '')
const stampForm = /^\d{8}T\d{6}\.\d{3}Z$/

function timeOfStamp(stamp: string): string {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)$/.exec(stamp) ?? []
  return `${year}-${month}-${day}T${hour}:${minute}:${second}`
}

/** Names of the older generations, newest first. */
export async function olderNames({ path }: Pick<Destination, 'path'>): Promise<string[]> {
  const prefix = `${basename(path)}.`
  const names = await readdir(dirname(path)).catch(() => [] as string[])
  return names
    .filter((name) => name.startsWith(prefix) && stampForm.test(name.slice(prefix.length)))
    .sort()
    .reverse()
}

/** The paths of all generations that are there, newest first. */
export async function generationPaths(destination: Destination): Promise<string[]> {
  const newest = await stat(destination.path).catch(() => null)
  const older = (await olderNames(destination)).map((name) => join(dirname(destination.path), name))
  return [...(newest?.isFile() ? [destination.path] : []), ...older]
}

/** Reads one generation, and judges it. `force` takes a newest one that was changed outside. */
export async function readGeneration(
  destination: Destination,
  path: string,
  { manifest, force }: { manifest: Manifest | null; force: boolean },
): Promise<Generation | null> {
  const bytes = await bytesOf(path)
  if (bytes === null) return null
  const sha256 = digestOf(bytes)
  const isNewest = path === destination.path
  const listed = manifest?.generations.find((one) => one.sha256 === sha256)
  const stamp = basename(path).slice(basename(destination.path).length + 1)
  const createdAt = isNewest ? (listed?.createdAt ?? new Date((await stat(path)).mtimeMs).toISOString()) : timeOfStamp(stamp)
  const known = { path, bytes, sha256, createdAt }
  const content = contentOf(destination, bytes)
  if ('problem' in content) return { ...known, content: null, problem: content.problem }
  if (isNewest && manifest !== null && listed === undefined && !force)
    return { ...known, content: null, problem: 'changed outside Holdfast' }
  return { ...known, content, problem: null }
}

function contentOf({ open }: Destination, bytes: Buffer): Content | { problem: string } {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { problem: 'is not UTF-8' }
  }
  if (open === null) return contentIn(text)
  try {
    return contentIn(open(text))
  } catch {
    return { problem: 'cannot be opened with the master key: it was altered, or is another tenant’s' }
  }
}

export type Rejected = { path: string; reason: string; keptAs: string }

/** What a run knows of its backups: the newest valid one, and those that were set aside on the way to it. */
export type Survey = {
  manifest: Manifest | null
  newest: Generation | null
  valid: (Generation & { content: Content }) | null
  rejected: Rejected[]
  count: number
}

/** Looks for the newest valid generation. Each invalid one before it is copied aside first, once; it stays where it is. */
export async function survey(destination: Destination, { force }: { force: boolean }): Promise<Survey> {
  const rejected: Rejected[] = []
  const aside = async (path: string, bytes: Buffer, reason: string): Promise<void> => {
    const keptAs = `${destination.path}.bad-${digestOf(bytes).slice(0, 12)}`
    await keepCopy(bytes, keptAs)
    rejected.push({ path, reason, keptAs })
  }
  const read = await readManifest(destination.path)
  if ('broken' in read) await aside(manifestPath(destination.path), read.broken, 'is no list of generations')
  const manifest = 'broken' in read ? null : read.manifest
  const paths = await generationPaths(destination)
  let newest: Generation | null = null
  for (const path of paths) {
    const generation = await readGeneration(destination, path, { manifest, force })
    if (generation === null) continue
    if (path === destination.path) newest = generation
    if (generation.problem === null) return { manifest, newest, valid: generation, rejected, count: paths.length }
    await aside(path, generation.bytes, generation.problem)
  }
  return { manifest, newest, valid: null, rejected, count: paths.length }
}
