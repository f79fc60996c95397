import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { type LinkRow, OnboardingLink } from './entity.ts'

export const sealedAt = (tenant: string, id: string) => ({ tenant, entity: OnboardingLink.name, id, field: 'tokenSealed' })

/** Errors: `link_not_found` with this text, alike for absent and foreign. */
export async function theLink({ store }: Context, id: string, text = `Onboarding link ${id} not found`): Promise<LinkRow> {
  const link = isUuid(id) ? await store.get(OnboardingLink, id) : null
  if (link === null) throw new AppError('not_found', 'link_not_found', text)
  return link
}

/** The link's token in the clear; null where it was made without the server, or its seal is broken: the link works all the same. */
export function tokenOf({ services, store }: Pick<Context, 'services' | 'store'>, { id, tokenSealed }: LinkRow): string | null {
  if (tokenSealed === null) return null
  try {
    return services.sealer.open(tokenSealed, sealedAt(store.tenantId, id))
  } catch {
    services.log.warn({ tenantId: store.tenantId, linkId: id }, 'the sealed token of an onboarding link cannot be opened')
    return null
  }
}
