import type { Context } from '../kernel/context.ts'
import { type Entity, fold } from '../kernel/entity.ts'
import { AttendancePolicy, type AttendancePolicyRow } from '../policy/entity.ts'
import { defaultPolicy, policyId } from '../policy/policy.ts'
import { platformTenant, type TenantStore } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { Credential } from '../user/entity.ts'
import { isKnownDevice } from './device.ts'
import { Throttle } from './entity.ts'
import { type Candidate, findLogin } from './find-login.ts'
import { foreseeNetwork, signInFailures } from './network-throttle.ts'
import { accountThrottleId, cleared, type ThrottleRow } from './throttle.ts'
import { digestToken } from './tokens.ts'

type CredentialRow = Entity<typeof Credential>

type TenantRow = Entity<typeof Tenant>

/** The series of failures that an attempt stands in. `others` end with a good sign-in too: the account's own, where a known device came along. */
export type Series = { id: string; row: ThrottleRow | null; others: { id: string; row: ThrottleRow }[] }

/** Whom a sign-in means, and all that decides about it, read in one round trip. */
export type Attempt = {
  candidate: Candidate | null
  credential: CredentialRow | null
  /** The tenant's store, or the platform's for a login that does not exist. */
  store: TenantStore
  /** The candidate's tenant; null for staff, who have none. */
  tenant: TenantRow | null
  /** Where the candidate's days begin and end. */
  timeZone: string
  /** What counts this attempt: the account's series; a known device has one of its own, so that others' failures do not hold it, nor it is a way around the throttle. */
  series: Series
}

export async function attemptOf(context: Context, login: string, tenant: string | null): Promise<Attempt> {
  const { storage } = context.runtime
  const named = tenant ?? (context.origin.surface === 'vantagepoint' ? context.services.settings.vantagepointTenant : null)
  const { candidate, place } = await context.once('candidate', () => findLogin(context, login, named))
  if (candidate === null) {
    const store = storage.tenant(platformTenant)
    const id = accountThrottleId(place, `login ${fold(login)}`)
    const [row] = await Promise.all([store.get(Throttle, id), foreseeNetwork(context, signInFailures)])
    return { candidate, credential: null, store, tenant: null, timeZone: defaultPolicy.timeZone, series: { id, row, others: [] } }
  }
  const { tenantId, row, entity } = candidate
  const store = storage.tenant(tenantId)
  const accountId = accountThrottleId(tenantId, row.id)
  const { deviceToken } = context.origin
  const deviceId = deviceToken === null ? accountId : accountThrottleId(tenantId, `device ${digestToken(deviceToken)}`)
  const [[credential, fresh, ofAccount, ofDevice, ofTenant, policy]] = await Promise.all([
    store.read([
      { type: Credential, id: row.id },
      { type: entity, id: row.id },
      { type: Throttle, id: accountId },
      { type: Throttle, id: deviceId },
      { type: Tenant, id: tenantId },
      { type: AttendancePolicy, id: policyId },
    ]) as Promise<
      [CredentialRow | null, Candidate['row'] | null, ThrottleRow | null, ThrottleRow | null, TenantRow | null, AttendancePolicyRow | null]
    >,
    foreseeNetwork(context, signInFailures),
  ])
  const device = credential === null ? null : { tenantId, userId: row.id, passwordChangedAt: credential.passwordChangedAt }
  const isKnown = deviceToken !== null && device !== null && isKnownDevice(context.services, deviceToken, device, context.realMs)
  const others = ofAccount === null ? [] : [{ id: accountId, row: ofAccount }]
  return {
    candidate: fresh === null ? null : { ...candidate, row: fresh },
    credential,
    store,
    tenant: ofTenant,
    timeZone: (policy ?? defaultPolicy).timeZone,
    series: isKnown ? { id: deviceId, row: ofDevice, others } : { id: accountId, row: ofAccount, others: [] },
  }
}

/** A good sign-in ends every series that it stands in, and is refused if a failure came in between. */
export const endSeries = ({ id, row, others }: Series) => [cleared(id, row), ...others.map((other) => cleared(other.id, other.row))]

/** Attempts that were read a moment ago, to choose their line. */
const foreseen = new WeakMap<Context, { attempt: Attempt; readMs: number }>()
/** Who had to wait longer for a turn reads again. */
const freshMs = 20

/** Reads the attempt ahead of its turn. */
export async function foreseeAttempt(context: Context, login: string, tenant: string | null): Promise<Attempt> {
  const attempt = await attemptOf(context, login, tenant)
  foreseen.set(context, { attempt, readMs: performance.now() })
  return attempt
}

/** The attempt as it was read a moment ago, once; else as it stands now. The commit of every outcome pins what was read, so one that was overtaken is run again and reads again. */
export async function takeAttempt(context: Context, login: string, tenant: string | null): Promise<Attempt> {
  const known = foreseen.get(context)
  foreseen.delete(context)
  return known !== undefined && performance.now() - known.readMs < freshMs ? known.attempt : attemptOf(context, login, tenant)
}
