import type { FileHandle } from 'node:fs/promises'
import { isSame } from '../described.ts'
import type { Described, ObjectStat } from '../port.ts'

/**
 * A file of the folder is one line of JSON, then the bytes as they were put: `tail -n +2 FILE > photo.jpg` gets them without Holdfast. One file, so that bytes and description appear in one step.
 */
export type Header = ObjectStat & { tenant: string }

/** Longer than any header: a key has at most 512 characters, a type 129. */
const longest = 2_048

export const writeHeader = (header: Header): Buffer => Buffer.from(`${JSON.stringify(header)}\n`)

export type Opened = { header: Header; bytesFrom: number; isWhole: boolean }

/** What the file says of itself, or null when it is no file of ours or belongs under another key. `isWhole`: it has as many bytes as it should. */
export async function readHeader(file: FileHandle, tenant: string, key: string): Promise<Opened | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(longest), 0, longest, 0)
  const end = buffer.subarray(0, bytesRead).indexOf('\n')
  const header = end < 0 ? null : parse(buffer.subarray(0, end).toString('utf8'))
  if (header === null || header.tenant !== tenant || header.key !== key) return null
  const { size } = await file.stat()
  return { header, bytesFrom: end + 1, isWhole: size === end + 1 + header.size }
}

function parse(text: string): Header | null {
  try {
    const { tenant, key, size, sha256, type, version, storedAt } = JSON.parse(text) as Partial<Header>
    const texts = [tenant, key, sha256, type, version, storedAt]
    return texts.every((value) => typeof value === 'string') && Number.isInteger(size) ? (JSON.parse(text) as Header) : null
  } catch {
    return null
  }
}

export const statOf = ({ key, size, sha256, type, version, storedAt }: Header): ObjectStat => ({
  key,
  size,
  sha256,
  type,
  version,
  storedAt,
})

export const describes = (header: Header, described: Described): boolean => isSame(header, described)
