import { type KeyObject, sign, verify } from 'node:crypto'
import type { LogEntry, LoggedEntry } from '../storage/port.ts'
import { canonical, type Json, sha256 } from './canonical.ts'

const most = 100

/** Throws for what `Storage.erase` does not take. */
export function erasable(entries: readonly LoggedEntry[]): readonly LoggedEntry[] {
  if (entries.length > most) throw new Error(`At most ${most} entries are erased at once, not ${entries.length}`)
  for (const { entry, hash } of entries)
    if (entry.erased?.hash !== hash) throw new Error(`The entry ${entry.stream}/${entry.sequence} is not an erased one`)
  return entries
}

/** What is signed: the whole entry but the signature itself. */
const signedText = ({ erased, ...entry }: LogEntry): string => {
  const { signature: _, ...said } = erased ?? { signature: '' }
  return canonical({ ...entry, erased: said } as unknown as Json)
}

/** An entry of which only `left` and `secrets` shall be known from now on. */
export function erasedEntry(
  { hash }: LoggedEntry,
  { left, secrets, time }: { left: LogEntry; secrets: string | null; time: string },
  { kid, privateKey }: { kid: string; privateKey: KeyObject },
): LoggedEntry {
  const { secrets: _, ...rest } = left
  const unsigned = { ...rest, ...(secrets === null ? {} : { secrets: sha256(secrets) }), erased: { hash, time, kid, signature: '' } }
  const signature = sign(null, Buffer.from(signedText(unsigned)), privateKey).toString('base64url')
  const entry: LogEntry = { ...unsigned, erased: { ...unsigned.erased, signature } }
  return { entry, text: canonical(entry as unknown as Json), hash, secrets }
}

/** Whether one of these keys emptied the entry. */
export function isSignedErasure(entry: LogEntry, keys: ReadonlyMap<string, KeyObject>): boolean {
  const key = keys.get(entry.erased?.kid ?? '')
  return key !== undefined && verify(null, Buffer.from(signedText(entry)), key, Buffer.from(entry.erased?.signature ?? '', 'base64url'))
}
