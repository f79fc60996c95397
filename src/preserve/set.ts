import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { digestOf, type Rejected } from './destination.ts'
import { bytesOf, keepCopy } from './durable-file.ts'
import { type Content, contentIn, onlyPeople } from './source.ts'

/** The newest set of files that is valid, or why none is. */
export type SetSource = { path: string; sha256: string; content: Content | null; rejected: Rejected[] }

const form = /^(users|attendance|leaves)_(\d{8}_\d{6})\.json$/

/** A set of the older application: users, attendance and leaves of one moment, each a file. A folder's newest set with users counts; a file of a set means that set. Null for anything else. */
export async function setIn(path: string, isFolder: boolean): Promise<SetSource | null> {
  const folder = isFolder ? path : dirname(path)
  const stamp = form.exec(basename(path))?.[2]
  if (!isFolder && stamp === undefined) return null
  const stamps = isFolder ? await stampsIn(folder) : [stamp ?? '']
  const rejected: Rejected[] = []
  for (const one of stamps) {
    const read = await readSet(folder, one, rejected)
    if (read !== null) return { ...read, rejected }
  }
  return rejected.length === 0 ? null : { path, sha256: '', content: null, rejected }
}

async function stampsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  const stamps = names.flatMap((name) => (name.startsWith('users_') ? (form.exec(name)?.[2] ?? []) : []))
  return stamps.sort().reverse()
}

async function readSet(folder: string, stamp: string, rejected: Rejected[]): Promise<Omit<SetSource, 'rejected'> | null> {
  const path = join(folder, `users_${stamp}.json`)
  const users = await fileIn(path, rejected)
  if (users === null) return null
  if (users.content.format !== 'legacy') return null
  const rows = async (kind: string): Promise<readonly unknown[]> => {
    const bytes = await bytesOf(join(folder, `${kind}_${stamp}.json`))
    return bytes === null ? [] : listIn(join(folder, `${kind}_${stamp}.json`), bytes, rejected)
  }
  const content: Content = {
    ...onlyPeople,
    format: 'set',
    records: users.content.records,
    attendance: await rows('attendance'),
    leaves: await rows('leaves'),
  }
  return { path, sha256: users.sha256, content }
}

async function fileIn(path: string, rejected: Rejected[]): Promise<{ content: Content; sha256: string } | null> {
  const bytes = await bytesOf(path)
  if (bytes === null) return null
  const content = contentIn(bytes.toString('utf8'))
  if (!('problem' in content)) return { content, sha256: digestOf(bytes) }
  await setAside(path, bytes, content.problem, rejected)
  return null
}

/** Rows of attendance or leave: a list, whatever is in it. */
async function listIn(path: string, bytes: Buffer, rejected: Rejected[]): Promise<readonly unknown[]> {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''))
    if (Array.isArray(parsed)) return parsed
  } catch {
    // told below
  }
  await setAside(path, bytes, 'is no list of rows', rejected)
  return []
}

async function setAside(path: string, bytes: Buffer, reason: string, rejected: Rejected[]): Promise<void> {
  const keptAs = `${path}.bad-${digestOf(bytes).slice(0, 12)}`
  await keepCopy(bytes, keptAs)
  rejected.push({ path, reason, keptAs })
}
