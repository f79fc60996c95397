import { z } from 'zod'
import { pageAudit } from '../../audit/offset.ts'
import { type Route, route } from '../../http/route.ts'
import {
  createPerson,
  createProfile,
  deactivatePerson,
  findPeople,
  findProfiles,
  updatePerson,
  updateProfile,
} from '../../profile/people.ts'
import { signInPerson } from '../../profile/sign-in.ts'
import { revokeCurrentSession } from '../../session/operations.ts'
import { refreshSession } from '../../session/refresh.ts'
import { asked, bodyInput, bodyOf, defined, queryInput, told, withMessage } from './shapes.ts'

const refusals = { 403: ['actor_mismatch', 'tenant_mismatch'], 404: ['organization_not_found', 'user_not_found'] }
const takenProblems = { 409: ['email_taken', 'username_taken', 'last_administrator', 'revision_conflict'] }

const tokens = z.object({ success: z.literal(true), token: z.string(), refreshToken: z.string(), expiresAt: z.string() })
const loginBody = z.object({ email: z.string(), password: z.string(), organizationCode: z.string().optional() })
const onePerson = z.object({ user: createPerson.output.shape.user })
const oneProfile = z.object({ profile: createProfile.output.shape.profile })

/** Sign-in, people, profiles and the audit log (contracts/prework.md, sections 2, 4 and 11). */
export const peopleRoutes: readonly Route[] = [
  route('POST', '/api/auth/login', signInPerson, {
    requestSchema: loginBody,
    responseSchema: tokens.extend({ user: signInPerson.output.shape.user }),
    notIdempotent: true,
    problems: { 401: ['invalid_credentials'], 403: ['tenant_inactive', 'tenant_expired'], 429: ['network_throttled'] },
    input(request) {
      const { email, password, organizationCode, ...rest } = bodyOf(request)
      return { ...rest, ...defined({ login: email, password, tenant: organizationCode ?? undefined }) }
    },
    reply: ({ accessToken, refreshToken, expiresAt, user }) => ({
      body: { success: true, token: accessToken, refreshToken, expiresAt, user },
    }),
  }),
  route('POST', '/api/auth/refresh', refreshSession, {
    responseSchema: tokens,
    notIdempotent: true,
    problems: { 401: ['invalid_token', 'refresh_reused'], 403: ['tenant_inactive', 'tenant_expired'] },
    reply: ({ accessToken, refreshToken, expiresAt }) => ({ body: { success: true, token: accessToken, refreshToken, expiresAt } }),
  }),
  route('POST', '/api/auth/logout', revokeCurrentSession, {
    responseSchema: told.extend({ success: z.literal(true) }),
    input: () => ({}),
    reply: () => ({ body: { success: true, message: 'Logged out successfully' } }),
  }),

  route('GET', '/api/users', findPeople, {
    responseSchema: z.union([findPeople.output.omit({ user: true }), onePerson]),
    problems: { ...refusals, 400: ['bad_cursor'] },
    query: { userId: 'One person.', email: 'One person.', role: 'Only people with this role.' },
    input: queryInput([], ['role', 'userId', 'email']),
    reply: ({ user, ...page }) => ({ body: user === null ? page : { user } }),
  }),
  route('POST', '/api/users', createPerson, {
    responseSchema: withMessage(createPerson),
    status: 201,
    problems: { ...refusals, ...takenProblems },
    input: bodyInput(),
    reply: ({ user, profile }) => ({ status: 201, body: { user, profile, message: 'User and profile created successfully' } }),
  }),
  route('PUT', '/api/users', updatePerson, {
    responseSchema: withMessage(updatePerson),
    problems: { ...refusals, ...takenProblems },
    input: bodyInput(),
    reply: ({ user }) => ({ body: { user, message: 'User updated successfully' } }),
  }),
  route('DELETE', '/api/users', deactivatePerson, {
    responseSchema: told,
    problems: { ...refusals, ...takenProblems },
    query: { userId: 'Whom.' },
    input: (request) => ({ userId: request.query.userId, ...asked(request).where }),
    reply: () => ({ body: { message: 'User deactivated successfully' } }),
  }),

  route('GET', '/api/profiles', findProfiles, {
    responseSchema: z.union([findProfiles.output.omit({ profile: true }), oneProfile]),
    problems: { ...refusals, 404: ['organization_not_found', 'profile_not_found'] },
    query: { userId: 'Whose.', profileId: 'Which.', managerId: 'Those of everybody whose manager this is.' },
    input(request) {
      const { userId, profileId, managerId } = request.query
      return { ...(queryInput([])(request) as object), ...defined({ userId: userId ?? profileId, managerId }) }
    },
    reply: ({ profile, ...page }) => ({ body: profile === null ? page : { profile } }),
  }),
  route('POST', '/api/profiles', createProfile, {
    responseSchema: withMessage(createProfile),
    status: 201,
    problems: { ...refusals, 409: ['profile_exists'] },
    input: bodyInput(),
    reply: ({ profile }) => ({ status: 201, body: { profile, message: 'Profile created successfully' } }),
  }),
  route('PUT', '/api/profiles', updateProfile, {
    responseSchema: withMessage(updateProfile),
    problems: { ...refusals, 404: ['organization_not_found', 'profile_not_found'], 409: ['revision_conflict'] },
    input: bodyInput(),
    reply: ({ profile }) => ({ body: { profile, message: 'Profile updated successfully' } }),
  }),

  route('GET', '/api/audit', pageAudit, {
    problems: { 404: ['organization_not_found'] },
    query: { offset: '0 or more.', action: 'As the log calls it, `TEAM_CREATED`.' },
    input: (request) => ({
      ...defined(
        Object.fromEntries(
          ['userId', 'action', 'entityType', 'entityId', 'from', 'to', 'limit', 'offset'].map((name) => [name, request.query[name]]),
        ),
      ),
      ...asked(request).where,
    }),
  }),
]
