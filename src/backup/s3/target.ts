import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { type S3Options, s3Client } from '../../objects/s3-client.ts'
import { isAnswer, statusIs } from '../../objects/s3-failures.ts'
import { assertTargetName, type Target, type TargetBody, type TargetFile } from '../target.ts'
import { failedAs, lockedUntil, unconditional } from './failures.ts'
import { digest, inParts } from './parts.ts'
import { type Bucket, uploadParts } from './upload.ts'

/** Begins with a dot, so that it is no part of a backup. It stays: where the bucket locks what it stores, it could not be removed. */
const probeName = '.holdfast'

/** How often reading goes on after a connection that was cut, without a byte in between. */
const mostCuts = 3

/**
 * A target that is a bucket, under a prefix. Nothing is replaced (`If-None-Match`), every part carries its SHA-256, and what is stored stays as long as the bucket's Object Lock wants it. A file may have
 * 10,000 parts of 8 MiB, about 78 GiB; memory holds two of them.
 */
export function s3Target(options: S3Options): Target {
  const client = s3Client(options)
  const bucket: Bucket = { client, name: options.bucket }
  const top = options.prefix === '' ? '' : `${options.prefix}/`
  const url = `s3://${[options.bucket, options.prefix].filter(Boolean).join('/')}`
  const place = (name: string) => ({ Bucket: options.bucket, Key: top + name })
  const failed = failedAs(url, options)
  const run = <T>(work: () => Promise<T>): Promise<T> => work().catch((error: unknown) => Promise.reject(failed(error)))

  async function putWhole(name: string, bytes: Uint8Array): Promise<'stored' | 'exists'> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.send(
          new PutObjectCommand({
            ...place(name),
            Body: bytes,
            ContentLength: bytes.length,
            ChecksumSHA256: digest(bytes).toString('base64'),
            IfNoneMatch: '*',
          }),
        )
        return 'stored'
      } catch (error) {
        if (isAnswer(error, 'PreconditionFailed')) return 'exists'
        // someone else stores the same name right now: the next answer tells how that ended
        if (!isAnswer(error, 'ConditionalRequestConflict') || attempt === mostCuts) throw error
      }
    }
  }

  async function put(name: string, body: TargetBody): Promise<'stored' | 'exists'> {
    assertTargetName(name)
    if (body instanceof Uint8Array) return putWhole(name, body)
    const parts = inParts(body)
    try {
      const first = await parts.next()
      if (first.done || first.value.isLast) return await putWhole(name, first.done ? new Uint8Array() : first.value.bytes)
      if (await isThere(client, place(name))) return 'exists'
      return await uploadParts(bucket, top + name, first.value, parts)
    } finally {
      await parts.return(undefined)
    }
  }

  async function* list(prefix: string, from: string | undefined): AsyncGenerator<TargetFile> {
    for (let after = from === undefined ? undefined : top + from; ; ) {
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: options.bucket,
          Prefix: top + prefix,
          ...(after === undefined ? {} : { StartAfter: after }),
        }),
      )
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        const name = Key.slice(top.length)
        // consoles show folders by empty objects whose names end in a slash
        if (!/(^|\/)\./.test(name) && !name.endsWith('/')) yield { name, bytes: Size }
      }
      after = page.Contents?.at(-1)?.Key
      if (page.IsTruncated !== true || after === undefined) return
    }
  }

  /** All versions of a file: a mark of deletion above them would hide it and keep its bytes. */
  async function remove(name: string): Promise<void> {
    const { Bucket, Key } = place(name)
    for (let KeyMarker: string | undefined, VersionIdMarker: string | undefined, isMore = true; isMore; ) {
      const page = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key, KeyMarker, VersionIdMarker }))
      const versions = [...(page.DeleteMarkers ?? []), ...(page.Versions ?? [])].filter((found) => found.Key === Key)
      for (const { VersionId } of versions) await removeVersion(name, VersionId)
      ;({ NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page)
      isMore = page.IsTruncated === true && KeyMarker === Key
    }
  }

  async function removeVersion(name: string, VersionId: string | undefined): Promise<void> {
    const version = { ...place(name), VersionId }
    try {
      await client.send(new DeleteObjectCommand(version))
    } catch (error) {
      if (!isAnswer(error, 'AccessDenied')) throw error
      const { ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = await client.send(new HeadObjectCommand(version))
      if (until === undefined && hold !== 'ON') throw error
      throw lockedUntil(`${url}/${name}`, until ?? null, error)
    }
  }

  /** The bytes of a file, from where a connection that was cut had brought them. */
  async function* bytesOf(name: string, opened: GetObjectCommandOutput): AsyncGenerator<Uint8Array> {
    const { ContentLength: size = 0, ETag } = opened
    let answer = opened
    let met = 0
    for (let cuts = 0; ; ) {
      try {
        for await (const chunk of answer.Body as AsyncIterable<Uint8Array>) {
          met += chunk.length
          cuts = 0
          yield chunk
        }
        if (met === size) return
        throw Object.assign(new Error('The connection was cut'), { code: 'ECONNRESET' })
      } catch (error) {
        cuts += 1
        if (cuts > mostCuts || met >= size) throw failed(error)
      }
      answer = await run(() => client.send(new GetObjectCommand({ ...place(name), Range: `bytes=${met}-${size - 1}`, IfMatch: ETag })))
    }
  }

  return {
    url,
    open: () =>
      run(async () => {
        await client.send(new ListObjectsV2Command({ Bucket: options.bucket, Prefix: top, MaxKeys: 1 }))
        if ((await putWhole(probeName, new Uint8Array())) === 'exists') return
        if ((await putWhole(probeName, new Uint8Array())) === 'stored') throw unconditional(url)
      }),
    put: (name, body) => run(() => put(name, body)),
    async read(name) {
      assertTargetName(name)
      try {
        return bytesOf(name, await client.send(new GetObjectCommand(place(name))))
      } catch (error) {
        if (isAnswer(error, 'NoSuchKey')) return null
        throw failed(error)
      }
    },
    async *list(prefix, after) {
      try {
        yield* list(prefix, after)
      } catch (error) {
        throw failed(error)
      }
    },
    async remove(name) {
      assertTargetName(name)
      await run(() => remove(name))
    },
  }
}

async function isThere(client: S3Client, at: { Bucket: string; Key: string }): Promise<boolean> {
  try {
    await client.send(new HeadObjectCommand(at))
    return true
  } catch (error) {
    if (statusIs(error, 404)) return false
    throw error
  }
}
