import { type Change, insert, patched, update } from '../kernel/change.ts'
import type { Entity } from '../kernel/entity.ts'
import { Credential, newCredential } from './entity.ts'

type CredentialRow = Entity<typeof Credential>

/** The version of a credential that is not stored. */
const notStored = 0

/** A user's credential as it is stored; of someone invited, whose row is made with the first password, what it would say. */
export function credentialOf(user: { id: string; createdAt: string }, stored: CredentialRow | null): CredentialRow {
  return stored ?? { ...newCredential(user.id, { passwordHash: null, mustChangePassword: false, now: user.createdAt }), version: notStored }
}

/** A credential after a patch. Where none was stored it is inserted, which is refused as a lost race when somebody else was first. */
export function renewedCredential(
  before: CredentialRow,
  patch: Partial<CredentialRow>,
  now: string,
): { credential: CredentialRow; change: Change } {
  const credential = patched(Credential, before, patch, now)
  const change = before.version === notStored ? insert(Credential, credential) : update(Credential, before, credential)
  return { credential, change }
}
