import { createHash } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { packText, unpackText } from './format.ts'
import { manifestName } from './names.ts'
import { type BackupSigner, isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'

const time = z.iso.datetime({ precision: 3 })
const count = z.int().min(0)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const manifest = z.object({
  format: z.literal('holdfast-snapshot'),
  version: z.literal(1),
  id: z.string(),
  instance: sha256,
  createdAt: time,
  /** The version of Holdfast, and the engine, that wrote it. */
  holdfast: z.string(),
  engine: z.string(),
  /** `sha256` and `bytes` of the file as it lies in the target; `digest` is the SHA-256 of its lines before they were packed. */
  files: z.array(z.object({ name: z.string(), part: z.string(), sha256, bytes: count, lines: count, digest: sha256 })),
  /** Rows of each entity, in all and by tenant. */
  entities: z.record(z.string(), count),
  tenants: z.record(z.string(), z.record(z.string(), count)),
  /** Where each stream stood: the rows are exactly those after these entries. */
  heads: z.array(z.object({ tenantId: z.string(), stream: z.string(), sequence: z.int().min(1), hash: sha256, time })),
  signedBy: z.string(),
  signature: z.string(),
})

/** What a snapshot holds. It is written last: a snapshot without it is none. */
export type Manifest = z.output<typeof manifest>
export type UnsignedManifest = Omit<Manifest, 'signedBy' | 'signature'>

/** Signs and stores a manifest. */
export async function putManifest(
  target: Target,
  content: UnsignedManifest,
  signer: BackupSigner,
  recipients: readonly string[],
): Promise<Manifest> {
  const signed = signer.sign(content)
  await target.put(manifestName(content.id), await packText(`${JSON.stringify(signed)}\n`, recipients))
  return signed
}

/** How a backup is opened: `identities` decrypt it, `publicKeys` are those that may have signed it, or null when only identities are at hand. Former master keys' are among them. */
export type Opening = { identities: readonly string[]; publicKeys: readonly string[] | null }

/** A snapshot's manifest, or null when there is no such snapshot. Errors: `backup_damaged`, `backup_wrong_key`, `backup_foreign`. */
export async function readManifest(target: Target, id: string, opening: Opening): Promise<Manifest | null> {
  const bytes = await manifestBytes(target, id)
  return bytes === null ? null : openManifest(bytes, id, opening)
}

/** A manifest as it lies in the target. */
export async function manifestBytes(target: Target, id: string): Promise<Buffer | null> {
  const body = await target.read(manifestName(id))
  return body === null ? null : Buffer.concat(await Array.fromAsync(body))
}

export async function openManifest(bytes: Buffer, id: string, { identities, publicKeys }: Opening): Promise<Manifest> {
  const name = manifestName(id)
  const text = await unpackText(bytes, identities, name)
  const found = manifest.safeParse(parsed(text))
  if (!found.success || `${JSON.stringify(found.data)}\n` !== text || found.data.id !== id) throw notAsWritten(name)
  if (publicKeys !== null && !isSignedBy(publicKeys, found.data as Signed<object>))
    throw new AppError(
      'unprocessable',
      'backup_foreign',
      `The backup file ${name} was not written by this instance: its signature is another one. Nothing of it is used.`,
    )
  return found.data
}

/** The digest that a proof names a manifest by. */
export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const notAsWritten = (name: string): AppError =>
  new AppError(
    'unprocessable',
    'backup_damaged',
    `The backup file ${name} does not hold what its name says. Take an older backup, or another target.`,
  )
