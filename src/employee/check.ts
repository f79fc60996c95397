import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { employeeRoles } from './entity.ts'
import { badContact, badEmail, badId, readEmail } from './input.ts'
import { holderOf } from './plan.ts'
import { asEmployeeId, designations, isContactNumber, isNewEmployeeId, roleByPrefix } from './rules.ts'

const verdict = z.object({
  error: z.string().nullable(),
  role: z.enum(employeeRoles).nullable(),
  designations: z.array(z.string()),
})
const shared = { needs: 'employee:read', readOnly: true, output: verdict } as const
const wrong = (error: string | null) => ({ output: { error, role: null, designations: [] } })

/** Whether someone could be given this employee id, and what they could be then. */
export const checkEmployeeId = operation({
  ...shared,
  name: 'employee.check-id',
  summary: 'Check an employee ID before it is used',
  input: z.object({ value: z.string().max(200) }),
  async run({ store }, { value }) {
    const employeeId = asEmployeeId(value)
    if (!isNewEmployeeId(employeeId)) return wrong(badId)
    if ((await holderOf(store, { employeeId })) !== null) return wrong('Employee ID already exists')
    const role = roleByPrefix(employeeId)
    return { output: { error: null, role, designations: [...designations[role]] } }
  },
})

/** Whether a contact number is well-formed and nobody's. */
export const checkContact = operation({
  ...shared,
  name: 'employee.check-contact',
  summary: 'Check a contact number before it is used',
  input: z.object({ value: z.string().max(200) }),
  async run({ store }, { value }) {
    const contactNumber = value.trim()
    if (!isContactNumber(contactNumber)) return wrong(badContact)
    return wrong((await holderOf(store, { contactNumber }))?.message ?? null)
  },
})

/** Whether a mail address is well-formed and nobody's. */
export const checkEmail = operation({
  ...shared,
  name: 'employee.check-email',
  summary: 'Check an e-mail address before it is used',
  input: z.object({ value: z.string().max(400) }),
  async run({ store }, { value }) {
    let email: string | null = null
    try {
      email = readEmail(value)
    } catch {
      return wrong(badEmail)
    }
    if (email === null) return wrong(badEmail)
    return wrong((await holderOf(store, { email }))?.message ?? null)
  },
})
