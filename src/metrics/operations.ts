import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import { createRecentMap } from '../kernel/recent-map.ts'
import { entered, where } from '../profile/place.ts'
import { tell } from './series.ts'

/** Names that clients of one tenant may make up; what comes after is counted as `other`. */
export const mostNames = 100
const known = createRecentMap<Set<string>>(10_000)

function nameFor(tenantId: string, name: string): string {
  const names = known.get(tenantId) ?? new Set<string>()
  known.set(tenantId, names)
  if (names.has(name)) return name
  if (names.size >= mostNames) return 'other'
  names.add(name)
  return name
}

// an id is no name: each would be a series of its own
const word = z
  .string()
  .regex(/^(?![0-9a-f]{8}-[0-9a-f]{4}-)[A-Za-z][A-Za-z0-9_.-]{0,63}$/i, 'must be 1 to 64 of A-Z a-z 0-9 _ . -, beginning with a letter')
const texts = (most: number) =>
  z
    .record(z.string().max(100), z.union([z.string().max(500), z.number(), z.boolean(), z.null()]))
    .refine((given) => Object.keys(given).length <= most, `must have at most ${most} entries`)
const forms = { operation: ['duration', 'success'], name: ['value'] } as const
const ofValue = ['name', 'value', 'unit', 'dimensions'] as const

/** What a client tells: how long something took it, or a value of its own. It is counted, and stored nowhere. */
export const tellMetric = operation({
  name: 'metrics.tell',
  summary: 'Tell how long something took a client, or a value',
  needs: 'metrics:write',
  elsewhere: true,
  input: z
    .strictObject({
      ...where,
      operation: word.optional(),
      /** Milliseconds. */
      duration: z.number().min(0).max(86_400_000).optional(),
      success: z.boolean().optional(),
      timestamp: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).optional(),
      metadata: texts(50).optional(),
      name: word.optional(),
      value: z.number().optional(),
      unit: z.enum(['Count', 'Milliseconds', 'Seconds', 'Bytes']).optional(),
      dimensions: texts(5).optional(),
    })
    .superRefine((given, context) => {
      const kind = given.name === undefined && given.value === undefined ? 'operation' : 'name'
      for (const field of [kind, ...forms[kind]] as const)
        if (given[field] === undefined) context.addIssue({ code: 'custom', path: [field], message: 'is required' })
      const strange = kind === 'name' ? (['operation', 'duration', 'success', 'metadata'] as const) : ofValue
      for (const field of strange)
        if (given[field] !== undefined) context.addIssue({ code: 'custom', path: [field], message: 'is not a known field' })
    }),
  output: z.object({ success: z.literal(true) }),
  async run(caller, { organization, actors, ...given }) {
    const { store } = await entered(caller, { organization, actors })
    return { output: { success: true as const }, store, after: () => note(store.tenantId, given) }
  },
})

type Given = {
  operation?: string | undefined
  duration?: number | undefined
  success?: boolean | undefined
  name?: string | undefined
  value?: number | undefined
  unit?: string | undefined
}

function note(tenantId: string, { operation: what, duration = 0, success, name = '', value = 0, unit = 'Count' }: Given): void {
  if (what === undefined) {
    tell('holdfast_client_metric', tenantId, { name: nameFor(tenantId, name) }, unit === 'Count' ? { add: value } : value)
    return
  }
  const labels = { operation: nameFor(tenantId, what), success: String(success) }
  tell('holdfast_client_operation_duration_seconds', tenantId, labels, duration / 1_000)
}
