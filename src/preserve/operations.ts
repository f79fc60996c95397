import { z } from 'zod'
import type { Context } from '../kernel/context.ts'
import { operation } from '../kernel/operation.ts'
import { firstTenantId } from '../tenant/every.ts'
import type { Destination } from './destination.ts'
import { alone } from './lock.ts'
import { formats, namedDestination, nativeDestination } from './place.ts'
import { report } from './report.ts'
import { type Asked, preserve } from './run.ts'

const path = z.string().min(1).max(4096)

/**
 * Keeps the people of a workforce in files beside the database, and brings back whoever is missing (contracts/satshine.md, sections 5 and 6). What it says of files and records stands in the report; one run
 * at a time for each tenant. Errors: `preserve_busy`.
 */
export const runPreserve = operation({
  name: 'preserve.run',
  summary: 'Back up, restore or ensure the employees of a tenant',
  needs: 'preserve:run',
  input: z.strictObject({
    action: z.enum(['ensure', 'backup', 'restore', 'list']),
    /** Absolute. */
    file: path.nullish(),
    /** The file of the caller's settings: the first tenant's. */
    settingsFile: path.nullish(),
    format: z.enum(formats).nullish(),
    includeDeleted: z.boolean().optional(),
    force: z.boolean().optional(),
  }),
  output: report,
  async run(context, given) {
    const { action, includeDeleted = false, force = false } = given
    const destination = await destinationOf(context, given)
    const asked = { action, destination, includeDeleted, force, mayBegin: true }
    return { output: await preserveAlone(context, asked) }
  },
})

/** One run at a time for each tenant. */
export const preserveAlone = (context: Context, asked: Asked) => alone(`preserve ${context.store.tenantId}`, () => preserve(context, asked))

type Named = { file?: string | null | undefined; settingsFile?: string | null | undefined; format?: Destination['form'] | null | undefined }

/** The file that is named; else that of the settings, which is the first tenant's; else the tenant's own place in the data folder. */
export async function destinationOf(
  { services, store, runtime }: Pick<Context, 'services' | 'store' | 'runtime'>,
  { file, settingsFile, format }: Named,
): Promise<Destination> {
  const { preserve: settings } = services.settings
  const form = format ?? 'legacy'
  if (file != null) return namedDestination(file, form)
  const first = settingsFile ?? settings.file
  if (first !== null && (await firstTenantId(runtime)) === store.tenantId) return namedDestination(first, form)
  return nativeDestination(settings.folder, store.tenantId, services.sealer)
}
