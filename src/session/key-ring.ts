import { type KeyObject, sign } from 'node:crypto'
import { canonical, sha256 } from '../kernel/canonical.ts'
import { Counter, create, insert, patched, remove, update } from '../kernel/change.ts'
import { type Clock, toTime } from '../kernel/clock.ts'
import type { Entity } from '../kernel/entity.ts'
import { erasedEntry } from '../kernel/erased-entry.ts'
import { AppError } from '../kernel/errors.ts'
import type { IdSource } from '../kernel/id.ts'
import type { Page } from '../kernel/page.ts'
import type { LogKeys, Sealer, TokenIssuer } from '../kernel/services.ts'
import { Conflict, type Meta, platformTenant, type Storage, type TenantStore } from '../storage/port.ts'
import {
  type AccessClaims,
  createTokenVerifier,
  exportSigningKey,
  generateSigningKey,
  importSigningKey,
  type PublicJwk,
  type SigningKey,
  signAccessToken,
} from './access-token.ts'
import { SigningKeyRow } from './entity.ts'

/** Issuer and audience of every access token: this program. */
export const issuer = 'holdfast'

export type KeyItem = { kid: string; purpose: 'token' | 'log'; publicJwk: PublicJwk; createdAt: string; state: 'active' | 'retiring' }

export type KeyRing = TokenIssuer &
  LogKeys & {
    /** The claims of a good token, or null. A key id that is not known yet may be another process's new key: the store is asked, at most once a second. */
    verify(token: string, nowSeconds: number): Promise<AccessClaims | null>
    /** Newest first. */
    list(): KeyItem[]
    /** New active keys for both purposes; the former ones only verify from now on. */
    rotate(meta: Pick<Meta, 'actor' | 'requestId'>): Promise<void>
    /** `rotate` when the newest keys are 90 days old. True when it did. */
    rotateIfDue(): Promise<boolean>
  }

type Purpose = KeyItem['purpose']
type Row = Entity<typeof SigningKeyRow>
type Held = { row: Row; key: SigningKey }
type Parts = {
  storage: Storage
  sealer: Sealer
  clock: Clock
  ids: IdSource
  /** One of many short-lived processes: it makes keys only where there are none, and leaves the rotation of old ones to a schedule. */
  isPassing?: boolean
}

/** A retiring token key verifies this long, several times the longest life of a token; a log key's public half stays for ever. */
const retiredAfterMs = 7 * 24 * 60 * 60 * 1000
const rotatedEveryMs = 90 * 24 * 60 * 60 * 1000
/** The row that the very first keys are made with: of any number of processes that begin on an empty store at once, one makes them. */
const firstKeys = 'first-signing-keys'

/** Loads the keys from the store, or makes the first ones, and gives the storage its signer. Errors: `wrong_key` when the master key is not the one they were sealed with. */
export async function openKeyRing(parts: Parts): Promise<KeyRing> {
  const { storage, clock } = parts
  const store = storage.platform()
  const verifier = createTokenVerifier({ issuer, audience: issuer })
  let held: Held[] = []
  let publicKeys = new Map<string, KeyObject>()
  let loadedMs = 0

  async function load() {
    const rows = await everyKey(store)
    held = rows.map((row) => ({ row, key: openKey(parts.sealer, row) }))
    publicKeys = new Map(held.filter(({ row }) => row.purpose === 'token').map(({ key }) => [key.kid, key.publicKey]))
    loadedMs = clock.realMs()
    const log = active('log')
    if (log !== undefined) await storage.setSigner(signerOf(log))
  }

  const active = (purpose: Purpose): Held | undefined => held.find(({ row }) => row.purpose === purpose && row.state === 'active')

  async function rotate(meta: Pick<Meta, 'actor' | 'requestId'>) {
    const now = toTime(clock.realMs())
    const fresh = (['token', 'log'] as const).map((purpose) => ({ purpose, key: generateSigningKey(new Date(now)) }))
    if (active('log') === undefined) {
      const first = fresh.find(({ purpose }) => purpose === 'log')
      if (first !== undefined) await storage.setSigner(signerOf(first))
    }
    const changes = fresh.map(({ purpose, key }) => insert(SigningKeyRow, sealKey(parts, purpose, key, now)))
    if (held.length === 0) changes.push(insert(Counter, create(Counter, firstKeys, { value: 1 }, now)))
    for (const { row } of held) {
      const age = clock.realMs() - Date.parse(row.updatedAt)
      if (row.state === 'active') changes.push(update(SigningKeyRow, row, patched(SigningKeyRow, row, { state: 'retiring' }, now)))
      else if (row.purpose === 'token' && age > retiredAfterMs) changes.push(remove(SigningKeyRow, row))
    }
    await store.commit(changes, { ...meta, action: 'key.rotate', entity: null, time: now })
    await load()
  }

  async function rotateIfDue(): Promise<boolean> {
    const newest = active('token')
    const isDue = newest === undefined || active('log') === undefined || clock.realMs() - Date.parse(newest.row.createdAt) > rotatedEveryMs
    return isDue && (await rotateOnce())
  }

  /** False when another process was faster: its keys are the new ones. */
  async function rotateOnce(): Promise<boolean> {
    try {
      await rotate({ actor: { id: null, kind: 'system', name: 'system' }, requestId: null })
      return true
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      await load()
      return false
    }
  }

  await load()
  if (held.length === 0 || parts.isPassing !== true) await rotateIfDue()

  return {
    issue(claims, nowSeconds, ttlSeconds) {
      const signing = active('token')
      if (signing === undefined)
        throw new AppError('internal', 'no_signing_key', 'There is no key to sign tokens with: run `bin/holdfast keys rotate`.')
      return signAccessToken(signing.key, { iss: issuer, aud: issuer, ...claims }, nowSeconds, ttlSeconds)
    },
    async verify(token, nowSeconds) {
      const claims = verifier.verify(token, publicKeys, nowSeconds)
      if (claims !== null || publicKeys.has(kidOf(token)) || clock.realMs() - loadedMs < 1000) return claims
      await load()
      return verifier.verify(token, publicKeys, nowSeconds)
    },
    logKeys: () => new Map(held.filter(({ row }) => row.purpose === 'log').map(({ key }) => [key.kid, key.publicKey])),
    signErased(logged, left) {
      const signing = active('log')
      if (signing === undefined)
        throw new AppError('internal', 'no_signing_key', 'There is no key to sign with: run `bin/holdfast keys rotate`.')
      return erasedEntry(logged, left, { kid: signing.key.kid, privateKey: signing.key.privateKey })
    },
    signHead({ stream, sequence, hash, time }) {
      const signing = active('log')
      if (signing === undefined)
        throw new AppError('internal', 'no_signing_key', 'There is no key to sign with: run `bin/holdfast keys rotate`.')
      const leaves = [sha256(`${stream}\n${sequence}\n${hash}\n`)]
      const signature = sign(null, Buffer.from(canonical({ leaves, time })), signing.key.privateKey).toString('base64url')
      return { stream, sequence, hash, time, leaves, kid: signing.key.kid, signature }
    },
    list: () =>
      held.map(({ row, key }) => ({
        kid: key.kid,
        purpose: row.purpose,
        publicJwk: key.publicJwk,
        createdAt: row.createdAt,
        state: row.state,
      })),
    async rotate(by) {
      // a row may have been sealed anew since it was read
      await load()
      await rotate(by)
    },
    rotateIfDue,
  }
}

/** Newest first. */
async function everyKey(store: TenantStore): Promise<Row[]> {
  const rows: Row[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Page<Row> = await store.list(SigningKeyRow, { order: 'desc', cursor, limit: 200 })
    rows.push(...page.items)
    if (page.nextCursor === null) return rows
    cursor = page.nextCursor
  }
}

const place = (row: { id: string }) => ({ tenant: platformTenant, entity: SigningKeyRow.name, id: row.id, field: 'privateKey' })

const openKey = (sealer: Sealer, row: Row): SigningKey => importSigningKey(sealer.open(row.privateKey, place(row)))

function sealKey({ sealer, ids }: Parts, purpose: Purpose, key: SigningKey, now: string): Row {
  const id = ids.newId()
  const privateKey = sealer.seal(exportSigningKey(key), place({ id }))
  return create(SigningKeyRow, id, { kid: key.kid, purpose, publicJwk: key.publicJwk, privateKey, state: 'active' }, now)
}

const signerOf = ({ key }: { key: SigningKey }) => ({
  kid: key.kid,
  privateKey: String(key.privateKey.export({ type: 'pkcs8', format: 'pem' })),
})

function kidOf(token: string): string {
  try {
    return String((JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid?: unknown }).kid)
  } catch {
    return ''
  }
}
