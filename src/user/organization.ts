import { z } from 'zod'
import { scopeOf } from '../access/permissions.ts'
import { usersWithin } from '../access/scope.ts'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import type { Page } from '../kernel/page.ts'
import { User } from './entity.ts'
import { reachable } from './operations.ts'
import type { UserRow } from './plan.ts'

type PublicUser = z.output<typeof User.public>
type Node = PublicUser & { reports: Node[] }
const node: z.ZodType<Node> = z.lazy(() => User.public.extend({ reports: z.array(node) })) as unknown as z.ZodType<Node>

/** Every user of the tenant, page by page, so that other requests get their turn in between. */
export async function* everyUser({ store }: Pick<Context, 'store'>): AsyncGenerator<UserRow> {
  for (let cursor: string | null = null; ; ) {
    const page: Page<UserRow> = await store.list(User, { index: 'byNumber', cursor, limit: 200 })
    yield* page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The `managerId` tree within one's reach. A manager who reaches only part of it is a root of that part. */
export const getOrganization = operation({
  name: 'organization.get',
  summary: 'Read the organisation tree',
  needs: 'user:read',
  readOnly: true,
  input: z.strictObject({}),
  output: z.object({ items: z.array(node) }),
  async run(context) {
    const { scope } = context
    const users =
      scope === 'tenant' || scope === 'platform' ? everyUser(context) : (await usersWithin(context)).sort((a, b) => a.number - b.number)
    const nodes = new Map<string, UserRow & { reports: UserRow[] }>()
    for await (const user of users) nodes.set(user.id, { ...user, reports: [] })
    const roots = [...nodes.values()].filter((user) => {
      const manager = user.managerId === null ? undefined : nodes.get(user.managerId)
      manager?.reports.push(user)
      return manager === undefined
    })
    return { output: { items: roots as unknown as Node[] } }
  },
})

/** Answers "why can X see Y": the role, the permission, how far it reaches, and the chain of managers that it reaches along. */
export const explainAccess = operation({
  name: 'user.explain',
  summary: 'Explain why one user can see another, or cannot',
  needs: 'user:explain',
  readOnly: true,
  input: z.strictObject({ viewerId: z.string(), subjectId: z.string() }),
  output: z.object({
    allowed: z.boolean(),
    permission: z.string(),
    role: z.string(),
    scope: z.string().nullable(),
    chain: z.array(z.string()),
    reason: z.string(),
  }),
  async run(context, { viewerId, subjectId }) {
    const viewer = await reachable(context, viewerId)
    const subject = await reachable(context, subjectId)
    const scope = scopeOf(viewer.role, 'user:read', 'v1')
    const chain = await chainTo(context, subject, viewer.id)
    const depth = chain.length - 1
    const reaches = chain.length > 0 && (scope === 'subtree' || (scope === 'team' && depth === 1) || depth === 0)
    const allowed = viewer.isActive && (scope === 'tenant' || reaches)
    const names = chain.join(' → ')
    const reason = !viewer.isActive
      ? `${viewer.username} is deactivated and sees nothing.`
      : scope === 'tenant'
        ? `The role ${viewer.role} reads every user of the tenant.`
        : reaches
          ? depth === 0
            ? 'Everyone sees themselves.'
            : `The role ${viewer.role} reads everyone below: ${names}.`
          : `The role ${viewer.role} reaches ${scope === 'own' ? 'itself' : 'its own subtree'} only, and ${viewer.username} is not above ${subject.username}.`
    return { output: { allowed, permission: 'user:read', role: viewer.role, scope, chain, reason } }
  },
})

/** Usernames from the viewer down to the subject, or empty when the viewer is not above. */
async function chainTo({ store }: Context, subject: UserRow, viewerId: string): Promise<string[]> {
  const chain: string[] = []
  const seen = new Set<string>()
  for (
    let user: UserRow | null = subject;
    user !== null && !seen.has(user.id);
    user = user.managerId === null ? null : await store.get(User, user.managerId)
  ) {
    seen.add(user.id)
    chain.unshift(user.username)
    if (user.id === viewerId) return chain
  }
  return []
}
