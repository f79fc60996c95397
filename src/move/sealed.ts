import type { SealedAt } from '../kernel/services.ts'
import { SigningKeyRow } from '../session/entity.ts'
import { platformTenant, type Storage } from '../storage/port.ts'

/**
 * Opens the signing keys that were loaded: the master key belongs to them. It does not travel; whoever starts a server on the target brings it. Errors: `wrong_key`, `seal_broken`.
 */
export async function openSealed(target: Storage, sealer: { open(sealed: string, at: SealedAt): string }): Promise<void> {
  const { items } = await target.transfer().rows(SigningKeyRow, { tenantId: platformTenant, limit: 1_000 })
  for (const { row } of items)
    sealer.open(String(row.privateKey), { tenant: platformTenant, entity: SigningKeyRow.name, id: row.id, field: 'privateKey' })
}
