import type { z } from 'zod'
import { type Principal, system } from '../../kernel/context.ts'
import type { Operation } from '../../kernel/operation.ts'
import { perform } from '../../kernel/perform.ts'
import type { TenantStore } from '../../storage/port.ts'
import { Tenant } from '../../tenant/entity.ts'
import type { TestServer } from '../../testing/server.ts'
import { Credential, User } from '../../user/entity.ts'
import type { UserRow } from '../../user/plan.ts'

/** The first tenant's store. */
export async function storeOf({ holdfast: { runtime } }: TestServer): Promise<TenantStore> {
  const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  return runtime.storage.tenant(items[0]?.tenantId ?? '')
}

/** Performs an operation in the first tenant, as the command line does, and answers its output. */
export async function run<I extends z.ZodType, O extends z.ZodType>(
  server: TestServer,
  operation: Operation<I, O>,
  input: z.input<I>,
  actor: Principal = system,
): Promise<z.output<O>> {
  const { runtime } = server.holdfast
  const { tenantId } = await storeOf(server)
  const outputs: z.output<O>[] = []
  await perform(runtime, operation, {
    actor,
    tenantId,
    input,
    origin: { requestId: runtime.ids.newId(), surface: 'cli', network: null, userAgent: null, deviceToken: null },
    encode(output) {
      outputs.push(output)
      return { status: 200, body: '' }
    },
  })
  return outputs[0] as z.output<O>
}

export async function userNamed(server: TestServer, username: string): Promise<UserRow> {
  const store = await storeOf(server)
  const user = await store.find(User, 'username', [username.toLowerCase()])
  if (user === null) throw new Error(`There is no user ${username}`)
  return user
}

export async function storedPassword(server: TestServer, username: string): Promise<string | null> {
  const store = await storeOf(server)
  const credential = await store.get(Credential, (await userNamed(server, username)).id)
  return credential?.passwordHash ?? null
}

export async function usersIn(server: TestServer): Promise<number> {
  return (await storeOf(server)).count(User, {})
}
