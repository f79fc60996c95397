import type { Json } from '../kernel/canonical.ts'
import { AppError } from '../kernel/errors.ts'
import { packText, unpackText } from './format.ts'
import type { Opening } from './manifest.ts'
import { keyName, keysPrefix } from './names.ts'
import { type RecoveryKey, recoveryKeyOf } from './recovery-key.ts'
import { type BackupSigner, backupSigner, isSignedBy, type Signed } from './signature.ts'
import type { Target } from './target.ts'

/** What follows from one master key: whoever has it reads the backups that were made under it, and knows them as ours. */
export type BackupKey = RecoveryKey & { signer: BackupSigner }

/** New files are signed by `current`, and for its identity and all other `recipients`; files from before the master key was replaced open with the `former` ones. */
export type BackupKeys = { current: BackupKey; former: readonly BackupKey[]; recipients: readonly string[] }

const backupKeyOf = async (masterKey: Buffer): Promise<BackupKey> => ({
  ...(await recoveryKeyOf(masterKey)),
  signer: backupSigner(masterKey),
})

/** Master keys of 32 bytes each. `others`: age recipients that read everything written from now on too. */
export async function backupKeysOf(current: Buffer, former: readonly Buffer[], others: readonly string[] = []): Promise<BackupKeys> {
  const key = await backupKeyOf(current)
  return { current: key, former: await Promise.all(former.map(backupKeyOf)), recipients: [...new Set([key.recipient, ...others])] }
}

export type Trusted = Opening & { publicKeys: readonly string[] }

/** A former key as it lies in a target: readable under the key that came after it, and signed by that one. */
type FormerKey = Signed<{ identity: string; publicKey: string }>

/** Puts former keys into a target, so that the current master key alone reads all of it, whatever becomes of the former ones. It is the way backward only: a former key opens nothing that came after it. */
export async function putFormerKeys(target: Target, { current, former }: BackupKeys): Promise<void> {
  for (const { identity, signer } of former) {
    const { publicKey } = signer
    const text = `${JSON.stringify(current.signer.sign({ identity, publicKey }))}\n`
    await target.put(keyName(publicKey), await packText(text, [current.recipient]))
  }
}

/** Everything that opens a target: the keys at hand, and the former ones that lie in the target itself, step by step backward. Errors: those of the target. */
export async function openingOf(target: Target, keys: BackupKeys): Promise<Trusted> {
  const all = [keys.current, ...keys.former]
  const identities = all.map(({ identity }) => identity)
  const publicKeys = all.map(({ signer }) => signer.publicKey)
  const waiting = new Set<string>()
  for await (const { name } of target.list(keysPrefix)) waiting.add(name)
  for (let found = true; found; ) {
    found = false
    for (const name of waiting) {
      const key = await readFormerKey(target, name, { identities, publicKeys }).catch(unreadable)
      if (key === null) continue
      identities.push(key.identity)
      publicKeys.push(key.publicKey)
      waiting.delete(name)
      found = true
    }
  }
  return { identities: [...new Set(identities)], publicKeys: [...new Set(publicKeys)] }
}

/** Errors: `backup_damaged`, `backup_wrong_key`, `backup_foreign`, those of the target. */
export async function readFormerKey(target: Target, name: string, { identities, publicKeys }: Opening): Promise<FormerKey> {
  const body = await target.read(name)
  const bytes = body === null ? Buffer.alloc(0) : Buffer.concat(await Array.fromAsync(body))
  const text = await unpackText(bytes, identities, name)
  const key = parsed(text) as FormerKey | null
  const isWhole = key !== null && `${JSON.stringify(key)}\n` === text && name === keyName(key.publicKey)
  if (isWhole && (publicKeys === null || isSignedBy(publicKeys, key))) return key
  throw new AppError('unprocessable', 'backup_foreign', `The backup file ${name} was not written by this instance. Nothing of it is used.`)
}

const unreadable = (error: unknown): null => {
  if (error instanceof AppError && error.kind === 'unprocessable') return null
  throw error
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
