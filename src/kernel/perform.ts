import type { z } from 'zod'
import { isPeopleOnly, type Scope, scopeOf } from '../access/permissions.ts'
import { Conflict, platformTenant, type Receipt, type TenantStore } from '../storage/port.ts'
import { toTime } from './clock.ts'
import { closed } from './closures.ts'
import type { Context, Origin, Principal, Runtime } from './context.ts'
import type { Entity } from './entity.ts'
import { AppError } from './errors.ts'
import { createGate } from './gate.ts'
import { Idempotency, type IdempotencyCall, idempotencyId, isExpired, keepReply, replayOf, type StoredReply } from './idempotency.ts'
import { metaOf } from './meta.ts'
import type { Operation, Outcome } from './operation.ts'
import { project } from './project.ts'
import { serialise } from './serialise.ts'
import type { Settings } from './services.ts'
import { inOurWords } from './words.ts'

export type Call<O> = {
  actor: Principal
  input: unknown
  origin: Origin
  /** The tenant to work in, for platform staff and the system; else the actor's own. */
  tenantId?: string
  idempotency?: IdempotencyCall
  /** Turns the output into the wire form, before the commit, so that the very answer is stored with it. */
  encode(output: O): StoredReply
  /** Where the output is sent as it is: `text` is its JSON already, and `output` may still hold what must not leave. */
  wrap?(text: string, output: O): StoredReply
}

export type Performed = StoredReply & { receipt: Receipt | null; replayed: boolean; context: Context }

/** A lost race is run again this often, with a little jitter, before the caller hears of it. */
const attempts = 50
const gate = createGate()

/**
 * The guard, and the only way to run an operation: permission and scope, input, tenant store, idempotency, the operation, output filter, one commit.
 * Errors: whatever the operation refuses; `forbidden`, `validation_failed`, `version_conflict`, `idempotency_*`.
 */
export async function perform<I extends z.ZodType, O extends z.ZodType>(
  runtime: Runtime,
  operation: Operation<I, O>,
  call: Call<z.output<O>>,
): Promise<Performed> {
  const { actor } = call
  const store = runtime.storage.tenant(call.tenantId ?? actor.tenantId)
  if (runtime.closures.isClosed(store.tenantId)) throw closed()
  try {
    const scope = guard(operation, call, runtime.services.settings)
    const context = contextOf(runtime, call, store, scope)
    const work = () => guarded({ runtime, operation, call, context })
    const id = call.idempotency === undefined ? null : idempotencyId(actor, call.idempotency)
    return await (id === null ? work() : gate({ key: `idempotency ${id}`, width: 1 }, work))
  } catch (error) {
    if (error instanceof AppError && error.kind === 'forbidden' && actor.kind !== 'anonymous')
      await recordDenial(runtime, operation.name, call, error)
    throw error
  }
}

function guard(operation: Operation, { actor, origin, tenantId }: Call<never>, settings: Settings): Scope {
  if (operation.needs === 'public') return 'own'
  const isOpen = operation.opens?.(settings) === true
  if (actor.role === null && isOpen) return 'own'
  if (actor.role === null) throw new AppError('unauthenticated', 'unauthenticated', 'Sign in first: send a bearer token or an API key.')
  if (actor.mustChangePassword && operation.always !== true && operation.whileMustChange !== true)
    throw new AppError('forbidden', 'password_change_required', 'Change your password first.')
  const scope = scopeOf(actor.role, operation.needs, origin.surface)
  if (scope === null && isOpen) return 'own'
  const allowed = scope !== null && !(actor.kind === 'apiKey' && isPeopleOnly(operation.needs))
  if (!allowed) throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  if (tenantId !== undefined && tenantId !== actor.tenantId && actor.tenantId !== platformTenant)
    throw new AppError('forbidden', 'forbidden', 'Your role does not allow this.')
  return scope
}

function contextOf(runtime: Runtime, call: Call<never>, store: TenantStore, scope: Scope): Context {
  const made = new Map<string, Promise<unknown>>()
  const nowMs = runtime.clock.businessMs()
  return {
    actor: call.actor,
    store,
    scope,
    now: toTime(nowMs),
    nowMs,
    realMs: runtime.clock.realMs(),
    origin: call.origin,
    services: runtime.services,
    newId: runtime.ids.newId,
    random: runtime.random,
    runtime,
    once<T>(name: string, make: () => Promise<T>): Promise<T> {
      const known = made.get(name) as Promise<T> | undefined
      if (known !== undefined) return known
      const work = make()
      made.set(name, work)
      return work
    },
  }
}

/** One request's way through the frame. */
type Run<I extends z.ZodType, O extends z.ZodType> = {
  runtime: Runtime
  operation: Operation<I, O>
  call: Call<z.output<O>>
  context: Context
}

async function guarded<I extends z.ZodType, O extends z.ZodType>(run: Run<I, O>): Promise<Performed> {
  const { operation, call, context } = run
  const input = parse(operation.input, call.input)
  const line = (await operation.serial?.(context, input)) ?? null
  return line === null ? repeated(run, input) : gate(line, () => repeated(run, input))
}

async function repeated<I extends z.ZodType, O extends z.ZodType>(run: Run<I, O>, input: z.output<I>): Promise<Performed> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce(run, input)
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      throwTaken(run.operation, error)
      const isFinal = error.reason === 'bound' || (error.reason === 'unique' && !mayReread(run.operation, error))
      if (isFinal || attempt >= attempts) throw error
      await new Promise((resolve) => setTimeout(resolve, (attempt * (run.context.random(1)[0] ?? 0)) / 64))
    }
  }
}

const mayReread = ({ rereads }: Pick<Operation, 'rereads'>, { entity, key }: Conflict): boolean =>
  rereads?.includes(`${entity}.${key}`) === true

/** A guard that has a name of its own in this operation is refused under that name. */
function throwTaken({ conflicts }: Pick<Operation, 'conflicts'>, { reason, id, entity, key }: Conflict): void {
  const taken = conflicts?.[reason === 'bound' ? `counter.${id.split(':')[0]}` : `${entity}.${key ?? reason}`]
  if (taken === undefined) return
  const [code, message, field] = taken
  throw new AppError('conflict', code, message, field === undefined ? {} : { errors: [{ field, message }] })
}

async function attemptOnce<I extends z.ZodType, O extends z.ZodType>(
  { runtime, operation, call, context }: Run<I, O>,
  input: z.output<I>,
): Promise<Performed> {
  const { idempotency } = call
  const { sealer } = runtime.services
  const id = idempotency === undefined ? null : idempotencyId(call.actor, idempotency)
  const kept = id === null ? null : await keptRow(runtime, operation.elsewhere === true, context.store, { id, realMs: context.realMs })
  if (idempotency !== undefined && kept !== null) {
    const stored = replayOf(kept.row, idempotency, { tenant: kept.tenantId, sealer, realMs: context.realMs })
    if (stored !== null) return { ...stored, receipt: null, replayed: true, context }
  }
  const outcome: Outcome<z.input<O>> = await operation.run(context, input)
  try {
    return await committed({ runtime, operation, call, context }, outcome, { id, kept })
  } finally {
    outcome.ended?.()
  }
}

/** Encodes what an operation found, and makes its commit. */
async function committed<I extends z.ZodType, O extends z.ZodType>(
  { runtime, operation, call, context }: Run<I, O>,
  outcome: Outcome<z.input<O>>,
  { id, kept }: { id: string | null; kept: Kept | null },
): Promise<Performed> {
  const { idempotency } = call
  const { sealer } = runtime.services
  const store = outcome.store ?? context.store
  const meta = () => metaOf(context, outcome.action ?? operation.name, outcome)
  if ('refuse' in outcome) {
    await store.commit(outcome.changes ?? [], meta())
    throw outcome.refuse
  }
  const reply = replyOf(operation.output, outcome.output, call)
  const changes = [...(outcome.changes ?? [])]
  if (idempotency !== undefined && id !== null && operation.readOnly !== true)
    changes.push(
      keepReply(
        store.tenantId,
        { id, call: idempotency, reply, before: await beforeIn(store, kept, context.store, id) },
        sealer,
        context.realMs,
      ),
    )
  const receipt = changes.length === 0 && outcome.logged !== true ? null : await store.commit(changes, meta())
  outcome.after?.()
  return { ...reply, receipt, replayed: false, context }
}

const isTest = process.env.NODE_ENV === 'test'

/** The answer in its wire form: what the output's schema names, and no more. */
function replyOf<O>(schema: z.ZodType, output: unknown, { encode, wrap }: Call<O>): StoredReply {
  if (wrap === undefined) return encode((isTest ? schema.parse(output) : project(schema, output)) as O)
  return wrap(isTest ? JSON.stringify(schema.parse(output)) : serialise(schema, output), output as O)
}

type IdempotencyRow = Entity<typeof Idempotency>
type Kept = { tenantId: string; row: IdempotencyRow }

/** The row under an idempotency key, expired ones too: of operations that write elsewhere, whichever tenant holds a good one, else this one's own. */
async function keptRow(
  { storage }: Runtime,
  isElsewhere: boolean,
  store: TenantStore,
  { id, realMs }: { id: string; realMs: number },
): Promise<Kept | null> {
  const { tenantId } = store
  if (!isElsewhere) {
    const row = await store.get(Idempotency, id)
    return row === null ? null : { tenantId, row }
  }
  const candidates = await storage.platform().lookup(Idempotency, 'byId', [id])
  // an expired one may still lie in another tenant than the next one does
  return candidates.find(({ row }) => !isExpired(row, realMs)) ?? candidates.find((one) => one.tenantId === tenantId) ?? null
}

/** What lies under the key in the tenant that is written to, so that the new answer takes its place. The commit's guard finds out whether that has changed meanwhile. */
async function beforeIn(to: TenantStore, kept: Kept | null, read: TenantStore, id: string): Promise<IdempotencyRow | null> {
  if (kept?.tenantId === to.tenantId) return kept.row
  return to.tenantId === read.tenantId ? null : to.get(Idempotency, id)
}

/** Every 403 leaves one entry in the tenant of the one who was refused (contracts/README.md). Doors that refuse before an operation is known call this too. */
export async function recordDenial(
  runtime: Runtime,
  operationName: string,
  call: Pick<Call<never>, 'actor' | 'origin'>,
  error: AppError,
): Promise<void> {
  const meta = metaOf({ ...call, runtime }, 'access.denied', { detail: { operation: operationName, code: error.code } })
  await runtime.storage.tenant(call.actor.tenantId).commit([], meta)
}

/** Parses an input or refuses it with one message per field. */
export function parse<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input, { reportInput: true, error: inOurWords })
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: [...issue.path, key].join('.'), message: 'is not a known field' }))
      : [
          {
            field: issue.path.join('.'),
            message:
              (issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.input === undefined
                ? 'is required'
                : issue.message,
          },
        ],
  )
  const first = errors[0]
  throw new AppError(
    'unprocessable',
    'validation_failed',
    first === undefined ? 'The request is not valid.' : `${first.field || 'The body'}: ${first.message}`,
    { errors },
  )
}
