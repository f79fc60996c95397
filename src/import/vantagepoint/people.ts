import type { TenantStore } from '../../storage/port.ts'
import { User } from '../../user/entity.ts'
import type { Finding, Findings } from './findings.ts'
import { legacyIdOf } from './old-user.ts'
import type { Reference } from './old-values.ts'

/** A user who is stored, or will be before anyone refers to them. */
export type Person = { id: string; username: string }

/** Who the ids of the old installation mean: users of this file, and users imported before. A user who only has the same number is someone else. */
export function createPeople(store: TenantStore, findings: Findings) {
  const known = new Map<number, Promise<Person | null>>()

  function find(oldId: number): Promise<Person | null> {
    const found = known.get(oldId) ?? store.find(User, 'legacy', [legacyIdOf(oldId)])
    known.set(oldId, found)
    return found
  }

  return {
    add: (oldId: number | null, person: Person): void => {
      if (oldId !== null) known.set(oldId, Promise.resolve(person))
    },
    /** Whom a reference means, or null: for none, and, with a warning, for one that leads nowhere. */
    async resolve(reference: Reference, { file, row, name }: { file: Finding['file']; row: number; name: string }): Promise<Person | null> {
      if (reference === null) return null
      const person = reference === 'unreadable' ? null : await find(reference)
      if (person === null) findings.warning(file, row, `${name} names no user of the files or of the installation; it is left empty`)
      return person
    },
  }
}

export type People = ReturnType<typeof createPeople>
