import { z } from 'zod'
import { usersWithin } from '../access/scope.ts'
import { userView, withEmployees } from '../employee/native.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { operation } from '../kernel/operation.ts'
import { decodeCursor, encodeCursor, type Page, pageInput, pageLimit, pageOf, queryBoolean } from '../kernel/page.ts'
import type { Filter, Query } from '../storage/port.ts'
import { User } from './entity.ts'
import { role } from './input.ts'
import type { UserRow } from './plan.ts'

const wanted = {
  q: z.string().max(200).optional(),
  role: role.optional(),
  managerId: z.string().max(64).optional(),
  isActive: queryBoolean.optional(),
}
type Wanted = z.output<z.ZodObject<typeof wanted>>

/** Users within one's reach, active or not, in the order of creation. */
export const listUsers = operation({
  name: 'user.list',
  summary: 'List users',
  needs: 'user:read',
  readOnly: true,
  input: z.strictObject({ ...pageInput, ...wanted }),
  output: pageOf(userView),
  async run(context, { limit = pageLimit.default, cursor, ...input }) {
    const { scope, store } = context
    const page =
      scope !== 'tenant' && scope !== 'platform'
        ? await pageWithin(context, input, { limit, cursor: cursor ?? null })
        : await store.list(User, { ...selectionOf(input), filter: filtersOf(input), cursor: cursor ?? null, limit })
    const items = await withEmployees(store, page.items)
    // the page that the store keeps is written once: it goes on as it is where nobody is an employee
    return { output: items === page.items ? page : { ...page, items: [...items] } }
  },
})

/** The narrowest index there is; the rest is filtered. */
function selectionOf({ role, managerId, isActive }: Wanted): Query {
  if (managerId !== undefined) return { index: 'byManager', where: { managerId } }
  if (role !== undefined) return { index: 'byRole', where: { role } }
  return isActive === undefined ? {} : { index: 'byActive', where: { isActive } }
}

function filtersOf({ q, role, isActive }: Wanted): Filter[] {
  const filters: Filter[] = []
  if (q !== undefined && q.trim() !== '') filters.push({ field: 'searchText', op: 'contains', value: fold(q.trim()) })
  if (role !== undefined) filters.push({ field: 'role', op: 'eq', value: role })
  if (isActive !== undefined) filters.push({ field: 'isActive', op: 'eq', value: isActive })
  return filters
}

/** A page of those below oneself. They are found by walking the tree, which costs what the subtree has, not what the tenant has. */
async function pageWithin(
  context: Context,
  input: Wanted,
  { limit, cursor }: { limit: number; cursor: string | null },
): Promise<Page<UserRow>> {
  const [after = ''] = cursor === null ? [] : decodeCursor(listUsers.name, cursor, 1)
  const text = fold(input.q?.trim() ?? '')
  const found = (await usersWithin(context))
    .filter(({ id, role, managerId, isActive, searchText }) => {
      if (id <= String(after) || !searchText.includes(text)) return false
      if (input.role !== undefined && role !== input.role) return false
      if (input.managerId !== undefined && managerId !== input.managerId) return false
      return input.isActive === undefined || isActive === input.isActive
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: found.length > limit && last !== undefined ? encodeCursor(listUsers.name, [last.id]) : null }
}
