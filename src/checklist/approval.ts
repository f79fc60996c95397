import type { AnyRole, Role } from '../access/permissions.ts'
import type { ChecklistRow, levels } from './entity.ts'

export type Level = (typeof levels)[number]

const ranks: Partial<Record<AnyRole, number>> = { owner: 4, admin: 4, platform_admin: 4, supervisor: 3, manager: 2, member: 1 }
/** How high a role stands, 4 to 0 (contracts/prework.md section 3). */
export const levelOf = (role: AnyRole | null): number => (role === null ? 0 : (ranks[role] ?? 0))

/** The roles that hold a level, lowest level first. */
export const holders: readonly { level: Level; rank: number; roles: readonly Role[] }[] = [
  { level: 'user', rank: 1, roles: ['member'] },
  { level: 'manager', rank: 2, roles: ['manager'] },
  { level: 'supervisor', rank: 3, roles: ['supervisor'] },
  { level: 'administrator', rank: 4, roles: ['admin', 'owner'] },
]
export const rankOf = (level: Level): number => holders.findIndex((one) => one.level === level) + 1

/** Who has to say yes, in order (contracts/prework.md section 7): above the submitter, and more for what is worth more. */
export function stepsOf(submitter: Role, value: number | null): Level[] {
  const level = levelOf(submitter)
  const steps: Level[] = level === 1 ? ['manager'] : level === 2 ? ['supervisor'] : []
  const wanted: Level | null = (value ?? 0) > 10_000 ? 'administrator' : (value ?? 0) > 1_000 ? 'supervisor' : null
  if (wanted !== null && Math.max(level, ...steps.map(rankOf)) < rankOf(wanted)) steps.push(wanted)
  return steps
}

/** The step that has to be decided next, or null. */
export const openStep = ({ status, approvalSteps }: Pick<ChecklistRow, 'status' | 'approvalSteps'>) =>
  status === 'under_review' ? (approvalSteps.find((step) => step.status === 'pending') ?? null) : null
