import type { Context } from '../kernel/context.ts'
import { type Entity, fold } from '../kernel/entity.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import { Credential } from '../user/entity.ts'
import { isKnownDevice } from './device.ts'
import { Throttle } from './entity.ts'
import { type Candidate, findLogin } from './find-login.ts'
import { accountThrottleId, cleared, type ThrottleRow } from './throttle.ts'
import { digestToken } from './tokens.ts'

type CredentialRow = Entity<typeof Credential>

/** Whom a sign-in means, and whose series of failures it stands in. */
export type Attempt = {
  candidate: Candidate | null
  credential: CredentialRow | null
  /** The tenant's store, or the platform's for a login that does not exist. */
  store: TenantStore
  /** What counts this attempt: the account's series; a known device has one of its own, so that others' failures do not hold it, nor it is a way around the throttle. */
  seriesId: string
  accountId: string
}

export async function attemptOf(context: Context, login: string, tenant: string | null): Promise<Attempt> {
  const { storage } = context.runtime
  const named = tenant ?? (context.origin.surface === 'vantagepoint' ? context.services.settings.vantagepointTenant : null)
  const { candidate, place } = await context.once('candidate', () => findLogin(context, login, named))
  if (candidate === null) {
    const accountId = accountThrottleId(place, `login ${fold(login)}`)
    return { candidate, credential: null, store: storage.tenant(platformTenant), seriesId: accountId, accountId }
  }
  const { tenantId, row, entity } = candidate
  const store = storage.tenant(tenantId)
  const [credential, fresh] = (await store.read([
    { type: Credential, id: row.id },
    { type: entity, id: row.id },
  ])) as [CredentialRow | null, Candidate['row'] | null]
  const accountId = accountThrottleId(tenantId, row.id)
  const { deviceToken } = context.origin
  const device = credential === null ? null : { tenantId, userId: row.id, passwordChangedAt: credential.passwordChangedAt }
  const isKnown = deviceToken !== null && device !== null && isKnownDevice(context.services, deviceToken, device, context.realMs)
  return {
    candidate: fresh === null ? null : { ...candidate, row: fresh },
    credential,
    store,
    accountId,
    seriesId: isKnown ? accountThrottleId(tenantId, `device ${digestToken(deviceToken)}`) : accountId,
  }
}

export type Series = { id: string; row: ThrottleRow | null; others: { id: string; row: ThrottleRow }[] }

/** The series as it stands now. `others` end with a good sign-in too: the account's own, where a known device came along. */
export async function seriesOf({ store, seriesId, accountId }: Attempt): Promise<Series> {
  const row = await store.get(Throttle, seriesId)
  const account = seriesId === accountId ? null : await store.get(Throttle, accountId)
  return { id: seriesId, row, others: account === null ? [] : [{ id: accountId, row: account }] }
}

/** A good sign-in ends every series that it stands in, and is refused if a failure came in between. */
export const endSeries = ({ id, row, others }: Series) => [cleared(id, row), ...others.map((other) => cleared(other.id, other.row))]
