import { z } from 'zod'
import { create, insert, patched, update } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import type { Entity } from '../kernel/entity.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation, type Taken } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { platformTenant } from '../storage/port.ts'
import { User } from '../user/entity.ts'
import { password, username } from '../user/input.ts'
import { planUser } from '../user/plan.ts'
import { noAccount, Tenant } from './entity.ts'
import { historyOf } from './history.ts'
import { resolveTenant } from './resolve.ts'

export const tenantName = z.string().trim().min(1, 'must not be empty').max(200, 'must be at most 200 characters')
const key = z.string().regex(/^[A-Za-z0-9._-]{1,129}$/, 'must be 1 to 129 letters, digits or . _ -')
const conflicts: Readonly<Record<string, Taken>> = { 'tenant.byKey': ['tenant_key_taken', 'This tenant key is taken.', 'key'] }

const newTenant = z.strictObject({
  name: tenantName,
  key: key.nullish(),
  ownerUsername: username.nullish(),
  ownerPassword: password.nullish(),
})
const owner = z.object({ id: z.string(), username: z.string() })
const tenantWithOwner = Tenant.public.extend({ owner: owner.nullable(), ownerPassword: z.string().nullable() })

/** A random first password: 24 characters of base64url, 144 bits. */
const randomPassword = (context: Context): string => context.random(18).toString('base64url')

/** Makes a tenant and, where a username is given, its first owner, in one commit of the tenant's own stream. A password that is not given is random and is shown only in this answer. */
export const createTenant = operation({
  name: 'tenant.create',
  summary: 'Create a tenant',
  needs: 'tenant:create',
  elsewhere: true,
  input: newTenant,
  output: tenantWithOwner,
  conflicts,
  async run(context, input) {
    if (input.key === platformTenant || (input.key != null && (await resolveTenant(context, input.key)) !== null)) throw taken()
    return planTenant(context, await context.once('id', async () => context.newId()), input)
  },
})

type NewTenant = z.output<typeof newTenant>

async function planTenant(context: Context, id: string, input: NewTenant) {
  const store = context.runtime.storage.tenant(id)
  const tenant = create(
    Tenant,
    id,
    { ...noAccount, key: input.key ?? null, name: input.name, isActive: true, validFrom: null, validTo: null },
    context.now,
  )
  const changes = [insert(Tenant, tenant)]
  const detail = historyOf(null, tenant)
  if (input.ownerUsername == null)
    return { output: { ...tenant, owner: null, ownerPassword: null }, changes, store, entity: { type: Tenant.name, id }, detail }
  const ownerPassword = input.ownerPassword ?? (await context.once('password', async () => randomPassword(context)))
  const first = await planUser({ ...context, store }, { username: input.ownerUsername, password: ownerPassword, role: 'owner' })
  const shown = { id: first.user.id, username: first.user.username }
  return {
    output: { ...tenant, owner: shown, ownerPassword: input.ownerPassword == null ? ownerPassword : null },
    changes: [...changes, ...first.changes],
    store,
    entity: { type: Tenant.name, id },
    detail,
  }
}

/** Makes the tenant with this very id, or nothing when it is there: of any number of processes that begin at once, one makes it. */
export const createFirstTenant = operation({
  name: 'tenant.create',
  summary: 'Create the first tenant of an empty store',
  needs: 'tenant:create',
  input: newTenant.extend({ id: z.uuid() }),
  output: tenantWithOwner.nullable(),
  async run(context, { id, ...input }) {
    const isThere = (await context.runtime.storage.tenant(id).get(Tenant, id)) !== null
    return isThere ? { output: null } : planTenant(context, id, input)
  },
})

const taken = () =>
  new AppError('conflict', 'tenant_key_taken', 'This tenant key is taken.', { errors: [{ field: 'key', message: 'is taken' }] })

export const listTenants = operation({
  name: 'tenant.list',
  summary: 'List tenants',
  needs: 'tenant:list',
  readOnly: true,
  input: z.strictObject(pageInput),
  output: pageOf(Tenant.public.extend({ owner: owner.nullable() })),
  async run({ runtime }, { limit, cursor }) {
    const page = await runtime.storage.platform().listAll(Tenant, 'byId', { cursor: cursor ?? null, limit: limit ?? 50 })
    const items = await Promise.all(
      page.items.map(async ({ tenantId, row }) => ({ ...row, owner: await firstOwner(runtime.storage.tenant(tenantId)) })),
    )
    return { output: { items, nextCursor: page.nextCursor } }
  },
})

async function firstOwner(store: Context['store']) {
  const { items } = await store.list(User, { index: 'byRole', where: { role: 'owner' }, limit: 1 })
  const [row] = items
  return row === undefined ? null : { id: row.id, username: row.username }
}

/** The tenant that one works in, or, for staff, any by id or key. Errors: `not_found` for absent and foreign alike. */
export const getTenant = operation({
  name: 'tenant.get',
  summary: 'Read a tenant',
  needs: 'tenant:read',
  readOnly: true,
  input: z.strictObject({ id: z.string() }),
  output: Tenant.public,
  async run(context, { id }) {
    return { output: await visible(context, id) }
  },
})

async function visible(context: Context, idOrKey: string): Promise<Entity<typeof Tenant>> {
  const tenant = await resolveTenant(context, idOrKey)
  if (tenant === null || (context.scope !== 'platform' && tenant.id !== context.actor.tenantId)) throw notFound()
  return tenant
}

const licence = {
  isActive: z.boolean().optional(),
  validFrom: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).nullish(),
  validTo: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).nullish(),
}

/** Renames a tenant, says whether passwords are the only proof in it, or changes its licence, which only staff may. Where it ends, its people are refused from the next request on; nothing is deleted. */
export const updateTenant = operation({
  name: 'tenant.update',
  summary: 'Change a tenant: its name, its password rule, its licence',
  needs: 'tenant:rename',
  elsewhere: true,
  input: z.strictObject({
    id: z.string(),
    version: z.int().min(1),
    name: tenantName.optional(),
    passwordOnly: z.boolean().optional(),
    ...licence,
  }),
  output: Tenant.public,
  async run(context, { id, version, ...patch }) {
    const before = await visible(context, id)
    const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<Entity<typeof Tenant>>
    if (context.scope !== 'platform' && Object.keys(licence).some((field) => field in set))
      throw new AppError('forbidden', 'forbidden', 'Only platform staff may change a licence.')
    if (before.version !== version)
      throw new AppError(
        'conflict',
        'version_conflict',
        'The row was changed by someone else in the meantime. Read it again and repeat the change.',
      )
    for (const field of ['validFrom', 'validTo'] as const) if (set[field] != null) set[field] = toTime(Date.parse(set[field]))
    const after = patched(Tenant, before, set, context.now)
    if (after.validFrom !== null && after.validTo !== null && after.validTo < after.validFrom)
      throw new AppError('unprocessable', 'validation_failed', 'validTo: must not lie before validFrom', {
        errors: [{ field: 'validTo', message: 'must not lie before validFrom' }],
      })
    const isSame = (['name', 'passwordOnly', 'isActive', 'validFrom', 'validTo'] as const).every((field) => after[field] === before[field])
    if (isSame) return { output: before }
    return {
      output: after,
      changes: [update(Tenant, before, after)],
      store: context.runtime.storage.tenant(before.id),
      entity: { type: Tenant.name, id: before.id },
      detail: historyOf(before, after),
    }
  },
})
