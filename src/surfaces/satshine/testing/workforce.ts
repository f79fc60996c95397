import { freshAddress } from '../../../testing/people.ts'
import type { Answer, TestServer } from '../../../testing/server.ts'

export const officerPassword = 'nine herons over the weir'

/** A field officer as a client sends one. Everything that is unique follows from the number. */
export const anOfficer = (number: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  employee_id: `MGJ${String(number).padStart(5, '0')}`,
  first_name: 'Asha',
  last_name: `Mehta ${number}`,
  designation: 'MT',
  dccb: 'SURAT',
  contact_number: `98765${String(number).padStart(5, '0')}`,
  email: `officer${number}@example.org`,
  reporting_manager: 'NOBODY YET',
  password: officerPassword,
  ...more,
})

export const anAdmin = (number: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  employee_id: `MP${String(number).padStart(4, '0')}`,
  first_name: 'Ravi',
  last_name: `Nair ${number}`,
  designation: 'Manager',
  contact_number: `91234${String(number).padStart(5, '0')}`,
  email: `admin${number}@example.org`,
  password: officerPassword,
  ...more,
})

/** Status and sentence, and that the sentence stands in all four places. */
export function said({ status, body }: Answer): [number, unknown] {
  const { title, detail, error, message, success } = body as unknown as Record<string, unknown>
  if (status >= 400 && (success !== false || new Set([title, detail, error, message]).size !== 1))
    throw new Error(`not of this dialect: ${JSON.stringify(body)}`)
  return [status, message]
}

/** The fields that a refusal names. */
export const fieldsOf = ({ body }: Answer): string[] => (body.errors ?? []).map(({ field }) => String(field))

export const signIn = (server: TestServer, employeeId: string, password = officerPassword, more: object = {}): Promise<Answer> =>
  server.send('POST', '/auth/login/', { body: { employee_id: employeeId, password, ...more }, from: freshAddress() })

export async function tokenOf(server: TestServer, employeeId: string, password = officerPassword): Promise<string> {
  const { status, body, text } = await signIn(server, employeeId, password)
  if (status !== 200) throw new Error(`sign-in of ${employeeId}: ${status} ${text}`)
  return String(body.access_token)
}

export async function register(server: TestServer, token: string, body: Record<string, unknown>): Promise<Answer> {
  const answer = await server.send('POST', '/auth/register/', { token, body })
  if (answer.status !== 201) throw new Error(`no employee: ${answer.status} ${answer.text}`)
  return answer
}

/** A form with one file, as a browser sends it. */
export function form(name: string, bytes: Buffer | string, field = 'excel_file'): { raw: Buffer; headers: Record<string, string> } {
  const boundary = '----form-0f3a'
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`
  return {
    raw: Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(`\r\n--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  }
}
