import { Appointment, type AppointmentRow } from '../../../appointment/entity.ts'
import { validMs } from '../../../appointment/rules.ts'
import { patched, update } from '../../../kernel/change.ts'
import { system } from '../../../kernel/context.ts'
import type { AnyEntity, Entity } from '../../../kernel/entity.ts'
import { moveClock } from '../../../testing/clock.ts'
import type { Answer, Loose, TestServer } from '../../../testing/server.ts'

export const base = '/fsm/appointments'

let count = 0
/** The id of an activity that nobody else has. */
export const nextActivity = (): string => `ACT-${++count}`

export const offer = (server: TestServer, by: { token: string }, ids: readonly string[] = [nextActivity()]): Promise<Answer> =>
  server.send('POST', base, { token: by.token, body: { activities: ids.map((id) => ({ id })) } })

/** One new appointment, as it was answered. */
export async function offered(server: TestServer, by: { token: string }, id = nextActivity()): Promise<Record<string, string>> {
  const { status, body, text } = await offer(server, by, [id])
  if (status !== 200 || body.totalCreated !== (1 as never)) throw new Error(`no appointment: ${status} ${text}`)
  return body.data?.instances?.[0] as unknown as Record<string, string>
}

type Made = { customerAccessToken?: string; instanceId?: string }

export const follow = (server: TestServer, { customerAccessToken }: Made, from?: string): Promise<Answer> =>
  server.send('GET', `${base}/token/${customerAccessToken}`, from === undefined ? {} : { from })

export const book = (server: TestServer, { customerAccessToken }: Made, body: unknown = { customerName: 'Iris Vale' }): Promise<Answer> =>
  server.send('PUT', `${base}/token/${customerAccessToken}`, { body })

export const change = (server: TestServer, by: { token: string }, { instanceId }: Made, body: unknown): Promise<Answer> =>
  server.send('PUT', `${base}/${instanceId}`, { token: by.token, body })

export const said = ({ status, body }: Answer) => [status, body?.error]
export const data = ({ body }: Answer): Record<string, Loose> => body.data as unknown as Record<string, Loose>

type Place<E> = { tenantId: string; type: E; id: string }

/** Changes a row as no route does. */
export async function amend<E extends AnyEntity>(server: TestServer, { tenantId, type, id }: Place<E>, patch: Partial<Entity<E>>) {
  const store = server.holdfast.runtime.storage.tenant(tenantId)
  const row = await store.get(type, id)
  if (row === null) throw new Error(`no ${type.name} ${id}`)
  const time = new Date().toISOString()
  const after = patched(type, row, patch, time)
  await store.commit([update(type, row, after)], { actor: system, action: 'test', entity: null, requestId: null, time })
}

/** Changes an appointment as no route does. */
export const amendAppointment = (server: TestServer, tenantId: string, id: string, patch: Partial<AppointmentRow>): Promise<void> =>
  amend(server, { tenantId, type: Appointment, id }, patch)

export const stored = (server: TestServer, tenantId: string, { instanceId }: Made): Promise<AppointmentRow | null> =>
  server.holdfast.runtime.storage.tenant(tenantId).get(Appointment, String(instanceId))

/** Moves the clocks to the last moment of links made now, or a millisecond beyond. People are signed out by then. */
export const toLinkEnd = (server: TestServer, beyondMs: 0 | 1): void => moveClock(server, validMs + beyondMs)
