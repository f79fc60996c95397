/** The pipeline of a lead. `null` in its place means a contact that is no lead. */
export const leadStatuses = [
  'new',
  'contacted',
  'qualified',
  'appointment_set',
  'sold',
  'signed_up',
  'closed_won',
  'disposed',
  'closed_lost',
  'inactive_duplicate',
] as const
export type LeadStatus = (typeof leadStatuses)[number]

export const priorities = ['high', 'medium', 'low'] as const
export type Priority = (typeof priorities)[number]

export const contactStatuses = ['active', 'inactive', 'unsubscribed', 'bounced'] as const

const active: readonly LeadStatus[] = ['contacted', 'qualified', 'appointment_set']
const won: readonly LeadStatus[] = ['sold', 'signed_up', 'closed_won']

/** Groups of statuses (contracts/vantagepoint.md section 5). `visible` is all but `hidden`. */
export const groups = {
  active,
  won,
  signedUp: [...won, 'disposed'],
  closed: [...won, 'disposed', 'closed_lost'],
  handedOut: ['new', ...active],
  visible: leadStatuses.filter((status) => status !== 'inactive_duplicate'),
} as const satisfies Record<string, readonly LeadStatus[]>

export type Group = keyof typeof groups

export const isIn = (group: Group, status: LeadStatus | null): boolean =>
  status !== null && (groups[group] as readonly LeadStatus[]).includes(status)

/** The status a text means, in any case, or null. */
export const readStatus = (text: string): LeadStatus | null => leadStatuses.find((status) => status === text.toLowerCase()) ?? null

export const readPriority = (text: string): Priority | null => priorities.find((priority) => priority === text.toLowerCase()) ?? null

export type Closing = {
  leadStatus: LeadStatus
  closedAt?: string | null
  closedById?: string | null
  closedByName?: string | null
  autoConverted?: boolean
  conversionReason?: string | null
}

/**
 * The fields that setting a status changes. Entering *won* is a sale of the one who did it; moving within *won* keeps that sale, leaving takes it back.
 * A lead whose documents went out counts as won when it is put away. `before` is null for a new lead.
 */
export function withStatus(
  before: { leadStatus: LeadStatus | null; docsSent: boolean } | null,
  wanted: LeadStatus,
  by: { id: string | null; name: string; now: string },
): Closing {
  const wasWon = isIn('won', before?.leadStatus ?? null)
  const converts = !wasWon && before?.docsSent === true && (wanted === 'disposed' || wanted === 'closed_lost')
  const leadStatus = converts ? 'closed_won' : wanted
  if (isIn('won', leadStatus) === wasWon) return { leadStatus }
  if (wasWon) return { leadStatus, closedAt: null, closedById: null, closedByName: null, autoConverted: false, conversionReason: null }
  return {
    leadStatus,
    closedAt: by.now,
    closedById: by.id,
    closedByName: by.name,
    autoConverted: converts,
    conversionReason: converts ? 'docs_sent_and_disposed' : 'manual',
  }
}

const placeholder = /(?<![\p{L}\p{N}_])(?:test|unknown|fake|demo|sample|placeholder)(?![\p{L}\p{N}_])/iu

export type HandoutFacts = {
  number: number
  leadStatus: LeadStatus | null
  ownerId: string | null
  practiceName: string | null
  score: number | null
}

/** The place of an unassigned lead in the queue of those to be handed out, best first: higher score, then lower number. Null = not in the queue. */
export function handoutSort({ number, leadStatus, ownerId, practiceName, score }: HandoutFacts): string | null {
  const name = practiceName?.trim() ?? ''
  if (ownerId !== null || !isIn('handedOut', leadStatus) || name === '' || placeholder.test(name)) return null
  const behind = 100 - Math.min(100, Math.max(0, score ?? 0))
  return `${String(behind).padStart(3, '0')}-${String(number).padStart(16, '0')}`
}

/** How many leads a new agent gets at most. */
export const handoutSize = 20

/** `part` of `whole` in per cent, one decimal, half up; 0 of nothing. */
export const rate = (part: number, whole: number): number => (whole === 0 ? 0 : Math.floor((2000 * part + whole) / (2 * whole)) / 10)
