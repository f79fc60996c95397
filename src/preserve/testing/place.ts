import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asSystem, found } from '../../testing/people.ts'
import { type Answer, startTestServer, type TestServer } from '../../testing/server.ts'
import { runPreserve } from '../operations.ts'
import type { Report } from '../report.ts'
import { anAdminRecord, aRecord, freshFolder } from './records.ts'

export type Given = { action?: string; file?: string | null; format?: string; includeDeleted?: boolean; force?: boolean }
export type Tenant = { tenantId: string; token: string }

/** A server, and for each test a tenant and a folder with the place of a backup file. */
export async function openPlace() {
  const server: TestServer = await startTestServer()
  const { folder, remove } = freshFolder()
  let count = 0
  const at = { folder: '', file: '', tenant: { tenantId: '', token: '' } as Tenant }
  return {
    server,
    get tenant() {
      return at.tenant
    },
    /** The folder of the test. */
    get folder() {
      return at.folder
    },
    get file() {
      return at.file
    },
    async next(): Promise<void> {
      count += 1
      at.folder = join(folder, String(count))
      at.file = join(at.folder, 'users.json')
      mkdirSync(at.folder)
      at.tenant = await found(server)
    },
    run: (given: Given = {}, place: Tenant = at.tenant): Promise<Report> =>
      asSystem<Report>(server, runPreserve, { action: 'ensure', file: at.file, ...given }, place.tenantId),
    write: (value: unknown, to = at.file): void => writeFileSync(to, typeof value === 'string' ? value : asciiJson(value)),
    text: (path = at.file): string => readFileSync(path, 'utf8'),
    send: (method: string, path: string, body?: unknown): Promise<Answer> =>
      server.send(method, path, { token: at.tenant.token, ...(body === undefined ? {} : { body }) }),
    signIn: (employee_id: string, password: string): Promise<Answer> =>
      server.send('POST', '/auth/login/', { body: { employee_id, password, tenant: at.tenant.tenantId }, from: `10.3.${count}.1` }),
    generations: (): string[] =>
      readdirSync(at.folder)
        .filter((name) => /^users\.json\.\d{8}T/.test(name))
        .sort(),
    badFiles: (): string[] => readdirSync(at.folder).filter((name) => name.includes('.bad-')),
    async close(): Promise<void> {
      await server.close()
      remove()
    },
  }
}

export const saidBy = ({ lines }: Report): string[] => lines.map(({ text }) => text)
export const outcomesOf = ({ records }: Report): string[] => records.map(({ outcome }) => outcome)

const asciiJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** An administrator and three officers, one of them inactive. */
export const four = () => [
  anAdminRecord(1),
  aRecord(1),
  aRecord(2, { first_name: 'ÅSA', reporting_manager: 'RAVI MEHTA 1' }),
  aRecord(3, { email: '', is_active: false }),
]
