import { z } from 'zod'
import { platformRoles } from '../access/permissions.ts'
import { entity, fold } from '../kernel/entity.ts'

/** Platform staff: people of the tenant `platform`, who belong to no customer. The same names as a user's, so that sign-in treats both alike. */
export const StaffMember = entity('staff', {
  table: 'staff',
  fields: {
    username: z.string(),
    role: z.enum(platformRoles),
    isActive: z.boolean(),
    usernameFold: z.string(),
  },
  unique: { username: ['usernameFold'] },
  derived: { usernameFold: (row) => fold(row.username) },
})
