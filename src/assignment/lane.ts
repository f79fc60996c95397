import type { Context } from '../kernel/context.ts'
import type { Lane } from '../kernel/gate.ts'

/** In one process a tenant's hand-outs wait for each other instead of losing races; between processes the guards alone decide. */
export const handOutLane = async ({ store, actor }: Context, input: { organizationId?: string | null }): Promise<Lane> => ({
  key: `hand-out ${actor.tenantId === store.tenantId ? (input.organizationId ?? store.tenantId) : store.tenantId}`,
  width: 1,
})
