import type { Role } from '../../access/permissions.ts'
import { shown } from '../../contact/text-rules.ts'
import type { LeadView } from '../../contact/view.ts'
import { wireRole } from './words.ts'

/** What this dialect shows of a user; operations give more. */
type Person = { number: number; username: string; email: string | null; fullName: string | null; role: Role; managerNumber: number | null }
type Account = Person & { isActive: boolean; createdAt: string }

/** Who signed in. */
export const personShape = ({ number, username, email, fullName, role, managerNumber }: Person) => ({
  id: number,
  username: shown(username),
  email: shown(email),
  role: wireRole(role),
  full_name: shown(fullName),
  manager_id: managerNumber,
})

/** USER. */
export const userShape = (user: Account) => ({ ...personShape(user), is_active: user.isActive, created_at: user.createdAt })

/** LEAD. */
export const leadShape = (lead: Omit<LeadView, 'legacyId'>) => ({
  id: lead.number,
  practice_name: shown(lead.practiceName),
  owner_name: shown(lead.ownerName),
  practice_phone: shown(lead.practicePhone),
  email: shown(lead.email),
  address: shown(lead.address),
  city: shown(lead.city),
  state: shown(lead.state),
  zip_code: shown(lead.zipCode),
  specialty: shown(lead.specialty),
  ptan: shown(lead.ptan),
  ein_tin: shown(lead.einTin),
  npi: shown(lead.npi),
  fax: shown(lead.fax),
  owner_phone: shown(lead.ownerPhone),
  source: shown(lead.source),
  lead_type: shown(lead.leadType),
  priority: lead.priority ?? 'medium',
  status: lead.leadStatus ?? '',
  score: lead.score ?? 0,
  assigned_user_id: lead.ownerNumber,
  assigned_at: lead.assignedAt,
  docs_sent: lead.docsSent,
  docs_sent_at: lead.docsSentAt,
  docs_sent_by: shown(lead.docsSentBy),
  closed_at: lead.closedAt,
  closed_by_user_id: lead.closedByNumber,
  closed_by_username: shown(lead.closedByName),
  auto_converted: lead.autoConverted,
  conversion_reason: shown(lead.conversionReason),
  created_by: shown(lead.createdByName),
  created_at: lead.createdAt,
  updated_at: lead.updatedAt,
})
