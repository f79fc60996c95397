import { type Route, route, type WireRequest } from '../../http/route.ts'
import { entriesReport, importCompanies, notImportable } from '../../import/fsm/import.ts'
import { admitSetup } from '../../session/setup-limit.ts'
import { createCompany } from '../../tenant/create-company.ts'
import { fetchPartnerToken } from '../../tenant/partner-token.ts'
import { getCompany, listCompanies, validateLicence } from '../../tenant/read-company.ts'
import { rotateSecret, updateCompany } from '../../tenant/update-company.ts'
import { bodyOf } from './body.ts'
import { outlineShape, tenantShape } from './shapes.ts'
import * as described from './tenants-described.ts'

/** What one call takes, beside its size; the command line takes any number. */
const mostEntries = 1_000

type Row = Parameters<typeof tenantShape>[0]

const saying = (message: string) => (row: Row) => ({ body: { success: true, tenant: tenantShape(row), message } })

const change = (request: WireRequest) => ({
  tenantId: request.params.tenantId,
  ifMatch: request.headers['if-match'] ?? null,
  fields: bodyOf(request),
})

const pick = ({ query }: WireRequest, names: readonly string[]) =>
  Object.fromEntries(names.filter((name) => query[name] !== undefined).map((name) => [name, query[name]]))

/** Tenants and their licences (contracts/fsm.md, sections 3 to 6). */
export const tenantRoutes: readonly Route[] = [
  route('GET', '/fsm/validate', validateLicence, {
    ...described.validate,
    input: (request) => pick(request, ['accountId', 'companyId']),
    reply({ error, message, details, outline, days }) {
      const tenant = details !== null ? tenantShape(details) : outline !== null ? outlineShape(outline) : null
      return {
        body: {
          isValid: error === null,
          ...(tenant === null ? {} : { tenant }),
          ...(error === null ? {} : { error }),
          message,
          ...days,
        },
      }
    },
  }),
  route('POST', '/fsm/tenant', createCompany, {
    ...described.create,
    status: 201,
    admit: admitSetup,
    input: bodyOf,
    reply: saying('Tenant created successfully'),
  }),
  route('GET', '/fsm/tenant/:tenantId', getCompany, {
    ...described.get,
    input: ({ params }) => params,
    reply: (row) => ({ body: { tenant: tenantShape(row) } }),
  }),
  route('PUT', '/fsm/tenant/:tenantId', updateCompany, {
    ...described.update,
    input: change,
    reply: saying('Tenant updated successfully'),
  }),
  route('PUT', '/fsm/tenant/:tenantId/secret', rotateSecret, {
    ...described.secret,
    input: change,
    reply: saying('Client secret updated successfully'),
  }),
  route('GET', '/fsm/tenants', listCompanies, {
    ...described.list,
    input: (request) => pick(request, ['accountId', 'limit', 'cursor']),
    reply: ({ items, nextCursor }) => ({ body: { tenants: items.map(tenantShape), count: items.length, nextCursor } }),
  }),
  route('POST', '/fsm/token', fetchPartnerToken, {
    ...described.token,
    input: () => ({}),
    reply: ({ accessToken, tokenType, expiresIn }) => ({
      body: { access_token: accessToken, token_type: tokenType, expires_in: expiresIn },
    }),
  }),
  route('POST', '/fsm/import', importCompanies, {
    ...described.importing,
    bodyLimit: 16 * 1024 * 1024,
    input(request) {
      const body = bodyOf(request)
      if (Array.isArray(body.entries) && body.entries.length > mostEntries)
        throw notImportable(`entries holds ${body.entries.length} entries; a call takes at most ${mostEntries}.`)
      return body
    },
    responseSchema: entriesReport,
  }),
]
