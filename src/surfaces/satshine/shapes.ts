import { z } from 'zod'
import { type EmployeeView, employeeView } from '../../employee/view.ts'
import { wireName } from './words.ts'

/** The same schema with its fields called as they are called here. */
const wired = <S extends z.ZodObject>(schema: S) =>
  z.object(Object.fromEntries(Object.entries(schema.shape).map(([field, inner]) => [wireName(field), inner as z.ZodType])))

/** The employee view (contracts/satshine.md, section 2). */
export const employee = wired(employeeView)

export const employeeShape = (view: EmployeeView): Record<string, unknown> =>
  Object.fromEntries(Object.entries(view).map(([field, value]) => [wireName(field), value]))
