import type { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { AppError } from '../../kernel/errors.ts'
import { boundsOf, checkedDescription, damaged, exists, isSame } from '../described.ts'
import { afterOf, checkedBound, checkedKey, checkedPrefix, checkedTenant, cursorAfter } from '../key.ts'
import type { Described, ObjectStat, Objects, TenantObjects } from '../port.ts'
import { isLoopback, type S3Options, s3Client } from '../s3-client.ts'
import { isAnswer, refusalOf, reported, statusIs } from '../s3-failures.ts'
import { hexOf, proven } from './bytes.ts'
import { putCommand, sendingOf } from './send.ts'
import { signGet, signPost, signPut } from './sign.ts'

/** Objects in one bucket, under `prefix/tenant/key`. */
export function s3Objects(options: S3Options): Objects {
  const client = s3Client(options)
  return {
    kind: 's3',
    async open() {
      try {
        await assertVersioned(client, options)
      } catch (error) {
        client.destroy()
        throw error
      }
    },
    close: async () => client.destroy(),
    tenant: (id) => tenantObjects(checkedTenant(id), client, options),
    signed: null,
    async describe() {
      const versioning = await reported(options, () => versioningOf(client, options.bucket))
      const { region, endpoint } = options
      return { name: `s3://${[options.bucket, options.prefix].filter(Boolean).join('/')}`, settings: { region, endpoint, versioning } }
    },
  }
}

async function versioningOf(client: S3Client, Bucket: string): Promise<string> {
  return (await client.send(new GetBucketVersioningCommand({ Bucket }))).Status ?? 'Off'
}

/** The one request that also tells whether the bucket is there, in this region, and lets us in. */
async function assertVersioned(client: S3Client, options: S3Options): Promise<void> {
  let versioning: string
  try {
    versioning = await versioningOf(client, options.bucket)
  } catch (error) {
    throw refusalOf(error, options) ?? error
  }
  if (versioning === 'Enabled' || isLoopback(options.endpoint)) return
  throw new AppError(
    'unavailable',
    'bucket_unversioned',
    `The bucket ${options.bucket} keeps no versions, so what is removed by mistake is gone. Switch on its versioning (now: ${versioning}).`,
  )
}

function tenantObjects(tenantId: string, client: S3Client, options: S3Options): TenantObjects {
  const Bucket = options.bucket
  const top = [options.prefix, tenantId, ''].filter((part, n) => n === 2 || part !== '').join('/')
  const place = (key: string) => ({ Bucket, Key: top + checkedKey(key) })
  const run = <T>(work: () => Promise<T>): Promise<T> => reported(options, work)

  const store: TenantObjects = {
    tenantId,

    async put(key, body, given) {
      const described = checkedDescription(given)
      const sending = await sendingOf(body, described)
      return await run(async () => {
        try {
          await client.send(putCommand(place(key), sending.body, described), { abortSignal: sending.signal })
        } catch (error) {
          sending.signal.throwIfAborted()
          return await settled(error, key, described)
        } finally {
          sending.end()
        }
        return await present(key)
      })
    },

    async open(key, range) {
      const found = range === undefined ? null : await store.stat(key)
      if (range !== undefined && found === null) return null
      const bounds = range !== undefined && found !== null ? boundsOf(range, found.size) : null
      return await run(async () => {
        try {
          const answer = await client.send(
            new GetObjectCommand({
              ...place(key),
              ...(bounds === null ? { ChecksumMode: 'ENABLED' } : { Range: `bytes=${bounds.first}-${bounds.last}` }),
            }),
          )
          const stat = found ?? statOf(key, answer)
          const size = bounds === null ? stat.size : bounds.last - bounds.first + 1
          return { stat, body: proven(answer.Body as Readable, { key, size, sha256: bounds === null ? stat.sha256 : null }, options) }
        } catch (error) {
          if (isAnswer(error, 'NoSuchKey')) return null
          throw error
        }
      })
    },

    stat: (key) => run(() => statNow(key)),

    async list(prefix, { cursor, limit = 1_000 } = {}) {
      const after = afterOf(cursor)
      const Prefix = top + checkedPrefix(prefix)
      const MaxKeys = checkedBound('limit', limit, [1, 1_000])
      return await run(async () => {
        const { Contents = [], IsTruncated } = await client.send(
          new ListObjectsV2Command({ Bucket, Prefix, MaxKeys, ...(after === null ? {} : { StartAfter: top + after }) }),
        )
        const items = Contents.map(({ Key = '', Size = 0, LastModified }) => ({
          key: Key.slice(top.length),
          size: Size,
          storedAt: timeOf(LastModified),
        }))
        const last = items.at(-1)
        return { items, nextCursor: IsTruncated === true && last !== undefined ? cursorAfter(last.key) : null }
      })
    },

    async copy(from, to) {
      const source = place(from)
      const target = place(to)
      const found = await store.stat(from)
      if (found === null) return null
      return await run(async () => {
        try {
          await client.send(new CopyObjectCommand({ ...target, CopySource: `${Bucket}/${source.Key}`, IfNoneMatch: '*' }))
        } catch (error) {
          if (isAnswer(error, 'NoSuchKey')) return null
          return await settled(error, to, found)
        }
        return await present(to)
      })
    },

    async remove(key) {
      await run(() => client.send(new DeleteObjectCommand(place(key))))
    },

    async erase(key) {
      const { Key } = place(key)
      await run(async () => {
        for (let KeyMarker: string | undefined, VersionIdMarker: string | undefined, more = true; more; ) {
          const page = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key, KeyMarker, VersionIdMarker }))
          for (const found of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])])
            if (found.Key === Key) await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId: found.VersionId }))
          ;({ NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page)
          // longer keys follow the key itself: behind them is nothing of it
          more = page.IsTruncated === true && KeyMarker === Key
        }
      })
    },

    async signUpload(key, given, { method, expiresInSeconds }) {
      const described = checkedDescription(given)
      const seconds = checkedBound('expiresInSeconds', expiresInSeconds, [1, 3_600])
      const sign = method === 'PUT' ? signPut : signPost
      return await run(() => sign({ client, ...place(key) }, described, seconds))
    },

    async signDownload(key, { expiresInSeconds, ...as }) {
      const seconds = checkedBound('expiresInSeconds', expiresInSeconds, [1, 86_400])
      return await run(() => signGet({ client, ...place(key) }, as, seconds))
    },
  }

  async function statNow(key: string): Promise<ObjectStat | null> {
    try {
      return statOf(key, await client.send(new HeadObjectCommand({ ...place(key), ChecksumMode: 'ENABLED' })))
    } catch (error) {
      if (!statusIs(error, 404)) throw error
      // the answer to HEAD has no body, so a bucket that is gone looks like a key that is not there
      await client.send(new HeadBucketCommand({ Bucket }))
      return null
    }
  }

  /** What was just stored, read back. Removed in the meantime by someone else: the store is then in no state to be told of. */
  async function present(key: string): Promise<ObjectStat> {
    const found = await statNow(key)
    if (found !== null) return found
    throw new AppError('unavailable', 'objects_unavailable', 'The file was removed while it was stored. Try again.', {
      retryAfterSeconds: 5,
    })
  }

  /** A store that was refused because something is there: fine when it is the same, as after a lost answer. */
  async function settled(error: unknown, key: string, described: Described): Promise<ObjectStat> {
    if (!isAnswer(error, 'PreconditionFailed', 'ConditionalRequestConflict')) throw error
    const found = await present(key)
    if (isSame(found, described)) return found
    throw exists()
  }

  return store
}

type Answered = {
  ContentLength?: number | undefined
  ChecksumSHA256?: string | undefined
  ContentType?: string | undefined
  VersionId?: string | undefined
  ETag?: string | undefined
  LastModified?: Date | undefined
}

/** Without versions the ETag stands for one. */
function statOf(
  key: string,
  { ContentLength = 0, ChecksumSHA256, ContentType = '', VersionId, ETag = '', LastModified }: Answered,
): ObjectStat {
  if (ChecksumSHA256 === undefined) throw damaged(key, new Error('S3 has no SHA-256 for it'))
  return {
    key,
    size: ContentLength,
    sha256: hexOf(ChecksumSHA256),
    type: ContentType,
    version: VersionId ?? ETag,
    storedAt: timeOf(LastModified),
  }
}

const timeOf = (date: Date | undefined): string => (date ?? new Date(0)).toISOString()
