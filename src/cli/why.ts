import type { Command } from 'commander'
import { command } from './command.ts'
import { facts } from './table.ts'
import { findUser } from './users.ts'

type Explanation = { allowed: boolean; permission: string; role: string; scope: string | null; chain: string[]; reason: string }

export function addWhy(program: Command): void {
  command<object>(program, 'why <viewer> <subject>', {
    summary: 'Explain why one user can see another, or cannot',
    examples: [['holdfast why ada bob', 'ids or usernames: the role, how far it reaches, and along whom']],
    inTenant: true,
    reads: true,
  }).does(async ({ args, run, here }) => {
    const [viewer, subject] = await Promise.all([findUser(run, here, args[0]), findUser(run, here, args[1])])
    const found = await run<Explanation>('user.explain', here, { viewerId: viewer.id, subjectId: subject.id })
    const { allowed, role, permission, scope, chain, reason } = found
    const words = facts({
      answer: `${viewer.username} ${allowed ? 'can' : 'cannot'} see ${subject.username}`,
      because: reason,
      role,
      permission,
      reach: scope,
      chain: chain.length === 0 ? null : chain.join(' → '),
    })
    return { document: found, words }
  })
}
