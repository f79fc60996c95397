import { z } from 'zod'
import { platformRoles } from '../access/permissions.ts'
import { create, insert } from '../kernel/change.ts'
import { operation } from '../kernel/operation.ts'
import { Credential, newCredential } from '../user/entity.ts'
import { password, username } from '../user/input.ts'
import { assertGoodPassword } from '../user/plan.ts'
import { StaffMember } from './staff.ts'

/** Makes a member of the platform's staff. A password that is not given is random and is shown only in this answer. */
export const createStaff = operation({
  name: 'staff.create',
  summary: 'Create a member of the platform staff',
  needs: 'staff:create',
  input: z.strictObject({ username, role: z.enum(platformRoles), password: password.nullish() }),
  output: StaffMember.public.extend({ password: z.string().nullable() }),
  conflicts: { 'staff.username': ['username_taken', 'This username is taken.', 'username'] },
  async run(context, input) {
    const given = input.password ?? null
    const chosen = given ?? (await context.once('password', async () => context.random(18).toString('base64url')))
    const { username: login, role } = input
    await assertGoodPassword(context, chosen, { username: login, fullName: null, email: null })
    const passwordHash = await context.once('hash', () => context.services.hasher.hash(chosen))
    const staff = create(StaffMember, context.newId(), { username: login, role, isActive: true }, context.now)
    const credential = newCredential(staff.id, { passwordHash, mustChangePassword: false, now: context.now })
    return {
      output: { ...staff, password: given === null ? chosen : null },
      changes: [insert(StaffMember, staff), insert(Credential, credential)],
      entity: { type: StaffMember.name, id: staff.id },
    }
  },
})
