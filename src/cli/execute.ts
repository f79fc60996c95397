import { type Origin, type Runtime, system } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { perform } from '../kernel/perform.ts'
import type { Holdfast } from '../main.ts'
import { operations } from '../operations.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from '../tenant/entity.ts'
import { resolveTenant } from '../tenant/resolve.ts'
import type { Events, Place, Request } from './control-wire.ts'
import { tasks } from './tasks.ts'

/** Performs a request as `system` in whichever process holds the store. The only way from the command line to the data. */
export async function execute(holdfast: Holdfast, request: Request, events: Events = {}, isServed = false): Promise<unknown> {
  const { runtime } = holdfast
  const tenantId = await placeOf(runtime, request.at)
  const task = tasks.get(request.name)
  if (task !== undefined) return task({ holdfast, tenantId, input: request.input, origin: originOf(runtime), events, isServed })
  const onProgress = (done: number, total: number) => events.progress?.({ done, total })
  const input = request.wantsProgress === true ? { ...(request.input as object), onProgress } : request.input
  return performAsSystem(runtime, { ...request, input }, tenantId)
}

async function performAsSystem(runtime: Runtime, { name, input }: Request, tenantId: string): Promise<unknown> {
  const operation = operations.find((each) => each.name === name)
  if (operation === undefined)
    throw new AppError(
      'not_found',
      'unknown_operation',
      `The running server does not know ${name}: it is of another version than this command.`,
    )
  let output: unknown
  await perform(runtime, operation, {
    actor: system,
    origin: originOf(runtime),
    tenantId,
    input,
    encode(answer) {
      output = answer
      return { status: 200, body: '' }
    },
  })
  return output
}

const originOf = ({ ids }: Runtime): Origin => ({
  requestId: ids.newId(),
  surface: 'cli',
  network: null,
  userAgent: null,
  deviceToken: null,
})

/** The tenant's id. Without a name it is the first one made, which is the only one of most installations. Errors: `not_found`. */
async function placeOf(runtime: Runtime, at: Place): Promise<string> {
  if (at === 'platform') return platformTenant
  if (at.tenant !== null) {
    const named = await resolveTenant({ runtime }, at.tenant)
    if (named !== null) return named.id
    throw new AppError('not_found', 'not_found', `No tenant has the id or key ${JSON.stringify(at.tenant)}.`)
  }
  const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  const [first] = items
  if (first === undefined)
    throw new AppError('not_found', 'not_found', 'There is no tenant yet. Make one: bin/holdfast tenants create --name NAME')
  return first.row.id
}
