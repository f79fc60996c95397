import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { permissions, platformRoles, roles } from './permissions.ts'

const scopes = ['own', 'team', 'subtree', 'tenant', 'platform'] as const
const output = z.object({
  items: z.array(
    z.object({
      role: z.enum([...roles, ...platformRoles]),
      permissions: z.array(z.object({ permission: z.string(), scope: z.enum(scopes) })),
    }),
  ),
})

/** Every role, the highest first, with what it may do and how far that reaches: the permission table itself. Surfaces of older clients may narrow it, as their contracts say. */
export const listRoles = operation({
  name: 'role.list',
  summary: 'List the roles and what each may do',
  needs: 'user:explain',
  readOnly: true,
  input: z.strictObject({}),
  output,
  run: async () => ({
    output: {
      items: [...roles, ...platformRoles].map((role) => ({
        role,
        permissions: Object.entries(permissions as Record<string, { [name in typeof role]?: (typeof scopes)[number] }>).flatMap(
          ([permission, row]) => (row[role] === undefined ? [] : [{ permission, scope: row[role] }]),
        ),
      })),
    },
  }),
})
