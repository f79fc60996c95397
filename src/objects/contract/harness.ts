import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { idSource } from '../../kernel/id.ts'
import type { Described, Objects, OpenedObject, SignedUpload, TenantObjects } from '../port.ts'

export const { newId } = idSource()

/** An adapter under test. */
export type Subject = {
  objects: Objects
  /** Where the paths of signed requests lead, for an adapter without a server of its own. */
  origin: string
  /** Lets signatures grow older. */
  later(ms: number): void
  /** Changes one byte of what is stored. */
  damage(tenantId: string, key: string): Promise<void>
  reopen(): Promise<Objects>
  close(): Promise<void>
}

export type OpenSubject = () => Promise<Subject>

export type Laws = {
  ours(): TenantObjects
  theirs(): TenantObjects
  /** A tenant that nothing was put for. */
  fresh(): TenantObjects
  subject(): Subject
  reopen(): Promise<void>
}

export function chapter(name: string, open: OpenSubject, laws: (to: Laws) => void): void {
  describe(name, () => {
    let subject: Subject
    let objects: Objects
    const tenants = [newId(), newId()] as const
    beforeAll(async () => {
      subject = await open()
      objects = subject.objects
    })
    afterAll(() => subject.close())
    laws({
      ours: () => objects.tenant(tenants[0]),
      theirs: () => objects.tenant(tenants[1]),
      fresh: () => objects.tenant(newId()),
      subject: () => subject,
      async reopen() {
        objects = await subject.reopen()
      },
    })
  })
}

export type File = { key: string; bytes: Buffer; described: Described }

/** Bytes that no other file has, under a key that no other has. */
export function aFile(size = 1_000, { key = `files/${newId()}.bin`, type = 'image/png' } = {}): File {
  const bytes = randomBytes(size)
  return { key, bytes, described: { size, sha256: createHash('sha256').update(bytes).digest('hex'), type } }
}

export async function* inChunks(bytes: Buffer, length = 300): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

export async function read(opened: OpenedObject | null): Promise<Buffer> {
  if (opened === null) throw new Error('there is no such object')
  const chunks: Buffer[] = []
  for await (const chunk of opened.body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Sends a signed upload as a browser would, with changes of it. */
export async function upload(origin: string, signed: SignedUpload, bytes: Buffer, changed: Record<string, string> = {}): Promise<number> {
  const url = new URL(signed.url, origin)
  const body = new Uint8Array(bytes)
  if (signed.method === 'PUT') {
    const { status } = await fetch(url, { method: 'PUT', headers: { ...signed.headers, ...changed }, body })
    return status
  }
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...signed.fields, ...changed })) form.set(name, value)
  form.set('file', new Blob([body]))
  return (await fetch(url, { method: 'POST', body: form })).status
}
