import { anAdmin, anOfficer, register, tokenOf } from '../../surfaces/satshine/testing/workforce.ts'
import { enterOwner, type Person } from '../../testing/people.ts'
import { type Answer, type Loose, startTestServer, type TestServer } from '../../testing/server.ts'

/** Business time stands still at this moment; a Thursday in November 2026 where only a time of day is given. */
export function setTime({ holdfast }: TestServer, text: string): void {
  const ms = Date.parse(text.length > 12 ? text : `2026-11-26T${text}+05:30`)
  if (Number.isNaN(ms)) throw new Error(`no time: ${text}`)
  Object.assign(holdfast.runtime.clock, { businessMs: () => ms })
}

export type Worker = { employeeId: string; token: string }

/** A tenant with an owner, an administrator and field officers: `SURAT` has a DC, two MT and one Support, `RAJKOT` an MT; one Associate. */
export type Workday = {
  server: TestServer
  owner: Person
  admin: Worker
  dc: Worker
  mt: Worker
  mt2: Worker
  support: Worker
  elsewhere: Worker
  associate: Worker
  send(method: string, url: string, token: string, body?: unknown): Promise<Answer>
  /** The stored row of somebody's day, as our own interface shows it. */
  dayOf(worker: Worker, date?: string): Promise<Loose | undefined>
}

export const here = { lat: 23.0225, lng: 72.5714, accuracy: 12 }

export async function startWorkday(environment: Record<string, string> = {}): Promise<Workday> {
  const server = await startTestServer(environment)
  setTime(server, '2026-10-01T09:00:00+05:30')
  const owner = await enterOwner(server)
  const hire = async (body: Record<string, unknown>): Promise<Worker> => {
    await register(server, owner.token, body)
    const employeeId = String(body.employee_id)
    return { employeeId, token: await tokenOf(server, employeeId) }
  }
  const admin = await hire(anAdmin(1))
  const dc = await hire(anOfficer(1, { designation: 'DC' }))
  const mt = await hire(anOfficer(2))
  const mt2 = await hire(anOfficer(3))
  const support = await hire(anOfficer(4, { designation: 'Support' }))
  const elsewhere = await hire(anOfficer(5, { dccb: 'RAJKOT' }))
  const associate = await hire(anOfficer(6, { designation: 'Associate', dccb: undefined, multiple_dccb: ['SURAT', 'RAJKOT'] }))
  const send: Workday['send'] = (method, url, token, body) => server.send(method, url, { token, ...(body === undefined ? {} : { body }) })
  return {
    server,
    owner,
    admin,
    dc,
    mt,
    mt2,
    support,
    elsewhere,
    associate,
    send,
    async dayOf({ employeeId }, date = '2026-11-26') {
      const { body } = await send('GET', `/v1/attendance?employeeId=${employeeId}&from=${date}&to=${date}`, owner.token)
      return (body.items as Loose)[0]
    },
  }
}

/** Replaces parts of the policy. */
export async function decide({ server, owner }: Workday, patch: Record<string, unknown>): Promise<void> {
  const { body } = await server.send('GET', '/v1/settings/attendance', { token: owner.token })
  const { status, text } = await server.send('PUT', '/v1/settings/attendance', { token: owner.token, body: { ...body, ...patch } })
  if (status !== 200) throw new Error(`no policy: ${text}`)
}
