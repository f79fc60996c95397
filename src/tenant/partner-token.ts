import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { secretPlace, Tenant, type TenantRow } from './entity.ts'

const timeoutMs = 10_000
/** An answer beyond this is none that we asked for. */
const mostBytes = 64 * 1024

const token = z.object({ accessToken: z.string(), tokenType: z.string(), expiresIn: z.number().nullable() })
type Token = z.output<typeof token>

/**
 * Turns the own tenant's client credentials into a token of the partner's (RFC 6749 section 4.4). Nothing is kept; each call leaves one audit entry. Errors: `client_credentials_missing`;
 * `token_request_failed`, whatever went wrong, without the partner's words.
 */
export const fetchPartnerToken = operation({
  name: 'company.token',
  summary: 'Fetch a token with the tenant’s client credentials',
  needs: 'tenant:use-secret',
  readOnly: true,
  input: z.strictObject({}),
  output: token,
  async run(context) {
    const { store } = context
    const tenant = await store.get(Tenant, store.tenantId)
    const account = accountOf(tenant)
    if (account === null)
      throw new AppError('conflict', 'client_credentials_missing', 'This tenant has no cluster, client ID or client secret yet.')
    const output = await ask(context, account)
    return { output, logged: true, action: 'tenant.token', entity: { type: Tenant.name, id: account.id } }
  },
})

type Account = Record<'id' | 'accountId' | 'companyId' | 'cluster' | 'clientId' | 'clientSecret', string>

function accountOf(tenant: TenantRow | null): Account | null {
  if (tenant === null) return null
  const { id, accountId, companyId, cluster, clientId, clientSecret } = tenant
  if (accountId === null || companyId === null || cluster === null || clientId === null || clientSecret === null) return null
  return { id, accountId, companyId, cluster, clientId, clientSecret }
}

async function ask({ services }: Context, { id, accountId, companyId, cluster, clientId, clientSecret }: Account): Promise<Token> {
  const secret = services.sealer.open(clientSecret, secretPlace(id))
  const failed = (reason: string): AppError => {
    services.log.warn({ tenant: id, reason }, 'the partner gave no token')
    return new AppError('partner', 'token_request_failed', 'Token request failed')
  }
  let response: Response
  let text: string | null
  try {
    response = await fetch(services.settings.fsm.tokenUrl.replaceAll('{cluster}', cluster), {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        'x-account-id': accountId,
        'x-company-id': companyId,
        authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
      },
      body: 'grant_type=client_credentials',
    })
    text = await readBounded(response)
  } catch (error) {
    throw failed(error instanceof Error ? error.name : 'unknown')
  }
  const found = response.ok && text !== null ? tokenIn(text) : null
  if (found === null) throw failed(`status ${response.status}`)
  return found
}

async function readBounded(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const answer = z.object({
  access_token: z.string().min(1),
  token_type: z.string().min(1).default('bearer'),
  expires_in: z.coerce.number().min(0).nullish(),
})

/** RFC 6749, section 5.1. Null for anything else. */
function tokenIn(text: string): Token | null {
  try {
    const { access_token, token_type, expires_in } = answer.parse(JSON.parse(text))
    return { accessToken: access_token, tokenType: token_type, expiresIn: expires_in ?? null }
  } catch {
    return null
  }
}
