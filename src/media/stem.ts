import type { Runtime } from '../kernel/context.ts'
import type { MediaRow } from './entity.ts'

/** What the keys of a file's objects begin with: all but its name, which may tell of a person and has no place in a job. */
export const stemOf = ({ objectKey, id }: Pick<MediaRow, 'objectKey' | 'id'>): string =>
  objectKey.slice(0, objectKey.indexOf(id) + id.length)

/** Every object of a file, whatever it is called. */
export async function removeStem({ services }: Pick<Runtime, 'services'>, tenantId: string, stem: string): Promise<void> {
  const objects = (await services.objects()).tenant(tenantId)
  for (const { key } of (await objects.list(stem)).items) await objects.remove(key)
}
