import { type Runtime, system } from '../kernel/context.ts'
import { perform } from '../kernel/perform.ts'
import { Tenant } from '../tenant/entity.ts'
import { createTenant } from '../tenant/operations.ts'

export type FirstOwner = {
  tenantId: string
  tenant: string
  username: string /** Null when the operator chose it. */
  password: string | null
}

/** Makes the first tenant and its owner where there is none. Never anything else: no default account, no reseeding. */
export async function ensureFirstTenant(
  runtime: Runtime,
  wanted: { tenant: string; username: string; password: string | null },
): Promise<FirstOwner | null> {
  const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  if (items.length > 0) return null
  let made: FirstOwner | null = null
  await perform(runtime, createTenant, {
    actor: system,
    origin: { requestId: 'first-start', surface: 'cli', network: null, userAgent: null, deviceToken: null },
    input: { name: wanted.tenant, ownerUsername: wanted.username, ownerPassword: wanted.password },
    encode(output) {
      made = { tenantId: output.id, tenant: output.name, username: wanted.username, password: output.ownerPassword }
      return { status: 201, body: '' }
    },
  })
  return made
}
