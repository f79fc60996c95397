import { z } from 'zod'
import { create, insert, remove } from '../kernel/change.ts'
import { AppError, notFound } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { digestToken, randomToken } from '../session/tokens.ts'
import { role } from '../user/input.ts'
import { assertMayGrant } from '../user/plan.ts'
import { ApiKey } from './entity.ts'

/** Makes a key for a machine. The clear text is shown only here (fsm.md section 5). Errors: `role_not_grantable`, `validation_failed`. */
export const createApiKey = operation({
  name: 'api-key.create',
  summary: 'Create an API key',
  needs: 'api-key:manage',
  input: z.strictObject({
    name: z.string().trim().min(1, 'must not be empty').max(200, 'must be at most 200 characters'),
    role,
    expiresAt: z.iso.datetime({ offset: true }).nullish(),
  }),
  output: ApiKey.public.extend({ key: z.string() }),
  async run(context, input) {
    if (input.role === 'owner') throw new AppError('forbidden', 'role_not_grantable', 'A key cannot be an owner.')
    assertMayGrant(context.actor.role, input.role)
    const expiresAt = input.expiresAt == null ? null : new Date(input.expiresAt).toISOString()
    if (expiresAt !== null && Date.parse(expiresAt) <= context.realMs) {
      throw new AppError('unprocessable', 'validation_failed', 'expiresAt: must lie in the future', {
        errors: [{ field: 'expiresAt', message: 'must lie in the future' }],
      })
    }
    const key = await context.once('key', async () => randomToken('hfk_'))
    const createdBy = context.actor.kind === 'user' ? context.actor.id : null
    const row = create(
      ApiKey,
      context.newId(),
      { name: input.name, role: input.role, prefix: key.slice(0, 8), keyDigest: digestToken(key), createdBy, expiresAt },
      context.now,
    )
    return { output: { ...row, key }, changes: [insert(ApiKey, row)], entity: { type: ApiKey.name, id: row.id } }
  },
})

export const listApiKeys = operation({
  name: 'api-key.list',
  summary: 'List API keys',
  needs: 'api-key:manage',
  readOnly: true,
  input: z.strictObject(pageInput),
  output: pageOf(ApiKey.public),
  async run({ store }, { limit, cursor }) {
    return { output: await store.list(ApiKey, { cursor: cursor ?? null, limit: limit ?? 50 }) }
  },
})

/** Ends a key: it is refused from the reply on. */
export const removeApiKey = operation({
  name: 'api-key.remove',
  summary: 'Revoke an API key',
  needs: 'api-key:manage',
  input: z.strictObject({ id: z.string() }),
  output: z.null(),
  async run({ store }, { id }) {
    const row = await store.get(ApiKey, id)
    if (row === null) throw notFound()
    return { output: null, changes: [remove(ApiKey, row)], entity: { type: ApiKey.name, id } }
  },
})
