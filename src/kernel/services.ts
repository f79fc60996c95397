import type { KeyObject } from 'node:crypto'
import type { Objects } from '../objects/port.ts'
import type { Actor, Head, LogEntry, LoggedEntry } from '../storage/port.ts'
import type { Backups } from './backups.ts'
import type { AnyEntity } from './entity.ts'

/** What features need from the composition beside their store. Structural, so that the kernel knows no feature. */
export interface Hasher {
  hash(password: string): Promise<string>
  verify(stored: string, password: string, isGone?: () => boolean): Promise<boolean>
  needsRehash(stored: string): boolean
  /** The work of one verification, for logins that do not exist: same time class. */
  burn(isGone?: () => boolean): Promise<void>
  wrap(stored: string): Promise<string>
  /** Milliseconds that the dearest stored form in use has been taking lately: refusals of a sign-in take as long. */
  dearestMs(): number
  /** Milliseconds that each hash which waits adds to the wait. */
  paceMs(): number
}

/** Where a sealed value lives. A ciphertext moved elsewhere does not open (SECURITY.md, secrets at rest). */
export type SealedAt = { tenant: string; entity: string; id: string; field: string }

export interface Sealer {
  /** Names the current master key without telling anything about it. */
  kid: string
  seal(plaintext: string, at: SealedAt): string
  open(sealed: string, at: SealedAt): string
  /** Sealed anew under the current master key, or null when it is so already. */
  renewed(sealed: string, at: SealedAt): string | null
}

/** Signs access tokens; the keys live in the store (DESIGN.md section 9). */
export interface TokenIssuer {
  issue(claims: { sub: string; sid: string; tid: string; jti: string }, nowSeconds: number, ttlSeconds: number): string
}

/** A head signed now, for an export; the keys that heads may be signed with, by key id. */
export interface LogKeys {
  signHead(head: { stream: string; sequence: number; hash: string; time: string }): Head
  logKeys(): ReadonlyMap<string, KeyObject>
  /** An entry of which only this is left, signed (`Erased` in storage/port.ts). */
  signErased(logged: LoggedEntry, left: { left: LogEntry; secrets: string | null; time: string }): LoggedEntry
}

/** The signing keys as operators see them: public halves only. */
export interface SigningKeys {
  /** New keys when the newest ones are 90 days old (SECURITY.md, keys). True when it did. */
  rotateIfDue(): Promise<boolean>
  /** Newest first. */
  list(): readonly {
    kid: string
    purpose: 'token' | 'log'
    publicJwk: Record<string, unknown>
    createdAt: string
    state: 'active' | 'retiring'
  }[]
  /** New active keys; the former ones only verify from now on. Nobody is signed out. */
  rotate(by: { actor: Actor; requestId: string | null }): Promise<void>
}

/** `HOLDFAST_SMTP_URL` and `HOLDFAST_MAIL_FROM`. */
export type MailSettings = { url: string; from: string }

/** Sends mail. Rejects when the server did not take it. */
export interface Mailer {
  /** `id`: names the letter, and stays the same when it is sent again. */
  send(letter: { to: string; subject: string; text: string; id: string }): Promise<void>
}

export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Where checks of the store say what they found: of the `engine`, or of a tenant's log and rows. `/health` follows it. */
export interface HealthReport {
  checked(part: string, isSound: boolean): void
  /** Whether the people of a tenant are kept in files beside the database. */
  preserved(tenantId: string, isGood: boolean): void
}

/** What the surface `fsm` can be told (contracts/fsm.md). */
export type FsmSettings = {
  /** Anonymous callers may create tenants, so many an hour and network. */
  openSetup: boolean
  setupPerHour: number
  /** Unknown appointment tokens a minute and network. */
  tokenMissesPerMinute: number
  /** Where client credentials become a token; `{cluster}` is filled in. */
  tokenUrl: string
  /** `DOMAIN`: host of the pages on which customers book; null = `publicUrl`. */
  domain: string | null
}

/** Where the people of workforces are kept in files beside the database (contracts/satshine.md, sections 5 to 7). */
export type PreserveSettings = {
  /** The data folder. */
  folder: string
  /** `HOLDFAST_PERSISTENT_FILE`, absolute: the first tenant's destination; null = its place in the data folder, as every other tenant's. */
  file: string | null
  /** How often a server looks whether everyone is still there; 0 = never. */
  monitorSeconds: number
}

/** Settings that rules read; config.ts fills them. */
export type Settings = {
  version: string
  accessTokenSeconds: number
  /** Where clients reach this server: an origin, and a path if there is one, without a slash at the end. */
  publicUrl: string
  /** Tenant (id or key) meant by vantagepoint logins without one; null = look across tenants. */
  vantagepointTenant: string | null
  docsUrl: string | null
  docsToken: string | null
  fsm: FsmSettings
  /** Unknown tokens of onboarding links a minute and network. */
  onboardingMissesPerMinute: number
  /** What the files of one tenant may take together; null = without limit. */
  mediaQuotaBytes: number | null
  preserve: PreserveSettings
  /** `allowPrivate`: webhooks may go to plain http and into private networks. */
  webhooks: { allowPrivate: boolean }
}

export type Services = {
  hasher: Hasher
  sealer: Sealer
  tokens: TokenIssuer
  keys: LogKeys & SigningKeys
  settings: Settings
  log: Logger
  health: HealthReport
  /** Null while the settings say that none are made. */
  backups: Backups | null
  /** Null where no mail server is set. */
  mailer: Mailer | null
  /** Everything that is stored, for checks that walk it all. */
  entities: readonly AnyEntity[]
  /** Files, opened when the first one is asked for. Errors: those of opening (objects/port.ts). */
  objects(): Promise<Objects>
  /** Keyed digest with a key derived from the master key. */
  mac(text: string): string
}

/** `HOLDFAST_TRUST_PROXY`: how many hops, or which networks, may speak for the client. */
export type TrustProxy = { hops: number } | { networks: readonly string[] } | null
