import { z } from 'zod'
import { type AnyRole, type Role, scopeOf } from '../access/permissions.ts'
import { type Change, create, insert, patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { operation, type Taken } from '../kernel/operation.ts'
import { Credential, User } from '../user/entity.ts'
import { planUser, type UserRow } from '../user/plan.ts'
import { planUpdate } from '../user/plan-update.ts'
import { blankProfile, Profile, type ProfileRow } from './entity.ts'
import { email, id, listing, personName, profileFields, revision, role, username } from './input.ts'
import { assertRevision, entered, forbidden, where } from './place.ts'
import { type PersonView, peopleOf, personOf, personView, profileOf, profilesOf, profileView } from './view.ts'

export const personNotFound = () => new AppError('not_found', 'user_not_found', 'User not found')

const taken: Readonly<Record<string, Taken>> = {
  'user.username': ['username_taken', 'User with this username already exists', 'username'],
  'user.email': ['email_taken', 'User with this email already exists', 'email'],
  'counter.owners': ['last_administrator', 'This is the last active administrator; make someone else one first.'],
}

/** A user whom the caller may read, however far the act reaches that they ask for. Errors: `user_not_found`. */
export async function readable({ store, actor, origin }: Context, given: string): Promise<UserRow> {
  const user = isUuid(given) ? await store.get(User, given) : null
  const reach = scopeOf(actor.role ?? 'member', 'profile:read', origin.surface) ?? 'own'
  if (user === null || (reach === 'own' && user.id !== actor.id)) throw personNotFound()
  return user
}

/** One person by id or mail address, or active people whom one may read, of one role or any. Errors: `user_not_found`. */
export const findPeople = operation({
  name: 'person.find',
  summary: 'Find people',
  needs: 'profile:read',
  readOnly: true,
  input: z.object({ ...where, ...listing, userId: z.string().optional(), email: z.string().optional(), role: role.optional() }),
  output: z.object({ user: personView.nullable(), users: z.array(personView), nextCursor: z.string().nullable() }),
  async run(caller, { userId, email: mail, limit, cursor, role: wanted, ...place }) {
    const context = await entered(caller, place)
    if (userId === undefined && mail === undefined) return { output: { user: null, ...(await listed(context, { wanted, limit, cursor })) } }
    const found =
      userId === undefined ? await context.store.find(User, 'email', [fold((mail ?? '').trim())]) : await readable(context, userId)
    if (found === null || (context.scope === 'own' && found.id !== context.actor.id)) throw personNotFound()
    const [user = null] = await peopleOf(context, [found])
    return { output: { user, users: [], nextCursor: null } }
  },
})

type Listed = { wanted: Role | undefined; limit: number; cursor: string | null }

async function listed(context: Context, { wanted, limit, cursor }: Listed): Promise<{ users: PersonView[]; nextCursor: string | null }> {
  if (context.scope === 'own') {
    const self = context.actor.id === null ? null : await context.store.get(User, context.actor.id)
    const isMeant = self !== null && (wanted === undefined || self.role === wanted)
    return { users: isMeant ? await peopleOf(context, [self]) : [], nextCursor: null }
  }
  const roles: Role[] = wanted === 'admin' ? ['owner', 'admin'] : wanted === undefined ? [] : [wanted]
  const page = await context.store.list(User, {
    filter: [
      { field: 'isActive', op: 'eq', value: true },
      ...(roles.length === 0 ? [] : [{ field: 'role', op: 'in' as const, value: roles }]),
    ],
    cursor,
    limit,
  })
  return { users: await peopleOf(context, page.items), nextCursor: page.nextCursor }
}

/** Makes a person, and their profile in the same commit. Errors: `email_taken`, `username_taken`, `role_not_grantable`, `weak_password`. */
export const createPerson = operation({
  name: 'person.create',
  summary: 'Create a person with a profile',
  needs: 'person:manage',
  elsewhere: true,
  input: z
    .object({
      ...where,
      email,
      username,
      role,
      firstName: personName,
      lastName: personName,
      password: z.string().max(4_096).nullish(),
      managerId: id.nullish(),
      ...profileFields,
    })
    .strict(),
  output: z.object({ user: personView, profile: profileView }),
  conflicts: taken,
  async run(caller, { organization, actors, email: mail, username: login, role: given, password, managerId, ...rest }) {
    const context = await entered(caller, { organization, actors })
    const { store, now } = context
    if ((await store.find(User, 'email', [fold(mail)])) !== null)
      throw new AppError('conflict', 'email_taken', 'User with this email already exists')
    const { user, changes } = await planUser(context, {
      username: login,
      email: mail,
      fullName: `${rest.firstName} ${rest.lastName}`,
      role: given,
      managerId: managerId ?? null,
      password: password ?? null,
    })
    const profile = create(Profile, user.id, merged(blankProfile, rest), now)
    return {
      output: { user: personOf(context, user, profile), profile: await profileOf(context, user, profile) },
      changes: [...changes, insert(Profile, profile)],
      store,
      entity: { type: User.name, id: user.id },
    }
  },
})

type Fields = Omit<ProfileRow, 'id' | 'version' | 'createdAt' | 'updatedAt'>
type Patch = { [K in keyof typeof profileFields]?: z.output<(typeof profileFields)[K]> } & { firstName?: string; lastName?: string }

/** What a profile is with these fields: texts as they are given, objects merged by key. */
export function merged(before: Fields, { location, preferences, ...texts }: Patch): Fields {
  const set = Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined))
  const { notifications, ...rest } = preferences ?? {}
  return {
    ...before,
    ...set,
    location: { ...before.location, ...known(location) } as Fields['location'],
    preferences: {
      ...before.preferences,
      ...known(rest),
      notifications: { ...before.preferences.notifications, ...known(notifications) },
    } as Fields['preferences'],
  }
}

const known = (fields: object | undefined): object =>
  Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== undefined))

const managed = ['role', 'isActive', 'managerId'] as const

/** Changes a person: oneself, or anybody with the right to manage. Errors: `user_not_found`, `forbidden`, `revision_conflict`, those of `createPerson`, `last_administrator`. */
export const updatePerson = operation({
  name: 'person.update',
  summary: 'Change a person',
  needs: 'profile:update',
  elsewhere: true,
  input: z
    .object({
      ...where,
      userId: id,
      email: email.optional(),
      username: username.optional(),
      firstName: personName.optional(),
      lastName: personName.optional(),
      role: role.optional(),
      isActive: z.boolean().optional(),
      managerId: id.nullable().optional(),
      revision,
    })
    .strict(),
  output: z.object({ user: personView }),
  conflicts: taken,
  async run(caller, { organization, actors, userId, revision: read, firstName, lastName, ...patch }) {
    const context = await entered(caller, { organization, actors })
    const { store, actor, now } = context
    const isManager = mayManage(caller)
    const before = await readable(context, userId)
    const isSelf = before.id === actor.id
    if (!isManager && !isSelf) throw forbidden()
    if (managed.some((field) => patch[field] !== undefined) && (isSelf || !isManager)) throw forbidden()
    if (before.role === 'owner' && actor.role !== 'owner' && actor.role !== 'platform_admin') throw forbidden()
    assertRevision(before, read)
    const profile = await store.get(Profile, userId)
    const names = { ...(firstName === undefined ? {} : { firstName }), ...(lastName === undefined ? {} : { lastName }) }
    const planned = await planUpdate(context, before, { ...patch, ...fullNameOf(before, profile, names) })
    const changes: Change[] = [...planned.changes, ...planProfile(profile, names, { userId, now })]
    const after = profile === null ? undefined : patched(Profile, profile, names, now)
    const { lastLoginAt = null } = (await store.get(Credential, userId)) ?? {}
    return {
      output: { user: { ...personOf(context, planned.user, after), lastLoginAt } },
      changes,
      store,
      entity: { type: User.name, id: userId },
    }
  },
})

export const mayManage = ({ actor, origin }: Context): boolean =>
  actor.role !== null && scopeOf(actor.role as AnyRole, 'person:manage', origin.surface) !== null

type Names = { firstName?: string; lastName?: string }

function fullNameOf(user: UserRow, profile: ProfileRow | null, names: Names): { fullName?: string } {
  if (Object.keys(names).length === 0) return {}
  const { firstName, lastName } = personOf({ store: { tenantId: '' } } as never, user, profile ?? undefined)
  return { fullName: [names.firstName ?? firstName, names.lastName ?? lastName].filter((part) => part !== null && part !== '').join(' ') }
}

function planProfile(profile: ProfileRow | null, names: Names, { userId, now }: { userId: string; now: string }): Change[] {
  if (Object.keys(names).length === 0) return []
  if (profile === null) return [insert(Profile, create(Profile, userId, { ...blankProfile, ...names }, now))]
  return [update(Profile, profile, patched(Profile, profile, names, now))]
}

/** Ends somebody's access: the row and its history stay, every session ends. Errors: `user_not_found`, `forbidden`, `last_administrator`. */
export const deactivatePerson = operation({
  name: 'person.deactivate',
  summary: 'Deactivate a person',
  needs: 'person:manage',
  elsewhere: true,
  input: z.object({ ...where, userId: z.string() }),
  output: z.null(),
  conflicts: taken,
  async run(caller, { userId, ...place }) {
    const context = await entered(caller, place)
    const before = await readable(context, userId)
    if (before.id === context.actor.id) throw forbidden()
    if (before.role === 'owner' && context.actor.role !== 'owner' && context.actor.role !== 'platform_admin') throw forbidden()
    const { changes } = before.isActive ? await planUpdate(context, before, { isActive: false }) : { changes: [] }
    return { output: null, changes, store: context.store, entity: { type: User.name, id: userId } }
  },
})

/** One profile, or those of everyone whose manager is one person. Errors: `profile_not_found`. */
export const findProfiles = operation({
  name: 'profile.find',
  summary: 'Find profiles',
  needs: 'profile:read',
  readOnly: true,
  input: z.object({ ...where, ...listing, userId: z.string().optional(), managerId: z.string().optional() }),
  output: z.object({ profile: profileView.nullable(), teamMembers: z.array(profileView), nextCursor: z.string().nullable() }),
  async run(caller, { userId, managerId, limit, cursor, ...place }) {
    if (userId === undefined && managerId === undefined)
      throw new AppError('invalid', 'invalid', 'Missing required parameter: userId, profileId, or managerId')
    const context = await entered(caller, place)
    const none = { profile: null, teamMembers: [], nextCursor: null }
    if (userId !== undefined) {
      const user = await readable(context, userId).catch(() => null)
      if (user === null) throw profileNotFound()
      const profile = await context.store.get(Profile, userId)
      return { output: { ...none, profile: await profileOf(context, user, profile ?? undefined) } }
    }
    // who reaches only themselves has nobody whose profile to read
    if (managerId === undefined || !isUuid(managerId) || context.scope === 'own') return { output: none }
    const page = await context.store.list(User, { index: 'byManager', where: { managerId }, cursor, limit })
    const profiles = await profilesOf(
      context,
      page.items.map((user) => user.id),
    )
    const teamMembers = await Promise.all(page.items.map((user) => profileOf(context, user, profiles.get(user.id))))
    return { output: { profile: null, teamMembers, nextCursor: page.nextCursor } }
  },
})

const profileNotFound = () => new AppError('not_found', 'profile_not_found', 'Profile not found')

/** Errors: `user_not_found`, `profile_exists`. */
export const createProfile = operation({
  name: 'profile.create',
  summary: 'Create a profile',
  needs: 'profile:update',
  elsewhere: true,
  input: z.object({ ...where, userId: id, firstName: personName, lastName: personName, ...profileFields }).strict(),
  output: z.object({ profile: profileView }),
  conflicts: { 'profile.exists': ['profile_exists', 'Profile already exists for this user'] },
  async run(caller, { organization, actors, userId, ...fields }) {
    const context = await entered(caller, { organization, actors })
    const user = await readable(context, userId)
    if (!mayManage(caller) && user.id !== context.actor.id) throw forbidden()
    if ((await context.store.get(Profile, userId)) !== null)
      throw new AppError('conflict', 'profile_exists', 'Profile already exists for this user')
    const profile = create(Profile, userId, merged(blankProfile, fields), context.now)
    const { changes } = await planUpdate(context, user, { fullName: `${fields.firstName} ${fields.lastName}` })
    return {
      output: { profile: await profileOf(context, user, profile) },
      changes: [...changes, insert(Profile, profile)],
      store: context.store,
      entity: { type: Profile.name, id: userId },
    }
  },
})

/** Changes a profile; objects merge by key. Errors: `profile_not_found`, `revision_conflict`. */
export const updateProfile = operation({
  name: 'profile.update',
  summary: 'Change a profile',
  needs: 'profile:update',
  elsewhere: true,
  input: z
    .object({ ...where, userId: id, firstName: personName.optional(), lastName: personName.optional(), ...profileFields, revision })
    .strict(),
  output: z.object({ profile: profileView }),
  async run(caller, { organization, actors, userId, revision: read, ...fields }) {
    const context = await entered(caller, { organization, actors })
    const { store, now } = context
    const user = await readable(context, userId).catch(() => null)
    if (user === null) throw profileNotFound()
    // people above may read everybody's profile, and change their own alone
    if (!mayManage(caller) && user.id !== context.actor.id) throw forbidden()
    const before = await store.get(Profile, userId)
    assertRevision(before ?? { version: 1 }, read)
    const { firstName, lastName } = fields
    const names = { ...(firstName === undefined ? {} : { firstName }), ...(lastName === undefined ? {} : { lastName }) }
    const planned = await planUpdate(context, user, fullNameOf(user, before, names))
    const next = merged(before ?? { ...blankProfile }, fields as Patch)
    const profile = before === null ? create(Profile, userId, next, now) : patched(Profile, before, next, now)
    return {
      output: { profile: await profileOf(context, planned.user, profile) },
      changes: [...planned.changes, before === null ? insert(Profile, profile) : update(Profile, before, profile)],
      store,
      entity: { type: Profile.name, id: userId },
    }
  },
})
