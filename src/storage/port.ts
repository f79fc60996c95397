import type { Json } from '../kernel/canonical.ts'
import type { Change } from '../kernel/change.ts'
import type { AnyEntity, Entity } from '../kernel/entity.ts'
import { AppError } from '../kernel/errors.ts'
import type { Page } from '../kernel/page.ts'

/** Tenant id of the platform itself: its staff, its keys, and work that belongs to no customer. */
export const platformTenant = 'platform'

export type Value = string | number | boolean | null

/** Narrows what an index yields. Texts compare by code point of UTF-8, `contains` is a plain substring. A null matches only `eq` and `in`; `ne` keeps nulls. */
export type Filter =
  | { field: string; op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'; value: Value }
  | { field: string; op: 'in'; value: readonly Value[] }
  | { field: string; op: 'contains'; value: string }

export type Selection = {
  /** A declared index; absent = by id, which is the order of creation. */
  index?: string
  /** Equality on the index's leading fields, in order and without a gap. A list means any of its values; null means the rows without a value. */
  where?: Readonly<Record<string, Value | readonly Value[]>>
  filter?: readonly Filter[]
}

export type Query = Selection & {
  /** Direction of the index's remaining fields, then of id. */
  order?: 'asc' | 'desc'
  cursor?: string | null
  /** 1–200, default 50. */
  limit?: number
}

export type Actor = { id: string | null; kind: 'user' | 'apiKey' | 'platform' | 'system' | 'anonymous'; name: string }

/** Who did what, and when: what the log entry says beside the changes. */
export type Meta = {
  actor: Actor
  /** An operation's name, `user.create`. */
  action: string
  /** What it was about. */
  entity: { type: string; id: string } | null
  requestId: string | null
  /** Real time, RFC 3339. */
  time: string
  /** Facts that are not rows: totals, file digests. Never a secret. */
  detail?: { readonly [key: string]: Json }
  /** A live document's own stream; absent = the tenant's. A stream belongs to the tenant that wrote it first; a commit of another tenant is a `Conflict`. */
  stream?: string
}

export type Durability = 'fsync' | 'replicated' | 'backed-up'

export type Receipt = { stream: string; sequence: number; time: string; hash: string; durability: readonly Durability[] }

/**
 * `fields`, secret ones apart: of an insert the whole row; of an update those that changed, and `version` and `updatedAt`; of a removal none; of an addition the counter's `value`, `version` and
 * `updatedAt` as they became. A check is not told.
 */
export type LogChange = {
  op: 'insert' | 'update' | 'remove' | 'add'
  type: string
  id: string
  fields: { readonly [field: string]: Json }
  /** What the row held was erased: whoever replays the log leaves this change out. */
  erased?: true
}

/** One entry as it was hashed. `fields` hold no secret; `secrets` is the SHA-256 of the canonical JSON that `LoggedEntry.secrets` holds. */
export type LogEntry = {
  stream: string
  sequence: number
  time: string
  actor: Actor
  action: string
  entity: { type: string; id: string } | null
  requestId: string | null
  changes: readonly LogChange[]
  detail?: { readonly [key: string]: Json }
  /** Hash of entry n − 1; 64 zeros before the first. */
  previousHash: string
  secrets?: string
  /** Of an entry whose personal data was erased: see `Erased`. */
  erased?: Erased
}

/**
 * What an entry says of itself once a person's data was taken out of it. `hash` is that of the entry as it was first written, which the chain goes on with; the text that is left cannot have it.
 * `signature` (Ed25519, base64url, of the log key `kid`) is over the canonical JSON of the whole entry without `erased.signature`, so that nobody else can empty an entry.
 */
export type Erased = { hash: string; time: string; kid: string; signature: string }

/** `hash` = SHA-256 hex of `previousHash ‖ text` (of an erased entry: of what it was); `text` is the canonical JSON of `entry`. `secrets`: canonical JSON `{salt, changes: [{…secret fields} per change]}`, or null. */
export type LoggedEntry = { entry: LogEntry; text: string; hash: string; secrets: string | null }

/**
 * A signed head. One Ed25519 signature serves a whole group of commits: it signs the canonical JSON of `{leaves, time}`, and this head's own leaf,
 * SHA-256 of `stream \n sequence \n hash \n`, is one of `leaves`. `signature` is base64url.
 */
export type Head = {
  stream: string
  sequence: number
  hash: string
  time: string
  leaves: readonly string[]
  kid: string
  signature: string
}

/** `privateKey` is PKCS #8 PEM; it goes to the thread that signs and nowhere else. */
export type Signer = { kid: string; privateKey: string }

export type Reference = { type: AnyEntity; id: string }

/** Why a commit was refused. Together with `unavailable` the only thing that leaves an engine. Nothing of a refused commit is stored. */
export class Conflict extends AppError {
  override name = 'Conflict'
  /** version: the row has another version or is gone · exists: the id is taken · unique: a key is taken · bound: a counter would leave its bounds. */
  readonly reason: 'version' | 'exists' | 'unique' | 'bound'
  readonly entity: string
  readonly id: string
  /** The unique key's name, for `unique`. */
  readonly key: string | null

  constructor(reason: Conflict['reason'], entity: string, id: string, key: string | null = null) {
    super('conflict', 'version_conflict', 'The row was changed by someone else in the meantime. Read it again and repeat the change.')
    this.reason = reason
    this.entity = entity
    this.id = id
    this.key = key
  }
}

/** What a use case may do. It is bound to one tenant: rows of others do not exist here. */
export interface TenantStore {
  readonly tenantId: string
  /** The row, or null. Sees every acknowledged commit. */
  get<E extends AnyEntity>(type: E, id: string): Promise<Entity<E> | null>
  /** The row that holds a unique key, or null. `values` in the order of the key's fields. Sees every acknowledged commit. */
  find<E extends AnyEntity>(type: E, key: string, values: readonly Value[]): Promise<Entity<E> | null>
  /** Several rows in one round trip, in the order asked for. Sees every acknowledged commit. */
  read(references: readonly Reference[]): Promise<unknown[]>
  /**
   * A page of a declared index. Following `nextCursor` to the end meets every row that was there all the while exactly once, whatever is written meanwhile.
   * Errors: `bad_cursor`; an undeclared index or a limit out of bounds is a programming error and throws.
   */
  list<E extends AnyEntity>(type: E, query: Query): Promise<Page<Entity<E>>>
  /** How many rows the selection has now. */
  count(type: AnyEntity, selection: Selection): Promise<number>
  /** How many rows the selection has for each combination of values of the fields `by`; combinations without rows are absent. */
  tally(type: AnyEntity, selection: Selection, by: readonly string[]): Promise<{ values: Value[]; count: number }[]>
  /**
   * The first of `n` numbers, each greater than every number that this sequence (an entity's name) gave out or that an insert of that entity carried. Never written twice, not even after
   * a crash when it was committed; gaps are possible. Where processes share a storage, a single one may be foreseen: if another process was quicker, the insert that carries it is refused with
   * the conflict `version`, as any other lost race.
   */
  next(sequence: string, n?: number): Promise<number>
  /**
   * Writes every change and one log entry, or nothing. Insert expects the id and every unique key to be free; update, remove and check expect a version; add keeps a counter within its bounds.
   * Resolves when the commit is durable. Errors: `Conflict`; `no_space`; `unavailable`. Two changes of one commit may not name the same row.
   * Texts are well-formed Unicode and numbers finite; anything else is a programming error and throws.
   */
  commit(changes: readonly Change[], meta: Meta): Promise<Receipt>
  /** Entries after a sequence, gap-free and in order. `stream` defaults to the tenant's; another tenant's stream reads as empty. `limit` ≤ 1,000. */
  log(stream: string | null, after: number, limit: number): Promise<LoggedEntry[]>
  /** The newest signed head of a stream, or null when nothing was written. */
  head(stream?: string | null): Promise<Head | null>
}

/** The platform's own tenant, and what must be asked over all tenants. Reachable from session/, tenant/ and the CLI alone. */
export interface PlatformStore extends TenantStore {
  /** Rows of all tenants under a declared directory key, at most `limit` (default 100). Sees every acknowledged commit. */
  lookup<E extends AnyEntity>(
    type: E,
    directory: string,
    values: readonly Value[],
    limit?: number,
  ): Promise<{ tenantId: string; row: Entity<E> }[]>
  /** Rows of all tenants in the order of a declared directory, for entities that a platform lists (tenants). */
  listAll<E extends AnyEntity>(
    type: E,
    directory: string,
    query: { where?: readonly Value[]; cursor?: string | null; limit?: number },
  ): Promise<Page<{ tenantId: string; row: Entity<E> }>>
  /** Newest heads of all streams, by stream name. */
  heads(query: { cursor?: string | null; limit?: number }): Promise<Page<Head & { tenantId: string }>>
}

/** A row with all its fields, secret and derived ones too, and whose it is. */
export type StoredRow = { tenantId: string; row: { readonly id: string; readonly [field: string]: unknown } }

/**
 * What a load writes, exactly as it stood elsewhere: at most 1,000 items. Loading the same batch again changes nothing. The parts are written in this order, and a crash leaves any first
 * part of a batch: none of the later without all of the earlier.
 */
export type Load = {
  type?: AnyEntity
  /** Rows of `type` as they shall be, whatever is there. Each once in a batch. On the way two rows may hold one unique key, and neither is lost by it: see `finish`. */
  rows?: readonly StoredRow[]
  /** Rows of `type` that shall not be there; absent ones are passed over. None of them is in `rows`. */
  removed?: readonly { tenantId: string; id: string }[]
  /** Of any streams, each in order and without a gap after what is there; an entry that is there already is skipped. Texts, hashes and secrets are kept to the letter. */
  entries?: readonly ({ tenantId: string } & LoggedEntry)[]
  /** Signed heads, whose entries are there. Each replaces the one of its stream. */
  heads?: readonly ({ tenantId: string } & Head)[]
  /** The greatest number that each sequence gave out; a sequence is never lowered. Rows raise none. */
  sequences?: readonly SequenceValue[]
  /** What the loader needs to know when it goes on after a crash; at most 10,000 characters. The newest is kept until `finish`. */
  mark?: string
}

export type SequenceValue = { tenantId: string; sequence: string; value: number }

/**
 * Everything as it is stored, over all tenants: for moves, backups and restores, which keep ids, versions, hashes and signatures. No use case reaches it. Streams, entries and heads are
 * read through `platform().heads()` and `tenant(id).log()`. A transfer has one user at a time, in one process: its calls come one after the other.
 */
export interface Transfer {
  /**
   * `empty`: nothing was ever committed or loaded. `loading`: a load began and did not finish, in this process or another, however that ended. `ready`: everything else.
   * While it is loading, `rows`, `sequences`, `get`, `read`, `log`, `head` and `heads` tell what was loaded; other reads are of no use before it is finished; `commit` and `next` are
   * refused with `unavailable` `storage_loading`.
   */
  state(): Promise<'empty' | 'loading' | 'ready'>
  /**
   * Rows of one entity, of all tenants or one, by tenant id and then id (code points). Sees every commit that was acknowledged before the call. Following `nextCursor` meets every row
   * that was there all the while exactly once, also in another process. `limit` 1–1,000, default 200. Errors: `bad_cursor`.
   */
  rows(type: AnyEntity, query: { cursor?: string | null; limit?: number; tenantId?: string }): Promise<Page<StoredRow>>
  /** By tenant id and name. `limit` as above. */
  sequences(query: { cursor?: string | null; limit?: number }): Promise<Page<SequenceValue>>
  /** Starts a load, or goes on with one, and tells the newest `mark` of that one, or null. Errors: `storage_not_empty` (conflict) when it is `ready`. */
  begin(): Promise<string | null>
  /**
   * Resolves when the batch is durable. Errors: `load_gap` (conflict) for an entry that does not follow the one before it (sequence and previous hash), or whose stream is another
   * tenant's; nothing of that batch's entries is written. A programming error before `begin`, with more than 1,000 items, or for values that a commit would not take.
   */
  load(batch: Load): Promise<void>
  /**
   * From here on it is an ordinary storage: what is unique binds, and it is the loader's part that no two rows hold one key by now; `next` gives numbers above every loaded sequence;
   * commits follow the loaded entries. Resolves when that is durable; repeated after a crash it ends what it began.
   */
  finish(): Promise<void>
}

/**
 * Everything as it was at one instant, while others write on. The rows of each stream are exactly those after its head. It holds resources of the database: close it. Where an engine cannot hold an instant still
 * and it is written to without a pause, streams may stand a moment apart (backup/copied-view.ts).
 */
export interface View extends Pick<Transfer, 'rows' | 'sequences'> {
  /** Newest heads of all streams at that instant, by stream name. `limit` as above. */
  heads(query: { cursor?: string | null; limit?: number }): Promise<Page<Head & { tenantId: string }>>
  close(): Promise<void>
}

/** What the engine can say about itself. Times in seconds, counts since start. */
export type EngineStats = {
  commits: number
  groups: number
  fsyncs: number
  conflicts: number
  commitSeconds: number
  largestGroup: number
  /** The COMMITs that forced the log to the disk of this machine, and the seconds they took; absent where the disk is another machine's. */
  fsyncTime?: { count: number; seconds: number }
}

/**
 * Words to the other processes on the same storage, for what is shown and forgotten, such as cursors. Nothing keeps them: whoever is down or slow misses some, in no order that could be relied on.
 */
export interface Broadcast {
  /** At most 6,000 bytes of UTF-8; longer ones are not sent. */
  send(text: string): void
  /** Hears the others, never oneself. Returns what ends it; while nobody listens nothing is asked of the database. */
  listen(listener: (text: string) => void): () => void
  /** Within so long others usually have heard, and what they answered is here. Milliseconds. */
  answerMs: number
}

export interface Storage {
  readonly engine: 'sqlite' | 'postgres' | 'dynamodb'
  /** Opens, migrates, and asserts every setting that durability and isolation rest on. Throws an AppError that names the remedy. */
  open(): Promise<void>
  /** Finishes what was accepted, then closes. Later calls are `unavailable`. */
  close(): Promise<void>
  /** Commits are refused until a signer is set; a new one takes over with the next group. */
  setSigner(signer: Signer): Promise<void>
  tenant(id: string): TenantStore
  platform(): PlatformStore
  /** Called after each durable commit of this process or another. Returns what stops it. */
  watch(listener: (receipt: { tenantId: string; stream: string; sequence: number }) => void): () => void
  /** The engine's own integrity check (structure, not content): problems in words, or none. */
  check(): Promise<string[]>
  /** The database behind it, for the doctor: its name and version, and the settings that durability and isolation rest on, as it tells them itself. */
  describe(): Promise<{ name: string; version: string; settings: Record<string, unknown> }>
  transfer(): Transfer
  /**
   * Puts erased entries in the place of those that they were made of: text and secrets of the former are gone from the database, while hash and sequence stay. At most 100 of one tenant's.
   * Resolves when that is durable; repeating it changes nothing. Throws where an entry of that stream, sequence and hash is not there; then those before it may be replaced.
   */
  erase(tenantId: string, entries: readonly LoggedEntry[]): Promise<void>
  /**
   * Takes or keeps a job that one of several processes does for all: resolves with the epoch, which grows with every new holder, or null while another process holds it and for `seconds`
   * after it last did. Absent where one process has the storage to itself.
   */
  lease?(name: string, seconds: number): Promise<number | null>
  /** Absent where one process has the storage to itself. */
  broadcast?: Broadcast
  stats(): EngineStats
}
