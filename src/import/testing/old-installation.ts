import { Contact, type ContactRow } from '../../contact/entity.ts'
import type { TestServer } from '../../testing/server.ts'
import { importVantagepoint } from '../vantagepoint/import.ts'
import { run, storeOf } from './run.ts'

type Rows = Record<string, unknown>[]

const text = (rows: Rows) => ({ text: rows.map((row) => JSON.stringify(row)).join('\n') })

/** Imports items of an old installation, one object a line. */
export const bring = (server: TestServer, items: { users?: Rows; leads?: Rows }, options: object = {}) =>
  run(server, importVantagepoint, {
    ...(items.users === undefined ? {} : { users: text(items.users) }),
    ...(items.leads === undefined ? {} : { leads: text(items.leads) }),
    ...options,
  })

export async function leadNamed(server: TestServer, practiceName: string): Promise<ContactRow> {
  const { items } = await (await storeOf(server)).list(Contact, { limit: 200 })
  const [lead, ...more] = items.filter((item) => item.practiceName === practiceName)
  if (lead === undefined || more.length > 0) throw new Error(`More or less than one lead is called ${practiceName}`)
  return lead
}

/** Items as the old tables hold them. */
export const oldUser = (id: number, username: string, more: object = {}) => ({ id, username, role: 'agent', ...more })
export const oldLead = (id: number, practice_name: string, more: object = {}) => ({ id, practice_name, ...more })
