import type { Readable } from 'node:stream'
import type { Page } from '../kernel/page.ts'

/** What is known of an object before its bytes are: `size` in bytes, `sha256` in lower-case hex, `type` a MIME type. */
export type Described = { size: number; sha256: string; type: string }

/** `version` names this putting of the object: removed and put again, it has another. `storedAt` is RFC 3339. */
export type ObjectStat = Described & { key: string; version: string; storedAt: string }

/** What a listing tells without looking into each object. */
export type ListedObject = { key: string; size: number; storedAt: string }

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>

export type OpenedObject = { stat: ObjectStat; body: Readable }

/** Bytes from `start` on, at most `length` of them. */
export type ByteRange = { start: number; length: number }

/**
 * A request that someone without a credential may send until `expiresAt`, for exactly the described bytes. `url` is absolute, or a path on this server where the adapter keeps no server of its own.
 * PUT: the bytes as body, with exactly these headers beside their length. POST: a form (multipart/form-data) of these fields, then the bytes as field `file`.
 */
export type SignedUpload =
  | { method: 'PUT'; url: string; headers: Readonly<Record<string, string>>; expiresAt: string }
  | { method: 'POST'; url: string; fields: Readonly<Record<string, string>>; expiresAt: string }

export type SignedDownload = { url: string; expiresAt: string }

/**
 * Files of one tenant. Keys are made by the server, never by a client: 1 to 512 characters, segments of `A-Za-z0-9._-` that begin with a letter or digit, at most 200 characters each, divided by `/`.
 * Any other key is a programming error and throws. No key reaches another tenant's objects.
 *
 * Errors of every method: `objects_unavailable` when the store cannot be reached or does not let us in; its cause says to an operator what to mend.
 * An outage never looks like an absent object.
 */
export interface TenantObjects {
  readonly tenantId: string
  /**
   * Stores the object if there is none under the key, and resolves when it is durable. Until then nobody sees any of it; when it fails, nothing of it is ever seen. Of several that put different
   * bytes at once one wins. Putting again what is there already resolves with what is there, so that a lost answer can be repeated. A stream is read once and not retried.
   * Errors: `object_mismatch` when the bytes are not as described; `object_exists` when something else is there; `no_space`.
   */
  put(key: string, body: ObjectBody, described: Described): Promise<ObjectStat>
  /**
   * The object, or null. Reading all of it ends in `object_damaged` when the bytes are not those that were put; a range is given as it is. The body must be read or destroyed.
   * Errors: `range_invalid` when the range begins behind the end, or is empty.
   */
  open(key: string, range?: ByteRange): Promise<OpenedObject | null>
  /** What is under the key, or null. Sees every acknowledged put, copy and removal. */
  stat(key: string): Promise<ObjectStat | null>
  /**
   * A page of the keys that begin with `prefix` (a text, not a folder), in the order of their characters. Following `nextCursor` to the end meets every object that was there all the while exactly once.
   * `limit` 1–1,000, default 1,000. Errors: `bad_cursor`.
   */
  list(prefix: string, query?: { cursor?: string | null; limit?: number }): Promise<Page<ListedObject>>
  /** Copies an object within the tenant, if there is none under `to`, durable when it resolves; null when there is none under `from`. Otherwise like `put`. */
  copy(from: string, to: string): Promise<ObjectStat | null>
  /** After this nobody can open the object. Older versions may stay where the store keeps them. An absent one is no error. */
  remove(key: string): Promise<void>
  /** Removes the object with every version of it, for erasure of a person's data. An absent one is no error. */
  erase(key: string): Promise<void>
  /**
   * Lets someone else put these very bytes: size, type and SHA-256 are bound into the signature, and nothing is kept of any others. A PUT is refused while there is an object under the key; a POST
   * puts the same bytes again, so sign one for a new key only. `expiresInSeconds` 1–3,600.
   */
  signUpload(key: string, described: Described, options: { method: 'PUT' | 'POST'; expiresInSeconds: number }): Promise<SignedUpload>
  /**
   * Lets someone else get the object as an attachment of this name and type, whatever it is stored as. Signed whether or not there is an object. `expiresInSeconds` 1–86,400.
   */
  signDownload(key: string, options: { attachmentName: string; type: string; expiresInSeconds: number }): Promise<SignedDownload>
}

/** A request to a URL that an adapter signed for this server. Header names in lower case. */
export type SignedRequest = {
  method: string
  /** Path and query. */
  url: string
  headers: Readonly<Record<string, string | undefined>>
  body: AsyncIterable<Uint8Array>
}

export type SignedAnswer = { status: number; headers: Readonly<Record<string, string>>; body: Readable | null }

export interface Objects {
  readonly kind: 'folder' | 's3'
  /** Checks everything that durability rests on. Throws an AppError that names the thing and the remedy: `bucket_missing`, `bucket_refused`, `bucket_region`, `bucket_unversioned`, `objects_unavailable`, `no_space`. */
  open(): Promise<void>
  close(): Promise<void>
  tenant(id: string): TenantObjects
  /**
   * Answers requests to signed URLs of this server, for adapters without a server of their own; null for the others.
   * Errors: `signature_invalid` for what was changed or never signed; `signature_expired`; `object_mismatch`; `object_exists` when the upload was used before; `not_found`.
   */
  readonly signed: ((request: SignedRequest) => Promise<SignedAnswer>) | null
  /** For the doctor: where it is, and the settings that durability rests on, as the store tells them itself. */
  describe(): Promise<{ name: string; settings: Readonly<Record<string, unknown>> }>
}
