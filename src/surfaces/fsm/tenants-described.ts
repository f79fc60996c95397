import { z } from 'zod'
import type { RouteOptions } from '../../http/route.ts'
import { outline, tenant } from './shapes.ts'

/** What the API description says of a route: its bodies in this dialect, the refusals that only the operation knows, and examples. */
type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'query' | 'requestSchema' | 'responseSchema'>

const aTenant = {
  tenantId: 'A-100_C-7',
  accountId: 'A-100',
  companyId: 'C-7',
  validFrom: '2026-11-25T09:30:00.000Z',
  validTo: '2026-12-09T09:30:00.000Z',
  isActive: true,
  accountName: 'Example Field Service',
  companyName: 'Example Ltd',
  contactCompanyName: 'Example Ltd',
  contactFullName: 'Ada Example',
  contactEmailAddress: 'ada@example.org',
  cluster: 'eu',
  clientId: 'client-1',
  createdAt: '2026-11-25T09:30:00.000Z',
  updatedAt: '2026-11-25T09:30:00.000Z',
  version: 1,
  secretVersion: 1,
}
const { tenantId: _id, validFrom: _from, validTo: _to, isActive: _on, createdAt: _made, updatedAt: _at, ...rest } = aTenant
const { version: _version, secretVersion: _secretVersion, ...given } = rest

const word = z.string()
const attributes = {
  accountName: word,
  companyName: word,
  contactCompanyName: word,
  contactFullName: word,
  contactEmailAddress: word,
  cluster: word,
  clientId: word,
}
const written = z.object({ success: z.literal(true), tenant, message: z.string() })
const saying = (message: string) => ({ success: true, tenant: aTenant, message })

export const validate: Described = {
  problems: { 400: ['missing_parameters'], 500: ['licence_unreadable', 'storage_failed'] },
  query: { accountId: 'The account.', companyId: 'The company within it.' },
  responseSchema: z.object({
    isValid: z.boolean(),
    tenant: z.union([tenant, outline]).optional(),
    error: z.enum(['NOT_FOUND', 'INACTIVE', 'EXPIRED']).optional(),
    message: z.string(),
    daysUntilExpiry: z.int().optional(),
    daysExpired: z.int().optional(),
  }),
  example: { response: { isValid: false, error: 'NOT_FOUND', message: 'Tenant not found. Setup required.' } },
}

export const create: Described = {
  problems: { 400: ['missing_fields'], 429: ['setup_throttled'] },
  requestSchema: z.object({ accountId: word, companyId: word, ...attributes, contactPhone: word.optional(), clientSecret: word }),
  responseSchema: written,
  example: { request: { ...given, clientSecret: '…' }, response: saying('Tenant created successfully') },
}

export const get: Described = {
  problems: { 404: ['tenant_not_found'] },
  responseSchema: z.object({ tenant }),
  example: { response: { tenant: aTenant } },
}

export const update: Described = {
  problems: { 404: ['tenant_not_found'], 412: ['tenant_changed'] },
  requestSchema: z
    .object({ ...attributes, contactPhone: word.nullable(), validFrom: word, validTo: word, isActive: z.boolean() })
    .partial(),
  responseSchema: written,
  example: { request: { validTo: '2027-12-31T23:59:59.999Z' }, response: saying('Tenant updated successfully') },
}

export const secret: Described = {
  problems: { 404: ['tenant_not_found'], 412: ['tenant_changed'] },
  requestSchema: z.object({ clientSecret: word }),
  responseSchema: written,
  example: { request: { clientSecret: '…' }, response: saying('Client secret updated successfully') },
}

export const list: Described = {
  problems: { 400: ['missing_parameters', 'bad_cursor'] },
  query: { accountId: 'The account.', limit: '1 to 200, else 50.', cursor: '`nextCursor` of the page before.' },
  responseSchema: z.object({ tenants: z.array(tenant), count: z.int(), nextCursor: z.string().nullable() }),
  example: { response: { tenants: [aTenant], count: 1, nextCursor: null } },
}

export const token: Described = {
  problems: { 409: ['client_credentials_missing'], 500: ['seal_broken'], 502: ['token_request_failed'] },
  responseSchema: z.object({ access_token: z.string(), token_type: z.string(), expires_in: z.number().nullable() }),
  example: { response: { access_token: '…', token_type: 'bearer', expires_in: 3600 } },
}

export const importing: Described = {
  problems: { 400: ['import_entries'] },
  requestSchema: z.object({ entries: z.array(z.object({ key: z.string(), value: z.unknown() })), dryRun: z.boolean().optional() }),
  example: {
    request: { entries: [{ key: 'fsm_tenant_A-100_C-7', value: '{"accountId":"A-100", …}' }], dryRun: true },
    response: {
      dryRun: true,
      results: [{ key: 'fsm_tenant_A-100_C-7', outcome: 'created', tenantId: 'A-100_C-7' }],
      totals: { created: 1, skipped: 0, conflict: 0, invalid: 0, ignored: 0 },
    },
  },
}
