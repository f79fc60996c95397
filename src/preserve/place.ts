import { join } from 'node:path'
import type { Sealer } from '../kernel/services.ts'
import type { Destination } from './destination.ts'

export const formats = ['legacy', 'full'] as const

/** The destination of a file that an operator named: plain, in the legacy form unless asked for the full one. */
export const namedDestination = (path: string, form: Destination['form'] = 'legacy'): Destination => ({
  path,
  form,
  seal: null,
  open: null,
})

/** A tenant's own destination in the data folder: the full form, sealed under the master key for that tenant alone. */
export function nativeDestination(folder: string, tenantId: string, sealer: Pick<Sealer, 'seal' | 'open'>): Destination {
  const at = { tenant: tenantId, entity: 'preserve', id: tenantId, field: 'file' }
  return {
    path: join(folder, 'persistent', tenantId, 'employees.sealed'),
    form: 'full',
    seal: (text) => sealer.seal(text, at),
    open: (text) => sealer.open(text.trim(), at),
  }
}
