import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { z } from 'zod'
import { Counter, create } from '../../kernel/change.ts'
import { type AnyEntity, type Entity, entity, fold } from '../../kernel/entity.ts'
import { idSource } from '../../kernel/id.ts'
import type { Meta, PlatformStore, Signer, Storage, TenantStore, View } from '../port.ts'

/** Every kind of column, and every rule that an entity can declare. */
export const Member = entity('member', {
  table: 'members',
  fields: {
    number: z.int().min(1).nullable(),
    username: z.string(),
    usernameKey: z.string(),
    email: z.string().nullable(),
    login: z.string().nullable(),
    role: z.enum(['owner', 'manager', 'member']),
    managerId: z.uuid().nullable(),
    score: z.number(),
    isActive: z.boolean(),
    isCertified: z.boolean().nullable(),
    lastSeenAt: z.iso.datetime({ precision: 3 }).nullable(),
    settings: z.object({ tags: z.array(z.string()), nested: z.unknown() }),
    note: z.string().nullable(),
    password: z.string().nullable(),
    recovery: z.array(z.string()).nullable(),
  },
  unique: { username: ['usernameKey'], email: ['email'], seat: ['managerId', 'number'] },
  indexes: {
    byRole: ['role'],
    byManager: ['managerId', 'username'],
    byState: ['isActive', 'role', 'username'],
    bySeen: ['lastSeenAt'],
    byScore: ['score'],
  },
  directory: { login: { fields: ['login'], unique: true }, role: { fields: ['role', 'username'] } },
  secret: ['password', 'recovery'],
  derived: { usernameKey: (row) => fold(row.username) },
  sequence: 'number',
})
export type Member = Entity<typeof Member>

/** The smallest entity, named by what it is about. */
export const Note = entity('note', { table: 'notes', id: 'text', fields: { text: z.string() } })
export type Note = Entity<typeof Note>

/** A number that is never absent and that one row of a tenant has. */
export const Badge = entity('badge', { table: 'badges', id: 'text', fields: { number: z.int() }, unique: { number: ['number'] } })
export type Badge = Entity<typeof Badge>

export const aBadge = (id: string, number: number): Badge => create(Badge, id, { number }, now)

export const entities: readonly AnyEntity[] = [Member, Note, Badge, Counter]

export const now = '2026-03-01T08:00:00.000Z'

export const meta: Meta = {
  actor: { id: '0195a000-0000-7000-8000-000000000001', kind: 'user', name: 'Ada' },
  action: 'member.create',
  entity: null,
  requestId: 'r-1',
  time: now,
}

export const { newId } = idSource()

let made = 0

/** A member that collides with no other. */
export function aMember(fields: Partial<Member> = {}): Member {
  made += 1
  const row = {
    number: null,
    username: `member ${made}`,
    email: null,
    login: null,
    role: 'member' as const,
    managerId: null,
    score: made,
    isActive: true,
    isCertified: null,
    lastSeenAt: null,
    settings: { tags: [], nested: null },
    note: null,
    password: null,
    recovery: null,
    ...fields,
  }
  return create(Member, fields.id ?? newId(), { usernameKey: '', ...row }, now)
}

export const aNote = (id: string, text = ''): Note => create(Note, id, { text }, now)

/** An engine under test. `reopen` closes it and opens the same data again. */
export type Subject = { storage: Storage; reopen(): Promise<Storage>; openView(): Promise<View>; close(): Promise<void> }

/** `entities` are those of this file; a signer is set by the contract. */
export type OpenSubject = () => Promise<Subject>

export type Laws = {
  storage(): Storage
  /** Two tenants' stores, new for every test file. */
  ours(): TenantStore
  theirs(): TenantStore
  platform(): PlatformStore
  /** A tenant that nothing was written to. */
  fresh(): TenantStore
  reopen(): Promise<void>
  signer: Signer & { publicKey: KeyObject }
}

export function newSigner(kid = 'k-1'): Signer & { publicKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { kid, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey }
}

/** One chapter of the contract: an engine of its own, and the laws that it has to keep. */
export function chapter(name: string, open: OpenSubject, laws: (to: Laws) => void): void {
  describe(name, () => {
    let subject: Subject
    let storage: Storage
    const tenants = [newId(), newId()] as const
    const signer = newSigner()

    beforeAll(async () => {
      subject = await open()
      storage = subject.storage
      await storage.setSigner(signer)
    })
    afterAll(() => subject.close())

    laws({
      storage: () => storage,
      ours: () => storage.tenant(tenants[0]),
      theirs: () => storage.tenant(tenants[1]),
      platform: () => storage.platform(),
      fresh: () => storage.tenant(newId()),
      async reopen() {
        storage = await subject.reopen()
        await storage.setSigner(signer)
      },
      signer,
    })
  })
}
